"""The report of a check in words, for the terminal and for the summary of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from livecc.terminal import count, plain_table, printable

#: Files that cannot be opened that are named, and characters of a sample's words.
_SHOWN_FILES = 8
_SHOWN_WORDS = 60

EMPTY = "no samples: the trainer stops on an empty training file; leave it out"


def sentence(report: Mapping[str, Any]) -> str:
    """What a report comes to, in one sentence; `report` as its to_json gives it."""
    if not report["samples"]:
        return EMPTY
    worst = min(report["counts"], key=lambda one: one["complete"])
    complete, checked = worst["complete"], worst["checked"]
    some = f" ({checked:,} of {report['samples']:,} checked)" if checked < report["samples"] else ""
    of_all = count(checked, "sample")
    text = f"the trainer's reader delivers {complete:,} of {of_all} complete{some}"
    if report["text_only"]:
        text += f", computed for {_rates(report, worst)}"
        text += f" because {report['why']}" if report["why"] else ""
    return text


def _rates(report: Mapping[str, Any], worst: Mapping[str, Any]) -> str:
    labels = [one["label"] for one in report["counts"]]
    if len({one["complete"] for one in report["counts"]}) > 1:
        return f"{worst['label']}, the worst of {len(labels)} rates"
    return ", ".join(labels)


def troubles(report: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the samples checked, a line each; nothing if all is well."""
    if not report["samples"]:
        return
    worst = min(report["counts"], key=lambda one: one["complete"])
    parts = [
        f"{count(worst[name], 'word')} {says}"
        for name, says in (("lost", "lost"), ("twice", "said twice"), ("late", "late"))
        if worst[name]
    ]
    if worst["unusable"]:
        parts.append(f"{count(worst['unusable'], 'sample')} unusable")
    if worst["too_long"]:
        parts.append(f"{count(worst['too_long'], 'clip')} longer than 480 frames")
    if parts:
        yield ", ".join(parts)
    if report["unopened"]:
        yield f"{count(report['unopened'], 'video')} that the trainer cannot open:"
        yield from _files(report)


def _files(report: Mapping[str, Any]) -> Iterator[str]:
    for file in report["files"][:_SHOWN_FILES]:
        yield (
            f"  {printable(file['video'])} ({count(file['samples'], 'sample')}): "
            f"{printable(file['reason'])}"
        )
    if report["unopened"] > _SHOWN_FILES:
        yield f"  ... and {report['unopened'] - _SHOWN_FILES:,} more"


def render(console: Any, report: Mapping[str, Any], shown: int) -> None:
    """Print a report, with the first `shown` incomplete samples of each source."""

    def say(text: str) -> None:
        console.print(text, soft_wrap=True)

    say(f"{printable(report['file'])}: {count(report['samples'], 'sample')}")
    if report["samples"]:
        console.print()
        console.print(_table(report["counts"]))
        console.print()
    if report["unopened"]:
        say(f"{count(report['unopened'], 'video')} that the trainer cannot open:")
        for line in _files(report):
            say(line)
        console.print()
    for counts in report["counts"]:
        for line in _incomplete(counts, shown):
            say(line)
    say(sentence(report))


def _table(counts: Iterable[Mapping[str, Any]]) -> Any:
    names = ("checked", "complete", "lost", "twice", "late", "over 480", "unusable")
    table = plain_table("frames of", right=names, gap=2)
    for one in counts:
        numbers = (one["checked"], one["complete"], one["lost"], one["twice"], one["late"])
        table.add_row(
            one["label"], *(f"{n:,}" for n in (*numbers, one["too_long"], one["unusable"]))
        )
    return table


def _incomplete(counts: Mapping[str, Any], shown: int) -> Iterator[str]:
    found = counts["incomplete"][:shown]
    missing = counts["checked"] - counts["complete"]
    if not found:
        return
    some = f"; {len(found)} of them" if len(found) < missing else ""
    yield f"incomplete with the frames of {counts['label']}: {count(missing, 'sample')}{some}"
    for one in found:
        yield f"  {_place(one)}: {one['reason'] or _words_told(one)}"
    yield ""


def _place(one: Mapping[str, Any]) -> str:
    if "video" not in one:
        return f"sample {one['sample']}"
    times = [one["video_start"], one["video_end"]]
    start, end = ("-" if time is None else f"{time:.2f}" for time in times)
    return f"sample {one['sample']}, {printable(one['video'])}, {start} to {end} s"


def _words_told(one: Mapping[str, Any]) -> str:
    parts = []
    for name, says in (("lost", "lost"), ("twice", "said twice"), ("late", "late")):
        if one[name]:
            parts.append(f"{says}: {len(one[name])} ({_shortened(one[name])})")
    return ", ".join(parts)


def _shortened(words: Sequence[Sequence[Any]]) -> str:
    text = printable(" ".join(word for _, word in words))
    return text if len(text) <= _SHOWN_WORDS else f"{text[:_SHOWN_WORDS]} ..."

"""A clip or a video as text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from livecc.formats.records import Transcript
from livecc.formats.tables import STATUS
from livecc.selecting.decisions import NO_CLIP
from livecc.showing.facts import ClipFacts, RuleFact
from livecc.showing.find import Found
from livecc.terminal import count, plain_table, printable

#: A line of words ends after so many characters, or before a pause of so many seconds.
_LINE_CHARACTERS = 72
_PAUSE_SECONDS = 1.0
#: Words before the clip that are shown, and characters of a label.
_PREVIOUS_WORDS = 20
_LABEL_CHARACTERS = 200
_PRIVATE = frozenset({"clip", "video", *(name for name, _ in STATUS)})


def source_line(found: Found, inputs: Mapping[str, str], lines: Sequence[Mapping[str, Any]]) -> str:
    """Where the video comes from: "shards/a.jsonl, line 7"."""
    file = inputs.get(found.shard, f"shard {found.shard}")
    if not lines:
        return printable(file)
    numbers = ", ".join(str(line["line"]) for line in lines[:5])
    return printable(f"{file}, {'line' if len(lines) == 1 else 'lines'} {numbers}")


def render_clip(console: Any, found: Found, facts: ClipFacts, source: str) -> None:
    """Print everything about a clip."""
    from rich.padding import Padding
    from rich.text import Text

    clip, transcript = facts.clip, facts.transcript
    console.print(printable(clip.id), soft_wrap=True)
    table = plain_table("", "", fold=True, gap=3)
    table.show_header = False
    for name, value in _heading(found, facts, source):
        table.add_row(name, printable(value))
    console.print(table)
    console.print()
    console.print(_rules(facts.rules))
    more = list(_more_scores(facts))
    if more:
        console.print()
        for line in more:
            console.print(Padding(Text(line), (0, 0, 0, 2), expand=False))
    if facts.missing:
        console.print(f"not run yet: {', '.join(facts.missing)}", soft_wrap=True)
    console.print()
    before = transcript.text(max(0, clip.first_word - _PREVIOUS_WORDS), clip.first_word)
    if before:
        console.print(f"before   ... {printable(before)}", soft_wrap=True)
    console.print("said", soft_wrap=True)
    for start, text in lines_of_words(transcript, clip.first_word, clip.last_word):
        console.print(f"{start:9.2f}  {printable(text)}", soft_wrap=True)


def _heading(found: Found, facts: ClipFacts, source: str) -> Iterator[tuple[str, str]]:
    clip, transcript = facts.clip, facts.transcript
    if facts.dropped_by is None:
        verdict = "kept" if not facts.missing else "kept so far"
    elif facts.dropped_by == NO_CLIP:
        verdict = f"dropped: {facts.why}"
    else:
        verdict = f"dropped by {facts.dropped_by}: {facts.why}"
    yield f"selection {found.question.selection}", verdict
    yield "track", found.question.track
    yield "title", _short(transcript.title)
    yield "category", _short(transcript.category)
    yield "words", f"{clip.start:.2f} to {clip.end:.2f} s ({clip.n_words:,})"
    yield "video shown", f"{clip.video_start:.2f} to {clip.video_end:.2f} s"
    query = next((row["query"] for row in facts.scores.values() if row and row.get("query")), None)
    if query:
        yield "query", _short(query)
    yield "from", source


def _short(text: str) -> str:
    return text if len(text) <= _LABEL_CHARACTERS else f"{text[:_LABEL_CHARACTERS]} ..."


def _rules(rules: Sequence[RuleFact]) -> Any:
    table = plain_table("rule", "score", "bounds", "verdict", fold=True, gap=3)
    for rule in rules:
        score = "-" if rule.unscored else ", ".join(map(value_text, rule.values.values()))
        bounds = "-" if rule.bounds is None else _bounds(rule.bounds)
        table.add_row(rule.name, score, bounds, _verdict(rule))
    return table


def _bounds(bounds: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value_text(value)}" for name, value in bounds.items()) or "none"


def _verdict(rule: RuleFact) -> str:
    if rule.bounds is None:
        return printable(rule.problem) if rule.unscored and rule.problem else "no bounds"
    if rule.problem is None:
        return "passes"
    text = printable(rule.problem)
    if rule.decides:
        return f"drops the clip: {text}"
    return text if rule.unscored else f"fails, too: {text}"


def _more_scores(facts: ClipFacts) -> Iterator[str]:
    """The scores that no rule uses."""
    used = {column for rule in facts.rules for column in rule.values}
    for stage, row in facts.scores.items():
        values = {
            name: value
            for name, value in (row or {}).items()
            if name not in used and name not in _PRIVATE and name != "query" and value is not None
        }
        if values:
            told = ", ".join(f"{name} {value_text(value)}" for name, value in values.items())
            yield printable(f"{stage}: {told}")


def value_text(value: Any) -> str:
    """A score or a bound in few characters."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "[" + ", ".join(map(value_text, value)) + "]"
    return _short(printable(str(value)))


def lines_of_words(transcript: Transcript, first: int, last: int) -> Iterator[tuple[float, str]]:
    """The words [first, last) in short lines, each with the time of its first word."""
    begin = first
    length = 0
    for word in range(first, last):
        pause = word > begin and transcript.start[word] - transcript.end[word - 1] >= _PAUSE_SECONDS
        if word > begin and (pause or length + len(transcript.words[word]) > _LINE_CHARACTERS):
            yield transcript.start[begin], transcript.text(begin, word)
            begin, length = word, 0
        length += len(transcript.words[word]) + 1
    if begin < last:
        yield transcript.start[begin], transcript.text(begin, last)


def render_video(
    console: Any,
    found: Found,
    source: str,
    lines: Sequence[Mapping[str, Any]],
    clips: Sequence[tuple[Mapping[str, Any], tuple[str | None, str | None]]],
) -> None:
    """Print the input line of a video and its clips, each with (rule that drops it, why)."""
    console.print(printable(found.video), soft_wrap=True)
    console.print(f"from {source}", soft_wrap=True)
    for line in lines:
        if line["status"] != "ok":
            console.print(
                f"line {line['line']} not used: {printable(line['reason'] or '')}", soft_wrap=True
            )
    console.print()
    console.print(
        f"{count(len(clips), 'clip')} in {found.question.track}, selection "
        f"{found.question.selection}"
    )
    table = plain_table("clip", "seconds", "verdict", fold=True, gap=3)
    for row, (rule, why) in clips:
        if rule is None:
            verdict = "kept"
        else:
            verdict = printable(why or "") if rule == NO_CLIP else f"{rule}: {printable(why or '')}"
        table.add_row(printable(row["clip"]), f"{row['start']:.1f} to {row['end']:.1f}", verdict)
    console.print(table)

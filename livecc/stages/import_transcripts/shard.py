"""Transcripts taken from the input instead of transcribing.

If `transcribe` is disabled, input lines of the SFT track contain their words: `"content":
[[start_s, end_s, word], ...]`, as in the original pipeline's transcript files. They become the rows
that `transcribe` would write.

Both modes leave out entries of the wrong shape, counted by reason. Mode "default" leaves out other
unusable words, too, places words without times between their neighbours, joins a word to the one
that it continues, takes out what is no speech (see `livecc.captions`), splits entries of several
words like captions, sorts by start, and ends a word where the next begins. "paper" keeps words
unchanged, and leaves out those without times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from types import NoneType
from typing import Any, cast

import orjson

from livecc.captions.text import clean_texts, count_kinds
from livecc.captions.tracks import by_kind
from livecc.files.atomic import open_atomic
from livecc.files.lines import BrokenFileError, read_lines
from livecc.files.parquet import read_row_batches
from livecc.formats.input_lines import (
    JSON_NAMES,
    BadRecordError,
    check_problem,
    check_spoken,
    parse_object,
)
from livecc.formats.unspaced import has_unspaced
from livecc.terminal import printable

ENGINE = "input"
#: Decimals of the times within an entry of several words.
DECIMALS = 3

#: From this share of words with a leading blank on, a word without one continues another.
LEADING_BLANKS = 0.5

Word = tuple[float, float, str]
#: As the input has it: a time may be missing.
Entry = tuple[float | None, float | None, str]


def import_transcripts(
    lines: Iterable[tuple[int, bytes | None]], records: Iterable[dict[str, Any]], mode: str
) -> Iterator[dict[str, Any]]:
    """A transcript row for every ok record, in order.

    `lines`: (line number, line) of the shard; `records`: its rows of "records".
    """
    numbered = iter(lines)
    for record in records:
        if record["status"] != "ok":
            continue
        line = _line(numbered, record["line"])
        row = {"video": record["video"], "title": record["title"], "category": record["category"]}
        cleaned: Counter[str] = Counter()
        try:
            words, dropped = words_of(parse_object(line)[0], mode, cleaned)
        except BadRecordError as error:
            reason = printable(str(error))
            yield {**row, "status": "failed", "reason": reason, **_transcript([], {})}
            continue
        if not words and mode == "default":
            reason = no_words(dropped)
            yield {**row, "status": "failed", "reason": reason, **_transcript([], dropped)}
            continue
        if cleaned:
            row["cleaned"] = by_kind(cleaned)
        if mode == "default" and has_unspaced("".join(word[2] for word in words)):
            row["unspaced"] = True
        yield {**row, "status": "ok", "reason": "", **_transcript(words, dropped)}


def counted(dropped: dict[str, int]) -> str:
    """The counts of dropped words as text."""
    return ", ".join(f"{reason} {count}" for reason, count in dropped.items())


def no_words(dropped: dict[str, int]) -> str:
    """The failure reason of a video without usable words."""
    return f"no words in its content{', ' * bool(dropped)}{counted(dropped)}"


def _line(numbered: Iterator[tuple[int, bytes | None]], wanted: int) -> bytes | None:
    for number, line in numbered:
        if number == wanted:
            return line
    raise RuntimeError(f"line {wanted} was there when the records were read")


def words_of(
    record: dict[str, Any], mode: str, cleaned: Counter[str] | None = None
) -> tuple[list[Word], dict[str, int]]:
    """The words of a record, and how many were left out, by reason. Raises BadRecordError.

    Adds what was taken out of their texts to `cleaned`, by kind.
    """
    check_problem(record, record["video"])
    content = record.get("content")
    if type(content) is not list:
        what = JSON_NAMES[type(content)] if "content" in record else "missing"
        raise BadRecordError(
            f'"content" is {what}, not a list of [start, end, word]; either give the words of the '
            "transcript or switch transcribe on",
            record["video"],
        )
    dropped: Counter[str] = Counter()
    entries: list[Entry] = []
    for entry in content:
        if _is_entry(entry):
            entries.append((entry[0], entry[1], entry[2]))
        else:
            dropped["not [start, end, word]"] += 1
    check_spoken(sum(len(text) for _, _, text in entries), "content", record["video"])
    if mode == "paper":
        timed = [(start, end, text) for start, end, text in entries if None not in (start, end)]
        dropped["without times"] += len(entries) - len(timed)
        return cast(list[Word], timed), dict(+dropped)
    if entries and all(None in (start, end) for start, end, _ in entries):
        # Nothing tells where they are.
        return [], dict(dropped + Counter({"without times": len(entries)}))
    placed = list(_placed(_joined(entries)))
    cleaned_texts, found = clean_texts([text for _, _, text in placed], lines=False)
    if cleaned is not None:
        cleaned.update(count_kinds(found))
    words: list[Word] = []
    for (start, end, text), cleaned_text in zip(placed, cleaned_texts, strict=True):
        texts = cleaned_text.split()
        fault = _fault(start, end, texts, had_text=bool(text.strip()))
        if fault:
            dropped[fault] += 1
        elif len(texts) == 1:
            words.append((start, end, texts[0]))
        else:
            words += _divided(start, end, texts)
    return _in_order(words), dict(dropped)


def _joined(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, of which each that continues the one before is joined to it.

    Where words begin with a blank, as Whisper writes them, one without continues the word before:
    "high", "-performance".
    """
    blanks = sum(text[:1].isspace() for _, _, text in entries)
    # The first word of a file or of a segment may lack its blank.
    if blanks < LEADING_BLANKS * len(entries):
        return list(entries)
    joined: list[Entry] = []
    for start, end, text in entries:
        if joined and text and not (text[0].isspace() or joined[-1][2][-1:].isspace()):
            began, ended, before = joined[-1]
            joined[-1] = (
                start if began is None else began,
                ended if end is None else end,
                before + text,
            )
        else:
            joined.append((start, end, text))
    return joined


def _placed(entries: Sequence[Entry]) -> list[Word]:
    """The entries with times: those without share the time between their neighbours evenly."""
    words: list[Word] = []
    waiting: list[str] = []
    before = 0.0
    for start, end, text in entries:
        if start is None or end is None:
            waiting.append(text)
            continue
        words += _between(before, start, waiting, first=not words)
        waiting = []
        words.append((start, end, text))
        before = end
    words += _between(before, before, waiting, first=False)
    return words


def _between(start: float, end: float, texts: list[str], *, first: bool) -> Iterator[Word]:
    """Words in the silence from `start` to `end`; before the `first` timed word, at its start."""
    if first or start > end:
        start = end
    step = (end - start) / max(len(texts), 1)
    for k, text in enumerate(texts):
        yield round(start + k * step, DECIMALS), round(start + (k + 1) * step, DECIMALS), text


def _in_order(words: list[Word]) -> list[Word]:
    """The words by start, each of which ends where the next begins, or before."""
    if any(one[0] > next_one[0] for one, next_one in pairwise(words)):
        words.sort(key=itemgetter(0))
    if all(one[1] <= next_one[0] for one, next_one in pairwise(words)):
        return words
    nexts = [start for start, _, _ in words[1:]]
    return [
        (start, min(end, following), text)
        for (start, end, text), following in zip(words, [*nexts, float("inf")], strict=True)
    ]


def _divided(start: float, end: float, texts: list[str]) -> Iterator[Word]:
    """Each word's share of the time of an entry."""
    step = (end - start) / len(texts)
    bounds = [start, *(round(start + k * step, DECIMALS) for k in range(1, len(texts))), end]
    yield from zip(bounds, bounds[1:], texts, strict=False)


def _is_entry(entry: Any) -> bool:
    return (
        type(entry) is list
        and len(entry) == 3
        and type(entry[0]) in (int, float, NoneType)
        and type(entry[1]) in (int, float, NoneType)
        and type(entry[2]) is str
    )


def _fault(start: float, end: float, texts: list[str], *, had_text: bool) -> str | None:
    if not texts:
        return "markup" if had_text else "empty"
    if start < 0:
        return "negative start"
    return "end before start" if end < start else None


def _transcript(words: list[Word], dropped: dict[str, int]) -> dict[str, Any]:
    start, end, texts = zip(*words, strict=True) if words else ((), (), ())
    return {
        "engine": ENGINE,
        "words": texts,
        "start": start,
        "end": end,
        "dropped_words": sum(dropped.values()),
        "dropped_reasons": dropped,
    }


def run(input: Path | str, records: Path | str, output: Path | str, mode: str) -> dict[str, Any]:
    """Write the transcripts of a shard atomically; returns counts for the stage's stats."""
    counts: Counter[str] = Counter()
    rows = import_transcripts(_until_broken(input), read_row_batches(records), mode)
    with open_atomic(output) as stream:
        for row in rows:
            stream.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            counts["items"] += 1
            counts["failed"] += row["status"] != "ok"
            counts["dropped_words"] += row["dropped_words"]
    return {name: counts[name] for name in ("items", "failed", "dropped_words")}


def _until_broken(path: Path | str) -> Iterator[tuple[int, bytes | None]]:
    """The readable lines; problems with the others are reported in the table of records."""
    try:
        yield from read_lines(path)
    except BrokenFileError:
        return

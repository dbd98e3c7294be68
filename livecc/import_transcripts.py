"""Transcripts that the input brings along, instead of transcribing.

Where `transcribe` is switched off, an input line of the SFT track carries its words: `"content":
[[start_s, end_s, word], ...]`, as the original pipeline's transcript files do. They become the rows
that `transcribe` would write.

Mode "default" leaves out, counted by reason, words that cannot be used, puts the others in the
order of their starts, and divides an entry of several words, as captions are. "paper" takes them as
they are, and fails a record that has one of the wrong shape.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson

from livecc.files import BrokenFileError, open_atomic, read_lines, read_row_batches
from livecc.input_records import JSON_NAMES, BadRecordError, parse_object

ENGINE = "input"
#: Decimals of the times within an entry of several words.
DECIMALS = 3

Word = tuple[float, float, str]


def import_transcripts(
    lines: Iterable[tuple[int, bytes | None]], records: Iterable[dict[str, Any]], mode: str
) -> Iterator[dict[str, Any]]:
    """A transcript row for every record that goes on, in order.

    `lines`: (line number, line) of the shard; `records`: its rows of "records".
    """
    numbered = iter(lines)
    for record in records:
        if record["status"] != "ok":
            continue
        line = _line(numbered, record["line"])
        row = {"video": record["video"], "title": record["title"], "category": record["category"]}
        try:
            words, dropped = words_of(parse_object(line)[0], mode)
        except BadRecordError as error:
            yield {**row, "status": "failed", "reason": str(error), **_transcript([], {})}
            continue
        if not words and mode == "default":
            reason = no_words(dropped)
            yield {**row, "status": "failed", "reason": reason, **_transcript([], dropped)}
            continue
        yield {**row, "status": "ok", "reason": "", **_transcript(words, dropped)}


def counted(dropped: dict[str, int]) -> str:
    """What was dropped, in words."""
    return ", ".join(f"{reason} {count}" for reason, count in dropped.items())


def no_words(dropped: dict[str, int]) -> str:
    """Why a video whose every word was left out fails."""
    return f"no words in its content{', ' * bool(dropped)}{counted(dropped)}"


def _line(numbered: Iterator[tuple[int, bytes | None]], wanted: int) -> bytes | None:
    for number, line in numbered:
        if number == wanted:
            return line
    raise RuntimeError(f"line {wanted} was there when the records were read")


def words_of(record: dict[str, Any], mode: str) -> tuple[list[Word], dict[str, int]]:
    """The words of a record, and how many were left out, by reason. Raises BadRecordError."""
    content = record.get("content")
    if type(content) is not list:
        what = JSON_NAMES[type(content)] if "content" in record else "missing"
        raise BadRecordError(
            f'"content" is {what}, not a list of [start, end, word]; either give the words of the '
            "transcript or switch transcribe on",
            record["video"],
        )
    words: list[Word] = []
    dropped: Counter[str] = Counter()
    for index, word in enumerate(content):
        if not _is_word(word):
            if mode == "paper":
                raise BadRecordError(f'"content", word {index} (from 0): not [start, end, word]')
            dropped["not [start, end, word]"] += 1
            continue
        start, end, text = word
        if mode == "paper":
            words.append((start, end, text))
            continue
        texts = _printable(text).split()
        fault = _fault(start, end, texts)
        if fault:
            dropped[fault] += 1
        elif len(texts) == 1:
            words.append((start, end, texts[0]))
        else:
            words += _divided(start, end, texts)
    if mode == "default" and any(one[0] > next_one[0] for one, next_one in pairwise(words)):
        words.sort(key=itemgetter(0))
    return words, dict(dropped)


def _printable(text: str) -> str:
    """The text without control characters other than white space."""
    if text.isprintable():
        return text
    return "".join(c for c in text if c.isspace() or unicodedata.category(c) != "Cc")


def _divided(start: float, end: float, texts: list[str]) -> Iterator[Word]:
    """Each word's share of the time of an entry."""
    step = (end - start) / len(texts)
    bounds = [start, *(round(start + k * step, DECIMALS) for k in range(1, len(texts))), end]
    yield from zip(bounds, bounds[1:], texts, strict=False)


def _is_word(word: Any) -> bool:
    return (
        type(word) is list
        and len(word) == 3
        and type(word[0]) in (int, float)
        and type(word[1]) in (int, float)
        and type(word[2]) is str
    )


def _fault(start: float, end: float, texts: list[str]) -> str | None:
    if not texts:
        return "empty"
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
    """The readable lines; what is wrong with the rest is in the table of records."""
    try:
        yield from read_lines(path)
    except BrokenFileError:
        return

"""Transcripts that the input brings along, instead of transcribing.

Where `transcribe` is switched off, an input line of the SFT track carries its words: `"content":
[[start_s, end_s, word], ...]`, as the original pipeline's transcript files do. They become the rows
that `transcribe` would write.

Mode "default" strips the words and leaves out, counted by reason, those that cannot be used;
"paper" takes them as they are, and fails a record that has one of the wrong shape.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from livecc.files import BrokenFileError, open_atomic, read_lines, read_row_batches
from livecc.input_records import JSON_NAMES, BadRecordError, parse_object

ENGINE = "input"


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
            words, dropped = _words(line, mode)
        except BadRecordError as error:
            yield {**row, "status": "failed", "reason": str(error), **_transcript([], {})}
            continue
        if not words and mode == "default":
            reason = f"no words in its content{', ' * bool(dropped)}{_counted(dropped)}"
            yield {**row, "status": "failed", "reason": reason, **_transcript([], dropped)}
            continue
        yield {**row, "status": "ok", "reason": "", **_transcript(words, dropped)}


def _counted(dropped: dict[str, int]) -> str:
    """What was dropped, in words."""
    return ", ".join(f"{reason} {count}" for reason, count in dropped.items())


def _line(numbered: Iterator[tuple[int, bytes | None]], wanted: int) -> bytes | None:
    for number, line in numbered:
        if number == wanted:
            return line
    raise RuntimeError(f"line {wanted} was there when the records were read")


def _words(line: bytes | None, mode: str) -> tuple[list[tuple[float, float, str]], dict[str, int]]:
    value, video = parse_object(line)
    content = value.get("content")
    if type(content) is not list:
        what = JSON_NAMES[type(content)] if "content" in value else "missing"
        raise BadRecordError(
            f'"content" is {what}, not a list of [start, end, word]; either give the words of the '
            "transcript or switch transcribe on",
            video,
        )
    words: list[tuple[float, float, str]] = []
    dropped: Counter[str] = Counter()
    for index, word in enumerate(content):
        if not _is_word(word):
            if mode == "paper":
                raise BadRecordError(f'"content", word {index} (from 0): not [start, end, word]')
            dropped["not [start, end, word]"] += 1
            continue
        start, end, text = word
        if mode == "default":
            text = text.strip()
            fault = _fault(start, end, text)
            if fault:
                dropped[fault] += 1
                continue
        words.append((start, end, text))
    return words, dict(dropped)


def _is_word(word: Any) -> bool:
    return (
        type(word) is list
        and len(word) == 3
        and type(word[0]) in (int, float)
        and type(word[1]) in (int, float)
        and type(word[2]) is str
    )


def _fault(start: float, end: float, text: str) -> str | None:
    if not text:
        return "empty"
    if start < 0:
        return "negative start"
    return "end before start" if end < start else None


def _transcript(words: list[tuple[float, float, str]], dropped: dict[str, int]) -> dict[str, Any]:
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

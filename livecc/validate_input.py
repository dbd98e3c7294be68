"""Check input files of a track before a run: what is wrong, line by line.

What is an error here costs the line in the workflow (it is recorded and counted, the shard goes
on); what is a warning costs single captions, or says that a video file is missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from livecc.clip_captions import clip_captions
from livecc.errors import LiveccError
from livecc.files import read_lines, shard_name
from livecc.filter_categories import filter_categories
from livecc.import_transcripts import counted, no_words, words_of
from livecc.input_records import BadRecordError, parse_object


@dataclass(frozen=True)
class Finding:
    """Something wrong in an input file. `line` is 0 when it is the file as a whole."""

    file: str
    line: int
    severity: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.severity}: {self.message}"


@dataclass
class Checked:
    """How much was looked at."""

    files: int = 0
    lines: int = 0
    videos: int = 0


def validate(
    track: str, files: Sequence[Path], videos: Path | None, checked: Checked
) -> Iterator[Finding]:
    """The findings in input files of a track ("pretrain" or "sft"), in order.

    With `videos`, a folder, each record's video file must be there. A video id may come once in all
    files together.
    """
    first_place: dict[str, str] = {}
    shards: dict[str, str] = {}
    for file in files:
        checked.files += 1
        try:
            name = shard_name(file)
        except LiveccError as error:
            yield Finding(str(file), 0, "error", str(error).removeprefix(f"{file}: "))
            continue
        if name in shards:
            message = f"same stem as {shards[name]}, so both would be shard {name!r}; rename one"
            yield Finding(str(file), 0, "error", message)
        shards.setdefault(name, str(file))
        try:
            yield from _validate_file(track, file, videos, checked, first_place)
        except LiveccError as error:
            yield Finding(str(file), 0, "error", str(error).removeprefix(f"{file}: "))


def _validate_file(
    track: str, file: Path, videos: Path | None, checked: Checked, first_place: dict[str, str]
) -> Iterator[Finding]:
    found_any = False
    for row in _rows(track, file):
        found_any = True
        number, video = row["line"], row.get("video")
        checked.lines += 1
        if row["status"] != "ok":
            yield Finding(str(file), number, "error", row["reason"])
            continue
        assert video is not None
        checked.videos += 1
        place = f"{file}:{number}"
        earlier = first_place.setdefault(video, place)
        if earlier != place:
            yield Finding(str(file), number, "error", f"video {video!r} is also in {earlier}")
        if row.get("skipped_lines"):
            message = f"{row['skipped_lines']} captions skipped ({row['skipped_reasons']})"
            yield Finding(str(file), number, "warning", message)
        if row.get("words") == 0:
            yield Finding(str(file), number, "warning", "no words in any caption")
        if row.get("content"):
            yield Finding(str(file), number, "warning", row["content"])
        if videos is not None:
            problem = _file_problem(videos / video)
            if problem:
                yield Finding(str(file), number, "warning", problem)
    if not found_any:
        yield Finding(str(file), 0, "warning", "no records")


def _file_problem(path: Path) -> str | None:
    try:
        if path.is_file():
            return None
        return f"{path}: {'not a regular file' if path.exists() else 'no such file'}"
    except OSError as error:
        return f"{path}: {error.strerror}"


def _rows(track: str, file: Path) -> Iterator[Mapping[str, Any]]:
    """A row for every input line, as the track's first stage makes it.

    Those of the SFT track say in "content" what is wrong with the words that a line brings.
    """
    if track == "pretrain":
        yield from (result.row for result in clip_captions(read_lines(file)))
        return
    #: Lines read ahead of their rows: one or two.
    ahead: deque[tuple[int, bytes | None]] = deque()

    def lines() -> Iterator[tuple[int, bytes | None]]:
        for numbered in read_lines(file):
            ahead.append(numbered)
            yield numbered

    for row in filter_categories(lines(), None):
        while ahead and ahead[0][0] < row["line"]:
            ahead.popleft()
        wrong = _content_problem(ahead[0][1]) if row["status"] == "ok" else None
        yield {**row, "content": wrong}


def _content_problem(line: bytes | None) -> str | None:
    """What is wrong with "content", where there is any; without it the video is transcribed."""
    record, _ = parse_object(line)
    if "content" not in record:
        return None
    try:
        words, dropped = words_of(record, "default")
    except BadRecordError as error:
        return str(error)
    if not words:
        return no_words(dropped)
    if dropped:
        return f"{sum(dropped.values())} words of its content left out: {counted(dropped)}"
    starts = [word[0] for word in record["content"]]
    back = sum(after < before for before, after in pairwise(starts))
    return f"words out of order: the times of its content go back {back} times" if back else None

"""Check input files of a track before a run: what is wrong, line by line.

For errors, the workflow has no use for the line (recorded and counted); warnings are about skipped
captions, doubtful ones, or video files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from livecc.captions.doubts import doubts
from livecc.captions.tracks import REPEATED, ROLLING, counts_of
from livecc.errors import LiveccError
from livecc.files.lines import read_lines, shard_name
from livecc.formats.input_lines import BadRecordError, parse_object
from livecc.formats.video_paths import Outside, RefusedVideoError, VideoFolder
from livecc.stages.catalogue import catalogue_for
from livecc.stages.clip_captions.cut import VideoClips, clip_captions
from livecc.stages.clip_captions.declaration import STAGE as CLIP_CAPTIONS
from livecc.stages.filter_categories.shard import filter_categories
from livecc.stages.import_transcripts.shard import counted, no_words, words_of
from livecc.stages.input_forms import foreign_form
from livecc.stages.spans import ClipOptions
from livecc.stages.validate_videos import WantedVideo, video_problems
from livecc.terminal import count, printable


@dataclass(frozen=True)
class Finding:
    """A problem in an input file. `line` is 0 for the file as a whole."""

    file: str
    line: int
    severity: str
    message: str

    def __str__(self) -> str:
        """On one line, whatever the file holds."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return printable(f"{place}: {self.severity}: {self.message}")


@dataclass
class Checked:
    """Totals of what was checked."""

    files: int = 0
    lines: int = 0
    videos: int = 0


def validate(
    track: str,
    files: Sequence[Path],
    videos: Path | None,
    checked: Checked,
    mode: Literal["default", "paper"] = "default",
    outside: Outside = "none",
) -> Iterator[Finding]:
    """The findings in input files of a track, in order, for a run in a mode.

    With `videos`, a folder, each record's video file is opened as the trainer opens it, after the
    lines of its input file. Video ids must be unique across all files. `outside`: which videos
    outside of their folder lines may name.
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
            message = f"same stem as {shards[name]}: both would be shard {name!r}; rename one"
            yield Finding(str(file), 0, "error", message)
        shards.setdefault(name, str(file))
        try:
            folder = None if videos is None else VideoFolder(videos, outside)
            yield from _validate_file(track, file, folder, checked, first_place, mode, outside)
        except LiveccError as error:
            yield Finding(str(file), 0, "error", str(error).removeprefix(f"{file}: "))


def _validate_file(
    track: str,
    file: Path,
    videos: VideoFolder | None,
    checked: Checked,
    first_place: dict[str, str],
    mode: Literal["default", "paper"],
    outside: Outside,
) -> Iterator[Finding]:
    found_any = False
    wanted: list[WantedVideo] = []
    for row in _rows(track, file, mode, outside):
        found_any = True
        number, video = row["line"], row.get("video")
        checked.lines += 1
        if row["status"] != "ok":
            yield Finding(str(file), number, "error", _with_form(row["reason"], row))
            continue
        assert video is not None
        severity, wrong_content = row.get("content") or ("", "")
        checked.videos += row.get("words") != 0 and severity != "error"
        place = f"{file}:{number}"
        earlier = first_place.setdefault(video, place)
        if earlier != place:
            yield Finding(str(file), number, "error", f"video {video!r} is also in {earlier}")
        if row.get("skipped_lines"):
            message = f"{row['skipped_lines']} captions skipped ({row['skipped_reasons']})"
            yield Finding(str(file), number, "warning", message)
        if row.get("words") == 0:
            message = _with_form("no words in any caption", row)
            yield Finding(str(file), number, "error", message)
        for doubt in row.get("doubts", ()):
            yield Finding(str(file), number, "warning", doubt)
        if wrong_content:
            yield Finding(str(file), number, severity, wrong_content)
        if videos is not None:
            try:
                path = videos.file(video)
            except RefusedVideoError as error:
                yield Finding(str(file), number, "error", f"video {video!r}: {error}")
            else:
                wanted.append(WantedVideo(number, path, row.get("last_word")))
    if wanted:
        for number, problem in video_problems(wanted):
            yield Finding(str(file), number, "warning", problem)
    if not found_any:
        yield Finding(str(file), 0, "warning", "no records")


def _with_form(reason: str, row: Mapping[str, Any]) -> str:
    """The reason, and what form the captions have if it is that of another tool."""
    try:
        record, _ = parse_object(row["text"])
    except BadRecordError:
        return reason
    form = foreign_form(record, "subtitles")
    return f"{reason}: {form}" if form else reason


def _rows(
    track: str, file: Path, mode: Literal["default", "paper"], outside: Outside
) -> Iterator[dict[str, Any]]:
    """A row for every input line, as created by the track's first stage in a mode.

    "text" is the line, "last_word" when its last word ends, if known. In the pre-training track,
    "doubts" says what is wrong with its captions as a whole; in the SFT track, "content" describes
    problems with its own words.
    """
    #: Lines read ahead of their rows: one or two in the SFT track, a batch in the other.
    ahead: deque[tuple[int, bytes | None]] = deque()

    def lines() -> Iterator[tuple[int, bytes | None]]:
        for numbered in read_lines(file):
            ahead.append(numbered)
            yield numbered

    def line_of(row: Mapping[str, Any]) -> bytes | None:
        while ahead and ahead[0][0] < row["line"]:
            ahead.popleft()
        # A file that breaks off has a row for a line that could not be read.
        return ahead[0][1] if ahead else None

    if CLIP_CAPTIONS in catalogue_for({}, tracks=(track,)).tracks[track].all_clip_stages():
        for result in clip_captions(lines(), ClipOptions(mode=mode), outside=outside):
            line = line_of(result.row)
            ends = result.transcript.end if result.transcript is not None else ()
            yield {
                **result.row,
                "text": line,
                "doubts": list(_doubts(result, _duration(line))),
                "last_word": float(max(ends)) if len(ends) else None,
            }
        return
    for row in filter_categories(lines(), None, mode, outside):
        line = line_of(row)
        wrong, last_word = _content_problem(line, mode) if row["status"] == "ok" else (None, None)
        yield {**row, "text": line, "content": wrong, "last_word": last_word}


def _duration(line: bytes | None) -> float | None:
    """The duration of the video that a line gives, in seconds."""
    # Looking for the key is far faster than parsing all captions again.
    if line is not None and b'"duration"' in line:
        with suppress(BadRecordError):
            duration = parse_object(line)[0].get("duration")
            if isinstance(duration, int | float) and duration > 0:
                return duration
    return None


def _doubts(result: VideoClips, duration: float | None) -> Iterator[str]:
    transcript, row = result.transcript, result.row
    if transcript is None:
        return
    counts = counts_of(row["skipped_reasons"]) + counts_of(row["cleaned"])
    yield from doubts(
        np.asarray(transcript.start),
        np.asarray(transcript.end),
        unspaced=transcript.unspaced,
        lines=row["caption_lines"],
        repeating=counts[REPEATED] + counts[ROLLING],
        duration=duration,
    )


def _content_problem(line: bytes | None, mode: str) -> tuple[tuple[str, str] | None, float | None]:
    """((severity, problem) of "content", when its last word ends).

    Without "content" the video is transcribed.
    """
    record, _ = parse_object(line)
    form = foreign_form(record, "content")
    also = f": {form}" if form else ""
    if "content" not in record:
        brought = record.keys() & {"segments", "word_segments", "words", "chunks"}
        transcribed = f'no "content", so it must be transcribed{also}'
        return ("warning", transcribed) if brought else None, None
    try:
        words, dropped = words_of(record, mode)
    except BadRecordError as error:
        return ("error", f"{error}{also}"), None
    if not words:
        return ("error", f"{no_words(dropped)}{also}"), None
    last_word = float(max(end for _, end, _ in words))
    if dropped:
        skipped = count(sum(dropped.values()), "word")
        return ("warning", f"{skipped} of its content skipped: {counted(dropped)}"), last_word
    starts = [word[0] for word in record["content"] if word[0] is not None]
    back = sum(after < before for before, after in pairwise(starts))
    if back:
        problem = f"words out of order: the times in its content decrease {count(back, 'time')}"
        return ("warning", problem), last_word
    return None, last_word

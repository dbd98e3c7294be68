"""Cut the captions of a shard of videos into timed clips (the first stage of pre-training).

From input lines (see `caption_records`) come three files: `transcripts`, one record per usable
video; `clips`, one row per span of words that is long enough; `videos`, one row per input line,
broken ones included, with what was skipped and why. Word speed is a column of the clips and
filters nothing here: that is the select stage's choice, together with the other scores.

Mode "paper" cuts as the original pipeline does: a caption line is split at every space, so that a
double space makes an empty word; lines with odd times are used as they are; the last word of a
video belongs to no clip. Mode "default" splits at white space, skips and counts lines that have no
sound time or no words, and keeps the last word. In both, a caption line with `[` or `]` (sound
descriptions such as [Music]) is skipped.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain, compress
from pathlib import Path
from typing import Any, cast

import numpy as np

from livecc.caption_records import MAX_SECONDS, CaptionRecord, parse_record
from livecc.caption_words import FloatArray, time_words
from livecc.files import BrokenFileError, TableWriter, open_atomic, read_lines
from livecc.input_records import BadRecordError
from livecc.records import Transcript, clip_row
from livecc.spans import ClipOptions, greedy_spans
from livecc.tables import schema

# Input handled at once: enough lines to pay for numpy's calls, few enough to stay in the cache.
_BATCH_BYTES = 192 * 2**10
# Transcripts written at once: a compressor called for every video finds its tables evicted from
# the cache each time, and takes twice as long.
_WRITE_BYTES = 4 * 2**20

# Why a caption line is skipped, in the order in which the reasons are tried and reported.
_MISSHAPEN = "not [start, end, text]"
_NO_WORDS = "no words"
_SKIP_REASONS = (
    _MISSHAPEN,
    "time too large",
    "negative start",
    "end before start",
    "zero length",
    "markup",
    _NO_WORDS,
)


@dataclass(slots=True)
class VideoClips:
    """What became of one input line.

    `row`: its row of the table "videos", where `seconds` is the summed length of the usable clips
    and `short_spans` counts the spans below the minimum length. `transcript`: None if the row's
    status is failed; its times are numpy arrays. `clips`: rows of the table "clips".
    """

    row: dict[str, Any]
    transcript: Transcript | None = None
    clips: list[dict[str, Any]] = field(default_factory=list)


def clip_captions(
    lines: Iterable[tuple[int, bytes | None]], options: ClipOptions | None = None
) -> Iterator[VideoClips]:
    """Cut every (line number, line) of a shard; one answer per line that is not blank, in order.

    A line that cannot be used costs itself alone. When `lines` raises BrokenFileError, a last row
    with status failed says so. A video id may come once; the second line that has it fails.
    """
    options = options or ClipOptions()
    first_line: dict[str, int] = {}
    batch: list[tuple[int, CaptionRecord | VideoClips]] = []
    batch_bytes = 0
    number = 0
    broken: BrokenFileError | None = None
    numbered = iter(lines)
    while True:
        try:
            number, line = next(numbered)
        except StopIteration:
            break
        except BrokenFileError as error:
            broken = error
            break
        if line is not None and not line.strip():
            continue
        batch.append((number, _parse(number, line, first_line, options)))
        batch_bytes += len(line or b"")
        if batch_bytes >= _BATCH_BYTES:
            yield from _clip_batch(batch, options)
            batch, batch_bytes = [], 0
    yield from _clip_batch(batch, options)
    if broken is not None:
        yield _failed(number + 1, None, str(broken))


def run(
    input: Path | str,
    transcripts: Path | str,
    clips: Path | str,
    videos: Path | str,
    options: ClipOptions | None = None,
) -> dict[str, Any]:
    """Cut a shard (`.jsonl`, `.jsonl.gz`, `.jsonl.zst`) and write its three files atomically.

    Memory is bounded by a batch of lines, not by the shard. Returns counts for the summary:
    `lines`, `videos` (usable), `failed_videos`, `caption_lines`, `skipped_lines`, `skipped` (by
    reason), `words`, `clips` (usable), `failed_clips`, `short_spans`, `seconds` (of usable clips).
    Raises LiveccError when the input cannot be opened.
    """
    counts: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    seconds = 0.0
    ready: list[bytes] = []
    ready_bytes = 0
    with ExitStack() as stack:
        stack.enter_context(_collector_paused())
        transcript_stream = stack.enter_context(open_atomic(transcripts))
        clip_table = stack.enter_context(TableWriter(clips, schema("clips")))
        video_table = stack.enter_context(TableWriter(videos, schema("videos")))
        for video in clip_captions(read_lines(input), options):
            row = video.row
            video_table.write(row)
            counts["lines"] += 1
            if video.transcript is None:
                counts["failed_videos"] += 1
                continue
            ready.append(video.transcript.to_json())
            ready_bytes += len(ready[-1])
            if ready_bytes >= _WRITE_BYTES:
                transcript_stream.write(b"\n".join([*ready, b""]))
                ready, ready_bytes = [], 0
            for clip in video.clips:
                clip_table.write(clip)
                counts["clips" if clip["status"] == "ok" else "failed_clips"] += 1
            counts["videos"] += 1
            for key in ("caption_lines", "skipped_lines", "words", "short_spans"):
                counts[key] += row[key]
            seconds += row["seconds"]
            if row["skipped_lines"]:
                for part in row["skipped_reasons"].split("; "):
                    reason, _, number = part.rpartition(": ")
                    skipped[reason] += int(number)
        transcript_stream.write(b"\n".join([*ready, b""]))
    names = (
        *("lines", "videos", "failed_videos", "caption_lines", "skipped_lines"),
        *("words", "clips", "failed_clips", "short_spans"),
    )
    return {
        **{name: counts[name] for name in names},
        "skipped": {reason: skipped[reason] for reason in _SKIP_REASONS if skipped[reason]},
        "seconds": seconds,
    }


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cycle collector from walking parsed captions: they hold no cycles to find.

    It takes a fifth of the time otherwise; reference counting frees every batch all the same.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _parse(
    number: int, line: bytes | None, first_line: dict[str, int], options: ClipOptions
) -> CaptionRecord | VideoClips:
    """The checked record of a line, or its failed row."""
    try:
        record = parse_record(line, keep_going=options.mode == "default")
        if options.mode == "paper":
            _check_times(record)
    except BadRecordError as error:
        return _failed(number, error.video, str(error))
    first = first_line.setdefault(record.video, number)
    if first != number:
        return _failed(number, record.video, f"the video id is already on line {first}")
    return record


def _check_times(record: CaptionRecord) -> None:
    """Raise BadRecordError for times too large to compute with (default mode skips the line)."""
    for name, times in (("start", record.start), ("end", record.end)):
        for index, time in enumerate(times):
            if abs(time) > MAX_SECONDS:
                raise BadRecordError(
                    f'"subtitles", caption {index} (from 0): its {name} is too large', record.video
                )


def _failed(number: int, video: str | None, reason: str) -> VideoClips:
    return VideoClips({"line": number, "video": video, "status": "failed", "reason": reason})


def _clip_batch(
    batch: Sequence[tuple[int, CaptionRecord | VideoClips]], options: ClipOptions
) -> Iterator[VideoClips]:
    """Time the words of all videos of a batch at once, then cut each video."""
    records = [record for _, record in batch if isinstance(record, CaptionRecord)]
    n_lines = np.array([len(record.text) for record in records], np.int64)
    video_of_line = np.repeat(np.arange(len(records)), n_lines)
    texts = list(chain.from_iterable(record.text for record in records))
    starts = _column([record.start for record in records], len(texts))
    ends = _column([record.end for record in records], len(texts))

    skip = _skip_codes(texts, starts, ends, options)
    kept = np.flatnonzero(skip == 0)
    if len(kept) < len(texts):
        texts = list(compress(texts, (skip == 0).tobytes()))
        starts, ends = starts[kept], ends[kept]
    timed = time_words(texts, starts, ends, empty_words=options.mode == "paper")
    skip[kept[timed.per_line == 0]] = _SKIP_REASONS.index(_NO_WORDS)

    skipped = np.bincount(
        video_of_line * len(_SKIP_REASONS) + skip, minlength=len(records) * len(_SKIP_REASONS)
    ).reshape(len(records), len(_SKIP_REASONS))
    n_words = np.bincount(video_of_line[kept], timed.per_line, len(records)).astype(np.int64)
    bounds = [0, *np.cumsum(n_words).tolist()]
    usable = 0
    for number, record in batch:
        if isinstance(record, VideoClips):
            yield record
            continue
        low, high = bounds[usable], bounds[usable + 1]
        transcript = Transcript(
            record.video,
            record.title,
            record.category,
            timed.words(low, high),
            cast(Sequence[float], timed.start[low:high]),
            cast(Sequence[float], timed.end[low:high]),
        )
        reasons = skipped[usable].tolist()
        reasons[0] = record.misshapen
        usable += 1
        yield _cut(number, record, transcript, reasons, options)


def _column(columns: Sequence[Sequence[float]], total: int) -> FloatArray:
    return np.fromiter(chain.from_iterable(columns), np.float64, total)


def _skip_codes(
    texts: Sequence[str], start: FloatArray, end: FloatArray, options: ClipOptions
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """For each caption line the index of the reason to skip it, 0 to keep it."""
    markup = np.array(["[" in text or "]" in text for text in texts], np.bool_)
    faults = {"markup": markup}
    if options.mode == "default":
        faults["time too large"] = np.maximum(np.abs(start), np.abs(end)) > MAX_SECONDS
        faults["negative start"] = start < 0
        faults["end before start"] = end < start
        faults["zero length"] = end == start
    codes = np.zeros(len(texts), np.int64)
    # From the last reason to the first, so that the first that applies stays.
    for code in range(len(_SKIP_REASONS) - 1, 0, -1):
        fault = faults.get(_SKIP_REASONS[code])
        if fault is not None:
            codes[fault] = code
    return codes


def _cut(
    number: int,
    record: CaptionRecord,
    transcript: Transcript,
    skipped: Sequence[int],
    options: ClipOptions,
) -> VideoClips:
    """Cut one video; `skipped` counts its skipped caption lines by reason."""
    start = cast(FloatArray, transcript.start)
    end = cast(FloatArray, transcript.end)
    spans = greedy_spans(
        end,
        options.max_clip_seconds,
        options.max_gap_seconds,
        last_word_belongs=options.mode == "default",
    )
    clips = []
    seconds = 0.0
    for first, last in spans:
        if not end[last - 1] - end[first] >= options.min_clip_seconds:
            continue
        clip = clip_row(record.video, first, last, float(start[first]), float(end[last - 1]))
        clips.append(clip)
        if clip["status"] == "ok":
            seconds += clip["end"] - clip["start"]
    row = {
        "line": number,
        "video": record.video,
        "status": "ok",
        "reason": "",
        "caption_lines": record.caption_lines,
        "skipped_lines": sum(skipped),
        "skipped_reasons": "; ".join(
            f"{reason}: {count}"
            for reason, count in zip(_SKIP_REASONS, skipped, strict=True)
            if count
        ),
        "words": len(transcript.words),
        "clips": len(clips),
        "short_spans": len(spans) - len(clips),
        "seconds": seconds,
    }
    return VideoClips(row, transcript, clips)

"""Cut the captions of a shard of videos into timed clips (the first stage of pre-training).

Writes three files from the input lines (see `records`): `transcripts`, one record per usable video;
`clips`, one row per span of words that is long enough; `videos`, one row per input line, including
broken ones, with what was skipped and why. Speaking rate is a column of the clips and filters
nothing here; the select stage decides, using all scores.

Mode "paper" cuts as the original pipeline does: a caption line is split at every space, so a double
space makes an empty word; a word equal to the one before it in its line is dropped; lines with `[`
or `]` are skipped whole; lines with invalid times are used unchanged; the last word of a video
belongs to no clip. Mode "default" skips and counts lines without valid times, cleans the others
(see `livecc.captions`), splits at white space and, in scripts without spaces, between segments,
divides the time of a line by the length of its words, and keeps repeated words and the last word.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain, compress
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from livecc.captions import tracks as captions
from livecc.captions.titles import clean_title
from livecc.captions.tracks import clean_tracks, counts_of, counts_text
from livecc.captions.units import segmented
from livecc.files.atomic import open_atomic
from livecc.files.lines import BrokenFileError, read_lines
from livecc.files.parquet import TableWriter
from livecc.formats.input_lines import BadRecordError
from livecc.formats.records import Transcript
from livecc.formats.tables import schema
from livecc.formats.unspaced import has_unspaced
from livecc.formats.video_paths import Outside
from livecc.stages.clip_captions.records import MAX_SECONDS, CaptionRecord, parse_record
from livecc.stages.clip_captions.words import FloatArray, time_words
from livecc.stages.clips import cut_clips, name_units
from livecc.stages.spans import ClipOptions

# Input processed at once: enough lines to amortise numpy calls, few enough for the CPU cache.
_BATCH_BYTES = 192 * 2**10
# Transcripts written at once: calling the compressor for every video takes twice as long, because
# its tables are evicted from the CPU cache between calls.
_WRITE_BYTES = 4 * 2**20

# Reasons to skip a caption line, in the order in which they are checked and reported.
_MISSHAPEN = "not [start, end, text]"
_SKIP_REASONS = (
    _MISSHAPEN,
    "time too large",
    "negative start",
    "end before start",
    "zero length",
    captions.MARKUP,
    captions.REPEATED,
    captions.NO_WORDS,
)


@dataclass(frozen=True)
class WordOptions:
    """What a word is; default mode only, the original's words are those of paper mode.

    `unit`: what scripts without spaces are divided into; "line" leaves them as their lines have
    them. `drop_repeated_words`: whether a word equal to the one before it in its line is dropped.
    """

    unit: Literal["segment", "line"] = "segment"
    drop_repeated_words: bool = False


@dataclass(slots=True)
class VideoClips:
    """The result of one input line.

    `row`: its row of the table "videos", where `seconds` is the total length of the usable clips
    and `short_spans` counts the spans outside the limits. `transcript`: None if the row's
    status is failed; its times are numpy arrays. `clips`: rows of the table "clips".
    """

    row: dict[str, Any]
    transcript: Transcript | None = None
    clips: list[dict[str, Any]] = field(default_factory=list)


def clip_captions(
    lines: Iterable[tuple[int, bytes | None]],
    options: ClipOptions | None = None,
    words: WordOptions | None = None,
    outside: Outside = "none",
) -> Iterator[VideoClips]:
    """Cut every (line number, line) of a shard; one result per non-blank line, in order.

    An unusable line affects no other line. When `lines` raises BrokenFileError, a last row with
    status failed reports it. Video ids must be unique; a repeated one fails, and so does one that
    leads out of the folder of the videos in a way that `outside` does not allow.
    """
    options, words = options or ClipOptions(), words or WordOptions()
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
        batch.append((number, _parse(number, line, first_line, options, outside)))
        batch_bytes += len(line or b"")
        if batch_bytes >= _BATCH_BYTES:
            yield from _clip_batch(batch, options, words)
            batch, batch_bytes = [], 0
    yield from _clip_batch(batch, options, words)
    if broken is not None:
        yield _failed(number + 1, None, str(broken))


def run(
    input: Path | str,
    transcripts: Path | str,
    clips: Path | str,
    videos: Path | str,
    options: ClipOptions | None = None,
    words: WordOptions | None = None,
    outside: Outside = "none",
) -> dict[str, Any]:
    """Cut a shard (`.jsonl`, `.jsonl.gz`, `.jsonl.zst`) and write its three files atomically.

    Memory is bounded by a batch of lines, not by the shard size. Returns counts for the summary:
    `lines`, `videos` (usable), `failed_videos`, `caption_lines`, `skipped_lines`, `skipped` (by
    reason), `cleaned` (by kind), `words`, `clips` (usable), `failed_clips`, `short_spans`,
    `seconds` (of usable clips), `unclipped_seconds` (of speech in no clip).
    Raises LiveccError when the input cannot be opened.
    """
    counts: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    cleaned: Counter[str] = Counter()
    seconds = unclipped = 0.0
    ready: list[bytes] = []
    ready_bytes = 0
    with ExitStack() as stack:
        stack.enter_context(_collector_paused())
        transcript_stream = stack.enter_context(open_atomic(transcripts))
        clip_table = stack.enter_context(TableWriter(clips, schema("clips")))
        video_table = stack.enter_context(TableWriter(videos, schema("videos")))
        for video in clip_captions(read_lines(input), options, words, outside):
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
            unclipped += row["unclipped_seconds"]
            skipped += counts_of(row["skipped_reasons"])
            cleaned += counts_of(row["cleaned"])
        transcript_stream.write(b"\n".join([*ready, b""]))
    names = (
        *("lines", "videos", "failed_videos", "caption_lines", "skipped_lines"),
        *("words", "clips", "failed_clips", "short_spans"),
    )
    return {
        **{name: counts[name] for name in names},
        "skipped": {reason: skipped[reason] for reason in _SKIP_REASONS if skipped[reason]},
        "cleaned": captions.by_kind(cleaned),
        "seconds": seconds,
        "unclipped_seconds": round(unclipped, 3),
    }


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Stop the cycle collector from traversing parsed captions, which contain no cycles.

    It would take a fifth of the time; reference counting alone frees every batch.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _parse(
    number: int,
    line: bytes | None,
    first_line: dict[str, int],
    options: ClipOptions,
    outside: Outside,
) -> CaptionRecord | VideoClips:
    """The validated record of a line, or its failed row."""
    try:
        record = parse_record(line, keep_going=options.mode == "default", outside=outside)
        if options.mode == "paper":
            _check_times(record)
        else:
            record.title, record.category = clean_title(record.title), clean_title(record.category)
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
    batch: Sequence[tuple[int, CaptionRecord | VideoClips]],
    options: ClipOptions,
    words: WordOptions,
) -> Iterator[VideoClips]:
    """Compute the word times of all videos of a batch at once, then cut each video."""
    records = [record for _, record in batch if isinstance(record, CaptionRecord)]
    n_lines = np.array([len(record.text) for record in records], np.int64)
    video = np.repeat(np.arange(len(records)), n_lines)
    texts = list(chain.from_iterable(record.text for record in records))
    starts = _column([record.start for record in records], len(texts))
    ends = _column([record.end for record in records], len(texts))

    skip = _skip_codes(texts, starts, ends, options)
    kept = skip == 0
    skipped = np.bincount(
        video * len(_SKIP_REASONS) + skip, minlength=len(records) * len(_SKIP_REASONS)
    ).reshape(len(records), len(_SKIP_REASONS))
    if not kept.all():
        texts = list(compress(texts, kept.tobytes()))
        starts, ends, video = starts[kept], ends[kept], video[kept]
    segments: list[int] = []
    cleaned = [""] * len(records)
    if options.mode == "default":
        clean = clean_tracks(texts, starts, ends, video, len(records))
        texts, starts, ends, video = clean.texts, clean.start, clean.end, clean.track
        for column, reason in enumerate(captions.LEFT_OUT):
            skipped[:, _SKIP_REASONS.index(reason)] += clean.left_out[:, column]
        for number in np.flatnonzero(clean.counts.any(axis=1)).tolist():
            cleaned[number] = counts_text(captions.KINDS, clean.counts[number].tolist())
        if words.unit == "segment":
            texts, segments = segmented(texts)
    timed = time_words(
        texts,
        starts,
        ends,
        empty_words=options.mode == "paper",
        drop_repeated=options.mode == "paper" or words.drop_repeated_words,
        by_length=options.mode == "default",
        segmented=segments,
    )
    if options.mode == "default":
        # A line's end is computed from its words, and may round to more than the next one's start.
        last = np.cumsum(timed.per_line)[:-1][video[1:] == video[:-1]] - 1
        timed.end[last] = np.minimum(timed.end[last], timed.start[last + 1])
    n_words = np.bincount(video, timed.per_line, len(records)).astype(np.int64)
    bounds = [0, *np.cumsum(n_words).tolist()]
    may_be_unspaced = options.mode == "default" and not timed.text.isascii()
    usable = 0
    for number, record in batch:
        if isinstance(record, VideoClips):
            yield record
            continue
        low, high = bounds[usable], bounds[usable + 1]
        spoken = timed.words(low, high)
        transcript = Transcript(
            record.video,
            record.title,
            record.category,
            spoken,
            cast(Sequence[float], timed.start[low:high]),
            cast(Sequence[float], timed.end[low:high]),
            unspaced=may_be_unspaced and has_unspaced(spoken.text()),
        )
        reasons = skipped[usable].tolist()
        reasons[0] = record.misshapen
        video_clips = _cut(number, record, transcript, reasons, options)
        video_clips.row["cleaned"] = cleaned[usable]
        if transcript.unspaced:
            name_units(video_clips.clips, list(spoken), words.unit)
        usable += 1
        yield video_clips


def _column(columns: Sequence[Sequence[float]], total: int) -> FloatArray:
    return np.fromiter(chain.from_iterable(columns), np.float64, total)


def _skip_codes(
    texts: Sequence[str], start: FloatArray, end: FloatArray, options: ClipOptions
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """For each caption line the index of the reason to skip it as it is, 0 to keep it."""
    if options.mode == "paper":
        markup = np.array(["[" in text or "]" in text for text in texts], np.bool_)
        faults = {captions.MARKUP: markup}
    else:
        faults = {
            "time too large": np.maximum(np.abs(start), np.abs(end)) > MAX_SECONDS,
            "negative start": start < 0,
            "end before start": end < start,
            "zero length": end == start,
        }
    codes = np.zeros(len(texts), np.int64)
    # From the last reason to the first, so that the first that applies is kept.
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
    clips = cut_clips(record.video, start, end, options, paper_times=end)
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
        "clips": len(clips.rows),
        "short_spans": clips.short_spans,
        "seconds": clips.seconds,
        "unclipped_seconds": clips.unclipped_seconds,
    }
    return VideoClips(row, transcript, clips.rows)

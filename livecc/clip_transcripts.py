"""B3: cut transcripts into clips that begin with a sentence.

The walk is that of `clip_captions`, on the starts of words, and a clip may begin only where a
sentence does. From transcripts come two files: `clips`, one row per span that is long enough, and
`videos`, one row per input line, with those that were dropped or failed before.

What begins a sentence is in `sentences`. In paper mode the
last word of a video belongs to no clip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from livecc.errors import LiveccError
from livecc.files import TableWriter, read_jsonl, read_row_batches
from livecc.records import clip_row
from livecc.sentences import sentence_starts
from livecc.spans import ClipOptions, greedy_spans
from livecc.tables import schema
from livecc.transcript_lines import parse_for_cutting


def cut(transcript: Mapping[str, Any], options: ClipOptions) -> tuple[list[dict[str, Any]], int]:
    """(rows of "clips", number of spans that were too short) of one transcript row."""
    words, ends = transcript["words"], transcript["end"]
    start = np.asarray(transcript["start"], np.float64)
    spans = greedy_spans(
        start,
        options.max_clip_seconds,
        options.max_gap_seconds,
        last_word_belongs=options.mode == "default",
        may_begin=sentence_starts(words, options.mode),
    )
    clips = [
        clip_row(transcript["video"], first, last, float(start[first]), float(ends[last - 1]))
        for first, last in spans
        if start[last - 1] - start[first] >= options.min_clip_seconds
    ]
    return clips, len(spans) - len(clips)


def clip_transcripts(
    records: Iterable[Mapping[str, Any]],
    transcripts: Iterable[Mapping[str, Any]],
    options: ClipOptions,
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """(row of "transcribed_videos", rows of "clips") for every record, in order.

    `transcripts` has a row for every record with status ok.
    """
    rows = iter(transcripts)
    for record in records:
        video = {name: record[name] for name in ("line", "video", "category", "status", "reason")}
        if record["status"] != "ok":
            yield video, []
            continue
        transcript = next(rows)
        if transcript["video"] != record["video"]:
            raise LiveccError(
                f"the transcripts have {transcript['video']!r} where the records have "
                f"{record['video']!r}: they are not of the same shard"
            )
        video["language"] = transcript.get("language")
        video["dropped_words"] = transcript.get("dropped_words")
        if transcript["status"] != "ok":
            yield {**video, "status": "failed", "reason": transcript["reason"]}, []
            continue
        clips, short_spans = cut(transcript, options)
        seconds = sum(clip["end"] - clip["start"] for clip in clips if clip["status"] == "ok")
        yield (
            {
                **video,
                "words": len(transcript["words"]),
                "clips": len(clips),
                "short_spans": short_spans,
                "seconds": seconds,
            },
            clips,
        )


def run(
    records: Path | str,
    transcripts: Path | str,
    clips: Path | str,
    videos: Path | str,
    options: ClipOptions | None = None,
) -> dict[str, Any]:
    """Cut the transcripts of a shard and write its two tables atomically, one video at a time.

    Returns counts for the summary: `lines`, `videos` (usable), `dropped_videos` (by category),
    `failed_videos`, `words`, `dropped_words`, `clips` (usable), `failed_clips`, `short_spans`,
    `seconds` (of usable clips).
    """
    counts: Counter[str] = Counter()
    seconds = 0.0
    with ExitStack() as stack:
        clip_table = stack.enter_context(TableWriter(clips, schema("clips")))
        video_table = stack.enter_context(TableWriter(videos, schema("transcribed_videos")))
        for video, rows in clip_transcripts(
            read_row_batches(records),
            read_jsonl(transcripts, parse=parse_for_cutting),
            options or ClipOptions(),
        ):
            video_table.write(video)
            counts["lines"] += 1
            counts["videos" if video["status"] == "ok" else f"{video['status']}_videos"] += 1
            for clip in rows:
                clip_table.write(clip)
                counts["clips" if clip["status"] == "ok" else "failed_clips"] += 1
            for name in ("words", "dropped_words", "short_spans"):
                counts[name] += video.get(name) or 0
            seconds += video.get("seconds") or 0.0
    names = (
        *("lines", "videos", "dropped_videos", "failed_videos", "words", "dropped_words"),
        *("clips", "failed_clips", "short_spans"),
    )
    return {**{name: counts[name] for name in names}, "seconds": seconds}

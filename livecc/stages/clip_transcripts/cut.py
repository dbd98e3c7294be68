"""B3: cut transcripts into clips that begin with a sentence.

The algorithm is that of the pre-training track, but clips may only begin where a sentence begins
(see `sentences`). Writes two files from the transcripts: `clips`, one row
per span that is long enough, and `videos`, one row per input line, including those dropped or
failed earlier. In paper mode the last word of a video belongs to no clip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from livecc.captions.tracks import by_kind, counts_of, counts_text
from livecc.errors import LiveccError
from livecc.files.lines import read_jsonl
from livecc.files.parquet import TableWriter, read_row_batches
from livecc.formats.tables import schema
from livecc.stages.clip_transcripts.lines import parse_for_cutting
from livecc.stages.clip_transcripts.sentences import sentence_starts
from livecc.stages.clips import Clips, cut_clips, name_units
from livecc.stages.spans import ClipOptions


def cut(transcript: Mapping[str, Any], options: ClipOptions) -> Clips:
    """The clips of one transcript row."""
    start = np.asarray(transcript["start"], np.float64)
    return cut_clips(
        transcript["video"],
        start,
        np.asarray(transcript["end"], np.float64),
        options,
        paper_times=start,
        may_begin=sentence_starts(transcript["words"], options.mode),
    )


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
                f"{record['video']!r}: they belong to different shards"
            )
        video["language"] = transcript.get("language")
        video["dropped_words"] = transcript.get("dropped_words")
        cleaned = transcript.get("cleaned") or {}
        video["cleaned"] = counts_text(cleaned, cleaned.values())
        if transcript["status"] != "ok":
            told = {name: transcript[name] for name in ("status", "reason")}
            yield {**video, **told}, []
            continue
        clips = cut(transcript, options)
        if transcript.get("unspaced"):
            name_units(clips.rows, transcript["words"], "segment")
        yield (
            {
                **video,
                "words": len(transcript["words"]),
                "clips": len(clips.rows),
                "short_spans": clips.short_spans,
                "seconds": clips.seconds,
                "unclipped_seconds": clips.unclipped_seconds,
            },
            clips.rows,
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
    `seconds` (of usable clips), `unclipped_seconds` (of speech in no clip), `cleaned` (by kind).
    """
    cleaned: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    seconds = unclipped = 0.0
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
            unclipped += video.get("unclipped_seconds") or 0.0
            cleaned += counts_of(video.get("cleaned") or "")
    names = (
        *("lines", "videos", "dropped_videos", "failed_videos", "words", "dropped_words"),
        *("clips", "failed_clips", "short_spans"),
    )
    return {
        **{name: counts[name] for name in names},
        "seconds": seconds,
        "unclipped_seconds": round(unclipped, 3),
        "cleaned": by_kind(cleaned),
    }

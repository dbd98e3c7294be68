"""Reading a shard's clips together with their scores so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from livecc.declaration import TableStage
from livecc.errors import LiveccError
from livecc.files.lines import read_jsonl
from livecc.formats.records import Clip, Transcript
from livecc.scores.columns import inside_gate, read_columns

#: Columns of "clips" that make a Clip, after its video.
CLIP = ("first_word", "last_word", "start", "end", "video_start", "video_end")
#: Rows converted to Python objects at a time.
_ROWS = 1_000


def candidates(
    clips: Path, scores: Mapping[TableStage, Path], gate: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The rows of the clips inside a gate, in order; failed clips are outside.

    A clip without a gated score is outside, unless the gate has `on_unscored: keep`.
    """
    columns = read_columns(clips, scores, more=CLIP)
    for batch in columns.clips.filter(inside_gate(columns, gate)).to_batches(_ROWS):
        yield from batch.to_pylist()


def candidate_videos(
    clips: Path, scores: Mapping[TableStage, Path], gate: Mapping[str, Any]
) -> Iterator[str]:
    """The videos with a clip inside a gate, each once, in order."""
    seen: set[str] = set()
    for clip in candidates(clips, scores, gate):
        video: str = clip["video"]
        if video not in seen:
            seen.add(video)
            yield video


def transcripts_with_clips(
    transcripts: Path, clips: Iterator[Mapping[str, Any]]
) -> Iterator[tuple[Transcript, list[Clip]]]:
    """Each transcript that has clips, with its clips; both are in the order of the input file."""
    clip = next(clips, None)

    def wanted(line: bytes) -> bool:
        # Parsing a long transcript is a hundred times slower than finding its video id.
        return clip is None or orjson.dumps(clip["video"]) in line

    for record in read_jsonl(transcripts, wanted):
        if clip is None:
            return
        if record["video"] != clip["video"]:
            continue
        group = []
        while clip is not None and clip["video"] == record["video"]:
            group.append(Clip(clip["video"], *(clip[name] for name in CLIP)))
            clip = next(clips, None)
        yield Transcript.from_mapping(record), group
    if clip is not None:
        raise LiveccError(f"{transcripts}: no transcript for {clip['video']}, which has clips")

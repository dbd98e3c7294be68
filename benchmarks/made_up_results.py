"""Synthetic results for the benchmarks of selection: no stage and no model runs.

Includes every file that the stages of the pre-training track write, with clips of English words and
random scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from livecc.declaration import ScoreStage, TableStage
from livecc.files.atomic import open_atomic, write_json
from livecc.formats.records import Transcript
from livecc.formats.tables import schema
from livecc.scores.job import StageStats
from livecc.stages.identify_language.declaration import STAGE as IDENTIFY_LANGUAGE
from livecc.stages.probe_videos.declaration import STAGE as PROBE_VIDEOS
from livecc.stages.score_lm_loss.declaration import STAGE as SCORE_LM_LOSS
from livecc.stages.score_talking_head.declaration import STAGE as SCORE_TALKING_HEAD

CLIPS_PER_VIDEO = 10
#: Videos with different words; the others repeat them. Larger than a compressor's window.
TEMPLATES = 60
TEXT = (
    "so now we take the two pieces and put them together like this because the glue has to dry "
    "before you can sand it down to a smooth surface and then there is one more thing that you "
    "should know about wood it moves with the seasons which means every joint needs some room"
)
#: The stages whose scores are made up.
STAGES: tuple[ScoreStage, ...] = (
    *(IDENTIFY_LANGUAGE, SCORE_LM_LOSS),
    *(PROBE_VIDEOS, SCORE_TALKING_HEAD),
)
#: Thresholds wide enough for every selection of the benchmarks.
GATE = {"words_per_second": {"min": 0.5, "max": 6}}


class MadeUpResults:
    """Writes shards of a track below `results`."""

    def __init__(self, results: Path, words_per_clip: int, seed: int = 0) -> None:
        self.folder = results / "pretrain"
        self.words_per_clip = words_per_clip
        self.rng = np.random.default_rng(seed)
        self.templates = [self._template() for _ in range(TEMPLATES)]

    def _template(self) -> tuple[bytes, np.ndarray, np.ndarray]:
        """(transcript as JSON after the video's name, start of each clip, end of each clip)."""
        count = self.words_per_clip * CLIPS_PER_VIDEO
        steps = self.rng.gamma(2.0, self.rng.uniform(0.12, 0.3), count)
        starts = np.round(np.cumsum(steps), 2)
        ends = np.round(starts + 0.9 * steps, 2)
        words = self.rng.choice(TEXT.split(), count).tolist()
        line = Transcript(
            "", "Joining wood", "Howto & Style", words, starts.tolist(), ends.tolist()
        ).to_json()
        first = np.arange(0, count, self.words_per_clip)
        return (
            line.removeprefix(b'{"video":""'),
            starts[first],
            ends[first + self.words_per_clip - 1],
        )

    def write_shard(self, shard: str, clips: int) -> None:
        """Write all files of a shard of `clips` clips."""
        videos = [f"{shard}/{n:05d}.mp4" for n in range(-(-clips // CLIPS_PER_VIDEO))]
        with open_atomic(self.folder / "transcripts" / f"{shard}.jsonl.zst") as stream:
            for n, video in enumerate(videos):
                line = self.templates[n % TEMPLATES][0]
                stream.write(b'{"video":"%b"%b\n' % (video.encode(), line))
        table = self._clips(videos).slice(0, clips)
        self._write(schema("clips"), self.folder / "clips" / f"{shard}.parquet", table)
        speed = table["words_per_second"].to_numpy()
        inside = (speed >= GATE["words_per_second"]["min"]) & (
            speed <= GATE["words_per_second"]["max"]
        )
        gated = table.filter(pyarrow.array(inside))
        self._scores(shard, IDENTIFY_LANGUAGE, table["clip"], self._languages(clips))
        losses = {"lm_loss": np.round(self.rng.normal(3.5, 1.5, gated.num_rows), 4)}
        self._scores(shard, SCORE_LM_LOSS, gated["clip"], losses)
        seen = gated["video"].unique()
        # Every clip is inside its video.
        longest = np.full(len(seen), float(table["end"].to_numpy().max()) + 1)
        frames = np.round(longest * 30).astype(np.int32)
        files = {"video_seconds": longest, "video_frames": frames}
        self._scores(shard, PROBE_VIDEOS, seen, files)
        heads = {"talking_head": np.round(self.rng.beta(0.5, 1.0, len(seen)), 4)}
        self._scores(shard, SCORE_TALKING_HEAD, seen, heads)
        self._stats(shard, table, len(videos))

    def _clips(self, videos: list[str]) -> Any:
        first = np.tile(np.arange(CLIPS_PER_VIDEO) * self.words_per_clip, len(videos))
        repeated = np.repeat(np.array(videos, object), CLIPS_PER_VIDEO)
        last = first + self.words_per_clip
        names = [f"{v}#{a}-{b}" for v, a, b in zip(repeated, first, last, strict=True)]
        kinds = np.arange(len(videos)) % TEMPLATES
        start = np.concatenate([self.templates[kind][1] for kind in kinds])
        end = np.concatenate([self.templates[kind][2] for kind in kinds])
        columns = {
            "clip": names,
            "video": repeated,
            "first_word": first,
            "last_word": last,
            "start": start,
            "end": end,
            "video_start": start,
            "video_end": end,
            "words_per_second": self.words_per_clip / (end - start),
            "unit": [None] * len(names),
            "status": ["ok"] * len(names),
            "reason": [""] * len(names),
        }
        return pyarrow.table(columns, schema=schema("clips"))

    def _languages(self, count: int) -> dict[str, Any]:
        return {
            "language": self.rng.choice(["en", "de", "fr"], count, p=[0.95, 0.03, 0.02]),
            "language_confidence": np.round(1 - self.rng.beta(0.3, 6, count), 4),
        }

    def _scores(self, shard: str, stage: TableStage, ids: Any, values: dict[str, Any]) -> None:
        fields = stage.schema
        count = len(ids)
        given = {fields.names[0]: ids, "status": ["ok"] * count, **values}
        columns = [
            given[field.name] if field.name in given else pyarrow.nulls(count, field.type)
            for field in fields
        ]
        path = self.folder / "scores" / stage.name / f"{shard}.parquet"
        self._write(fields, path, pyarrow.table(dict(zip(fields.names, columns, strict=True))))
        stats = StageStats(stage.name, "pretrain", shard, items=count, scored=count)
        write_json(self.folder / "stats" / stage.name / f"{shard}.json", stats.__dict__)

    def _write(self, fields: Any, path: Path, table: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(table.cast(fields), path, compression="zstd")

    def _stats(self, shard: str, clips: Any, videos: int) -> None:
        counts = dict.fromkeys(
            ("failed_videos", "skipped_lines", "failed_clips", "short_spans", "caption_lines"), 0
        )
        seconds = (clips["end"].to_numpy() - clips["start"].to_numpy()).sum()
        counts |= {"lines": videos, "videos": videos, "clips": clips.num_rows}
        counts["words"] = clips.num_rows * self.words_per_clip
        stats = {**counts, "skipped": {}, "seconds": float(seconds)}
        write_json(self.folder / "stats" / "clip_captions" / f"{shard}.json", stats)
        path = self.folder / "videos" / f"{shard}.parquet"
        self._write(schema("videos"), path, self._videos(videos))

    def _videos(self, videos: int) -> Any:
        columns = {field.name: pyarrow.nulls(videos, field.type) for field in schema("videos")}
        return pyarrow.table({**columns, "line": np.arange(1, videos + 1)})


def shard_names(count: int) -> Iterator[str]:
    return (f"shard-{number:05d}" for number in range(count))

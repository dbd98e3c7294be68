"""What jobs will have to score whose inputs this run makes: an estimate, with its bounds.

From the tables of the last run where only scores are made again, else from the input of the track.
A gate lets in what it let in of other shards; where it has not been applied yet, it may let in
nothing or everything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc import configuration
from livecc.declaration import CachedStage
from livecc.errors import LiveccError
from livecc.formats.layout import Layout
from livecc.planning.input_amounts import (
    EARLIER_SHARDS,
    InputAmount,
    TrackInput,
    stats_of,
)
from livecc.planning.ranges import NOTHING, Range
from livecc.planning.samples import spread
from livecc.planning.speeds import Amount
from livecc.planning.work import work
from livecc.stages.job_spec import JobSpec


@dataclass(frozen=True)
class Expected:
    """Items of a job, those of them in the cache as far as known, and what it has to score."""

    items: Range
    found: int
    to_score: Amount


class TrackExpectations:
    """What the jobs of a track will have to score; looks at its input when first asked."""

    def __init__(self, config: Mapping[str, Any], track: str, given: TrackInput) -> None:
        self._config, self._track = config, track
        self._layout = Layout.of(config)
        self._input = given
        self._last_clip_stage = configuration.clip_stages(config, track)[-1].name
        self._shares: dict[CachedStage, Range] = {}

    def of_job(self, spec: JobSpec, made: Collection[str]) -> Expected | None:
        """What a job will have to score; None if nothing can be said.

        `made` are the files that this run makes.
        """
        there = all(str(path) not in made and path.exists() for path in spec.files.values())
        if there and all(path.exists() for path in spec.scores.values()):
            try:
                # As it would be with the scores of the last run.
                found = work(spec)
            except (OSError, LiveccError):
                pass
            else:
                to_score = self.amount(spec, found.to_score)
                return Expected(Range.of(found.items), found.items - found.missing, to_score)
        whole = self._whole(spec, there=there)
        if whole is None:
            return None
        items = whole.items * self.share(spec)
        files = self._layout.shard(self._track, spec.shard)
        before = 0 if there else stats_of(files.stats(spec.stage.name)).get("items", 0)
        # What was scored of a shard that has grown, or is cut anew, is in the cache.
        return Expected(items, 0, whole.of_items(items.less(before)))

    def amount(self, spec: JobSpec, to_score: int) -> Amount:
        """How much a known number of items of a job is."""
        number = Range.of(to_score)
        whole = self._whole(spec, there=True) if to_score else None
        return whole.of_items(number) if whole is not None else Amount(number, NOTHING, NOTHING)

    def _whole(self, spec: JobSpec, *, there: bool) -> Amount | None:
        """All that a job could score; `there`: its files are there and stay as they are."""
        clips = spec.files.get("clips")
        amount = in_clips(clips) if there and clips is not None else self._input.shard(spec.shard)
        if amount is None:
            return None
        if spec.stage.item == "clip":
            return Amount(amount.clips, amount.words, amount.seconds)
        return Amount(amount.videos, amount.words, amount.media)

    def share(self, spec: JobSpec) -> Range:
        """How many of all clips (or videos) get into the stage, from 0 to 1."""
        stage = spec.stage
        if not spec.gate:
            return Range.of(1)
        if stage not in self._shares:
            unit = "clips" if stage.item == "clip" else "videos"
            items = of = 0
            shards = list(configuration.shards(self._config, self._track))
            for name in spread(shards, EARLIER_SHARDS):
                files = self._layout.shard(self._track, name)
                scored = stats_of(files.stats(stage.name))
                if "items" in scored:
                    items += scored["items"]
                    of += stats_of(files.stats(self._last_clip_stage)).get(unit, 0)
            self._shares[stage] = Range.of(min(1.0, items / of)) if of else Range(0.0, 1.0)
        return self._shares[stage]


def in_clips(table: Path) -> InputAmount | None:
    """What a table of clips comes to; None if it cannot be read."""
    import pyarrow
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    columns = ["video", "first_word", "last_word", "start", "end", "status"]
    try:
        clips = pq.read_table(table, columns=columns)
        clips = clips.filter(pc.equal(clips["status"], "ok"))
    except (OSError, KeyError, pyarrow.ArrowException):
        return None

    def total(first: str, last: str) -> Range:
        return Range.of(pc.sum(pc.subtract(clips[last], clips[first])).as_py() or 0)

    return InputAmount(
        videos=Range.of(pc.count_distinct(clips["video"]).as_py()),
        clips=Range.of(clips.num_rows),
        words=total("first_word", "last_word"),
        seconds=total("start", "end"),
    )

"""Selections with their training files, made by the code of the workflow from made-up shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from livecc import configuration
from livecc.exports.release import Release
from livecc.files.atomic import write_bytes, write_json
from livecc.formats.layout import Layout
from livecc.formats.samples import SampleForm
from livecc.formats.splits import TRAIN, Split
from livecc.selecting.manifest import manifest, release_configuration
from livecc.selecting.merge_samples import merge_splits
from livecc.selecting.select_samples import select_pack
from livecc.stages.check_samples.check import Videos, check_or_read_text
from tests.support.built_in import CATALOGUE, TRACK_STAGES, TRACKS
from tests.support.random_results import write_shard

#: Lets half of the made-up clips through, unscored ones among them.
THRESHOLDS = {"lm_loss": {"min": 0.3, "max": 6.5}, "on_unscored": "keep"}


def make_release(
    folder: Path,
    track: str = "pretrain",
    shards: Sequence[str] = ("one", "two", "three"),
    split: dict[str, float] | None = None,
    video_prefix: str = "",
    thresholds: dict[str, Any] | None = None,
    videos: int = 12,
) -> Release:
    """Write a selection "default" of made-up clips; the same shards give the same bytes."""
    layout = Layout(str(folder))
    for shard in shards:
        rng = np.random.default_rng(list(shard.encode()))
        write_shard(folder, track, shard, rng, videos)
        stage = TRACKS[track].all_clip_stages()[-1].name
        stats = {"lines": videos + 1, "videos": videos, "failed_videos": 1}
        write_json(layout.shard(track, shard).stats(stage), stats)
    write_bytes(layout.shard_list(track), "".join(f"{name}\n" for name in sorted(shards)).encode())
    return select(layout, track, shards, split, video_prefix, thresholds or THRESHOLDS)


def select(
    layout: Layout,
    track: str,
    shards: Sequence[str],
    split: dict[str, float] | None,
    video_prefix: str,
    thresholds: dict[str, Any],
) -> Release:
    """Select, merge and check, as the rules of these names do."""
    config = configuration.complete(configuration.read_yaml(configuration.DEFAULTS_FILE))
    config["selections"]["default"][track] = thresholds
    config["tracks"][track]["video_prefix"] = video_prefix
    config["split"] |= split or {}
    stages = TRACK_STAGES[track]
    select_pack(
        track=TRACKS[track],
        thresholds=thresholds,
        gates={},
        stages=stages,
        layout=layout,
        selection="default",
        shards=sorted(shards),
        output=Path(layout.pack(track, "default", "0000")),
        form=SampleForm(video_prefix),
    )
    sides = Split.of(config["split"])
    outputs = {name: Path(layout.merged(track, "default", name)) for name in sides.names}
    samples = [Path(layout.shard(track, name).samples("default")) for name in sorted(shards)]
    merged = merge_splits(samples, outputs, sides, video_prefix)
    for name, path in outputs.items():
        made = manifest(
            track=track,
            selection="default",
            name=path.name,
            merged=merged[name],
            configuration=release_configuration(config, track, "default"),
            receipts={},
            stats=Path(layout.stats_folder(track)),
            stages=[],
            shards=shards,
            cache=Path(layout.cache),
            catalogue=CATALOGUE,
            split=name if sides.held_out else None,
        )
        write_json(layout.manifest(track, "default", name), made)
        videos = Videos(Path(layout.results))
        write_json(
            layout.check(track, "default", name),
            check_or_read_text(path, videos, count=10).to_json(),
        )
    names = tuple(stage.name for stage in stages)
    return Release(layout, track, "default", names, CATALOGUE)


def lines_of(release: Release, split: str = TRAIN) -> list[bytes]:
    """The samples of a merged file."""
    return release.merged(split).read_bytes().splitlines(keepends=True)[:-1]

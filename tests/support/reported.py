"""Runs with made-up results, for the tests of pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from livecc.files.atomic import write_bytes
from livecc.formats.layout import Layout
from livecc.formats.video_paths import VideoFolder
from livecc.report.make import PageOptions, make_page
from livecc.report.run import ReportedRun, ReportedTrack
from livecc.stages.catalogue import Catalogue
from tests.support.built_in import CATALOGUE, TRACK_STAGES
from tests.support.random_results import write_shard


def run_of_track(
    results: Path,
    track: str,
    selections: Mapping[str, Mapping[str, Any]],
    gates: Mapping[str, Mapping[str, Any]] | None = None,
    stages: Sequence[Any] | None = None,
    videos: Path | None = None,
    catalogue: Catalogue = CATALOGUE,
) -> ReportedRun:
    """A run with one track, whose results lie in `results`."""
    told = ReportedTrack(
        name=track,
        clip_stages=("clip_captions",),
        stages=tuple(TRACK_STAGES[track] if stages is None else stages),
        selections=selections,
        gates=gates or {},
        videos=VideoFolder(videos or results),
    )
    return ReportedRun(Layout(str(results)), "default", catalogue, (told,), {})


def write_results(
    results: Path, track: str, rng: np.random.Generator, shards: Sequence[str]
) -> None:
    """Random results of a track (tests.support.random_results), with its list of shards."""
    for shard in shards:
        write_shard(results, track, shard, rng)
    write_bytes(Path(Layout(str(results)).shard_list(track)), "\n".join(shards).encode())


def page_of(run: ReportedRun, **options: Any) -> Path:
    """The page of a run, without media unless they are asked for."""
    path = Path(run.layout.report)
    make_page(run, path, PageOptions(**{"media": "none", **options}))
    return path

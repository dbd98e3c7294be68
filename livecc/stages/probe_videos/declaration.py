"""The declaration of probe_videos."""

from __future__ import annotations

from typing import Annotated

from livecc.declaration import (
    CLIP_END,
    CPU_OF_FIGURES,
    GatedOptions,
    Resources,
    ScoreStage,
    Speed,
    no_models,
    no_problems,
)
from livecc.sections import Seconds, option
from livecc.thresholds.kinds import InsideVideo, Rule


class Options(GatedOptions):
    decode_timeout_seconds: Annotated[
        Seconds, option("Time limit in seconds for opening a video.", "pace")
    ] = 60


STAGE = ScoreStage(
    name="probe_videos",
    version="1",
    says="Looking at video files",
    kind="workflow",
    options=Options,
    packages=("av", "decord2"),
    resources=Resources(gpu=0, mem_mb=2000, runtime=60, threads=2),
    problems=no_problems,
    engines={},
    on_gpu="no",
    needs=frozenset({"clips", "videos"}),
    item="video",
    roles=(),
    models=no_models,
    prepare="livecc.stages.probe_videos.shard:prepare",
    # A short local file, and hours of video on a network file system.
    speeds=(Speed(0.5, 10, "item", "cpu", CPU_OF_FIGURES),),
    columns={"video_seconds": "float64", "video_frames": "int32"},
    rules=(
        Rule(
            "inside_video",
            InsideVideo,
            ("video_seconds", CLIP_END),
            "beyond its video, or the trainer cannot open it",
            # Keeping what the trainer cannot open would help nobody.
            may_keep_unscored=False,
        ),
    ),
    joins=(),
)

"""The declaration of check_samples."""

from __future__ import annotations

from typing import Annotated

from livecc.declaration import Resources, Stage, StageOptions, no_problems
from livecc.sections import Positive, Seconds, option


class Options(StageOptions):
    samples: Annotated[
        Positive | None,
        option("Samples to check, chosen by chance with a fixed seed; null: all.", "number"),
    ] = 200
    decode_timeout_seconds: Annotated[
        Seconds, option("Time limit in seconds for opening a video.", "pace")
    ] = 60


STAGE = Stage(
    name="check_samples",
    version="1",
    says="Checking",
    kind="workflow",
    options=Options,
    packages=("decord2", "numpy"),
    resources=Resources(gpu=0, mem_mb=2000, runtime=60, threads=2),
    problems=no_problems,
)

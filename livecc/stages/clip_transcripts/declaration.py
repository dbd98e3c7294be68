"""The declaration of clip_transcripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from livecc.declaration import Resources, Stage
from livecc.sections import Seconds, option
from livecc.stages.clip_lengths import ClipLengths, length_problems


class Options(ClipLengths):
    max_silence_seconds: Annotated[
        Seconds,
        option("A longer pause in speech ends the clip.", "number"),
    ] = 3


def problems(config: Mapping[str, Any]) -> Iterator[str]:
    return length_problems(STAGE.name, config)


STAGE = Stage(
    name="clip_transcripts",
    version="2",
    says="Cutting transcripts into clips",
    kind="workflow",
    options=Options,
    packages=(),
    resources=Resources(gpu=0, mem_mb=1000, runtime=20, threads=1),
    problems=problems,
)

"""The declaration of clip_captions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from livecc.declaration import ByMode, Resources, Stage
from livecc.sections import Seconds, option
from livecc.stages.clip_lengths import ClipLengths, length_problems


class Options(ClipLengths):
    max_gap_seconds: Annotated[
        Seconds, option("A longer pause in speech ends the clip.", "number")
    ] = 3
    unit: Annotated[
        Literal["segment", "line"],
        option(
            "What scripts without spaces are divided into: segments, or the lines as they are.",
            "number",
        ),
    ] = "segment"
    drop_repeated_words: Annotated[
        bool, option("Whether a word equal to the word before it in its line is dropped.", "number")
    ] = False


def problems(config: Mapping[str, Any]) -> Iterator[str]:
    return length_problems(STAGE.name, config)


STAGE = Stage(
    name="clip_captions",
    version=ByMode(default="3", paper="2"),
    says="Cutting captions into clips",
    kind="workflow",
    options=Options,
    packages=("icu4py",),
    resources=Resources(gpu=0, mem_mb=1000, runtime=20, threads=1),
    problems=problems,
)

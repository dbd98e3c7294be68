"""Shared options of the clip stages: lengths in seconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from livecc.declaration import StageOptions
from livecc.sections import Seconds, option
from livecc.thresholds.kinds import min_max
from livecc.trainer.window import SHORTEST_WINDOW, longest_words


class ClipLengths(StageOptions):
    """The section of a stage that cuts clips."""

    min_clip_seconds: Annotated[
        Annotated[float, msgspec.Meta(ge=0)], option("Shorter spans are discarded.", "number")
    ] = 30
    max_clip_seconds: Annotated[
        Seconds,
        option(
            "Maximum length of the video that a clip shows. "
            "The trainer takes at most 240 seconds of it.",
            "number",
        ),
    ] = 240


def length_problems(stage: str, config: Mapping[str, Any]) -> Iterator[str]:
    """Whether the minimum length of a clip exceeds the maximum, in the section of a stage."""
    section = config[stage]
    low, high = "min_clip_seconds", "max_clip_seconds"
    if section[low] > section[high]:
        yield min_max(f"{stage}.{low}", section, low, high)
    elif config["mode"] == "default" and longest_words(section[high]) < 0:
        yield (
            f"{stage}.{high} is {section[high]:g}; no clip is so short that the trainer's reader "
            f"can use it: at least {SHORTEST_WINDOW:g}"
        )

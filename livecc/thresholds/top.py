"""The best of the clips that pass all rules of a selection: `top: {by, keep, per}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from livecc.sections import Positive, Section, Text, option
from livecc.thresholds.sets import TOP


class Top(Section):
    """How many of the best clips a selection keeps."""

    by: Annotated[Text, option("The numeric column of clips or scores that ranks them.")]
    keep: Annotated[Positive, option("The number of clips with the highest values to keep.")]
    per: Annotated[
        Text | None, option("A text column of scores: so many of each of its values; null: of all.")
    ] = None

    @classmethod
    def of(cls, thresholds: Mapping[str, Any]) -> Top | None:
        """That of a selection, in the form of the configuration; None without one."""
        told = thresholds.get(TOP)
        return None if told is None else msgspec.convert(told, cls)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of clips and scores that it needs."""
        return (self.by,) if self.per is None else (self.by, self.per)

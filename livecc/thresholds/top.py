"""The best of the clips that pass all rules of a selection: `top: {by, keep, per}`."""

from __future__ import annotations

from typing import Annotated

from livecc.sections import Positive, Section, Text, option


class Top(Section):
    """How many of the best clips a selection keeps."""

    by: Annotated[Text, option("The numeric column of clips or scores that ranks them.")]
    keep: Annotated[Positive, option("The number of clips with the highest values to keep.")]
    per: Annotated[
        Text | None, option("A text column of scores: so many of each of its values; null: of all.")
    ] = None

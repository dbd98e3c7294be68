"""The declaration of filter_categories."""

from __future__ import annotations

from typing import Annotated

import msgspec

from livecc.declaration import Resources, Stage, SwitchedOptions, no_problems
from livecc.sections import Text, option

#: The categories of the original scripts.
CATEGORIES = (
    "Howto & Style",
    "Science & Technology",
    "Education",
    "Autos & Vehicles",
    "Sports",
    "Gaming",
    "News & Politics",
)


class Options(SwitchedOptions):
    categories: Annotated[
        Annotated[list[Text], msgspec.Meta(min_length=1)],
        option("A category of videos to keep.", "number", flag="category"),
    ] = msgspec.field(default_factory=lambda: list(CATEGORIES))


STAGE = Stage(
    name="filter_categories",
    version="1",
    says="Listing records",
    kind="workflow",
    options=Options,
    packages=(),
    resources=Resources(gpu=0, mem_mb=1000, runtime=20, threads=1),
    problems=no_problems,
)

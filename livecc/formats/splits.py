"""Which split a video's samples belong to: training, validation or test.

The side of a video follows from its name alone, by a hash: it stays where it is whatever is added,
removed, selected or sharded anew, in both tracks and in every selection. So nothing that a model is
validated on is trained on later.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from livecc.sections import Fraction, Section, option

SplitName = Literal["train", "validation", "test"]
#: All names, in the order in which they are told.
SPLITS: tuple[SplitName, ...] = get_args(SplitName)
TRAIN: SplitName = "train"
#: Separates this hash from others of the same names, such as one that divides videos into shards.
_PERSON = b"livecc split"
_ALL = 2**64


class Options(Section):
    """The section `split` of the configuration."""

    validation: Annotated[Fraction, option("Fraction of the videos for validation.")] = 0.0
    test: Annotated[Fraction, option("Fraction of the videos for testing.")] = 0.0


@dataclass(frozen=True)
class Split:
    """Fractions of the videos that are held out, at most 1 together.

    A video's hash is a place between 0 and 1. Validation takes the places from 0 on, test those up
    to 1: a larger fraction takes videos from training alone, and leaves the other where they are.
    """

    validation: float = 0.0
    test: float = 0.0

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Split:
        """From the section of a configuration, or what `to_json` made."""
        return cls(section.get("validation", 0.0), section.get("test", 0.0))

    @property
    def names(self) -> tuple[SplitName, ...]:
        """The splits that there are; only "train" where nothing is held out."""
        fractions = {TRAIN: 1.0, "validation": self.validation, "test": self.test}
        return tuple(name for name in SPLITS if fractions[name] > 0)

    @property
    def held_out(self) -> tuple[SplitName, ...]:
        return self.names[1:]

    def name_of(self, video: str) -> SplitName:
        """The split of a video, named as in the input (without `video_prefix`)."""
        place = _place(video)
        if place < int(self.validation * _ALL):
            return "validation"
        return "test" if place >= _ALL - int(self.test * _ALL) else TRAIN

    def to_json(self) -> dict[str, float]:
        """The fractions of what is held out; empty if nothing is."""
        return {name: getattr(self, name) for name in self.held_out}


def _place(video: str) -> int:
    """The hash of a video's name, below 2**64.

    The ending does not count, because the same video may be there as .mp4 today and as .webm
    tomorrow. Folders do: where each video has a folder, all files may have the same name.
    """
    name, _ = posixpath.splitext(posixpath.normpath(video))
    digest = hashlib.blake2b(
        name.encode("utf-8", "surrogatepass"), digest_size=8, person=_PERSON
    ).digest()
    return int.from_bytes(digest, "big")

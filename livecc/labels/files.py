"""The JSON files of labels, and of the clips that were sampled to be labelled.

People may have edited either, so what is wrong is said with its place in the file. Keys that are
not known are ignored.
"""

from __future__ import annotations

import codecs
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from livecc.errors import LiveccError
from livecc.files.atomic import write_json
from livecc.files.limits import MAX_LABELS_BYTES

VERSION = 1
#: Two probabilities of one stratum differ at most by the rounding of their digits.
_ROUNDING = 1e-6


class Judgement(msgspec.Struct, frozen=True):
    """What somebody thinks of a clip. `at`: when, ISO 8601. `by`: who; None: the file's judge."""

    clip: str
    label: Literal["good", "bad"]
    at: str | None = None
    by: str | None = None

    @property
    def good(self) -> bool:
        return self.label == "good"

    @property
    def time(self) -> datetime:
        """`at`, in UTC if it names no zone; the beginning of time without it."""
        if self.at is None:
            return datetime.min.replace(tzinfo=UTC)
        time = datetime.fromisoformat(self.at)
        return time if time.tzinfo else time.replace(tzinfo=UTC)


class LabelFile(msgspec.Struct, frozen=True):
    """The judgements that were saved from one page."""

    version: int
    labels: list[Judgement]
    track: str | None = None
    selection: str | None = None


class SampledClip(msgspec.Struct, frozen=True):
    """A clip of a sample, its stratum, and the probability with which it came into the sample."""

    clip: str
    stratum: str
    # No data set has so many clips that it would be smaller, and its inverse is a number of clips.
    probability: Annotated[float, msgspec.Meta(ge=1e-12, le=1)]


class SampleFile(msgspec.Struct, frozen=True):
    """A stratified sample of the clips of a track."""

    version: int
    track: str
    selection: str
    seed: int
    clips: list[SampledClip]

    def sizes(self) -> dict[str, int]:
        """Stratum -> how many clips it has, in the order of their names."""
        drawn = Counter(clip.stratum for clip in self.clips)
        chances = {clip.stratum: clip.probability for clip in self.clips}
        return {
            name: max(round(drawn[name] / chances[name]), drawn[name]) for name in sorted(drawn)
        }


_File = TypeVar("_File", LabelFile, SampleFile)


def read_labels(path: Path) -> LabelFile:
    """A file of labels; raises LiveccError with what is wrong, and where."""
    found = _read(path, LabelFile, "labels")
    for number, judgement in enumerate(found.labels):
        try:
            _ = judgement.time
        except ValueError:
            raise LiveccError(
                f"{path}: labels[{number}].at is not a time such as 2026-01-31T12:00:00Z"
            ) from None
    return found


def read_sample(path: Path) -> SampleFile:
    """A file of `livecc sample-for-labels`; raises LiveccError with what is wrong, and where."""
    found = _read(path, SampleFile, "clips")
    seen: set[str] = set()
    chances: dict[str, float] = {}
    for number, clip in enumerate(found.clips):
        if clip.clip in seen:
            raise LiveccError(f"{path}: clips[{number}] is there twice: {clip.clip!r}")
        seen.add(clip.clip)
        chance = chances.setdefault(clip.stratum, clip.probability)
        if abs(chance - clip.probability) > _ROUNDING * chance:
            raise LiveccError(
                f"{path}: clips[{number}]: the clips of a stratum have one probability, and "
                f"{clip.stratum!r} has {chance} and {clip.probability}; sample again"
            )
    return found


def write_sample(path: Path, sample: SampleFile) -> None:
    """Write a sample; the same sample gives the same bytes."""
    write_json(path, msgspec.to_builtins(sample))


def _read(path: Path, kind: type[_File], content: str) -> _File:
    try:
        if not path.is_file():
            raise LiveccError(f"{path}: no such file")
        if path.stat().st_size > MAX_LABELS_BYTES:
            raise LiveccError(f"{path}: is larger than {MAX_LABELS_BYTES // 2**20} MiB")
        # Some editors begin a file with a byte-order mark.
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise LiveccError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        plain: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LiveccError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(plain, dict) or content not in plain:
        other = {"labels": "clips", "clips": "labels"}[content]
        swapped = isinstance(plain, dict) and other in plain
        told = {
            "labels": "not a file of labels, as the page report.html saves it"
            + ("; give a sample by --sample" if swapped else ""),
            "clips": "not a file of livecc sample-for-labels",
        }
        raise LiveccError(f'{path}: {told[content]} (it has no "{content}")')
    if plain.get("version") != VERSION:
        raise LiveccError(
            f"{path}: its version is {plain.get('version')!r:.40}, and this program reads {VERSION}"
        )
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        raise LiveccError(f"{path}: {error}") from None

"""How fast a stage scores: as its own jobs did, or as it was on the machine of the benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc.configuration.resolved import chosen_engine
from livecc.declaration import CachedStage, Speed
from livecc.files.paths import expanded
from livecc.models.fetch import known_models
from livecc.planning.ranges import Range
from livecc.scores.throughput import throughput

#: How much slower (or, above 1, faster) the same work may be ...
#: ... in jobs with other settings, such as another model
OTHER_SETTINGS = Range(1 / 3, 3)
#: ... on another machine with the same kind of device
OTHER_MACHINE = Range(1 / 5, 2)
#: ... with a model of another size, beside the ratio of the sizes
OTHER_MODEL = Range(1 / 3, 3)
#: ... with a model whose size is unknown
UNKNOWN_MODEL = Range(1 / 20, 3)
#: ... on a CPU instead of a GPU, and the other way round
CPU_FOR_GPU = Range(1 / 5000, 1 / 20)
GPU_FOR_CPU = Range(1, 300)


@dataclass(frozen=True)
class Amount:
    """What there is to score: items, the words of clips, and their seconds (or those of videos)."""

    items: Range
    words: Range
    seconds: Range

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.items + other.items, self.words + other.words, self.seconds + other.seconds
        )

    def of_items(self, items: Range) -> Amount:
        """As much for each item, for another number of them."""
        if not self.items.high:
            return Amount(items, NO_AMOUNT.words, NO_AMOUNT.seconds)
        mean = (self.items.low + self.items.high) / 2
        return Amount(items, items * (self.words / mean), items * (self.seconds / mean))


NO_AMOUNT = Amount(Range.of(0), Range.of(0), Range.of(0))


@dataclass(frozen=True)
class Pace:
    """Amounts of `unit` a second, seconds to load, and where the figure is from, in words."""

    per_second: Range
    unit: str
    load: float
    source: str
    measured: bool

    def seconds(self, amount: Amount, jobs: Range) -> Range:
        """Seconds for an amount in `jobs` that each load the model."""
        units = {"item": amount.items, "word": amount.words, "second": amount.seconds}
        return units[self.unit] / self.per_second + jobs * self.load


def pace_of(
    config: Mapping[str, Any],
    stage: CachedStage,
    cache: Path,
    device: str,
    fingerprint: str | None,
) -> Pace | None:
    """The pace of a stage's jobs; None if nobody has ever measured one.

    `fingerprint` is that of their scores, if it can be known.
    """
    same = throughput(cache, stage.name, fingerprint=fingerprint) if fingerprint else None
    found = same or throughput(cache, stage.name, device)
    if found is not None:
        # Only a model makes much of a difference.
        alike = same is not None or not stage.models(config[stage.name])
        per_second = Range.of(found.items_per_second)
        return Pace(
            per_second if alike else per_second * OTHER_SETTINGS,
            "item",
            found.load_seconds,
            "earlier jobs" if alike else "earlier jobs with other settings",
            measured=True,
        )
    return _stated(config, stage, device)


def _stated(config: Mapping[str, Any], stage: CachedStage, device: str) -> Pace | None:
    engine = chosen_engine(config, stage)
    speeds = stage.speeds if engine is None else engine.speeds
    model = stage.models(config[stage.name]).get("")
    name = model.reference if model is not None else None

    def distance(speed: Speed) -> tuple[bool, bool]:
        return speed.device != device, speed.model not in (None, name)

    if not speeds:
        return None
    speed = min(speeds, key=distance)
    per_second = Range(speed.least, speed.most) * OTHER_MACHINE
    if speed.device != device:
        per_second *= CPU_FOR_GPU if device == "cpu" else GPU_FOR_CPU
    if speed.model is not None and speed.model != name:
        ratio = _ratio(speed.model, name)
        per_second *= UNKNOWN_MODEL if ratio is None else OTHER_MODEL * ratio
    least, most = f"{speed.least:,}", f"{speed.most:,}"
    ran = f"with {speed.model} " if speed.model is not None else ""
    figures = least if least == most else f"{least} to {most}"
    units = "seconds of video" if speed.unit == "second" else f"{speed.unit}s"
    source = f"{figures} {units} a second {ran}on {speed.on}"
    return Pace(per_second, speed.unit, speed.load, source, measured=False)


def _ratio(stated: str, used: str | None) -> float | None:
    """The size of one model divided by that of another; None if one is not known."""
    sizes = [_megabytes(stated), None if used is None else _megabytes(used)]
    return None if sizes[0] is None or sizes[1] is None else sizes[0] / sizes[1]


def _megabytes(reference: str) -> float | None:
    """The size of a model of models.yaml, or of the weights in a folder."""
    if reference in known_models():
        size = known_models()[reference].get("size_mb")
        return None if size is None else float(size)
    folder = expanded(reference)
    try:
        sizes = [path.stat().st_size for path in folder.iterdir() if path.is_file()]
    except OSError:
        return None
    return sum(sizes) / 1e6 or None

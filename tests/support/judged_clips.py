"""Made-up clips with three numeric scores and a known truth, as `livecc.labels` reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow

from livecc.labels.files import SampleFile
from livecc.labels.population import Numeric, Population, _keys
from livecc.labels.sampling import draw


@dataclass(frozen=True)
class Clips:
    """`population` of n clips and which of them are good, (n,) booleans."""

    population: Population
    good: np.ndarray

    def answers(self, sample: SampleFile) -> dict[str, bool]:
        """What a judge who is always right says of a sample."""
        return {one.clip: bool(self.good[self.place(one.clip)]) for one in sample.clips}

    def place(self, clip: str) -> int:
        return self.population.places[clip]

    def sample(self, count: int, seed: int) -> SampleFile:
        ids = list(self.population.places)
        fields = {**vars(self.population), "keys": _keys(ids, seed)}
        return draw(Population(**fields), "pretrain", "default", count, seed)

    @property
    def precision(self) -> float:
        return float(self.good[self.population.kept].mean())

    @property
    def recall(self) -> float:
        return float(self.good[self.population.kept].sum() / self.good.sum())


def clips_with_scores(
    scores: dict[str, np.ndarray],
    bounds: dict[str, tuple[float | None, float | None]],
    good: np.ndarray,
) -> Clips:
    """Clips that bands (rule -> lower and upper bound) decide on."""
    count = len(good)
    none = np.zeros(count, bool)
    numeric = tuple(
        Numeric(rule, values, none, *bounds[rule], ("min", "max"), {})
        for rule, values in scores.items()
    )
    dropped_by = np.full(count, -1, np.int8)
    for number, one in reversed(list(enumerate(numeric, 1))):
        dropped_by[~one.passes()] = number
    ids = [f"v{n}.mp4#0-9" for n in range(count)]
    population = Population(
        rules=("clip", *scores),
        dropped_by=dropped_by,
        unscored=none,
        numeric=numeric,
        fixed=np.ones(count, bool),
        places={clip: n for n, clip in enumerate(ids)},
        keys=np.zeros(0, np.uint64),
        clips=pyarrow.chunked_array([ids]),
        unusable=0,
        missing=(),
    )
    return Clips(population, good)


def graded_clips(count: int, precision: float, seed: int = 0) -> Clips:
    """Clips that are the better the deeper they lie inside the bounds.

    The share of good ones among those kept is about `precision`; of the others some are good, too,
    more of them near the bounds.
    """
    rng = np.random.default_rng(seed)
    scores = {"loss": rng.uniform(0, 8, count), "head": rng.beta(1, 3, count)}
    bounds = {"loss": (1.5, 6.5), "head": (None, 0.3)}
    clips = clips_with_scores(scores, bounds, np.zeros(count, bool))
    depth = np.minimum(1 - np.abs(scores["loss"] - 4) / 2.5, (0.3 - scores["head"]) / 0.3)
    kept = clips.population.kept
    # Of the kept clips, those at the edge are bad twice as often as those inside.
    badness = np.where(kept, 1 - depth / 2, 0.0)
    badness *= (1 - precision) / badness[kept].mean()
    chance = np.where(kept, 1 - badness, np.clip(0.4 + depth, 0.02, 0.4))
    return Clips(clips.population, rng.random(count) < np.clip(chance, 0, 1))


def uneven_clips(count: int, precision: float, seed: int) -> Clips:
    """Clips as no estimate was made with: three rules, of correlated, skewed and rounded scores.

    Most clips are dropped; which of them are good hangs on something that no score measures, and on
    one score only at its lower end. Of those kept, `precision` are good, about.
    """
    rng = np.random.default_rng(seed)
    hidden = rng.normal(0, 1, count)
    scores = {
        "loss": np.exp(1.1 + 0.4 * rng.normal(0, 1, count) - 0.2 * hidden),
        # Many clips have the score of the bound itself.
        "head": np.round(rng.beta(0.4, 2, count), 1),
        "speed": rng.gamma(6, 0.4, count) + 0.2 * hidden,
    }
    bounds = {"loss": (2.2, 5.0), "head": (None, 0.1), "speed": (1.5, 3.5)}
    clips = clips_with_scores(scores, bounds, np.zeros(count, bool))
    kept = clips.population.kept
    quality = 1.5 * hidden + np.minimum(scores["loss"] - 2.6, 0) * 3
    # The level at which so many of the kept clips are good.
    level = -np.quantile(quality[kept] + rng.logistic(0, 1, kept.sum()), 1 - precision)
    chance = 1 / (1 + np.exp(-(quality + level)))
    return Clips(clips.population, rng.random(count) < chance)

"""What is proposed for a selection that keeps nothing keeps what it says, and nothing less does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest

from livecc.declaration import rules_of
from livecc.formats.layout import Layout
from livecc.scores.columns import ScoreColumns, read_columns
from livecc.selecting.decisions import decide
from livecc.selecting.nothing_kept import Change, explain, nearest_changes
from livecc.selecting.what_if.question import changed_thresholds
from livecc.thresholds.kinds import Band, Labels, Language, Step
from livecc.thresholds.sets import lenience, parse_rules
from tests.support.built_in import TRACK_STAGES
from tests.support.random_results import random_thresholds, write_shard

SHARDS = ("a", "b")


class Results:
    """Two made-up shards of a track."""

    def __init__(self, folder: Path, track: str, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.track, self.stages = track, TRACK_STAGES[track]
        self.files = [Layout(str(folder)).shard(track, shard) for shard in SHARDS]
        for shard in SHARDS:
            write_shard(folder, track, shard, rng, videos=3)
        self.thresholds = random_thresholds(rng, tuple(rules_of(self.stages)))

    def tables(self) -> Iterator[ScoreColumns]:
        for shard in self.files:
            scores = {stage: Path(shard.scores(stage.name)) for stage in self.stages}
            yield read_columns(Path(shard.clips), scores)

    def kept(self, thresholds: dict[str, Any], with_value_of: str | None = None) -> int:
        """The clips that thresholds keep; only those that have the values of a rule."""
        count = 0
        for columns in self.tables():
            rules = parse_rules(thresholds, columns.rules)
            kept = decide(columns, rules, *lenience(thresholds)).kept
            if with_value_of:
                for name in columns.rules[with_value_of].columns:
                    kept = kept & columns.values[name].is_valid().to_numpy()
            count += int(kept.sum())
        return count

    def changes(self) -> list[Change]:
        return nearest_changes(self.thresholds, {}, self.stages, self.files)


def settings_of(track: str) -> dict[str, Any]:
    from livecc.configuration.options import defaults
    from tests.support.built_in import CATALOGUE

    config = defaults(CATALOGUE)
    config["tracks"][track]["inputs"] = ["x"]
    config["describe_video"]["enabled"] = True
    return config


@pytest.mark.parametrize("track", TRACK_STAGES)
def test_each_change_keeps_what_it_says(tmp_path: Path, track: str) -> None:
    config = settings_of(track)
    seen, alone, halved = set(), 0, 0
    for seed in range(60):
        results = Results(tmp_path / f"{seed}", track, seed)
        if results.kept(results.thresholds):
            continue
        found = results.changes()
        assert [one.kept for one in found] == sorted((one.kept for one in found), reverse=True)
        for change in found:
            told = changed_thresholds(config, track, results.thresholds, [change.setting])
            assert results.kept(told) == change.kept, (seed, change)
            assert change.kept or change.open
            seen.add(change.setting.partition("=")[0])
        # A rule that alone keeps a clip out is among them.
        named = {change.setting.partition(".")[0] for change in found}
        for name in results.thresholds:
            if results.kept({**results.thresholds, name: None}, with_value_of=name):
                assert name in named, (seed, name)
                alone += 1
        for change in found:
            # Half of the way keeps nothing.
            name, _, bound = change.setting.partition("=")[0].partition(".")
            old = results.thresholds.get(name, {}).get(bound) if bound else None
            if bound not in ("min", "max", "below", "min_confidence") or old is None:
                continue
            new = float(change.setting.partition("=")[2])
            # Less is rounding.
            if abs(new - old) > 0.001:
                told = {**results.thresholds[name], bound: (old + new) / 2}
                assert results.kept({**results.thresholds, name: told}) == 0, (seed, change)
                halved += 1
    assert alone > 10
    assert halved > 5
    assert len(seen) >= 4, seen


def columns(**values: list[Any]) -> dict[str, Any]:
    return {name: pyarrow.chunked_array([column]) for name, column in values.items()}


@pytest.mark.parametrize(
    ("band", "values", "bounds"),
    [
        (Band("x", 1.5, 6.5), [0.2, 7.25, 9.0], {"max": 7.25}),
        (Band("x", 1.5, 6.5), [1.23456, 9.0], {"min": 1.2345}),
        (Band("x", max=6.5), [6.50001], {"max": 6.5001}),
        (Band("x", below=0.3), [0.3], {"below": 0.3001}),
        (Band("x", below=0.3), [0.45674, None], {"below": 0.4568}),
        (Band("x", 1.5), [None, float("nan")], None),
    ],
)
def test_nearest_band(band: Band, values: list[Any], bounds: dict[str, float] | None) -> None:
    table = columns(x=values)
    step = band.nearest(table, np.ones(len(values), bool))
    assert (step and step.bounds) == bounds
    if step is not None:
        wider = Band.parse(["x"], {**band.to_json(), **step.bounds})
        assert wider.mask(table).any()
        assert not band.mask(table).any()


def test_nearest_language_and_label() -> None:
    language = Language("label", "confidence", ("en",), 0.9)
    table = columns(label=["en", "en", "fr"], confidence=[0.5, 0.84566, 0.95])
    assert language.nearest(table, np.ones(3, bool)) == Step(
        pytest.approx(0.9 - 0.84566), {"min_confidence": 0.8456}
    )
    step = language.nearest(table, np.array([False, False, True]))
    assert step is not None
    assert step.bounds == {"labels": ["en", "fr"]}
    labels = Labels("kind", ("a",))
    step = labels.nearest(columns(kind=["b", "c", "c", None]), np.ones(4, bool))
    assert step is not None
    assert step.bounds == {"labels": ["a", "c"]}
    assert labels.nearest(columns(kind=[None]), np.ones(1, bool)) is None


def test_clips_outside_a_gate_are_still_to_be_scored(tmp_path: Path) -> None:
    """With automatic gates, a later stage has no scores of what an earlier rule drops."""
    from livecc.files.parquet import read_rows, write_table
    from tests.support.built_in import SCORE_STAGES

    results = Results(tmp_path, "pretrain", 1)
    for shard in results.files:
        for name in ("score_lm_loss", "score_talking_head"):
            table = Path(shard.scores(name))
            rows = read_rows(table)
            write_table(table, SCORE_STAGES[name].schema, rows[:0])
    results.thresholds = {
        "words_per_second": {"min": 100},
        "lm_loss": {"max": 6.5},
        "on_unscored": "drop",
    }
    [change, *_] = results.changes()
    assert change.setting.startswith("words_per_second.min=")
    assert change.kept == 0
    assert change.open > 0


def test_explain_reads_what_a_manifest_says(tmp_path: Path) -> None:
    results = Results(tmp_path, "pretrain", 10)
    configuration = {
        "thresholds": {"words_per_second": {"min": 100}, "gone_rule": {"min": 1}},
        "gates": {"score_lm_loss": "auto", "score_talking_head": {"lm_loss": {"max": 9}}},
    }
    found = explain(configuration, results.stages, results.files)
    assert found["changes"][0]["setting"].startswith("words_per_second.min=")
    assert found["changes"][0]["kept"] > 0
    assert found["fewest_failures"] == []
    configuration["thresholds"] |= {"language": {"labels": ["xx"]}}
    found = explain(configuration, results.stages, results.files)
    assert found == {"changes": [], "fewest_failures": ["words_per_second", "language"]}

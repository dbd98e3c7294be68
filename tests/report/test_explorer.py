"""The explorer of a page decides as the workflow does, clip by clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecc.declaration import rules_of
from livecc.selecting.decisions import decide
from livecc.selecting.what_if.answer import Question, answer
from livecc.thresholds.sets import ON_UNSCORED, parse_rules
from tests.support.built_in import TRACK_STAGES
from tests.support.random_results import random_thresholds
from tests.support.reported import page_of, run_of_track, write_results

SHARDS = ["a", "b", "c"]
#: Decisions of a page, by clip, and its counts, for some thresholds.
DECIDED = """(settings) => settings.map(({thresholds, on_unscored}) => {
  const track = livecc.state.tracks[0];
  const chosen = {on_unscored, rules: thresholds};
  const decided = livecc.decide.decide(track, chosen, new Map(), null);
  const sums = livecc.decide.totals(track, decided);
  return {by: [...decided.droppedBy], unscored: [...decided.unscored], kept: sums.clips,
    videos: sums.videos, seconds: sums.seconds, toScore: [...sums.toScore],
    failed: [...sums.failed], outside: [...sums.outside], absent: [...sums.absent]};
})"""


def settings(rng: np.random.Generator, names: tuple[str, ...], count: int) -> list[dict[str, Any]]:
    return [
        {
            "thresholds": random_thresholds(rng, names),
            "on_unscored": str(rng.choice(["drop", "keep", "fail"])),
        }
        for _ in range(count)
    ]


@pytest.mark.parametrize("track", ["pretrain", "sft"])
def test_the_page_keeps_what_the_what_if_keeps(tmp_path: Path, track: str, opened: Any) -> None:
    """Of 200 settings of all handles: each clip's rule, unscored ones included, and the counts."""
    rng = np.random.default_rng(5)
    stages = TRACK_STAGES[track]
    rules = rules_of(stages)
    names = tuple(rules)
    write_results(tmp_path, track, rng, SHARDS)
    gates = {stages[-1].name: random_thresholds(rng, names[:2])}
    base = {**random_thresholds(rng, names), ON_UNSCORED: "drop"}
    run = run_of_track(tmp_path, track, {"default": base}, gates)
    page = opened(page_of(run))
    many = settings(rng, names, 200)
    shards = []
    for number, (told, found) in enumerate(zip(many, page.evaluate(DECIDED, many), strict=True)):
        thresholds = {**told["thresholds"], ON_UNSCORED: told["on_unscored"]}
        question = Question(
            run.layout,
            track,
            "default",
            SHARDS,
            stages,
            gates_of(stages, gates),
            gates,
            thresholds,
            thresholds,
        )
        shards = shards or [question.columns(shard) for shard in SHARDS]
        by: list[str | None] = []
        unscored: list[bool] = []
        for columns in shards:
            parsed = parse_rules(thresholds, columns.rules)
            decided = decide(columns, parsed, told["on_unscored"])
            by += decided.rule_names()
            unscored += decided.unscored.tolist()
        order = ["clip", *names]
        assert [None if n < 0 else order[n] for n in found["by"]] == by, thresholds
        assert [bool(n) for n in found["unscored"]] == unscored, thresholds
        assert found["kept"] == by.count(None)
        if number % 8:
            continue
        # The sums of the command itself, which reads all tables again.
        expected = answer(question, 1)
        assert found["kept"] == expected.after.clips
        assert found["videos"] == expected.after.videos
        assert found["seconds"] == pytest.approx(expected.after.seconds)
        if told["on_unscored"] != "keep":
            for key in ("failed", "outside", "absent", "to_score"):
                counted = stage_counts(found[CAMEL.get(key, key)], names, stages)
                # What-if counts a stage's clips once for each of its rules.
                assert counted == {k: v for k, v in getattr(expected, key).items() if v}, key


CAMEL = {"to_score": "toScore"}


def gates_of(stages: Any, gates: dict[str, Any]) -> dict[str, Any]:
    return {stage.name: gates.get(stage.name, {}) for stage in stages}


def stage_counts(by_rule: list[float], names: tuple[str, ...], stages: Any) -> dict[str, int]:
    counts = dict(zip(("clip", *names), by_rule, strict=True))
    sums = {stage.name: int(sum(counts[rule.name] for rule in stage.rules)) for stage in stages}
    return {name: count for name, count in sums.items() if count}

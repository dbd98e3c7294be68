"""The explorer of a page decides as the workflow does, clip by clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecc.declaration import rules_of
from livecc.files.parquet import read_rows, write_table
from livecc.formats.layout import Layout
from livecc.scores.columns import read_columns
from livecc.selecting.decisions import decide
from livecc.selecting.what_if.answer import Question, answer
from livecc.thresholds.sets import ON_UNSCORED, parse_rules
from tests.support.built_in import SCORE_STAGES, TRACK_STAGES
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
    counts = dict(zip(("clip", *names, "top"), by_rule, strict=True))
    sums = {stage.name: int(sum(counts[rule.name] for rule in stage.rules)) for stage in stages}
    return {name: count for name, count in sums.items() if count}


def test_unknown_values_are_kept_or_dropped(tmp_path: Path, opened: Any) -> None:
    write_results(tmp_path, "pretrain", np.random.default_rng(2), ["a"])
    told = SCORE_STAGES["score_lm_loss"]
    rule = replace(told.rules[0], may_be_unknown=True)
    stage = replace(told, rules=(rule,))
    table = Layout(str(tmp_path)).shard("pretrain", "a").scores(stage.name)
    rows = read_rows(table)
    for row in rows[::3]:
        row["lm_loss"] = None
    write_table(table, stage.schema, rows)
    run = run_of_track(tmp_path, "pretrain", {"default": {"lm_loss": {"min": 0.3}}}, stages=[stage])
    page = opened(page_of(run))
    clips = [row["clip"] for row in read_rows(run.layout.shard("pretrain", "a").clips)]
    by_clip = {row["clip"]: row for row in rows if row["status"] == "ok"}
    inside = {clip for clip, row in by_clip.items() if (row["lm_loss"] or 0) >= 0.3}
    unknown = {clip for clip, row in by_clip.items() if row["lm_loss"] is None}
    assert unknown
    kept = "(value) => { livecc.state.changeOther('on_unknown', value); return KEPT; }".replace(
        "KEPT", "[...livecc.state.decided.droppedBy].map((by) => by < 0)"
    )
    usable = {
        row["clip"]
        for row in read_rows(run.layout.shard("pretrain", "a").clips)
        if row["status"] == "ok"
    }
    for value, wanted in (("drop", inside), ("keep", inside | unknown)):
        found = page.evaluate(kept, value)
        assert {clip for clip, is_kept in zip(clips, found, strict=True) if is_kept} == (
            wanted & usable
        )
    assert "on_unknown: keep" in page.locator("#yaml").inner_text()
    assert "--set on_unknown=keep" in page.locator("#what-if").inner_text()


def test_the_best_of_a_selection(tmp_path: Path, opened: Any) -> None:
    """Of equal values, those whose ids come first; each id counts once."""
    write_results(tmp_path, "pretrain", np.random.default_rng(6), SHARDS)
    rules = {"language": {"labels": ["en", "de"]}, "top": {"by": "lm_loss", "keep": 12}}
    run = run_of_track(tmp_path, "pretrain", {"default": rules})
    page = opened(page_of(run))
    clips: list[str] = []
    values: list[float | None] = []
    passes: list[bool] = []
    for shard in SHARDS:
        files = run.layout.shard("pretrain", shard)
        scores = {stage: Path(files.scores(stage.name)) for stage in TRACK_STAGES["pretrain"]}
        read = read_columns(Path(files.clips), scores)
        clips += read.clips["clip"].to_pylist()
        values += read.values["lm_loss"].to_pylist()
        passes += decide(read, parse_rules(rules, read.rules), "drop").kept.tolist()
    for keep in (1, 5, 12, 30):
        found = page.evaluate(
            """(keep) => { const state = livecc.state;
              state.changeOther("top", {...state.chosen.top, keep});
              return [...state.decided.droppedBy].map((by) => by < 0); }""",
            keep,
        )
        able = [
            (-value, clip)
            for clip, value, is_in in zip(clips, values, passes, strict=True)
            if is_in and value is not None
        ]
        wanted = {clip for _, clip in sorted(able)[:keep]}
        assert {clip for clip, is_kept in zip(clips, found, strict=True) if is_kept} == wanted
    assert "top: {by: lm_loss, keep: 30}" in page.locator("#yaml").inner_text()
    assert "--set top.keep=30" in page.locator("#what-if").inner_text()

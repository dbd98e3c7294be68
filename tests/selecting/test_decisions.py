"""Decisions over columns are those that a clip at a time, told plainly, comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecc.declaration import TableStage, rules_of
from livecc.errors import LiveccError
from livecc.files.atomic import read_json
from livecc.files.parquet import read_rows
from livecc.scores.columns import read_columns
from livecc.selecting.decisions import UNSCORED, decide, reasons
from livecc.selecting.select_samples import select_shard
from livecc.thresholds.sets import lenience, parse_rules
from tests.support.built_in import RULES, TRACK_STAGES, TRACKS
from tests.support.random_results import random_thresholds, write_shard

Told = tuple[str | None, str | None]


class ClipByClip:
    """A shard's clips as dicts, and what becomes of each."""

    def __init__(
        self, clips: Path, scores: Mapping[TableStage, Path], gates: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.clips = read_rows(clips)
        self.scores: list[dict[str, dict[str, Any]]] = [{} for _ in self.clips]  # rule -> row
        for stage, path in scores.items():
            id_column = stage.item
            rows = {row[id_column]: row for row in read_rows(path)}
            inside = {
                clip[id_column]
                for clip, found in zip(self.clips, self.scores, strict=True)
                if stage.name not in gates or self._inside(clip, found, gates[stage.name])
            }
            for clip, found in zip(self.clips, self.scores, strict=True):
                if clip[id_column] in rows and clip[id_column] in inside:
                    # A rule may compare a score with the clip's own columns.
                    row = {"video_end": clip["end"], **rows[clip[id_column]]}
                    found |= {rule.name: row for rule in stage.rules}

    @staticmethod
    def _inside(
        clip: dict[str, Any], found: Mapping[str, dict[str, Any]], gate: Mapping[str, Any]
    ) -> bool:
        if clip["status"] != "ok":
            return False
        for name, rule in parse_rules(gate, RULES).items():
            row = clip if name == "words_per_second" else found.get(name)
            if row is None or row["status"] != "ok":
                return False
            if _unknown(name, row) and gate.get("on_unknown") == "keep":
                continue
            if rule.failure(row) is not None:
                return False
        return True

    def decisions(self, thresholds: Mapping[str, Any]) -> list[Told]:
        return [
            self._decide(clip, found, thresholds)
            for clip, found in zip(self.clips, self.scores, strict=True)
        ]

    @staticmethod
    def _decide(
        clip: dict[str, Any], found: Mapping[str, dict[str, Any]], thresholds: Mapping[str, Any]
    ) -> Told:
        if clip["status"] != "ok":
            return "clip", clip["reason"]
        for name, rule in parse_rules(thresholds, RULES).items():
            row = clip if name == "words_per_second" else found.get(name)
            if row is None or row["status"] != "ok":
                if thresholds.get("on_unscored") == "keep" and RULES[name].may_keep_unscored:
                    continue
                return name, UNSCORED + ("outside the gate" if row is None else row["reason"])
            if unknown := _unknown(name, row):
                if thresholds.get("on_unknown") == "keep":
                    continue
                return name, f"unknown: {unknown}"
            why = rule.failure(row)
            if why is not None:
                return name, why
        return None, None


def _unknown(name: str, row: Mapping[str, Any]) -> str:
    """The columns without a value of a rule whose values may be unknown."""
    rule = RULES[name]
    missing = [column for column in rule.columns if row[column] is None]
    return ", ".join(missing) if rule.may_be_unknown else ""


def random_gate(
    rng: np.random.Generator, earlier: Sequence[TableStage], excluded: Path
) -> dict[str, Any]:
    gate = random_thresholds(rng, tuple(rules_of(earlier)), excluded)
    return gate | ({"on_unknown": "keep"} if rng.random() < 0.3 else {})


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("on_unscored", ["drop", "keep", "fail", None])
@pytest.mark.parametrize("track", TRACK_STAGES)
def test_decisions(tmp_path: Path, track: str, on_unscored: str | None, seed: int) -> None:
    rng = np.random.default_rng(seed)
    clips, scores = write_shard(tmp_path, track, "a", rng)
    stages = TRACK_STAGES[track]
    names = tuple(rules_of(stages))
    excluded = tmp_path / "excluded.txt"
    excluded.write_text("# Two of them.\n-a\n\nc\n")
    thresholds = random_thresholds(rng, names, excluded)
    if rng.random() < 0.5:
        thresholds["on_unknown"] = str(rng.choice(["keep", "drop"]))
    if on_unscored is not None:
        thresholds["on_unscored"] = on_unscored
    gates = {
        stage.name: random_gate(rng, stages[:n], excluded)
        for n, stage in enumerate(stages)
        if n and rng.random() < 0.4
    }
    expected = ClipByClip(clips, scores, gates).decisions(thresholds)

    columns = read_columns(clips, scores, gates, ["reason"])
    rules = parse_rules(thresholds, RULES)
    decided = decide(columns, rules, *lenience(thresholds))
    why = reasons(columns, rules, decided)
    assert list(zip(decided.rule_names(), why, strict=True)) == expected

    output = [tmp_path / name for name in ("decisions.parquet", "samples.jsonl", "counts.json")]
    transcripts = tmp_path / track / "transcripts" / "a.jsonl.zst"
    unscored = [why for _, why in expected if why and why.startswith(UNSCORED)]
    if on_unscored == "fail" and unscored:
        with pytest.raises(LiveccError, match="on_unscored: fail"):
            select_shard(TRACKS[track], thresholds, gates, transcripts, clips, scores, *output)
        return
    counts = select_shard(TRACKS[track], thresholds, gates, transcripts, clips, scores, *output)
    rows = read_rows(output[0])
    assert [(row["rule"], row["why"]) for row in rows] == expected
    assert [row["kept"] for row in rows] == [rule is None for rule, _ in expected]
    assert counts == read_json(output[2])
    assert counts["kept"] == sum(rule is None for rule, _ in expected)
    assert sum(counts["unscored"].values()) == len(unscored)
    unknown = [why for _, why in expected if why and why.startswith("unknown: ")]
    assert sum(counts["unknown"].values()) == len(unknown)
    assert set(RULES) | {"clip"} >= set(counts["dropped"])

"""Columns of a shard and masks of rules say what rows and reasons say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecc.declaration import rules_of
from livecc.scores.columns import candidate_ids, read_columns
from livecc.scores.tables import candidates
from livecc.thresholds.sets import parse_rules
from tests.support.built_in import RULES, SCORE_STAGES, TRACK_STAGES
from tests.support.random_results import random_thresholds, write_shard

_numbers = st.none() | st.sampled_from([0.0, 0.3, 1.0, float("nan")]) | st.floats(-2, 2)
_bounds = st.sampled_from([0.0, 0.3, 1.0]) | st.floats(-2, 2)
_band = st.fixed_dictionaries({}, optional=dict.fromkeys(("min", "max", "below"), _bounds))
_rules = st.fixed_dictionaries(
    {},
    optional={
        "lm_loss": _band,
        "language": st.fixed_dictionaries(
            {"labels": st.lists(st.sampled_from(["en", "de", "zh"]), max_size=3)},
            optional={"min_confidence": _bounds},
        ),
        "inside_video": st.fixed_dictionaries({"max_seconds_beyond": _bounds}),
        "prompt": st.fixed_dictionaries({"answers": st.lists(st.sampled_from(["YES", "NO"]))}),
    },
)
_clips = st.lists(
    st.fixed_dictionaries(
        {
            "lm_loss": _numbers,
            "language": st.none() | st.sampled_from(["en", "de", ""]),
            "language_confidence": _numbers,
            "video_seconds": _numbers,
            "video_end": _numbers,
            "answer": st.none() | st.sampled_from(["YES", "NO", "yes"]),
        }
    ),
    max_size=8,
)
_SCHEMA = pa.schema(
    [
        ("lm_loss", pa.float64()),
        ("language", pa.string()),
        ("language_confidence", pa.float64()),
        ("video_seconds", pa.float64()),
        ("video_end", pa.float64()),
        ("answer", pa.string()),
    ]
)


@given(_rules, _clips)
@settings(deadline=None)
def test_a_mask_is_true_where_there_is_no_failure(
    bounds: dict[str, Any], clips: list[dict[str, Any]]
) -> None:
    columns = pa.Table.from_pylist(clips, _SCHEMA)
    for rule in parse_rules(bounds, RULES).values():
        expected = [rule.failure(clip) is None for clip in clips]
        assert rule.mask(columns).tolist() == expected


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("track", TRACK_STAGES)
def test_candidate_ids_are_those_of_candidates(tmp_path: Path, track: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    clips, tables = write_shard(tmp_path, track, "a", rng)
    sizes = set()
    for stages in range(len(tables) + 1):
        scores = dict(list(tables.items())[:stages])
        names = tuple(rules_of(scores))
        for on_unscored in ("keep", "drop", None):
            gate = random_thresholds(rng, names)
            if on_unscored is not None:
                gate["on_unscored"] = on_unscored
            rows = list(candidates(clips, scores, gate))
            videos = list(dict.fromkeys(row["video"] for row in rows))
            assert candidate_ids(clips, scores, gate) == ([row["clip"] for row in rows], videos)
            sizes.add(len(rows))
    assert len(sizes) > 1


def test_a_gate_on_a_score_that_no_table_has(tmp_path: Path) -> None:
    clips, tables = write_shard(tmp_path, "pretrain", "a", np.random.default_rng(0))
    language = SCORE_STAGES["identify_language"]
    scores = {language: tables[language]}
    gate: dict[str, Any] = {"lm_loss": {"min": 1.0}}
    for on_unscored in ("keep", "drop"):
        gate["on_unscored"] = on_unscored
        rows = list(candidates(clips, scores, gate))
        assert candidate_ids(clips, scores, gate)[0] == [row["clip"] for row in rows]


def test_unknown_values_of_one_piece_and_of_several(tmp_path: Path) -> None:
    """Columns are arrays, or chunked ones, by how they were read."""
    rng = np.random.default_rng(3)
    clips, scores = write_shard(tmp_path, "pretrain", "a", rng)
    columns = read_columns(clips, scores)
    expected = columns.unknown("duration")
    assert expected.any()
    told = columns.values["duration"].to_pylist()
    whole = pa.array(told, pa.float64())
    for value in (whole, pa.chunked_array([whole[:3], whole[3:]])):
        values = {**columns.values, "duration": value}
        again = dataclasses.replace(columns, values=values)
        assert (again.unknown("duration") == expected).all()

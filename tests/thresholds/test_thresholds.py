"""Bands, languages, unions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecc.thresholds import sets
from livecc.thresholds.kinds import Band, Threshold
from livecc.thresholds.sets import rules_to_json, union
from tests.support.built_in import RULES


def parse_rules(config: Mapping[str, Any], names: list[str] | None = None) -> dict[str, Threshold]:
    return sets.parse_rules(config, RULES, names)


def covers(wider: Mapping[str, Any], narrower: Mapping[str, Any]) -> bool:
    return sets.covers(wider, narrower, RULES)


def first_failure(
    thresholds: Mapping[str, Threshold], values: Mapping[str, Any]
) -> tuple[str, str] | tuple[None, None]:
    """(rule, why) of the first threshold that the values fail, or (None, None)."""
    for name, threshold in thresholds.items():
        why = threshold.failure(values)
        if why is not None:
            return name, why
    return None, None


EN = {"language": "en", "language_confidence": 0.95}


@pytest.mark.parametrize(
    ("bounds", "value", "why"),
    [
        ({"min": 1, "max": 4}, 1.0, None),
        ({"min": 1, "max": 4}, 4.0, None),
        ({"min": 1, "max": 4}, 0.999, "lm_loss 0.999 < 1"),
        ({"min": 1, "max": 4}, 4.0001, "lm_loss 4.0001 > 4"),
        ({"below": 0.3}, 0.3, "lm_loss 0.3 >= 0.3"),
        ({"below": 0.3}, 0.2999, None),
        ({}, 1e9, None),
        ({"min": 1}, float("nan"), "lm_loss is not a number"),
        ({"min": 1}, None, "lm_loss is not a number"),
    ],
)
def test_band(bounds: dict[str, float], value: float, why: str | None) -> None:
    assert Band("lm_loss", **bounds).failure({"lm_loss": value}) == why


def test_language() -> None:
    rules = parse_rules({"language": {"labels": ["en", "de"], "min_confidence": 0.9}})
    assert first_failure(rules, EN) == (None, None)
    assert first_failure(rules, {**EN, "language": "fr"}) == (
        "language",
        "language fr is not en or de",
    )
    assert first_failure(rules, {**EN, "language_confidence": 0.5}) == (
        "language",
        "language en with confidence 0.5 < 0.9",
    )


def test_rules_are_applied_in_pipeline_order() -> None:
    rules = parse_rules({"lm_loss": {"max": 1}, "words_per_second": {"max": 1}})
    values = {"lm_loss": 5.0, "words_per_second": 5.0}
    assert list(rules) == ["words_per_second", "lm_loss"]
    assert first_failure(rules, values)[0] == "words_per_second"


def test_switched_off_and_null_rules_do_not_bind() -> None:
    assert parse_rules({"lm_loss": {"max": 1}}, ["words_per_second"]) == {}
    assert parse_rules({"lm_loss": None}) == {}


_number = st.floats(-10, 10) | st.none()
_band = st.fixed_dictionaries({}, optional={"min": st.floats(-10, 10), "max": st.floats(-10, 10)})
_upper = st.fixed_dictionaries({}, optional={"below": st.floats(-10, 10)})
_language = st.fixed_dictionaries(
    {"labels": st.lists(st.sampled_from(["en", "de", "fr"]), min_size=1, unique=True)},
    optional={"min_confidence": st.floats(0, 1)},
)
_selection = st.fixed_dictionaries(
    {},
    optional={
        "words_per_second": _band,
        "lm_loss": _band,
        "talking_head": _upper,
        "language": _language,
    },
)
_values = st.fixed_dictionaries(
    {
        "words_per_second": st.floats(-11, 11),
        "lm_loss": st.floats(-11, 11),
        "talking_head": st.floats(-11, 11),
        "language": st.sampled_from(["en", "de", "fr", "ru"]),
        "language_confidence": st.floats(0, 1),
    }
)


@given(st.lists(_selection, min_size=1, max_size=4), _values)
def test_union_lets_through_what_any_selection_does(
    selections: list[dict[str, Any]], values: dict[str, Any]
) -> None:
    parsed = [parse_rules(selection) for selection in selections]
    kept_by_some = any(first_failure(rules, values) == (None, None) for rules in parsed)
    if kept_by_some:
        assert first_failure(union(parsed), values) == (None, None)


@given(_selection)
def test_union_of_one_is_itself(selection: dict[str, Any]) -> None:
    rules = parse_rules(selection)
    again = parse_rules(rules_to_json(union([rules])))
    probes = [-11.0, -10.0, -3.3, 0.0, 3.3, 10.0, 11.0]
    bounds = [v for b in selection.values() for v in b.values() if isinstance(v, float)]
    for probe in [*probes, *bounds]:
        for label in ("en", "de", "fr", "ru"):
            values = {
                "words_per_second": probe,
                "lm_loss": probe,
                "talking_head": probe,
                "language": label,
                "language_confidence": min(1.0, max(0.0, probe)),
            }
            passes = first_failure(rules, values)[0] is None
            assert (first_failure(again, values)[0] is None) == passes


def test_union_of_upper_ends_keeps_the_inclusive_one() -> None:
    merged = union(
        [parse_rules({"talking_head": {"below": 0.3}}), parse_rules({"talking_head": {"max": 0.3}})]
    )
    assert rules_to_json(merged) == {"talking_head": {"max": 0.3}}


@pytest.mark.parametrize(
    ("wider", "narrower", "expected"),
    [
        ({}, {}, True),
        ({}, {"lm_loss": {"max": 5}}, True),
        ({"lm_loss": {"max": 5}}, {}, False),
        ({"lm_loss": {}}, {}, False),  # demands a score
        ({"lm_loss": {"min": 1, "max": 5}}, {"lm_loss": {"min": 1, "max": 5}}, True),
        ({"lm_loss": {"min": 1, "max": 5}}, {"lm_loss": {"min": 1, "max": 5.1}}, False),
        ({"lm_loss": {"min": 1}}, {"lm_loss": {"max": 5}}, False),
        ({"talking_head": {"max": 0.3}}, {"talking_head": {"below": 0.3}}, True),
        ({"talking_head": {"below": 0.3}}, {"talking_head": {"max": 0.3}}, False),
        ({"lm_loss": {"max": 1}}, {"lm_loss": {"min": 5, "below": 5}}, True),  # nothing gets in
        ({"lm_loss": {"max": 1}}, {"language": {"labels": ["en"]}, "lm_loss": {"max": 1}}, True),
        ({"language": {"labels": ["en", "de"]}}, {"language": {"labels": ["de"]}}, True),
        ({"language": {"labels": ["de"]}}, {"language": {"labels": ["en", "de"]}}, False),
        (
            {"language": {"labels": ["en"], "min_confidence": 0.9}},
            {"language": {"labels": ["en"], "min_confidence": 0.8}},
            False,
        ),
        ({"prompt": {"answers": ["YES", "NO"]}}, {"prompt": {"answers": ["YES"]}}, True),
        ({"lm_loss": {"max": 5}, "on_unscored": "keep"}, {"lm_loss": {"max": 5}}, True),
        ({"lm_loss": {"max": 5}}, {"lm_loss": {"max": 5}, "on_unscored": "keep"}, False),
        (
            {"words_per_second": {"max": 5}},
            {"words_per_second": {"max": 5}, "on_unscored": "keep"},
            True,
        ),
    ],
)
def test_covers(wider: dict[str, Any], narrower: dict[str, Any], expected: bool) -> None:
    assert covers(wider, narrower) is expected


_bound = st.integers(0, 2).map(float)
_small_band = st.fixed_dictionaries({}, optional=dict.fromkeys(("min", "max", "below"), _bound))
_small_gate = st.fixed_dictionaries(
    {},
    optional={
        "words_per_second": _small_band,
        "lm_loss": _small_band,
        "language": st.fixed_dictionaries(
            {"labels": st.lists(st.sampled_from(["en", "de"]), min_size=1, unique=True)},
            optional={"min_confidence": st.sampled_from([0.0, 0.5, 1.0])},
        ),
        "prompt": st.fixed_dictionaries(
            {"answers": st.lists(st.sampled_from(["YES", "NO"]), min_size=1, unique=True)}
        ),
        "on_unscored": st.sampled_from(["keep", "drop"]),
    },
)


def _every_kind_of_clip() -> Iterator[dict[str, Any]]:
    """Clips on, beside and between all bounds of `_small_gate`, with and without each score."""
    numbers = [-0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, float("nan")]
    languages = product(["en", "de", "fr"], [0.0, 0.25, 0.5, 0.75, 1.0])
    for speed, loss, language, answer in product(
        numbers, [None, *numbers], [None, *languages], [None, "YES", "NO", "MAYBE"]
    ):
        clip: dict[str, Any] = {"words_per_second": speed}
        clip |= {} if loss is None else {"lm_loss": loss}
        clip |= {} if answer is None else {"answer": answer}
        if language is not None:
            clip["language"], clip["language_confidence"] = language
        yield clip


CLIPS = list(_every_kind_of_clip())


def _inside(gate: Mapping[str, Any]) -> list[bool]:
    rules = parse_rules(gate)
    keep = gate.get("on_unscored") == "keep"

    def passes(clip: dict[str, Any]) -> bool:
        scored = {n: rule for n, rule in rules.items() if all(c in clip for c in RULES[n].columns)}
        return (keep or len(scored) == len(rules)) and first_failure(scored, clip)[0] is None

    return [passes(clip) for clip in CLIPS]


@given(_small_gate, _small_gate)
@settings(max_examples=200, deadline=None)
def test_covers_is_what_it_says_for_every_kind_of_clip(
    wider: dict[str, Any], narrower: dict[str, Any]
) -> None:
    contained = all(
        outer or not inner for outer, inner in zip(_inside(wider), _inside(narrower), strict=True)
    )
    assert covers(wider, narrower) is contained


@given(st.lists(_small_gate, min_size=1, max_size=3))
def test_union_covers_its_parts(gates: list[dict[str, Any]]) -> None:
    keep = any(gate.get("on_unscored") == "keep" for gate in gates)
    merged = rules_to_json(union([parse_rules(gate) for gate in gates]))
    for gate in gates:
        assert covers({**merged, "on_unscored": "keep" if keep else "drop"}, gate)

"""Bands, languages, unions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecc.thresholds import Band, first_failure, parse_rules, rules_to_json, union

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

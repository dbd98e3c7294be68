"""What counts as an answer, and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecc.stages.make_prompts.answers import (
    ANSWER_SCHEMA,
    MAX_QUERY_CHARACTERS,
    Answer,
    InvalidAnswerError,
    parse_answer,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
answers = st.fixed_dictionaries(
    {"result": st.sampled_from(["YES", "NO", "yes", ""]) | json_values, "query": json_values}
)


def answer_or_reason(text: str) -> Answer | str:
    try:
        return parse_answer(text)
    except InvalidAnswerError as error:
        return str(error)


@given(answers)
def test_what_is_taken_keeps_to_the_schema(value: dict[str, Any]) -> None:
    import jsonschema

    answer = answer_or_reason(json.dumps(value))
    if isinstance(answer, str):
        return
    jsonschema.validate({"result": answer.result, "query": answer.query}, ANSWER_SCHEMA)
    assert answer.result == value["result"]
    assert (answer.query == "") == (answer.result == "NO")
    answer.query.encode()
    assert answer.query == answer.query.strip()
    assert "\n" not in answer.query


@given(st.text())
def test_any_text_gives_an_answer_or_a_reason(text: str) -> None:
    assert answer_or_reason(text)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "wrapping",
    [
        "{}",
        "\n  {}\n",
        "```json\n{}\n```",
        "```JSON\n{}```",
        "```\n{}\n```\n",
        "Here you are:\n\n```json\n{}\n```\nAnything else?",
        "<think>\nIs it YES? {{}}\n```json\n1```\n</think>\n\n{}",
    ],
)
def test_wrappings(wrapping: str, indent: int | None) -> None:
    value = {"result": "YES", "query": "Comment  on ```this```,\nplease. "}
    text = wrapping.format(json.dumps(value, indent=indent))
    assert parse_answer(text) == Answer("YES", "Comment on ```this```, please.")


@pytest.mark.parametrize(
    "text",
    [
        '{"result": "NO", "query": ""}',
        '{"result": "NO"}',
        '{"result": "NO", "query": null}',
        '{"result": "NO", "query": "but I would say this", "reason": "two people talk"}',
    ],
)
def test_no_has_an_empty_query(text: str) -> None:
    assert parse_answer(text) == Answer("NO", "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("YES", "not a JSON object"),
        ("", "not a JSON object"),
        ("null", "not a JSON object"),
        ('["YES", "x"]', "not a JSON object"),
        ('{"result": "YES", "query": "x"', "not a JSON object"),
        ("{'result': 'YES', 'query': 'x'}", "not a JSON object"),
        ('{"result": "YES" or "NO", "query": "..."}', "not a JSON object"),
        ('{"result": "NO", "query": NaN}', "not a JSON object"),
        ('{"result": "NO", "result": "YES", "query": "Go."}', "not a JSON object"),
        ('```json\n{"result": "NO"}\n```\n```json\n{"result": "YES"}\n```', "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        ('{"result": "Yes", "query": "Go."}', "neither"),
        ('{"result": true, "query": "Go."}', "neither"),
        ('{"result": ["YES"], "query": "Go."}', "neither"),
        ('{"RESULT": "YES", "query": "Go."}', "neither"),
        ('{"result": "YES"}', "no text"),
        ('{"result": "YES", "query": ["Go."]}', "no text"),
        ('{"result": "YES", "query": ""}', "no word"),
        ('{"result": "YES", "query": "..."}', "no word"),
        ('{"result": "YES", "query": "a\\u0000b"}', "cannot be printed"),
        ('{"result": "YES", "query": "half \\ud83d"}', "cannot be printed"),
        (json.dumps({"result": "YES", "query": "x" * (MAX_QUERY_CHARACTERS + 1)}), "longer"),
    ],
)
def test_reasons(text: str, reason: str) -> None:
    with pytest.raises(InvalidAnswerError, match=reason):
        parse_answer(text)


def test_longest_query_and_any_alphabet() -> None:
    for query in ("x" * MAX_QUERY_CHARACTERS, "🙂 Kommentiere, bitte", "请解说", "؟ علق"):
        assert parse_answer(json.dumps({"result": "YES", "query": query})).query == query

"""JSON that is deeper than the stack of Python's parser and printer."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from livecc.files.json_values import is_deep, parse_lenient, shown


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def test_what_pythons_module_takes() -> None:
    assert parse_lenient('["\\ud83d", NaN]')[0] == "\ud83d"
    for text in ("[" * 100_000, '{"a":' * 100_000, "[1", b"\xff"):
        with pytest.raises(ValueError, match=r".") as raised:
            parse_lenient(text)
        assert len(str(raised.value)) < 200


def test_depth() -> None:
    assert [is_deep(nested(levels), 3) for levels in (0, 3, 4, 5_000)] == [False, False, True, True]
    assert not is_deep([[], {}, [1, {"b": 2}]], 3)


def test_shown_is_short() -> None:
    # As deep as orjson lets in, which str() cannot print.
    deep = orjson.loads("[" * 1_000 + "]" * 1_000)
    for value in (deep, "a" * 10_000, list(range(10_000)), {"a": deep}):
        assert len(shown(value)) < 100
    assert shown(2.5) == "2.5"

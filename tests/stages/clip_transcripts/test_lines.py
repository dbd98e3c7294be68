"""Words and times looked up in a line: the same clips as from the line as orjson parses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecc.errors import LiveccError
from livecc.files.lines import read_jsonl
from livecc.stages.clip_transcripts.cut import cut
from livecc.stages.clip_transcripts.lines import JsonWords, parse_for_cutting
from livecc.stages.clip_transcripts.sentences import sentence_starts
from livecc.stages.spans import ClipOptions

# What the lookup is about, and what could be taken for it. The writer refuses surrogates.
ODD = [
    *("", ",", '"', "\\", '\\"', '"\\', '","', "]", '],"start":[', '"words":["a', "[1,2]"),
    *(".", "?", "!", "I", "A", "I.", "I\\", 'I"', '."', "Go.", "go?", "NASA", "3D", "1st"),
    *("É", "é!", "ǅ", "…", "😀.", '"We', "“We", "ß", "\x00", "\x7f"),
]
WORD = st.one_of(
    st.sampled_from([word for word in ODD if word != "\x00"]),
    st.sampled_from(["so", "So", "I", "A", "go.", "Go.", "why?", "a.", "É"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=4),
)
ANY_WORD = st.one_of(WORD, st.text(st.characters(exclude_categories=["Cs"]), max_size=3))
TIME = st.one_of(
    st.floats(0, 1e4).map(lambda time: round(time, 2)),
    st.floats(-1e300, 1e300),
    st.integers(-5, 10_000),
)


@st.composite
def transcripts(draw: st.DrawFn, word: st.SearchStrategy[str]) -> dict[str, Any]:
    """A row with the keys in the order of `transcribe`, or of `import_transcripts`."""
    words = draw(st.lists(word, max_size=30))
    n = len(words)
    row: dict[str, Any] = {"video": draw(ANY_WORD), "title": draw(ANY_WORD), "reason": ""}
    row["words"] = words
    row["start"] = draw(st.lists(TIME, min_size=n, max_size=n))
    row["end"] = draw(st.lists(TIME, min_size=n, max_size=n))
    if draw(st.booleans()):
        row["confidence"] = [0.5] * n
    return {**row, "dropped_words": 3, "dropped_reasons": {draw(ANY_WORD): 3}}


def assert_same(line: bytes) -> Any:
    """The looked-up record of the line, which is the parsed one in all that cutting takes."""
    found, parsed = parse_for_cutting(line), orjson.loads(line)
    n = len(parsed["words"])
    for name in ("words", "start", "end"):
        assert [found[name][k] for k in range(len(found[name]))] == parsed[name]
        assert len(found[name]) == n
    arrays = {"words", "start", "end", "confidence"}
    assert {k: v for k, v in found.items() if k not in arrays} == {
        k: v for k, v in parsed.items() if k not in arrays
    }
    for mode in ("paper", "default"):
        assert sentence_starts(found["words"], mode).tolist() == (
            sentence_starts(parsed["words"], mode).tolist()
        )
        for options in (ClipOptions(mode=mode), ClipOptions(0.0, 10.0, 3.0, mode)):
            ours, theirs = cut(found, options), cut(parsed, options)
            assert (ours.rows, ours.short_spans) == (theirs.rows, theirs.short_spans)
    return found


@given(transcripts(WORD))
def test_same_as_parsed_and_looked_up(row: dict[str, Any]) -> None:
    found = assert_same(orjson.dumps(row))
    assert isinstance(found["words"], JsonWords)


@given(transcripts(ANY_WORD))
def test_same_as_parsed_with_any_escape(row: dict[str, Any]) -> None:
    assert_same(orjson.dumps(row))


@given(transcripts(ANY_WORD), st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
def test_same_as_parsed_from_another_writer(
    row: dict[str, Any], separators: tuple[str, str], ascii_only: bool
) -> None:
    assert_same(json.dumps(row, separators=separators, ensure_ascii=ascii_only).encode())


@pytest.mark.parametrize("word", ODD)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_odd_word_everywhere(word: str, place: int) -> None:
    words = ["go.", "A.", "I"]
    words[place] = word
    row = {"video": "v", "words": words, "start": [0, 1.5, 9.25], "end": [1, 2, 10.5]}
    found = assert_same(orjson.dumps(row))
    assert isinstance(found["words"], JsonWords) == (word != "\x00")


def test_what_is_looked_up() -> None:
    row = {"words": ["", "Go.", 'I"', "é"], "start": [0, 1, 2, 3], "end": [1, 2, 3, 4.5]}
    found = parse_for_cutting(orjson.dumps({**row, "confidence": [1.0] * 4, "model": "m"}))
    assert found["start"].dtype == found["end"].dtype == np.float64
    assert set(found) == {"words", "start", "end", "model"}
    assert found["words"].last_bytes().tobytes() == b'".\0\xa9'
    first, second = found["words"].first_bytes(np.array([0, 1, 2, 3]))
    assert (first.tobytes(), second.tobytes()) == (b'"GI\xc3', b",o\0\xa9")


@pytest.mark.parametrize(
    "line",
    [
        b'{"words":["a","b"],"start":[1.0],"end":[2.0]}',
        b'{"words":["a"],"start":[1.0],"end":[2.0,3.0]}',
        b'{"words":["a", "b"],"start":[1.0,2.0],"end":[2.0,3.0]}',
        b'{"words":["a",3,"b"],"start":[1.0,2.0,3.0],"end":[2.0,3.0,4.0]}',
        b'{"words":["a\\u002e"],"start":[1.0],"end":[2.0]}',
        b'{"words":["a"],"end":[2.0],"start":[1.0]}',
        b'{"status":"failed"}',
        b"[]",
    ],
)
def test_lines_that_are_parsed(line: bytes) -> None:
    assert parse_for_cutting(line) == orjson.loads(line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b'{"words":["a"],"start":[1.0],"end":[2.0]',
        b'{"words":["a"],"start":[1.0],"end":[2.0',
        b'{"words":["a"],"start":[1.0,"end":[2.0]}',
        b'{"words":["a],"start":[1.0],"end":[2.0]}',
        b'{"words":["a"],"start":[1.0.0],"end":[2.0]}',
        b'{"words":["a"],"start":[1.0],"end":[2.0],"confidence":[1.0',
    ],
)
def test_a_broken_line(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"words":["a"],"start":[1.0],"end":[2.0]}\n' + line + b"\n")
    records = read_jsonl(path, parse=parse_for_cutting)
    assert next(records)["words"][0] == "a"
    with pytest.raises(LiveccError, match=r"t\.jsonl, line 2: not valid JSON"):
        next(records)

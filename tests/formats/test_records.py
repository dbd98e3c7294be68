"""Records as JSON: the fast ways of writing give the bytes of the plain one."""

from __future__ import annotations

import numpy as np
import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from livecc.formats.records import SpacedWords, Transcript, _times_json

WORDS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" "), max_size=6)
)
TIMES = st.lists(
    st.one_of(
        st.integers(-20, 100_020).map(lambda tenths: tenths / 10),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from([-0.0, 0.05, 9999.9, 10_000.0]),
    )
)


@given(WORDS)
@example([])
@example([""])
@example(["", ""])
@example(['"', "\\", "\n", "é", "🙂", "\x00", "\u2028"])
def test_spaced_words_are_a_list_of_strings(words: list[str]) -> None:
    spaced = SpacedWords(" ".join(words).encode(), len(words))
    assert list(spaced) == words
    assert len(spaced) == len(words)
    assert spaced.to_json() == orjson.dumps(words)
    assert spaced[1:3] == words[1:3]


@given(TIMES)
@example([])
@example([k / 10 for k in range(100_000)])
def test_times_are_written_as_orjson_writes_them(times: list[float]) -> None:
    plain = orjson.dumps(times)
    assert _times_json(times) == plain
    assert _times_json(np.array(times, np.float64)) == plain


def test_a_transcript_survives_its_json() -> None:
    times = np.array([0.0, 0.5, 12.3])
    spaced = SpacedWords(b"so we go", 3)
    line = Transcript("v", 'a "title"', "c", spaced, times, times + 0.4).to_json()  # type: ignore[arg-type]
    assert Transcript.from_json(line) == Transcript(
        "v", 'a "title"', "c", ["so", "we", "go"], times.tolist(), (times + 0.4).tolist()
    )


def test_words_are_stripped_where_the_original_strips_them() -> None:
    words = [" So", " we", "fold\n", "", "a\u00a0boat", " "]
    times = [float(n) for n in range(len(words))]
    transcript = Transcript("v", "t", "c", words, times, times)
    assert transcript.text(0, 3) == " So  we fold\n"
    assert transcript.spoken(0, 6) == "So we fold  a\u00a0boat "
    plain = Transcript("v", "t", "c", ["So", "we"], [0.0, 1.0], [1.0, 2.0])
    assert plain.spoken(0, 2) == plain.text(0, 2) == "So we"

"""Which words are dropped, and why."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from livecc.stages.transcribe.words import Passage, Word, clean, joined, put_in_order, repeated


def said(
    text: str, start: float = 0.0, seconds: float = 0.4, confidence: float = 0.9
) -> list[Word]:
    """The words of a text, one after the other."""
    return [
        Word(word, start + k * seconds, start + (k + 1) * seconds, confidence)
        for k, word in enumerate(text.split())
    ]


def passage(words: list[Word], **more: float) -> Passage:
    seconds = words[-1].end - words[0].start if words else 0.0
    return Passage(words, **{"speech_seconds": seconds, **more})  # type: ignore[arg-type]


def kept(passages: list[Passage], regions: list[tuple[float, float]] | None = None) -> str:
    words, _ = clean(passages, regions or [(0.0, 1000.0)], 1000.0)
    return " ".join(word.text for word in words)


def dropped(
    passages: list[Passage], regions: list[tuple[float, float]] | None = None
) -> dict[str, int]:
    return dict(clean(passages, regions or [(0.0, 1000.0)], 1000.0)[1])


def test_good_speech_is_left_alone() -> None:
    text = "And so, my fellow Americans, ask not what your country can do for you."
    words = said(text)
    assert kept([passage(words)]) == text
    assert dropped([passage(said(text))]) == {}


def test_a_stuck_phrase_is_kept_once() -> None:
    loop = "We thank you for watching. " * 7
    good = "Fold the sheet in half and press the crease flat."
    assert kept([passage(said(f"{good} {loop}"))]) == f"{good} We thank you for watching."
    assert dropped([passage(said(f"{good} {loop}"))]) == {"repetition": 30}
    # The decoder runs out of tokens within a copy.
    assert dropped([passage(said(f"{good} {loop} We thank"))]) == {"repetition": 32}


def test_a_loop_goes_over_windows_whatever_its_punctuation() -> None:
    windows = [
        passage(said("Thank you.", 10)),
        passage(said("thank you!", 40)),
        passage(said("Thank you.", 70)),
        passage(said("Thank you...", 100)),
    ]
    assert kept(windows) == "Thank you."
    assert dropped(windows) == {"repetition": 6}


def test_people_may_repeat_themselves() -> None:
    for text in (
        "No, no, no, no, no!",
        "It is very, very, very good.",
        "Row, row, row your boat gently down the stream row, row, row your boat",
        "Come on, come on, come on.",
        "one and two and three and four and five and six and",
    ):
        assert dropped([passage(said(text))]) == {}, text


def test_a_window_the_model_does_not_believe_is_dropped() -> None:
    words = said("Thank you for watching.", confidence=0.4)
    believed = passage(said("It is a boat.", 30), log_probability=-0.2, no_speech=0.1)
    for doubtful, reason in (
        (passage(words, log_probability=-1.2, no_speech=0.1), "low_probability"),
        (passage(words, log_probability=-0.8, no_speech=0.7), "no_speech"),
        (passage(words, log_probability=-0.5, speech_seconds=29.0), "too_sparse"),
    ):
        assert dropped([doubtful, believed]) == {reason: 4}
        assert kept([doubtful, believed]) == "It is a boat."
    # The model is sure of its words: then it is not silence.
    sure = passage(said("It is a boat."), log_probability=-0.2, no_speech=0.9)
    assert dropped([sure]) == {}


def test_words_where_nobody_speaks_are_dropped() -> None:
    regions = [(0.0, 2.0), (10.0, 12.0)]
    words = [*said("the first", 0.5), *said("you", 6.0), *said("the last", 11.0)]
    assert kept([passage(words)], regions) == "the first the last"
    assert dropped([passage(words)], regions) == {"outside_speech": 1}
    # A word that begins a moment before the detector hears it belongs to the speech.
    assert dropped([passage(said("well", 9.5))], regions) == {}
    assert dropped([passage(said("well", 9.0))], regions) == {"outside_speech": 1}


def test_impossible_durations_are_dropped() -> None:
    long = [*said("Thank you", 0.0), Word("very", 1.3, 7.9, 0.2), *said("much for coming here.", 8)]
    assert dropped([passage(long)]) == {"too_long": 1}
    crammed = said("Now we go and see what is here", 29.9, 0.01)
    assert dropped([passage([*said("It is a boat."), *crammed])]) == {"too_fast": 8}


def test_words_without_a_place_are_counted() -> None:
    window = Passage(said("one two"), 1.0, not_aligned=3)
    assert dropped([window]) == {"not_aligned": 3}
    words, counts = joined([window])
    assert (len(words), dict(counts)) == (2, {"not_aligned": 3})


texts = st.lists(st.sampled_from(["a", "b", "A.", "c", "the", "the,"]), max_size=80)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_what_is_left_has_no_loop(texts: list[str]) -> None:
    words = said(" ".join(texts))
    copies = repeated(words)
    left = [word for index, word in enumerate(words) if index not in copies]
    assert repeated(left) == set()
    assert 0 not in copies
    assert not copies or len(words) >= 8


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=5),
    st.integers(1, 12),
    st.lists(st.sampled_from(["x", "y", "z"]), max_size=6),
)
def test_a_loop_is_found_wherever_it_is(phrase: list[str], copies: int, before: list[str]) -> None:
    words = said(" ".join([*before, *phrase * copies, "end"]))
    found = repeated(words)
    least = 3 if len(phrase) >= 4 else 4
    if copies >= least and len(phrase) * copies >= 8:
        last_copy = range(len(before) + len(phrase) * (copies - 1), len(words) - 1)
        assert set(last_copy) <= found
    assert len(words) - 1 not in found
    assert not found & set(range(len(before)))


spans = st.tuples(
    st.floats(-5, 60, allow_nan=False), st.floats(-2, 8, allow_nan=False)
)  # start, seconds


@settings(max_examples=300, deadline=None)
@given(st.lists(spans, max_size=40), st.floats(0.1, 50))
def test_times_never_go_back(times: list[tuple[float, float]], duration: float) -> None:
    words = [Word("a", start, start + seconds, 1.0) for start, seconds in times]
    put_in_order(words, duration)
    flat = [time for word in words for time in (word.start, word.end)]
    assert flat == sorted(flat)
    assert all(0 <= time <= duration for time in flat)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), spans), max_size=12),
            st.floats(-2, 0),
            st.floats(0, 1),
        ),
        max_size=5,
    )
)
def test_every_word_is_kept_or_counted(
    windows: list[tuple[list[tuple[str, tuple[float, float]]], float, float]],
) -> None:
    passages = [
        Passage([Word(text, a, a + b, 0.5) for text, (a, b) in words], 10.0, logp, silent)
        for words, logp, silent in windows
    ]
    total = sum(len(p.words) for p in passages)
    words, counts = clean(passages, [(0.0, 20.0), (30.0, 50.0)], 60.0)
    assert len(words) + counts.total() == total


def test_times_that_are_in_order_are_not_changed() -> None:
    words = said("fold the sheet in half")
    put_in_order(words, 60)
    assert words == said("fold the sheet in half")

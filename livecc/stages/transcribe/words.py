"""Timed words, and filtering of hallucinated ones.

Speech recognisers trained on subtitles invent words where nobody speaks, repeat a phrase in a loop,
and give words that do not fit almost no duration. `clean` drops such words and counts them by
reason:

- `low_probability`, `no_speech`: all words of a window in which the model itself has no confidence;
- `too_sparse`: all words of a window with far too few words for its speech, for example because
  the model does not know the language;
- `repetition`: all copies but the first of a phrase repeated in a loop;
- `outside_speech`: a word where the voice activity detector finds no speech;
- `too_long`, `too_fast`: words that are longer, or follow faster, than in human speech;
- `not_aligned`: words that the aligner could not place.

`on_trainers_clock` counts `before_picture`: words that end before the picture begins.

The times of the remaining words are made monotonic.
"""

from __future__ import annotations

import bisect
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

#: Mean log-probability of a window's tokens below which Whisper considers its decoding failed
#: (Radford et al. 2022, section 4.5).
LEAST_LOG_PROBABILITY = -1.0
#: A window is silent when the model's no-speech probability is above the first value (the same
#: section) and the mean confidence of its words is below the second.
MOST_NO_SPEECH = 0.6
LEAST_CONFIDENCE = 0.5
#: A window is too sparse with fewer words per second of speech than this, if it has at least
#: SPARSE_SECONDS of speech. Slow speakers say one word per second.
LEAST_WORDS_PER_SECOND = 0.4
SPARSE_SECONDS = 5.0
#: A phrase of up to PHRASE_WORDS words is a loop if it occurs REPEATS times in a row (LONG_REPEATS
#: times if it has LONG_PHRASE words or more) and all copies together have LOOP_WORDS words. "No,
#: no, no, no!" and a refrain sung twice are not loops.
PHRASE_WORDS = 24
REPEATS = 4
LONG_PHRASE = 4
LONG_REPEATS = 3
LOOP_WORDS = 8
#: Approximate accuracy of word times (seconds).
SPEECH_TOLERANCE = 0.2
MOST_WORD_SECONDS = 5.0
#: FAST_WORDS words in less than FAST_SECONDS is more than twice as fast as the fastest speakers.
FAST_WORDS = 6
FAST_SECONDS = 0.5

Region = tuple[float, float]


@dataclass(slots=True)
class Word:
    """`text` without surrounding white space, spoken from `start` to `end` (seconds).

    `confidence` is in [0, 1]: the mean probability of the word's tokens, or of its characters if an
    aligner placed it.
    """

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Passage:
    """The words of one window, and the model's figures for the whole window.

    `speech_seconds`: amount of speech in the window. `log_probability`: mean over its tokens.
    `no_speech`: probability that nobody speaks. These two are None if the engine does not provide
    them. `not_aligned` counts words left out because they could not be aligned.
    """

    words: list[Word]
    speech_seconds: float
    log_probability: float | None = None
    no_speech: float | None = None
    not_aligned: int = 0


def joined(passages: Sequence[Passage]) -> tuple[list[Word], Counter[str]]:
    """All words unchanged, and the count of those that could not be aligned."""
    dropped = Counter({"not_aligned": sum(passage.not_aligned for passage in passages)})
    return [word for passage in passages for word in passage.words], +dropped


def clean(
    passages: Sequence[Passage], regions: Sequence[Region], duration: float
) -> tuple[list[Word], Counter[str]]:
    """The words that were spoken, and the count of dropped ones by reason.

    `regions`: the speech regions (seconds), sorted and disjoint. `duration`: that of the file.
    """
    believed = []
    dropped: Counter[str] = Counter()
    for passage in passages:
        reason = _disbelief(passage)
        if reason:
            dropped[reason] += len(passage.words)
        else:
            believed.append(passage)
        dropped["not_aligned"] += passage.not_aligned
    words = [word for passage in believed for word in passage.words if word.text]
    for reason, find in (
        ("repetition", repeated),
        ("too_long", _too_long),
        ("outside_speech", lambda words: _outside(words, regions)),
        ("too_fast", _too_fast),
    ):
        wrong = find(words)
        dropped[reason] += len(wrong)
        words = [word for index, word in enumerate(words) if index not in wrong]
    put_in_order(words, duration)
    return words, +dropped


def on_trainers_clock(words: Sequence[Word], ahead: float) -> tuple[list[Word], Counter[str]]:
    """The words on the trainer's clock, and the count of those that end before it starts.

    `ahead`: seconds by which the sound's clock is ahead (`livecc.media.clock`).
    """
    if not ahead:
        return list(words), Counter()
    kept = []
    for word in words:
        word.start, word.end = max(0.0, word.start - ahead), word.end - ahead
        if word.end > 0:
            kept.append(word)
    return kept, +Counter({"before_picture": len(words) - len(kept)})


def _disbelief(passage: Passage) -> str | None:
    """Why all words of a window are dropped, or None."""
    if not passage.words:
        return None
    if passage.log_probability is not None and passage.log_probability < LEAST_LOG_PROBABILITY:
        return "low_probability"
    confidence = sum(word.confidence for word in passage.words) / len(passage.words)
    if (
        passage.no_speech is not None
        and passage.no_speech > MOST_NO_SPEECH
        and confidence < LEAST_CONFIDENCE
    ):
        return "no_speech"
    if (
        passage.speech_seconds >= SPARSE_SECONDS
        and len(passage.words) < LEAST_WORDS_PER_SECOND * passage.speech_seconds
    ):
        return "too_sparse"
    return None


def repeated(words: Sequence[Word]) -> set[int]:
    """Indices of the words in loops, except the first copy of each phrase.

    Case and punctuation are ignored. The remaining words contain no loop.
    """
    texts = [_spoken(word.text) for word in words]
    left = list(range(len(words)))
    found: set[int] = set()
    while True:
        before = len(found)
        for length in range(1, PHRASE_WORDS + 1):
            copies = _copies([texts[index] for index in left], length)
            found.update(left[position] for position in copies)
            left = [index for position, index in enumerate(left) if position not in copies]
        if len(found) == before:
            return found


def _copies(texts: Sequence[str], length: int) -> set[int]:
    """Positions of all copies but the first of phrases of `length` words repeated in a row."""
    least = max(
        LOOP_WORDS, length * (LONG_REPEATS if length >= LONG_PHRASE else REPEATS)
    )  # words of a loop
    copies: set[int] = set()
    begin = 0
    for position in range(length, len(texts) + 1):
        if position < len(texts) and texts[position] == texts[position - length]:
            continue
        # texts[begin:position] has the period `length`.
        if position - begin >= least:
            copies.update(range(begin + length, position))
        begin = position - length + 1
    return copies


def _spoken(text: str) -> str:
    """A word without case and punctuation; unchanged if it is only punctuation."""
    kept = "".join(char for char in text if unicodedata.category(char)[0] in "LMN")
    return kept.casefold() or text


def _too_long(words: Sequence[Word]) -> set[int]:
    return {k for k, word in enumerate(words) if word.end - word.start > MOST_WORD_SECONDS}


def _outside(words: Sequence[Word], regions: Sequence[Region]) -> set[int]:
    ends = [end for _, end in regions]
    outside = set()
    for index, word in enumerate(words):
        # The first region that ends after the word begins is the only one that can hold it.
        region = bisect.bisect_left(ends, word.start - SPEECH_TOLERANCE)
        if region == len(regions) or regions[region][0] > word.end + SPEECH_TOLERANCE:
            outside.add(index)
    return outside


def _too_fast(words: Sequence[Word]) -> set[int]:
    fast: set[int] = set()
    for first in range(len(words) - FAST_WORDS + 1):
        if words[first + FAST_WORDS - 1].end - words[first].start < FAST_SECONDS:
            fast.update(range(first, first + FAST_WORDS))
    return fast


def put_in_order(words: Sequence[Word], duration: float) -> None:
    """Change the times so that 0 <= start <= end <= the next word's start <= `duration`.

    Starts take precedence over ends: a word that overlaps the next one is cut at its start.
    """
    latest = 0.0
    for word in words:
        latest = word.start = min(max(word.start, latest), duration)
    following = duration
    for word in reversed(words):
        word.end = min(max(word.end, word.start), following)
        following = word.start

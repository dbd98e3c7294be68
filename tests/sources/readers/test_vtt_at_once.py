"""WebVTT of automatic captions: many lines parsed at once, against one word after another."""

from __future__ import annotations

import html
import random
import re
from itertools import pairwise

import pytest

from livecc.sources.readers import vtt
from livecc.sources.readers.track import MOST_WORD_MS, Words
from tests.sources import caption_files

_CUE = re.compile(r"^(\S+) --> (\S+)[^\n]*\n([^\n]+)\n([^\n]+)\n\n", re.MULTILINE)
_STAMP = re.compile(r"<((?:\d+:)?\d\d:\d\d\.\d\d\d)>")
_CLASS = re.compile(r"</?c[^<>]*>")

WORDS = ["so", "here", "we", "go", "AT&T", "it's", "café", "x<y", "no", "no", "日本", "[Music]"]
#: Written as they are: entities, tags inside, blanks of several kinds, words without a space.
ODD_WORDS = [
    *(" ", "", " a b", "-performance", " &nbsp;", "&#10;", " &#32;x", " a&#10;b", " \xa0", " \t"),
    *(
        " <i>so</i>",
        " <c.colorE5E5E5>so</c>",
        " a>b",
        " c>",
        "> ",
        " [a b]",
        "  two",
        "語",
        " &lt;c",
    ),
]


def words_of_lines(said: list[tuple[int, int, str]]) -> list[tuple[float, float, str]]:
    """The words of lines, added piece by piece; their ends, too, are found one by one."""
    words = Words()
    for start, _, line in said:
        first, *parts = _STAMP.split(_CLASS.sub("", line))
        words.add(start, html.unescape(first), True)
        for time, piece in zip(parts[::2], parts[1::2], strict=True):
            words.add(ms(time), html.unescape(piece), False)
    pairs = sorted(zip(words._starts, words._texts, strict=True), key=lambda pair: pair[0])
    ends = [min(after[0], one[0] + MOST_WORD_MS) for one, after in pairwise(pairs)]
    ends += [start + MOST_WORD_MS for start, _ in pairs[-1:]]
    timed: list[tuple[float, float, str]] = []
    for start in dict.fromkeys(start for start, _ in pairs):
        numbers = [number for number, pair in enumerate(pairs) if pair[0] == start]
        step = (ends[numbers[-1]] - start) / len(numbers)
        bounds = [round(start + step * number, 1) for number in range(len(numbers) + 1)]
        timed += [
            (begin / 1000, end / 1000, pairs[number][1])
            for number, begin, end in zip(numbers, bounds, bounds[1:], strict=False)
        ]
    return timed


def ms(clock: str) -> int:
    hours, minutes, seconds = ["0", *clock.replace(".", "").split(":")][-3:]
    return (int(hours) * 60 + int(minutes)) * 60_000 + int(seconds)


def said_in(text: str) -> list[tuple[int, int, str]]:
    """What is said in cues of two lines, found one after the other."""
    said: list[tuple[int, int, str]] = []
    before: list[str] = []
    until = -1000
    for begin, end, *both in _CUE.findall(f"{text}\n\n"):
        lines = [line for line in both if line.strip()]
        shown = [_STAMP.sub("", _CLASS.sub("", line)) for line in lines]
        again = 0
        again = 0
        if ms(begin) - until <= 150 and before and both[0] == before[-1]:
            again = 1
        elif ms(begin) - until <= 150:
            sizes = range(min(len(before), len(shown)) + 1)
            again = max(size for size in sizes if shown[:size] == before[len(before) - size :])
            stamped = [number for number, line in enumerate(lines) if _STAMP.search(line)]
            again = min([again, *stamped])
        said += [(ms(begin), ms(end), line) for line in lines[again:]]
        before, until = shown, ms(end)
    return said


def rolling(chance: random.Random, odd: float) -> str:
    """A track as YouTube writes it, but for a share of odd words, lines and cues.

    Its hours reach 10, and if it is odd, 100.
    """
    clock = caption_files.clock
    cues = ["WEBVTT\nKind: captions\nLanguage: en\n"]
    before = " "
    time = chance.choice([0, 5000, 35_990_000, 359_990_000 if odd else 0])
    for _ in range(chance.randrange(1, 30)):
        start = time
        line = html.escape(chance.choice(WORDS), quote=False)
        if chance.random() < odd:
            line = chance.choice([">> well", "", " so", "so ", "a  b", "[a b]", "<c>so</c>", "no"])
        for _ in range(chance.randrange(10)):
            time += chance.choice([0, 30, 120, 240, 500, 1900])
            word = " " + html.escape(chance.choice(WORDS), quote=False)
            stamp = f"<{clock(time)}>"
            if chance.random() < odd:
                word = chance.choice(ODD_WORDS)
            if chance.random() < odd / 3:
                # Missing or short stamps, times of before, text behind a word.
                stamp = chance.choice(["", "<00:07.000>", f"<{clock(max(0, time - 3000))}>"])
                word += chance.choice(["", "</c> so"])
            line += f"{stamp}<c>{word}</c>"
        if not line.strip():
            line = "so"
        time += chance.choice([10, 300, 2000])
        plain = _STAMP.sub("", _CLASS.sub("", line)) or " "
        if chance.random() < odd / 3:
            before = chance.choice([" ", "so", plain, f"{line}", "<00:00:01.000><c> up</c>"])
        settings = chance.choice(["", " align:start position:0%"])
        cues.append(f"{clock(start)} --> {clock(time)}{settings}\n{before}\n{line}\n")
        cues.append(f"{clock(time)} --> {clock(time + 10)}{settings}\n{plain}\n \n")
        before = plain
        time += 10
        if chance.random() < odd / 2:
            # Pauses, and times that overlap.
            time += chance.choice([140, 150, 151, 4000, -8, -400])
            time = max(time, 0)
            before = chance.choice([" ", plain])
    return "\n".join(cues)


@pytest.mark.parametrize("odd", [0.0, 0.02, 0.1, 0.4])
def test_as_word_by_word(odd: float) -> None:
    for seed in range(150):
        chance = random.Random(f"{odd} {seed}")
        text = rolling(chance, odd)
        if not _STAMP.search(text):
            continue
        data = text.replace("\n", chance.choice(["\n", "\n", "\r\n"])).encode()
        track = vtt.read(data)
        said = said_in(text)
        assert track.words == words_of_lines(said), text
        assert track.shown == [
            (start, end, html.unescape(_STAMP.sub("", _CLASS.sub("", line))).strip(" "))
            for start, end, line in said
        ], text


def test_usual_tracks_take_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vtt, "_add_pieces", None)
    for seed in range(20):
        assert vtt.read(rolling(random.Random(seed), 0).encode()).words


def test_stamps_without_a_word() -> None:
    data = b"WEBVTT\n\n00:00:00.000 --> 00:00:10.000\n<c><00:00:01.000>\n"
    assert vtt.read(data).words == []

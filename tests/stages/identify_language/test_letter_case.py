from __future__ import annotations

import pytest

from livecc.stages.identify_language.letter_case import without_capitals


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WE ADD TWO NUMBERS, SEE?", "we add two numbers, see?"),
        ("AS McDONALD SAID TO THE iPHONE", "as mcdonald said to the iphone"),
        ("ПРОИЗВОДНАЯ ЭТОЙ ФУНКЦИИ", "производная этой функции"),
        ("We Add Two", "We Add Two"),
        ("NASA and ESA", "nasa and esa"),
        ("NASA and the probes of ESA", "NASA and the probes of ESA"),
        ("今天我们 12:30", "今天我们 12:30"),
        ("今天 NASA 来", "今天 nasa 来"),
        ("Die Ableitung dieser Funktion", "Die Ableitung dieser Funktion"),
        ("", ""),
        ("HALF \ud83d A PAIR", "half \ud83d a pair"),
    ],
)
def test_texts_in_capitals(text: str, expected: str) -> None:
    assert without_capitals(text) == expected

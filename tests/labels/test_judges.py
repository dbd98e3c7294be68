"""Several judges: whose label counts, and how well they agree."""

from __future__ import annotations

import pytest

from livecc.errors import LiveccError
from livecc.labels.files import Judgement
from livecc.labels.judges import merge


def labels(text: str, by: str | None = None) -> list[Judgement]:
    """g: good, b: bad, -: not judged; one character a clip."""
    words = {"g": "good", "b": "bad"}
    return [Judgement(f"c{n}", words[c], None, by) for n, c in enumerate(text) if c != "-"]


def test_kappa_of_a_textbook_table() -> None:
    """20 both good, 15 both bad, 5 and 10 different: kappa is 0.4."""
    ann = labels("g" * 20 + "g" * 5 + "b" * 10 + "b" * 15)
    bob = labels("g" * 20 + "b" * 5 + "g" * 10 + "b" * 15)
    (agreement,) = merge([("ann", ann), ("bob", bob)]).agreements
    assert agreement.clips == 50
    assert agreement.share == pytest.approx(0.7)
    assert agreement.kappa == pytest.approx(0.4)


def test_kappa_ends() -> None:
    (same,) = merge([("a", labels("gbgb")), ("b", labels("gbgb"))]).agreements
    assert same.kappa == 1.0
    (opposite,) = merge([("a", labels("gbgb")), ("b", labels("bgbg"))]).agreements
    assert opposite.kappa == -1.0
    (one_label,) = merge([("a", labels("ggg")), ("b", labels("ggg"))]).agreements
    assert one_label.kappa is None
    assert one_label.share == 1.0


def test_the_majority_counts() -> None:
    merged = merge([("a", labels("ggb")), ("b", labels("gbb")), ("c", labels("gb-"))])
    assert merged.good == {"c0": True, "c1": False, "c2": False}
    assert merged.conflicts == ("c1",)
    assert merged.undecided == ()
    assert len(merged.agreements) == 3


def test_without_a_majority_there_is_no_label() -> None:
    merged = merge([("a", labels("gg")), ("b", labels("gb"))])
    assert merged.good == {"c0": True}
    assert merged.undecided == ("c1",)


def test_the_latest_judgement_of_a_judge_counts() -> None:
    early = Judgement("c", "good", "2026-01-01T10:00:00+02:00", "ann")
    late = Judgement("c", "bad", "2026-01-01T09:00:00Z", "ann")
    for order in ([early, late], [late, early]):
        merged = merge([("one.json", order[:1]), ("two.json", order[1:])])
        assert merged.good == {"c": False}
        assert merged.conflicts == ()
        assert merged.judges == {"ann": 1}


def test_judges_without_a_name_are_their_files() -> None:
    merged = merge([("one.json", labels("gg")), ("two.json", labels("g", by="bob"))])
    assert merged.judges == {"one.json": 2, "bob": 1}


def test_more_judges_than_people() -> None:
    """Each two are compared: a name for every judgement would make millions of pairs."""
    many = [Judgement("c", "good", None, f"judge {n}") for n in range(301)]
    assert len(merge([("a", many[1:])]).judges) == 300
    with pytest.raises(LiveccError, match="301 judges, and at most 300"):
        merge([("a", many)])

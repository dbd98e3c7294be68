"""What the summary says beside its tables; tests of the workflow look at a whole one."""

from __future__ import annotations

from typing import Any

from livecc.summarize import render


def rendered(**categories: dict[str, int]) -> str:
    counts = {
        **dict.fromkeys(("lines", "videos", "clips", "short_spans", "words"), 1),
        **{"failed_videos": 0, "seconds": 60.0},
    }
    parts: dict[str, Any] = {
        "shards": 1,
        "input": counts,
        "categories": categories,
        "problems": [],
        "stages": {},
        "selections": {},
    }
    return render({"sft": parts})


def test_one_is_no_plural() -> None:
    text = rendered()
    assert "1 shard, 1 line: 1 video, 0 that cannot be used" in text
    assert "1 clip, 1.0 minutes; too short for a clip: 1 span" in text


def test_categories_that_no_line_has() -> None:
    counts = {"categories": {"Sports": 3, "Music": 1}, "kept_categories": {}}
    assert "no line" not in rendered(**counts, missing_categories={"Education": 0})
    # Missing in one shard and there in another.
    text = rendered(**counts, missing_categories={"Music": 0, "Sport": 0, "Education": 0})
    assert text.count("no line") == 1
    assert "no line has the wanted category 'Sport'; there is 'Sports'" in text

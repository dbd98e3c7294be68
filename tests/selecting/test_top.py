"""The best N clips: the cut is that of sorting all clips, and what-if says what selecting does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecc.errors import LiveccError
from livecc.files.atomic import read_json, write_json
from livecc.files.parquet import read_rows
from livecc.formats.layout import Layout
from livecc.selecting.select_samples import select_pack
from livecc.selecting.top import Cut, find_cut, rank
from livecc.selecting.what_if.answer import Question, answer, changed_clips
from livecc.selecting.what_if.question import changed_thresholds
from livecc.thresholds.top import Top
from tests.support.built_in import TRACK_STAGES, TRACKS
from tests.support.random_results import write_shard

SHARDS = ("a", "b", "c")


class Results:
    """Made-up shards of a track, in which few values tie many clips."""

    def __init__(self, folder: Path, seed: int, track: str = "pretrain") -> None:
        rng = np.random.default_rng(seed)
        self.layout, self.track, self.stages = Layout(str(folder)), track, TRACK_STAGES[track]
        for shard in SHARDS:
            write_shard(folder, track, shard, rng)
        self.files = [self.layout.shard(track, shard) for shard in SHARDS]

    def select(self, name: str, thresholds: dict[str, Any], packs: int) -> dict[str, Any]:
        """Decision rows by clip, as the jobs of a run make them."""
        cut = None
        top = Top.of(thresholds)
        if top is not None:
            parts = [self.files[n::packs] for n in range(packs)]
            places = [Path(self.layout.ranked(self.track, name, str(n))) for n in range(packs)]
            for files, place in zip(parts, places, strict=True):
                rank(thresholds, {}, self.stages, files, place)
            path = Path(self.layout.cut(self.track, name))
            write_json(path, find_cut(top, places).to_json())
            cut = Cut.from_json(read_json(path))
        output = Path(self.layout.pack(self.track, name, "0000"))
        track = TRACKS[self.track]
        select_pack(track, thresholds, {}, self.stages, self.layout, name, SHARDS, output, cut=cut)
        rows = [row for shard in self.files for row in read_rows(Path(shard.decisions(name)))]
        return {row["clip"]: row for row in rows}

    def question(self, thresholds: dict[str, Any], before: dict[str, Any] | None) -> Question:
        return Question(
            *(self.layout, self.track, "new", SHARDS, self.stages, {}, {}, thresholds, before)
        )


def sorted_out(rows: dict[str, Any], by: str, keep: int, per: str | None) -> set[str]:
    """The best clips of rows that pass all rules, by sorting them."""
    groups: dict[Any, list[tuple[float, str]]] = {}
    for clip, row in rows.items():
        if row["kept"] and row[by] is not None:
            groups.setdefault(row[per] if per else None, []).append((-row[by], clip))
    return {clip for group in groups.values() for _, clip in sorted(group)[:keep]}


@pytest.mark.parametrize("per", [None, "category"])
@pytest.mark.parametrize("by", ["words_per_second", "distinct_words", "lm_loss"])
def test_the_cut_is_that_of_sorting_all_clips(tmp_path: Path, by: str, per: str | None) -> None:
    results = Results(tmp_path, 3)
    rules = {"language": {"labels": ["en", "de"]}}
    passing = results.select("all", rules, 1)
    for keep in (1, 2, 5, 9, 1000):
        thresholds = {**rules, "top": {"by": by, "keep": keep, "per": per}}
        expected = sorted_out(passing, by, keep, per)
        for packs in (1, 2, 3):
            rows = results.select("top", thresholds, packs)
            assert {clip for clip, row in rows.items() if row["kept"]} == expected, keep
        for clip, row in rows.items():
            if not passing[clip]["kept"]:
                assert (row["rule"], row["why"]) == (passing[clip]["rule"], passing[clip]["why"])
            elif clip not in expected:
                assert row["rule"] == "top"
                value = "is unknown" if row[by] is None else f"{by} {row[by]:.6g};"
                assert row["why"].startswith("below the top N: ")
                assert value in row["why"]
    assert 0 < len(expected) < len(passing)


def test_what_if_says_what_selecting_then_does(tmp_path: Path) -> None:
    results = Results(tmp_path, 5)
    before = {"top": {"by": "words_per_second", "keep": 12}}
    old = results.select("new", before, 2)
    for change in ("top.keep=5", "top.per=category", "top.by=lm_loss", "top=none"):
        after = changed_thresholds(CONFIG, "pretrain", before, [change])
        new = results.select("other", after, 1)
        entered = {c for c, row in new.items() if row["kept"] and not old[c]["kept"]}
        left = {c for c, row in old.items() if row["kept"] and not new[c]["kept"]}
        for baseline in (before, None):
            question = results.question(after, baseline)
            found = answer(question, 2)
            assert found.after.clips == sum(row["kept"] for row in new.values())
            changed = list(changed_clips(question, found.changed))
            by_change = {(row["change"], row["clip"]) for row in changed}
            assert by_change == {("enters", c) for c in entered} | {("leaves", c) for c in left}
            for row in changed:
                side = new if row["change"] == "leaves" else old
                assert row["why"] == side[row["clip"]]["why"]


def test_a_clip_in_two_shards_counts_once(tmp_path: Path) -> None:
    results = Results(tmp_path, 7)
    ranked = tmp_path / "one.parquet"
    thresholds = {"top": {"by": "words_per_second", "keep": 4}}
    rank(thresholds, {}, results.stages, results.files, ranked)
    top = Top(by="words_per_second", keep=4)
    assert find_cut(top, [ranked, ranked]) == find_cut(top, [ranked])


def test_what_is_no_top_is_said() -> None:
    for change, problem in (
        ("top.keep=1.5", "not a whole number"),
        ("top.worst=3", "has no key 'worst'"),
    ):
        with pytest.raises(LiveccError, match=problem):
            changed_thresholds(CONFIG, "pretrain", {}, [change])


def _config() -> dict[str, Any]:
    from livecc.configuration.options import defaults
    from tests.support.built_in import CATALOGUE

    return defaults(CATALOGUE)


CONFIG = _config()

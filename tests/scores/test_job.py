"""The loop around every engine: what is scored, what is looked up, what is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from livecc.files.atomic import read_json
from livecc.files.parquet import read_rows
from livecc.running.progress import progress_file
from livecc.scores.cache import ScoreCache
from livecc.scores.fingerprint import PrefixHash, content_key, fingerprint
from livecc.scores.job import Engine, Item, Row, StageStats, failed, ok, score_items, table_writer
from tests.support.built_in import SCORE_STAGES


class Counting:
    """An engine that scores a text by its length and remembers what it was given."""

    def __init__(self, batch: int = 2, stop_after: int | None = None) -> None:
        self.batch, self.stop_after = batch, stop_after
        self.scored: list[str] = []
        self.loaded = 0

    def load(self) -> Engine[str]:
        self.loaded += 1
        return self.run

    def run(self, items: Iterator[Item[str]]) -> Iterator[list[tuple[str, Row]]]:
        batch: list[tuple[str, Row]] = []
        for item in items:
            if self.stop_after is not None and len(self.scored) >= self.stop_after:
                raise KeyboardInterrupt
            self.scored.append(item.id)
            bad = item.payload == ""
            row = failed("no text") if bad else ok(language="en", language_confidence=1.0)
            batch.append((item.id, row))
            if len(batch) == self.batch:
                yield batch
                batch = []
        if batch:
            yield batch


def run(
    tmp_path: Path, texts: dict[str, str | None], engine: Counting, shard: str = "a"
) -> list[dict[str, Any]]:
    def items() -> Iterator[Item[str]]:
        for item_id, text in texts.items():
            key = None if text is None else content_key(text)
            yield Item(item_id, key, text or "")

    output = tmp_path / f"{shard}.parquet"
    stats = StageStats("identify_language", "pretrain", shard)
    with ScoreCache(tmp_path / "cache", "identify_language", "f", f"pretrain.{shard}") as cache:
        write = table_writer(SCORE_STAGES["identify_language"])
        score_items(items, cache, engine.load, stats, output, tmp_path / f"{shard}.json", write)
    return read_rows(output)


def test_rows_come_in_the_order_of_the_items(tmp_path: Path) -> None:
    rows = run(tmp_path, {"c": "x", "a": "y", "b": ""}, Counting())
    assert [row["clip"] for row in rows] == ["c", "a", "b"]
    assert [row["status"] for row in rows] == ["ok", "ok", "failed"]
    assert rows[2]["reason"] == "no text"
    stats = read_json(tmp_path / "a.json")
    assert (stats["items"], stats["found"], stats["scored"], stats["failed"]) == (3, 0, 3, 1)


def test_second_run_loads_no_engine_and_writes_the_same(tmp_path: Path) -> None:
    first = run(tmp_path, {"a": "x", "b": "y"}, Counting())
    engine = Counting()
    assert run(tmp_path, {"a": "x", "b": "y"}, engine) == first
    assert engine.loaded == 0
    assert read_json(tmp_path / "a.json")["found"] == 2


def test_only_new_content_is_scored(tmp_path: Path) -> None:
    run(tmp_path, {"a": "x", "b": "y"}, Counting())
    engine = Counting()
    run(tmp_path, {"a": "x", "b": "changed", "c": "y"}, engine, shard="other")
    assert engine.scored == ["b"]


def test_same_content_is_scored_once(tmp_path: Path) -> None:
    engine = Counting()
    rows = run(tmp_path, {"a": "x", "b": "x", "c": "x"}, engine)
    assert engine.scored == ["a"]
    assert [row["language"] for row in rows] == ["en"] * 3


def test_killed_job_loses_at_most_a_batch(tmp_path: Path) -> None:
    texts: dict[str, str | None] = {str(n): f"text {n}" for n in range(10)}
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, texts, Counting(batch=2, stop_after=7))
    assert not (tmp_path / "a.parquet").exists()
    engine = Counting()
    assert len(run(tmp_path, texts, engine)) == 10
    assert engine.scored == ["6", "7", "8", "9"]


def test_what_a_killed_job_said_of_its_progress_goes_away(tmp_path: Path) -> None:
    run(tmp_path, {"a": "x"}, Counting())
    said = progress_file(tmp_path / "a.json")
    said.write_text("{}")
    # Killed when all was scored, so that nothing is left to score.
    run(tmp_path, {"a": "x"}, Counting())
    assert not said.exists()


def test_item_without_content_is_looked_at_again(tmp_path: Path) -> None:
    run(tmp_path, {"a": None, "b": "y"}, Counting())
    engine = Counting()
    run(tmp_path, {"a": None, "b": "y"}, engine)
    assert engine.scored == ["a"]


def test_transient_failure_is_tried_again(tmp_path: Path) -> None:
    class Overloaded(Counting):
        def run(self, items: Iterator[Item[str]]) -> Iterator[list[tuple[str, Row]]]:
            for item in items:
                self.scored.append(item.id)
                yield [(item.id, failed("took too long", transient=item.id == "a"))]

    rows = run(tmp_path, {"a": "x", "b": "y"}, Overloaded())
    assert [row["reason"] for row in rows] == ["took too long"] * 2
    engine = Counting()
    rows = run(tmp_path, {"a": "x", "b": "y"}, engine)
    assert engine.scored == ["a"]
    assert [row["status"] for row in rows] == ["ok", "failed"]


def test_no_items(tmp_path: Path) -> None:
    engine = Counting()
    assert run(tmp_path, {}, engine) == []
    assert engine.loaded == 0


def test_engine_that_forgets_an_item_is_noticed(tmp_path: Path) -> None:
    class Forgetful(Counting):
        def run(self, items: Iterator[Item[str]]) -> Iterator[list[tuple[str, Row]]]:
            list(items)
            yield []

    with pytest.raises(RuntimeError, match="no row for"):
        run(tmp_path, {"a": "x"}, Forgetful())


def test_keys_tell_parts_apart() -> None:
    keys = [
        content_key("ab", "c"),
        content_key("a", "bc"),
        content_key("abc"),
        content_key("abc", None),
        content_key("abc", ""),
        content_key("ABC"),
    ]
    assert len(set(keys)) == len(keys)


def test_prefix_hash_is_the_same_however_the_text_came() -> None:
    one, many = PrefixHash(), PrefixHash()
    one.update("the quick brown ")
    for word in ("the ", "quick ", "brown "):
        many.update(word)
    assert one.key("fox") == many.key("fox")
    before = many.key("fox")
    many.update("x ")
    assert many.key("fox") != before


def test_fingerprint_ignores_the_order_of_keys() -> None:
    assert fingerprint(a=1, b={"c": 1, "d": 2}) == fingerprint(b={"d": 2, "c": 1}, a=1)
    assert fingerprint(a=1) != fingerprint(a=2)

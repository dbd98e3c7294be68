"""The keys of a cache as arrays: the same answers as looking the rows up one by one."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecc.scores.cache import ScoreCache
from livecc.scores.fingerprint import content_key
from livecc.scores.keys import KeySet, known_keys, pack


def cache(root: Path, writer: str = "pretrain.a") -> ScoreCache:
    return ScoreCache(root, "score_lm_loss", "f1", writer)


def keys_of(root: Path) -> KeySet:
    return known_keys(root, "score_lm_loss", "f1")


def row(status: str, **more: Any) -> dict[str, Any]:
    return {"status": status, "reason": None, **more}


def fill(root: Path, seed: int = 0) -> list[str]:
    """Several segments with keys of all kinds, ok, failed and both; returns keys, some unknown."""
    source = random.Random(seed)
    keys = [content_key(str(n)) for n in range(300)]
    keys += [f"{key}:1.000:2.500" for key in keys[:50]] + ["k", "", "kä", "x" * 32]
    for writer in ("pretrain.a", "pretrain.b.c", "sft.a", "pretrain.a"):
        with cache(root, writer) as one:
            for _ in range(4):
                chosen = source.sample(keys, 40)
                one.append((key, row(source.choice(["ok", "failed"]))) for key in chosen)
            one.record_job(scored=160)
    return keys


@pytest.mark.parametrize("retry_failed", [False, True])
def test_agrees_with_the_rows(tmp_path: Path, retry_failed: bool) -> None:
    keys = fill(tmp_path)
    found = cache(tmp_path).find(keys, retry_failed=retry_failed)
    known = keys_of(tmp_path)
    there = known.found(keys, retry_failed=retry_failed)
    assert there.dtype == bool
    assert there.tolist() == [key in found for key in keys]
    assert 0 < there.sum() < len(keys)
    assert known.found(pack(keys), retry_failed=retry_failed).tolist() == there.tolist()


def test_ok_and_failed_are_told_apart(tmp_path: Path) -> None:
    keys = fill(tmp_path)
    rows = cache(tmp_path).find(keys)
    known = keys_of(tmp_path)
    failed = [key in rows and rows[key]["status"] == "failed" for key in keys]
    assert (known.found(keys) & ~known.found(keys, retry_failed=True)).tolist() == failed
    assert (len(known), len(known.failed)) == (len(rows), sum(failed))
    assert not set(known.ok.tolist()) & set(known.failed.tolist())
    for array in (known.ok, known.failed):
        assert (np.diff(array.astype(object)) > 0).all()


@pytest.mark.parametrize("cut", range(1, 70))
def test_torn_last_record_counts_when_it_is_found(tmp_path: Path, cut: int) -> None:
    keys = [content_key(str(n)) for n in range(3)]
    with cache(tmp_path) as one:
        one.append((key, row("ok", lm_loss=1.5)) for key in keys)
    (segment,) = tmp_path.rglob("*.jsonl")
    segment.write_bytes(segment.read_bytes()[:-cut])
    there = keys_of(tmp_path).found(keys)
    assert there.tolist() == [key in cache(tmp_path).find(keys) for key in keys]
    assert there.tolist() == [True, True, cut == 1]


def test_rows_of_any_shape(tmp_path: Path) -> None:
    """Records without a status behind the key, and what is no record."""
    key = [content_key(str(n)) for n in range(5)]
    with cache(tmp_path) as one:
        one.append([(key[0], {"x": 1, "status": "failed"}), (key[1], {"x": '"status":"failed"'})])
    (segment,) = tmp_path.rglob("*.jsonl")
    lines = [
        '["key"]',
        '{"job": {"scored": 1}}',
        f'{{"key":"{key[2]}","status":"o',
        f'{{"key":"{key[3]}","status":"failed","reason":"{{\\"status\\":\\"ok\\"}}"}}',
        f'{{"key":"{key[4]}"}}',
    ]
    with segment.open("a") as stream:
        stream.writelines(f"{line}\n" for line in lines)
    known = keys_of(tmp_path)
    assert known.found(key).tolist() == [True, True, False, True, True]
    failed = known.found(key) & ~known.found(key, retry_failed=True)
    assert failed.tolist() == [True, False, False, True, False]
    assert len(known) == 4
    assert set(cache(tmp_path).find(key)) == {key[0], key[1], key[3], key[4]}


def test_no_cache_knows_nothing(tmp_path: Path) -> None:
    known = keys_of(tmp_path)
    assert len(known) == 0
    assert known.found(["k"]).tolist() == [False]
    assert known.found([]).tolist() == []

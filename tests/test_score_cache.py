"""The score cache: what was appended is found, whatever happened to the writer."""

from __future__ import annotations

from pathlib import Path

import pytest

from livecc import score_cache
from livecc.errors import LiveccError
from livecc.score_cache import ScoreCache


def cache(root: Path, writer: str = "pretrain.a", fingerprint: str = "f1") -> ScoreCache:
    return ScoreCache(root, "score_lm_loss", fingerprint, writer)


def test_finds_what_was_appended(tmp_path: Path) -> None:
    with cache(tmp_path) as first:
        first.append([("k1", {"lm_loss": 1.5}), ("k2", {"lm_loss": None, "status": "failed"})])
        first.append([("k3", {"lm_loss": 3.0})])
    assert cache(tmp_path).find({"k1", "k2", "k9"}) == {
        "k1": {"lm_loss": 1.5},
        "k2": {"lm_loss": None, "status": "failed"},
    }


def test_another_shard_finds_it_too(tmp_path: Path) -> None:
    with cache(tmp_path, "pretrain.a") as first:
        first.append([("k1", {"x": 1})])
    assert cache(tmp_path, "pretrain.b").find({"k1"}) == {"k1": {"x": 1}}


def test_another_fingerprint_does_not(tmp_path: Path) -> None:
    with cache(tmp_path) as first:
        first.append([("k1", {"x": 1})])
    assert cache(tmp_path, fingerprint="f2").find({"k1"}) == {}


def test_large_caches_of_other_shards_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for writer in ("pretrain.a", "pretrain.b"):
        with cache(tmp_path, writer) as one:
            one.append([(f"key of {writer}", {"x": 1})])
    monkeypatch.setattr(score_cache, "FOREIGN_BYTES", 10)
    both = {"key of pretrain.a", "key of pretrain.b"}
    assert set(cache(tmp_path, "pretrain.a").find(both)) == {"key of pretrain.a"}


def test_shard_names_with_dots_are_not_mixed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cache(tmp_path, "pretrain.a.b") as one:
        one.append([("k", {"x": 1})])
    monkeypatch.setattr(score_cache, "FOREIGN_BYTES", 0)
    assert cache(tmp_path, "pretrain.a").find({"k"}) == {}
    assert cache(tmp_path, "pretrain.a.b").find({"k"}) == {"k": {"x": 1}}


@pytest.mark.parametrize("cut", range(1, 20))
def test_torn_last_record_is_not_read(tmp_path: Path, cut: int) -> None:
    with cache(tmp_path) as first:
        first.append([("k1", {"x": 1})])
        first.append([("k2", {"x": 2})])
    (segment,) = tmp_path.rglob("*.jsonl")
    data = segment.read_bytes()
    segment.write_bytes(data[:-cut])
    found = cache(tmp_path).find({"k1", "k2"})
    assert found["k1"] == {"x": 1}
    # Without its newline alone the record is still whole.
    assert found.get("k2") == ({"x": 2} if cut == 1 else None)


def test_nothing_appended_makes_no_file(tmp_path: Path) -> None:
    with cache(tmp_path) as first:
        first.append([])
    assert list(tmp_path.rglob("*.jsonl")) == []


def test_two_writers_of_one_shard_never_share_a_file(tmp_path: Path) -> None:
    with cache(tmp_path) as one, cache(tmp_path) as two:
        one.append([("k1", {"x": 1})])
        two.append([("k2", {"x": 2})])
        one.append([("k3", {"x": 3})])
    assert len(list(tmp_path.rglob("*.jsonl"))) == 2
    assert set(cache(tmp_path).find({"k1", "k2", "k3"})) == {"k1", "k2", "k3"}


def test_full_disk_is_one_message_and_keeps_what_was_written(tmp_path: Path) -> None:
    class Full:
        def write(self, _: bytes) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None: ...

    with cache(tmp_path) as first:
        first.append([("k1", {"x": 1})])
        first._segment = Full()  # type: ignore[assignment]
        with pytest.raises(LiveccError, match=r"No space left.*kept"):
            first.append([("k2", {"x": 2})])
    assert cache(tmp_path).find({"k1", "k2"}) == {"k1": {"x": 1}}

"""The speed of earlier jobs, from the tails of their segments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from livecc.scores.cache import ScoreCache
from livecc.scores.throughput import throughput


def job(root: Path, age: int = 0, fingerprint: str = "f", **figures: Any) -> Path:
    """A segment with one row and the line of its job; returns it, `age` seconds old."""
    before = set(root.rglob("*.jsonl"))
    with ScoreCache(root, "transcribe", fingerprint, "sft.a") as cache:
        cache.append([("k", {"status": "ok", "words": ["x"] * 5_000})])
        if figures:
            defaults = {"failed": 0, "load_seconds": 2.0, "device": "cpu"}
            cache.record_job(**{**defaults, **figures})
    (path,) = set(root.rglob("*.jsonl")) - before
    _, token, _ = path.name.rsplit(".", 2)
    older = f"{int(token[:11], 16) - 1000 * age:011x}{token[11:]}"
    return path.rename(path.with_name(path.name.replace(token, older)))


def test_rates_are_sums_over_jobs(tmp_path: Path) -> None:
    job(tmp_path, scored=90, seconds=9.0, load_seconds=3.0)
    job(tmp_path, scored=10, seconds=11.0, load_seconds=20.0)
    job(tmp_path, scored=0, seconds=0.0, load_seconds=4.0)
    rate = throughput(tmp_path, "transcribe")
    assert rate is not None
    assert (rate.jobs, rate.items, rate.items_per_second, rate.load_seconds) == (3, 100, 5.0, 4.0)
    assert rate.seconds(items=50, jobs=2) == 50 / 5 + 2 * 4


def test_latest_jobs_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livecc.scores.throughput._JOBS", 2)
    job(tmp_path, age=500, scored=1000, seconds=1.0)
    job(tmp_path, age=5, scored=10, seconds=5.0)
    job(tmp_path, age=50, scored=10, seconds=5.0)
    rate = throughput(tmp_path, "transcribe")
    assert rate is not None
    assert (rate.jobs, rate.items_per_second) == (2, 2.0)


def test_device_and_settings_are_told_apart(tmp_path: Path) -> None:
    job(tmp_path, scored=10, seconds=10.0)
    job(tmp_path, scored=1000, seconds=10.0, device="cuda")
    job(tmp_path, scored=70, seconds=10.0, fingerprint="g")

    def rate(**which: str) -> float | None:
        found = throughput(tmp_path, "transcribe", **which)
        return found and found.items_per_second

    assert rate(device="cpu") == 4.0
    assert rate(device="cuda") == 100.0
    assert rate(fingerprint="g") == 7.0
    assert rate(device="cuda", fingerprint="g") is None
    assert rate(device="mps") is None


def test_no_record_is_no_estimate(tmp_path: Path) -> None:
    assert throughput(tmp_path, "transcribe") is None
    job(tmp_path)
    assert throughput(tmp_path, "transcribe") is None
    job(tmp_path, scored=1)
    assert throughput(tmp_path, "transcribe") is None


@pytest.mark.parametrize("cut", [3, 30, 200])
def test_job_killed_in_its_last_line_is_passed_over(tmp_path: Path, cut: int) -> None:
    path = job(tmp_path, scored=10, seconds=1.0)
    path.write_bytes(path.read_bytes()[:-cut])
    assert throughput(tmp_path, "transcribe") is None

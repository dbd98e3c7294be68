"""What a job says of its progress while it runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from livecc.running import progress


def test_file_is_there_while_the_job_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FILE_SECONDS", 0.0)
    stats = tmp_path / "stats" / "one.json"
    file = progress.progress_file(stats)
    with progress.job_progress("score_lm_loss", 10, stats) as job:
        assert json.loads(file.read_text())["done"] == 0
        job.loaded()
        job.done(4)
        said = json.loads(file.read_text())
        assert (said["done"], said["total"]) == (4, 10)
    assert not file.exists()


def test_file_goes_away_with_a_job_that_fails(tmp_path: Path) -> None:
    stats = tmp_path / "one.json"
    with pytest.raises(RuntimeError), progress.job_progress("score_lm_loss", 10, stats):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_log_tells_speed_and_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter([0.0, 10.0, 20.0, 30.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    caplog.set_level("INFO")
    job = progress.JobProgress("score_lm_loss", 30, tmp_path / "file")
    job.loaded()
    job.done(5)
    assert caplog.messages == []
    job.done(5)
    assert caplog.messages == ["score_lm_loss: 10 of 30 items, 0.50 items/s, about 40 s left"]

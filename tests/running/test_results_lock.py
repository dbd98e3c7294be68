"""One run at a time over the results, wherever and by whomever it is started."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from livecc.errors import LiveccError
from livecc.files.atomic import write_json
from livecc.formats.layout import Layout
from livecc.running import driver, results_lock, slurm_jobs
from livecc.running.results_lock import ResultsLock, Writer
from tests.support.other_writer import hold


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.chdir(tmp_path)
    return Layout(str(tmp_path / "results"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The working directory of another run."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


@pytest.fixture
def killed(results: Layout, elsewhere: Path) -> Path:
    """The record of a run with our executor that was killed, in a directory of its own."""
    process = hold(results.results, results_lock.OURS, elsewhere)
    process.kill()
    process.communicate()
    return Path(results.writer)


def record(path: Path) -> Writer:
    told = json.loads(path.read_text())
    return Writer(**{**told, "driver": driver.Driver(**told["driver"])})


def test_a_second_run_is_told_who_is_at_work(results: Layout, elsewhere: Path) -> None:
    process = hold(results.results, "local", elsewhere)
    with pytest.raises(LiveccError) as error:
        ResultsLock(results).acquire("local")
    assert f"process {process.pid} on" in str(error.value)
    assert f"from {elsewhere}" in str(error.value)
    assert f"kill -INT {process.pid}" in str(error.value)
    process.communicate("")
    # It ended without saying so, and is gone.
    assert ResultsLock(results).acquire("local") == []


def test_a_run_that_ended_leaves_nothing(results: Layout) -> None:
    first = ResultsLock(results)
    first.acquire("slurm")
    first.release()
    assert record(Path(results.writer)).ended
    second = ResultsLock(results)
    assert second.acquire("local") == []
    second.release()
    second.release()


def test_jobs_of_a_killed_run_elsewhere_are_ended_first(
    results: Layout, killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def end(folder: Path) -> list[str]:
        asked.append(folder)
        return ["Cancelled 2 Slurm jobs"]

    monkeypatch.setattr(slurm_jobs, "end_earlier_runs", end)
    assert ResultsLock(results).acquire(results_lock.OURS) == ["Cancelled 2 Slurm jobs"]
    assert asked == [tmp_path / "elsewhere"]
    assert record(killed).folder == str(tmp_path)


def test_jobs_of_another_user_cannot_be_ended(
    results: Layout, killed: Path, tmp_path: Path
) -> None:
    before = record(killed)
    told = {**vars(before), "driver": vars(before.driver), "user": "somebody"}
    write_json(killed, told)
    # It has no jobs left.
    lock = ResultsLock(results)
    assert lock.acquire("local") == []
    lock.release()
    write_json(killed, told)
    write_json(tmp_path / "elsewhere" / slurm_jobs.RUNS / "run.json", vars(before.driver))
    with pytest.raises(LiveccError, match=r"only somebody can cancel them .* remove .*run\.lock"):
        ResultsLock(results).acquire("local")


def test_jobs_of_an_unknown_executor_keep_the_lock(results: Layout, elsewhere: Path) -> None:
    process = hold(results.results, "kubernetes", elsewhere)
    process.kill()
    process.communicate()
    for _ in range(2):
        with pytest.raises(LiveccError, match=r"\(kubernetes\) has submitted may still"):
            ResultsLock(results).acquire("local")
    Path(results.writer).unlink()
    assert ResultsLock(results).acquire("local") == []


def test_a_run_on_another_machine_counts_until_it_is_silent(results: Layout, killed: Path) -> None:
    before = record(killed)
    there = replace(before.driver, host="some-other-node")
    write_json(killed, {**vars(before), "driver": vars(there), "executor": "local"})
    # Nothing is known of it.
    with pytest.raises(LiveccError, match="on some-other-node"):
        ResultsLock(results).acquire("local")
    progress = Path(results.progress_json)
    progress.touch()
    with pytest.raises(LiveccError, match="on some-other-node"):
        ResultsLock(results).acquire("local")
    old = progress.stat().st_mtime - driver.SILENCE - 1
    os.utime(progress, (old, old))
    assert ResultsLock(results).acquire("local") == []


@pytest.mark.parametrize("content", ["", "half a rec", "[]", '{"driver": 3}'])
def test_a_record_that_cannot_be_read_is_none(results: Layout, content: str) -> None:
    path = Path(results.writer)
    path.parent.mkdir()
    path.write_text(content)
    assert ResultsLock(results).acquire("local") == []


def test_a_file_system_without_locks_has_the_record(
    results: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(_: int) -> bool:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(results_lock, "lock", no_locks)
    assert ResultsLock(results).acquire("local") == []
    with pytest.raises(LiveccError, match=f"process {os.getpid()} on"):
        ResultsLock(results).acquire("local")


def test_results_that_may_not_be_written(results: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(LiveccError, match=r"run\.lock: Permission denied; results that belong to"):
        ResultsLock(results).acquire("local")

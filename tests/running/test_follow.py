"""What is made of Snakemake's events and of what jobs say themselves."""

from __future__ import annotations

import json
import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from livecc.errors import LiveccError
from livecc.running import follow
from livecc.running.follow_view import duration, render, to_text
from livecc.running.progress import JobProgress, progress_file
from tests.support.places import REPOSITORY


class Run:
    """A run of two stages with four shards each, told as Snakemake tells it; time is the test's."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.now = 1000.0
        monkeypatch.setattr(follow.time, "monotonic", lambda: self.now)
        self.progress = follow.RunProgress(folder)
        counts = {"clip_captions": 4, "score_lm_loss": 4, "all": 1, "total": 9}
        self.progress.handle("run_info", {"stats": counts})

    def stats(self, shard: str) -> Path:
        return self.folder / "r" / "pretrain" / "stats" / "score_lm_loss" / f"{shard}.json"

    def log(self, shard: str) -> Path:
        return self.folder / "logs" / f"{shard}.log"

    def begin(self, jobid: int, rule: str, shard: str, local: bool = True) -> None:
        outputs = [f"r/pretrain/clips/{shard}.parquet"]
        if rule == "score_lm_loss":
            outputs.append(str(self.stats(shard).relative_to(self.folder)))
        self.progress.handle(
            "job_info",
            {
                "jobid": jobid,
                "rule_name": rule,
                "wildcards": {"track": "pretrain", "shard": shard},
                "local": local,
                "log": [f"logs/{shard}.log"],
                "output": outputs,
            },
        )

    def say(self, shard: str, done: int, total: int) -> None:
        job = JobProgress("score_lm_loss", total, progress_file(self.stats(shard)))
        job.count = done
        job.write()

    def finish(self, jobid: int, shard: str | None = None, items: int = 0, found: int = 0) -> None:
        if shard is not None:
            path = self.stats(shard)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"items": items, "found": found}))
            progress_file(path).unlink(missing_ok=True)
        self.progress.handle("job_finished", {"job_id": jobid})

    def fail(self, jobid: int, rule: str, shard: str, **more: Any) -> list[follow.Failure]:
        return self.progress.handle("job_error", self.error(jobid, rule, shard) | more)

    @staticmethod
    def error(jobid: int, rule: str, shard: str) -> dict[str, Any]:
        return {
            "jobid": jobid,
            "rule_name": rule,
            "log": [f"logs/{shard}.log"],
            "shellcmd": f"python scripts/{rule}.py --shard={shard}",
            "conda_env": None,
            "container_img": None,
        }

    def stage(self, name: str) -> dict[str, Any]:
        self.progress.tick()
        stages = self.progress.snapshot("running")["stages"]
        found: dict[str, Any] = next(stage for stage in stages if stage["stage"] == name)
        return found


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(tmp_path, monkeypatch)


def test_speed_and_time_left_of_a_stage(run: Run) -> None:
    for jobid, shard in enumerate(("a", "b")):
        run.begin(jobid, "score_lm_loss", shard)
        run.say(shard, 0, 100)
    stage = run.stage("score_lm_loss")
    assert (stage["at_work"], stage["finished"], stage["jobs"]) == (2, 0, 4)
    assert (stage["done"], stage["total"], stage["total_is_known"]) == (0, 400, False)
    assert stage["per_second"] is None
    run.now += 20
    run.say("a", 30, 100)
    run.say("b", 10, 100)
    stage = run.stage("score_lm_loss")
    assert stage["done"] == 40
    assert stage["per_second"] == pytest.approx(2)
    assert stage["seconds_left"] == pytest.approx(180)


def test_items_of_finished_jobs_count_without_what_the_cache_had(run: Run) -> None:
    run.begin(1, "score_lm_loss", "a")
    run.now += 10
    run.finish(1, "a", items=100, found=40)
    stage = run.stage("score_lm_loss")
    assert (stage["finished"], stage["done"], stage["found"]) == (1, 60, 40)
    assert stage["total"] == 240
    assert stage["per_second"] == pytest.approx(6)
    # Nothing is at work, so the time that passes is not the stage's.
    run.now += 1000
    assert run.stage("score_lm_loss")["per_second"] == pytest.approx(6)


def test_speed_is_that_of_late(run: Run) -> None:
    run.begin(1, "score_lm_loss", "a")
    run.say("a", 0, 10**6)
    run.stage("score_lm_loss")
    for step in range(1, 41):
        run.now += 60
        run.say("a", 600 * min(step, 20) + 60 * max(0, step - 20), 10**6)
        stage = run.stage("score_lm_loss")
    assert stage["per_second"] == pytest.approx(1)


def test_job_in_the_queue_is_not_at_work(run: Run) -> None:
    run.begin(1, "score_lm_loss", "a", local=False)
    run.begin(2, "clip_captions", "b", local=False)
    run.now += 100
    assert run.stage("score_lm_loss")["queued"] == 1
    assert run.stage("clip_captions")["queued"] == 1
    run.say("a", 5, 10)
    run.log("b").parent.mkdir()
    run.log("b").touch()
    assert run.stage("score_lm_loss")["at_work"] == 1
    assert run.stage("clip_captions")["at_work"] == 1


def test_log_of_an_earlier_run_does_not_count(run: Run) -> None:
    run.log("b").parent.mkdir()
    run.log("b").touch()
    os.utime(run.log("b"), (time.time() - 100, time.time() - 100))
    run.begin(2, "clip_captions", "b", local=False)
    assert run.stage("clip_captions")["queued"] == 1


def test_what_a_killed_attempt_said_does_not_count(run: Run) -> None:
    run.say("a", 5, 10)
    run.begin(1, "score_lm_loss", "a")
    assert run.stage("score_lm_loss")["done"] == 0


def test_failure_has_the_end_of_its_log_and_its_command(run: Run) -> None:
    run.log("a").parent.mkdir()
    run.log("a").write_text("".join(f"line {n}\n" for n in range(50)) + "10%\r20%\rerror: no!\n\n")
    run.begin(1, "score_lm_loss", "a")
    run.begin(2, "score_lm_loss", "b")
    [failure] = run.fail(1, "score_lm_loss", "a", aux={"external_jobid": "77"})
    assert failure.job == "score_lm_loss pretrain/a"
    lines = failure.last_lines["logs/a.log"]
    assert len(lines) == follow.LAST_LINES
    assert lines[-2:] == ["line 49", "error: no!"]
    stage = run.stage("score_lm_loss")
    assert (stage["failed"], stage["at_work"]) == (1, 1)
    text = to_text(render(run.progress.snapshot("running")))
    assert "failed: score_lm_loss pretrain/a, cluster job 77" in text
    assert "    error: no!\n" in text
    command = f"    cd {run.folder}\n    PYTHONPATH={REPOSITORY} "
    command += "python scripts/score_lm_loss.py --shard=a\n"
    assert command in text
    text = to_text(render(run.progress.snapshot("running"), commands=False))
    assert "error: no!" in text
    assert command not in text


def test_job_that_failed_and_then_worked_is_no_failure(run: Run) -> None:
    run.begin(1, "score_lm_loss", "a")
    run.fail(1, "score_lm_loss", "a")
    run.begin(1, "score_lm_loss", "a")
    stage = run.stage("score_lm_loss")
    assert (stage["failed"], stage["at_work"]) == (0, 1)
    run.fail(1, "score_lm_loss", "a")
    [failure] = run.progress.snapshot("running")["failures"]
    assert failure["attempts"] == 2
    run.begin(1, "score_lm_loss", "a")
    run.finish(1, "a", items=3)
    assert run.progress.snapshot("finished")["failures"] == []


def test_failure_of_a_group(run: Run) -> None:
    run.begin(1, "score_lm_loss", "a")
    run.begin(2, "score_lm_loss", "b")
    errors = [run.error(jobid, "score_lm_loss", shard) for jobid, shard in ((1, "a"), (2, "b"))]
    failures = run.progress.handle("group_error", {"job_error_info": errors})
    assert [failure.job for failure in failures] == [
        "score_lm_loss pretrain/a",
        "score_lm_loss pretrain/b",
    ]


def test_many_failures_are_not_all_shown(run: Run) -> None:
    for jobid in range(8):
        run.begin(jobid, "score_lm_loss", f"s{jobid}")
        run.fail(jobid, "score_lm_loss", f"s{jobid}")
    text = to_text(render(run.progress.snapshot("stopped")))
    assert text.count("\nfailed: ") == 5
    assert "3 more failures" in text


def test_silent_run_is_told(run: Run) -> None:
    snapshot = run.progress.snapshot("running")
    assert "no news" not in to_text(render(snapshot))
    later = to_text(render(snapshot, now=snapshot["updated"] + 600))
    assert "no update for 10 min" in later


@pytest.mark.parametrize("error", [LiveccError("the disk is full"), OSError("the disk is full")])
def test_full_disk_costs_neither_the_run_nor_its_end(
    error: Exception,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(follow, "write_json", full)
    monkeypatch.setattr(follow, "WRITE_SECONDS", 0.01)
    follower = follow.Follower(tmp_path)
    follower.start()
    time.sleep(0.1)
    follower.finish("stopped")
    # Once, however often it was tried.
    assert caplog.messages == ["the disk is full"]
    assert "stopped: 0 of 0 jobs" in capsys.readouterr().err


def test_closed_terminal_does_not_end_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def closed(*_: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(follow, "show", closed)
    follow.Follower(tmp_path).finish("stopped")
    assert json.loads((tmp_path / "progress.json").read_text())["state"] == "stopped"
    assert caplog.messages == ["[Errno 32] Broken pipe"]


def test_progress_of_another_form_is_passed_over(run: Run) -> None:
    run.begin(1, "score_lm_loss", "a")
    progress_file(run.stats("a")).parent.mkdir(parents=True)
    progress_file(run.stats("a")).write_text('["neither done nor total"]')
    assert run.stage("score_lm_loss")["done"] == 0


def test_jobs_that_end_with_the_run_have_not_failed(run: Run) -> None:
    run.log("a").parent.mkdir()
    run.log("a").write_text("12:00:00 scoring\ninterrupted\n")
    run.log("b").write_text("12:00:00 scoring\n")
    run.log("c").write_text("error: no such model\n")
    for jobid, shard in enumerate("abc"):
        run.begin(jobid, "score_lm_loss", shard)
    run.progress.interrupted = True
    assert run.fail(0, "score_lm_loss", "a") == []
    assert run.fail(1, "score_lm_loss", "b") == []
    [failure] = run.fail(2, "score_lm_loss", "c")
    assert failure.job == "score_lm_loss pretrain/c"
    [told] = run.progress.snapshot("stopped")["failures"]
    assert told["job"] == failure.job


def test_interrupted_run_is_not_said_to_have_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a signal that reaches Snakemake, whose own handler still gets it."""
    got: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, lambda number, _frame: got.append(number))
    log = tmp_path / "a.log"
    log.write_text("interrupted\n")
    handler = logging.StreamHandler()
    of_job = {"event": "job_error", **Run.error(1, "score_lm_loss", "a"), "log": [str(log)]}
    of_run = {"event": "error", "exception": "WorkflowError"}
    job, run, finished = map(logging.makeLogRecord, (of_job, of_run, {"event": "job_finished"}))
    follower = follow.Follower(tmp_path / "r")
    follower.quieten([handler], lambda: False)
    try:
        follower.start()
        assert handler.filter(run)
        os.kill(os.getpid(), signal.SIGTERM)
        assert got == [signal.SIGTERM]
        assert not handler.filter(run)
        assert handler.filter(finished)
        follower.emit(job)
        follower.finish("stopped")
    finally:
        for number, was in before.items():
            signal.signal(number, was)
    told = capsys.readouterr().err
    assert "failed: " not in told
    assert told.startswith("interrupted: 0 of 0 jobs")
    assert "start the same command again to continue" in told


def test_snakemake_leaves_failed_jobs_to_the_follower(tmp_path: Path) -> None:
    """It would say each of them twice more on the terminal; the file of its log has all."""
    screen, file = logging.StreamHandler(), logging.FileHandler(tmp_path / "log")
    job = logging.makeLogRecord({"event": "job_error", **Run.error(1, "score_lm_loss", "a")})
    message = "RuleException:\nCalledProcessError in file x, line 1"
    command = logging.makeLogRecord(
        {"event": "error", "exception": "RuleException", "msg": message}
    )
    other = logging.makeLogRecord({"event": "error", "exception": "MissingOutputException"})
    follower = follow.Follower(tmp_path / "r")
    follower.quieten([screen, file], lambda: True)
    # Before jobs start, nothing else would say it.
    assert all(screen.filter(one) for one in (job, command, other))
    follower._thread.start()
    assert not screen.filter(job)
    assert not screen.filter(command)
    assert screen.filter(other)
    assert all(file.filter(one) for one in (job, command, other))
    follower.finish("finished")
    file.close()


def test_missing_records_of_snakemake_are_told_where_they_decide(tmp_path: Path) -> None:
    """It has none of results that were made in another directory."""
    message = (
        "7 jobs have missing provenance/metadata so that it in part cannot be used to trigger "
        "re-runs.\nRules with missing metadata: fetch_model"
    )
    missing, other = (logging.makeLogRecord({"msg": m}) for m in (message, "7 jobs have run"))
    for only_times in (True, False):
        screen, file = logging.StreamHandler(), logging.FileHandler(tmp_path / "log")
        follow.Follower(tmp_path / "r").quieten([screen, file], lambda decide=only_times: decide)
        assert bool(screen.filter(missing)) is not only_times
        assert screen.filter(other)
        assert file.filter(missing)
        file.close()


def test_log_of_a_failure_is_shown_once(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run.log("a").parent.mkdir()
    run.log("a").write_text("error: no such model\n")
    follower = follow.Follower(tmp_path / "r")
    follower._progress = run.progress
    follower.start()
    run.begin(1, "score_lm_loss", "a")
    error = {"event": "job_error", **run.error(1, "score_lm_loss", "a")}
    follower.emit(logging.makeLogRecord(error))
    follower.finish("stopped")
    told = capsys.readouterr().err
    assert told.count("error: no such model") == 1
    assert told.count("failed: score_lm_loss pretrain/a") == 2
    # The files have all of it.
    assert "error: no such model" in (tmp_path / "r" / "progress.txt").read_text()


def test_dry_run_leaves_the_files_of_a_run_alone(run: Run) -> None:
    run.say("a", 1, 2)
    follower = follow.Follower(Path("r"))
    record = logging.makeLogRecord(
        {
            "event": "job_info",
            "jobid": 1,
            "rule_name": "score_lm_loss",
            "wildcards": {},
            "local": True,
            "log": [],
            "output": [str(run.stats("a"))],
        }
    )
    follower.emit(record)
    assert progress_file(run.stats("a")).exists()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (7260, "2 h 1 min"), (90000, "1 d 1 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text

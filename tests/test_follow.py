"""What is made of Snakemake's events and of what jobs say themselves."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest

from livecc import follow
from livecc.follow_view import duration, render, to_text
from livecc.progress import JobProgress, progress_file


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
    command = f"    cd {run.folder}\n    python scripts/score_lm_loss.py --shard=a\n"
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
    assert "and 3 more failed" in text


def test_silent_run_is_told(run: Run) -> None:
    snapshot = run.progress.snapshot("running")
    assert "no news" not in to_text(render(snapshot))
    later = to_text(render(snapshot, now=snapshot["updated"] + 600))
    assert "no news for 10 min" in later


def test_full_disk_does_not_end_the_run(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    del run

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(follow, "write_json", full)
    follower = follow.Follower(Path("r"))
    follower.finish("finished")
    assert caplog.messages == ["r/progress.json: No space left on device"]


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

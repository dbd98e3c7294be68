"""The score cache: what was appended is found, whatever happened to the writer."""

from __future__ import annotations

import errno
import os
import platform
import socket
import subprocess
import sys
import threading
import time
from importlib import metadata
from pathlib import Path

import pytest

from livecc.errors import LiveccError
from livecc.files import record_lock
from livecc.files.atomic import read_json
from livecc.scores import cache as score_cache
from livecc.scores import writer_lock
from livecc.scores.cache import ScoreCache
from livecc.scores.segments import software_of
from tests.support.files_that_end import file_size_limit


def cache(root: Path, writer: str = "pretrain.a", fingerprint: str = "f1") -> ScoreCache:
    return ScoreCache(root, "score_lm_loss", fingerprint, writer, packages=("torch",))


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


def test_scores_of_all_shards_are_looked_through(tmp_path: Path) -> None:
    """What a plan finds a job must find, too, however the data set is cut into shards."""
    for n in range(50):
        with cache(tmp_path, f"pretrain.{n}.x") as one:
            one.append([(f"{n}", {"x": n, "text": "y" * 10_000})])
    found = cache(tmp_path, "pretrain.new").find([str(n) for n in range(0, 60, 2)])
    assert {key: row["x"] for key, row in found.items()} == {str(n): n for n in range(0, 50, 2)}


def test_shard_names_with_dots_are_not_mixed_up(tmp_path: Path) -> None:
    """Of failures, the own shard's counts."""
    for writer in ("pretrain.a.b", "pretrain.a"):
        with cache(tmp_path, writer) as one:
            one.append([("k", {"status": "failed", "reason": writer})])
    assert cache(tmp_path, "pretrain.a").find({"k"})["k"]["reason"] == "pretrain.a"
    assert cache(tmp_path, "pretrain.a.b").find({"k"})["k"]["reason"] == "pretrain.a.b"


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
    with cache(tmp_path) as first:
        first.append([("k1", {"x": 1})])
        (segment,) = tmp_path.rglob("*.jsonl")
        before = segment.read_bytes()
        limit = file_size_limit(len(before) + 20)
        with limit, pytest.raises(LiveccError, match=r"File too large.*kept"):
            first.append([(f"key {n}", {"x": n}) for n in range(9)])
        # What was cut off may not be followed by anything, not even when there is space again.
        first.record_job(scored=1)
        with pytest.raises(LiveccError, match="earlier write"):
            first.append([("k3", {"x": 3})])
    assert segment.read_bytes() == before
    assert before.endswith(b'{"key":"k1","x":1}\n')
    with cache(tmp_path) as second:
        second.append([("k2", {"x": 2})])
    assert cache(tmp_path).find({"k1", "k2"}) == {"k1": {"x": 1}, "k2": {"x": 2}}


def test_disk_that_is_full_from_the_beginning_leaves_no_segment(tmp_path: Path) -> None:
    with cache(tmp_path) as one, file_size_limit(10), pytest.raises(LiveccError, match="kept"):
        one.append([("k", {"x": 1})])
    assert list(tmp_path.rglob("*.jsonl")) == []


def test_segments_say_with_which_software_they_were_made(tmp_path: Path) -> None:
    with cache(tmp_path) as one:
        one.append([("k", {"x": 1})])
    folder = tmp_path / "score_lm_loss" / "f1"
    assert software_of(folder)["torch"] == [metadata.version("torch")]
    assert software_of(folder)["python"] == [platform.python_version()]
    (folder / "pretrain.b.1.jsonl").write_text('{"software":{"torch":"9","new":"1"}}\n')
    (folder / "pretrain.c.1.jsonl").write_text('{"software":{"torch":"10"')
    assert software_of(folder)["torch"] == sorted([metadata.version("torch"), "9"])
    assert software_of(folder)["new"] == ["1"]
    assert set(cache(tmp_path).find({"k"})) == {"k"}


OK = {"status": "ok", "x": 1}
FAILED = {"status": "failed", "reason": "hung"}
FAILED_AGAIN = {"status": "failed", "reason": "still hung"}


@pytest.mark.parametrize("writers", [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b"), ("b", "c")])
@pytest.mark.parametrize("rows", [(OK, FAILED), (FAILED, OK)])
def test_ok_wins_over_failed(
    tmp_path: Path, writers: tuple[str, str], rows: tuple[dict[str, object], dict[str, object]]
) -> None:
    for writer, row in zip(writers, rows, strict=True):
        with cache(tmp_path, writer) as one:
            one.append([("k", row)])
    assert cache(tmp_path, "a").find({"k"}) == {"k": OK}
    assert cache(tmp_path, "a").find({"k"}, retry_failed=True) == {"k": OK}


def test_ok_wins_over_failed_in_one_segment(tmp_path: Path) -> None:
    with cache(tmp_path) as one:
        one.append([("k", FAILED), ("l", OK)])
        one.append([("k", OK), ("l", FAILED)])
    assert cache(tmp_path).find({"k", "l"}) == {"k": OK, "l": OK}


def test_failed_is_not_found_when_it_is_to_be_retried(tmp_path: Path) -> None:
    with cache(tmp_path, "b") as one:
        one.append([("k", FAILED), ("l", OK)])
    for writer in ("a", "b"):
        assert cache(tmp_path, writer).find({"k", "l"}, retry_failed=True) == {"l": OK}
        assert cache(tmp_path, writer).find({"k", "l"}) == {"k": FAILED, "l": OK}


def test_the_latest_failure_of_the_own_shard_is_told(tmp_path: Path) -> None:
    for writer, row in (("a", FAILED), ("a", FAILED_AGAIN), ("b", FAILED)):
        time.sleep(0.002)
        with cache(tmp_path, writer) as one:
            one.append([("k", row)])
    assert cache(tmp_path, "a").find({"k"}) == {"k": FAILED_AGAIN}
    assert cache(tmp_path, "c").find({"k"})["k"]["reason"] in ("hung", "still hung")


def test_line_of_the_job_is_no_score(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with cache(tmp_path) as one:
        one.append([("k", OK)])
        one.record_job(scored=1, failed=0, device="cpu")
    (segment,) = tmp_path.rglob("*.jsonl")
    assert segment.read_bytes().endswith(b'\n{"job":{"scored":1,"failed":0,"device":"cpu"}}\n')
    assert cache(tmp_path).find({"k", "job"}) == {"k": OK}
    assert not caplog.records


def test_job_that_scored_nothing_leaves_no_line(tmp_path: Path) -> None:
    with cache(tmp_path) as one:
        one.record_job(scored=0)
    assert list(tmp_path.iterdir()) == []


def test_settings_say_what_the_fingerprint_stands_for(tmp_path: Path) -> None:
    for settings in ({"model": "abc", "prompts": {"b": 1}}, {"model": "later"}):
        with ScoreCache(tmp_path, "score_lm_loss", "f1", "a", settings=settings) as one:
            one.append([("k", OK)])
    written = read_json(tmp_path / "score_lm_loss" / "f1" / "settings.json")
    assert written == {
        "stage": "score_lm_loss",
        "fingerprint": "f1",
        "settings": {"model": "abc", "prompts": {"b": 1}},
    }


def test_cache_that_cannot_be_written_is_told_before_anything_is_scored(tmp_path: Path) -> None:
    (tmp_path / "score_lm_loss").write_text("not a folder")
    with cache(tmp_path) as one, pytest.raises(LiveccError, match=r"cannot be written \(Not a dir"):
        one.find({"k"})


# --- two jobs of one shard ----------------------------------------------------------------------

JOB = """
import sys, time
from pathlib import Path
from livecc.scores.cache import ScoreCache
from livecc.scores.segments import software_of

root, go = Path(sys.argv[1]), Path(sys.argv[2])
with ScoreCache(root, "score_lm_loss", "f1", "pretrain.a") as cache:
    missing = {"k1", "k2"} - cache.find({"k1", "k2"}).keys()
    print("scoring", *sorted(missing), flush=True)
    while missing and not go.exists():
        time.sleep(0.02)
    cache.append([(key, {"status": "ok", "x": 1}) for key in sorted(missing)])
"""


def start_job(root: Path, go: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", JOB, root, go],
        stdout=subprocess.PIPE,
        cwd=Path(score_cache.__file__).parents[2],
        text=True,
    )


def said(job: subprocess.Popen[str]) -> str:
    assert job.stdout is not None
    return job.stdout.readline().strip()


def test_twin_of_a_living_job_waits_and_scores_nothing_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_lock, "POLL_SECONDS", 0.02)
    go = tmp_path / "go"
    orphan = start_job(tmp_path, go)
    assert said(orphan) == "scoring k1 k2"
    with caplog.at_level("INFO"), cache(tmp_path) as twin:
        timer = threading.Timer(0.3, go.touch)
        timer.start()
        assert set(twin.find({"k1", "k2"})) == {"k1", "k2"}
        timer.join()
    assert orphan.wait() == 0
    assert [record.message for record in caplog.records] == [
        "waiting for another job that scores score_lm_loss of pretrain.a "
        f"(process {orphan.pid} on {socket.gethostname()})"
    ]


def test_killed_job_holds_nothing_up(tmp_path: Path) -> None:
    orphan = start_job(tmp_path, tmp_path / "never")
    assert said(orphan) == "scoring k1 k2"
    orphan.kill()
    orphan.wait()
    with cache(tmp_path) as twin:
        assert twin.find({"k1"}) == {}


def test_jobs_of_other_shards_do_not_wait(tmp_path: Path) -> None:
    other = start_job(tmp_path, tmp_path / "never")
    assert said(other) == "scoring k1 k2"
    with cache(tmp_path, "pretrain.b") as one:
        assert one.find({"k1"}) == {}
    other.kill()
    other.wait()


def test_job_with_nothing_to_score_does_not_wait(tmp_path: Path) -> None:
    with cache(tmp_path) as one:
        one.append([("k3", OK)])
    orphan = start_job(tmp_path, tmp_path / "never")
    assert said(orphan) == "scoring k1 k2"
    with cache(tmp_path) as twin:
        assert twin.find({"k3"}) == {"k3": OK}
    orphan.kill()
    orphan.wait()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_system_without_locks_is_used_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def lockf(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(record_lock.fcntl, "lockf", lockf)
    with cache(tmp_path) as one:
        assert one.find({"k"}) == {}
        one.append([("k", OK)])
    with cache(tmp_path) as two:
        assert two.find({"k", "l"}) == {"k": OK}

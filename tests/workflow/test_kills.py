"""Runs that are killed at random moments, and started again until they complete."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from both_tracks import make_both_tracks
from killing import StartedRun, clear, differing, final_files, start_again, stray_files, wait_until
from observing import Observed
from running import Project

pytestmark = pytest.mark.workflow

#: SIGKILLs of one test; there are two such tests.
KILLS = 26
#: Of so many kills, one hits Snakemake alone.
DRIVER_ALONE = 4
#: Jobs that run at a time.
CORES = 2


class Killer:
    """Kills runs of a project at moments that a seed chooses, and keeps account of it."""

    def __init__(self, project: Project, observed: Observed, seconds: float, seed: int) -> None:
        """`seconds`: how long a run takes that nobody kills."""
        self.project = project
        self.observed = observed
        self.seconds = seconds
        self.random = random.Random(seed)
        self.kills = 0
        #: Stage -> kills that hit a job of it.
        self.hit: Counter[str] = Counter()
        self.driver_alone = 0

    def run_and_kill(self, aims: list[str]) -> bool:
        """Start a run and kill it, perhaps when a job of one of the stages `aims` is at work.

        Returns whether the run was quicker and has completed.
        """
        run = start_again(self.project, **self.observed.environment)
        self._wait_for_moment(run, aims)
        alone = self.kills % DRIVER_ALONE == DRIVER_ALONE - 1
        running = run.stages()
        if run.ended():
            assert run.wait() == 0, run.output()[-5000:]
            return True
        if alone:
            run.kill_driver()
        else:
            run.kill_all()
        self.kills += 1
        self.driver_alone += alone
        self.hit.update(running)
        return False

    def _wait_for_moment(self, run: StartedRun, aims: list[str]) -> None:
        kind = self.random.choice(["any time", "job", "batch", "batch"]) if aims else "any time"
        if kind == "any time":
            wait_until(run.ended, self.random.uniform(0, self.seconds))
            return
        aim = self.random.choice(aims)
        before = self.observed.count(aim)

        def is_there() -> bool:
            at_work = self.observed.count(aim) > before if kind == "batch" else aim in run.stages()
            return at_work or run.ended()

        if wait_until(is_there, 3 * self.seconds):
            part = 0.01 if kind == "batch" else 0.1
            time.sleep(self.random.uniform(0, part * self.seconds))


@pytest.fixture
def whisper(fetched_model: Callable[[str], Path]) -> Path:
    return fetched_model("whisper-tiny.en")


@pytest.mark.models
def test_killed_run_that_transcribes(
    tmp_path: Path, tiny_lm: Path, face_detector: Path, whisper: Path
) -> None:
    project = make_both_tracks(tmp_path / "p", tiny_lm, face_detector, whisper)
    check_kills(project, seed=1)


def test_killed_run_with_transcripts_of_its_own(
    tmp_path: Path, tiny_lm: Path, face_detector: Path
) -> None:
    project = make_both_tracks(tmp_path / "p", tiny_lm, face_detector)
    check_kills(project, seed=2)


def check_kills(project: Project, seed: int) -> None:
    """Kill runs of a new project, and compare with one that is not killed."""
    observed = Observed(project.folder / "observed")
    run = StartedRun(project, environment=observed.environment)
    began = time.monotonic()
    assert run.wait() == 0, run.output()[-5000:]
    killer = Killer(project, observed, time.monotonic() - began, seed)
    expected = final_files(project)
    assert any(name.endswith("_with_seeks.jsonl") for name in expected)
    scored = observed.scored()
    assert max(scored.values()) == 1
    stages = sorted({stage for stage, _, _ in scored})

    while killer.kills < KILLS:
        clear(project)
        observed.clear()
        hit_before = killer.hit.copy()
        while killer.kills < KILLS:
            if killer.run_and_kill([stage for stage in stages if not killer.hit[stage]] or stages):
                break
        run = start_again(project, **observed.environment)
        assert run.wait() == 0, run.output()[-5000:]
        # A run whose driver was killed may have left jobs behind.
        run.wait_for_jobs()
        assert differing(final_files(project), expected) == []
        assert observed.scored().keys() == scored.keys()
        again = observed.scored_again()
        largest = observed.largest_batch()
        print(f"{killer.kills} kills; hit {dict(killer.hit)}; again {dict(again)}")
        for stage, count in again.items():
            # One batch in work, in each of the jobs that a kill hit.
            assert count <= (killer.hit - hit_before)[stage] * largest[stage], stage
        assert rows_in_cache(project) == len(scored)
        assert stray_files(project.results(), project.folder / ".snakemake") == []
    assert set(stages) <= set(killer.hit)
    assert killer.driver_alone >= KILLS // DRIVER_ALONE - 1
    print(killer.hit)


def rows_in_cache(project: Project) -> int:
    """Rows of all segments; as many as items when none was scored for nothing."""
    lines = [
        line
        for segment in project.results("cache").rglob("*.jsonl")
        for line in segment.read_bytes().splitlines()
    ]
    return sum(b'"key":' in line for line in lines)

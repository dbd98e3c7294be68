"""Runs that are killed at random moments, and started again until they complete."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workflow.both_tracks import make_both_tracks
from tests.workflow.killing import (
    StartedRun,
    clear,
    differing,
    final_files,
    stray_files,
    wait_until,
)
from tests.workflow.observing import Observed
from tests.workflow.running import Project

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

#: Of so many kills, one hits Snakemake alone.
DRIVER_ALONE = 4
#: So many are enough if all stages but one were hit.
MOST_KILLS = 30
WITHOUT_SCORES = {"select_samples", "merge_samples"}


class Killer:
    """Kills runs of a project at moments that a seed chooses, and keeps account of it."""

    def __init__(
        self,
        project: Project,
        observed: Observed,
        seconds: float,
        least: int,
        every_stage: bool,
        seed: int,
    ) -> None:
        """`observed` has what a run scored that nobody killed, and that took so many seconds.

        `least`: how many kills are enough, with `every_stage` once every stage was hit.
        """
        self.least = least
        self.every_stage = every_stage
        self.project = project
        self.observed = observed
        self.seconds = seconds
        self.random = random.Random(seed)
        #: (stage, track, key) of all items.
        self.items = set(observed.scored())
        self.stages = sorted({stage for stage, _, _ in self.items})
        #: What there is to score: in later rounds, the items of stages that no kill has hit.
        self.to_score = self.items
        self.kills = 0
        self.driver_alone = 0
        #: Stage -> kills that hit a job of it.
        self.hit: Counter[str] = Counter()

    def enough(self) -> bool:
        """Whether there were kills enough."""
        missed = set(self.stages) - self.hit.keys()
        if self.kills >= MOST_KILLS:
            # What is quicker than a kill takes to arrive.
            assert len(missed) <= 1, missed
            return True
        return self.kills >= self.least and (not missed or not self.every_stage)

    def start_over(self) -> None:
        """Forget all results, and the scores of all stages or of those that no kill has hit."""
        keep = set(self.stages) if self.every_stage else set()
        keep &= self.hit.keys()
        self.to_score = {item for item in self.items if item[0] not in keep}
        clear(self.project, keep)
        self.observed.clear()

    def missing(self) -> set[tuple[str, str, str]]:
        """What this round has yet to score."""
        return self.to_score - set(self.observed.scored())

    def start(self) -> StartedRun:
        return StartedRun(self.project, environment=self.observed.environment)

    def run_and_kill(self) -> bool:
        """Start a run and kill it; returns whether it was quicker and has completed."""
        run = self.start()
        if self.to_score != self.items and not self.missing():
            # This round was for stages that are done.
            run.wait()
        else:
            self._wait_for_moment(run)
        running = run.stages()
        if run.ended():
            assert run.wait() == 0, run.output()[-5000:]
            return True
        if self.kills % DRIVER_ALONE == DRIVER_ALONE - 1:
            run.kill_driver()
            self.driver_alone += 1
        else:
            run.kill_all()
        self.kills += 1
        self.hit.update(running)
        return False

    def _wait_for_moment(self, run: StartedRun) -> None:
        """Any time, or soon after a job has begun, or soon after one has done a batch.

        Any job will do, unless every stage is to be hit and some was not: then a job of one of
        those, so that as few kills as possible are needed.
        """
        missing = self.missing()
        aims = {stage for stage, _, _ in missing} or WITHOUT_SCORES
        new = aims - self.hit.keys()
        kind = self.random.choice(["any time", "job", "batch"])
        if new and self.every_stage:
            aims = {self.random.choice(sorted(new))}
            kind = self.random.choice(["job", "job", "batch"])
        before = len(self.observed.batches())

        def is_there() -> bool:
            if kind == "batch" and missing:
                at_work = {stage for stage, _, _ in self.observed.batches()[before:]}
            else:
                at_work = run.stages()
            return bool(aims & at_work) or run.ended()

        if kind != "any time":
            wait_until(is_there, 3 * self.seconds)
        # Of the seconds of a whole run.
        parts = {
            "any time": 0.4 * len(missing) / len(self.to_score) + 0.1,
            "job": 0.05,
            "batch": 0.01,
        }
        after = parts[kind] * self.seconds
        # On a slow machine, too, a job of a quick stage is hit before it ends: as a fork, it lasts
        # less than a second.
        wait_until(run.ended, self.random.uniform(0, min(after, 0.2) if new else after))


@pytest.fixture
def whisper(fetched_model: Callable[[str], Path]) -> Path:
    return fetched_model("whisper-tiny.en")


@pytest.mark.models
def test_killed_run_that_transcribes(
    tmp_path: Path, tiny_lm: Path, face_detector: Path, whisper: Path
) -> None:
    # Enough for several batches of each stage, of which a kill finds some done and some not.
    project = make_both_tracks(
        *(tmp_path / "p", tiny_lm, face_detector, whisper),
        speaking=("presenter", "short_note"),
    )
    check_kills(project, least=6, every_stage=True, seed=1)


def test_killed_run_with_transcripts_of_its_own(
    tmp_path: Path, tiny_lm: Path, face_detector: Path
) -> None:
    project = make_both_tracks(tmp_path / "p", tiny_lm, face_detector)
    check_kills(project, least=DRIVER_ALONE, every_stage=False, seed=2)


def check_kills(project: Project, least: int, every_stage: bool, seed: int) -> None:
    """Kill runs of a new project, and compare with one that is not killed."""
    observed = Observed(project.folder / "observed")
    run = StartedRun(project, environment=observed.environment)
    began = time.monotonic()
    assert run.wait() == 0, run.output()[-5000:]
    killer = Killer(project, observed, time.monotonic() - began, least, every_stage, seed)
    expected = final_files(project)
    merged = [data for name, data in expected.items() if name.endswith("_with_seeks.jsonl")]
    assert merged
    assert all(b"text_stream" in data for data in merged)
    assert max(observed.scored().values()) == 1

    while not killer.enough():
        killer.start_over()
        hit_before = killer.hit.copy()
        while not killer.enough() and not killer.run_and_kill():
            pass
        run = killer.start()
        assert run.wait() == 0, run.output()[-5000:]
        assert differing(final_files(project), expected) == []
        assert set(observed.scored()) == killer.to_score
        assert rows_in_cache(project) == len(killer.items)
        again = observed.scored_again()
        largest = observed.largest_batch()
        print(f"{killer.kills} kills, hit {dict(killer.hit)}, scored again {dict(again)}")
        for stage, count in again.items():
            # The batch in work, in each job that a kill hit.
            assert count <= (killer.hit - hit_before)[stage] * largest[stage], stage
        assert stray_files(project.results(), project.folder / ".snakemake") == []
    assert killer.driver_alone == killer.kills // DRIVER_ALONE


def rows_in_cache(project: Project) -> int:
    """Rows of all segments; as many as items when none was scored for nothing."""
    lines = [
        line
        for segment in project.results("cache").rglob("*.jsonl")
        for line in segment.read_bytes().splitlines()
    ]
    return sum(b'"key":' in line for line in lines)

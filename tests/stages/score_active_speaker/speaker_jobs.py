"""Jobs of score_active_speaker, run in this process."""

from __future__ import annotations

from typing import Any

from livecc.scores.job import run_job
from livecc.sections import as_json
from livecc.stages.job_spec import JobSpec
from livecc.stages.score_active_speaker.declaration import STAGE
from livecc.stages.score_active_speaker.shard import prepare


def run(*, gate: dict[str, Any] | None = None, **values: Any) -> None:
    """The job with these values of its arguments."""
    words = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    if gate is not None:
        words.append(f"--gate={as_json(gate)}")
    run_job(prepare(JobSpec.parse(STAGE, words)))

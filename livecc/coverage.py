"""Which gate a shard's scores were made for, and whether they will do for another gate.

A gate is no part of what makes a score, so a changed gate must not run a score job by itself: only
a clip that is inside the new gate, and was outside the one the scores were made for, needs one.
After a job has finished it notes its gate in `results/{track}/coverage/{stage}/{shard}.json`. The
rule's param `covers` is the token of that note as long as the note's gate lets through all that the
configured gate does; otherwise it is a new token, and Snakemake runs the job, which notes it. The
token depends on files alone that stay as they are until the job ends, so that a job's own Snakemake
process on another machine computes the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.files import read_json, write_json
from livecc.fingerprint import fingerprint
from livecc.score_columns import candidate_ids
from livecc.thresholds import covers


@dataclass(frozen=True)
class Coverage:
    """The gate of a shard's scores, the token of their job, and how many items failed.

    `settings` is what made the scores, to tell later what has changed.
    """

    gate: dict[str, Any]
    token: str
    failed: int
    settings: dict[str, Any] = field(default_factory=dict)


def read_coverage(path: Path) -> Coverage | None:
    """What was noted, or None where there is no note that can be used."""
    try:
        return Coverage(**read_json(path))
    except (OSError, LiveccError, TypeError):
        return None


def write_coverage(path: Path, coverage: Coverage) -> None:
    write_json(path, asdict(coverage))


def token(
    note: Coverage | None,
    gate: Mapping[str, Any],
    clips: Path | None = None,
    scores: Mapping[str, Path] | None = None,
    *,
    retry_failed: bool = False,
) -> str:
    """What a shard's scores must cover, as a param of their rule; see the module's text.

    `clips` and `scores` are the tables that the gate looks at; where they are missing or broken the
    note stands, because the job runs anyway. With `retry_failed`, items that failed need a new job.
    """
    if note is None:
        return fingerprint(gate=gate)
    retry = retry_failed and note.failed > 0
    if not retry and _covered(note.gate, gate, clips, scores or {}):
        return note.token
    return fingerprint(gate=gate, after=note.token, retry=retry)


def _covered(
    noted: Mapping[str, Any],
    gate: Mapping[str, Any],
    clips: Path | None,
    scores: Mapping[str, Path],
) -> bool:
    if covers(noted, gate) or clips is None:
        return True
    try:
        wanted, _ = candidate_ids(clips, scores, gate)
        scored, _ = candidate_ids(clips, scores, noted)
    except (OSError, LiveccError):
        return True
    return set(wanted) <= set(scored)

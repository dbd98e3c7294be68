"""What a shard's scores were made with and for which gate, and whether that suffices.

A gate does not change scores, so a changed gate alone must not run a score job: only a clip that
is inside the new gate and was outside the old one needs it. A finished job records its gate in
`results/{track}/coverage/{stage}/{shard}.json`, with the digest of what decided its scores. The job
runs again when the digest differs (livecc.planning.made_with), or when the recorded gate keeps out
a clip that the configured gate lets in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from livecc.declaration import TableStage
from livecc.errors import LiveccError
from livecc.files.atomic import read_json, write_json
from livecc.scores.columns import candidate_ids
from livecc.thresholds.kinds import Rule
from livecc.thresholds.listed import ChangedListError
from livecc.thresholds.sets import covers


@dataclass(frozen=True)
class Coverage:
    """The gate of a shard's scores, what they were made with, and how many items failed.

    `settings` are those of the scores, to report later what has changed.
    """

    gate: dict[str, Any]
    made_with: str
    failed: int
    settings: dict[str, Any] = field(default_factory=dict)


def read_coverage(path: Path) -> Coverage | None:
    """The note, or None when there is no usable one."""
    try:
        return Coverage(**read_json(path))
    except (OSError, LiveccError, TypeError):
        return None


def write_coverage(path: Path, coverage: Coverage) -> None:
    write_json(path, asdict(coverage))


def lets_in_all(
    note: Coverage,
    gate: Mapping[str, Any],
    rules: Mapping[str, Rule],
    clips: Path | None = None,
    scores: Mapping[TableStage, Path] | None = None,
) -> bool:
    """Whether the recorded gate lets in every clip of the shard that `gate` does.

    `rules` are those that gates may name. `clips` and `scores` are the tables that the gate uses;
    if they are missing or broken the answer is True, because the job runs anyway.
    """
    if covers(note.gate, gate, rules) or clips is None:
        return True
    scores = scores or {}
    try:
        wanted, _ = candidate_ids(clips, scores, gate)
        scored, _ = candidate_ids(clips, scores, note.gate)
    except ChangedListError:
        # Nobody knows whom the list of that time kept out.
        return False
    except (OSError, LiveccError):
        return True
    return set(wanted) <= set(scored)

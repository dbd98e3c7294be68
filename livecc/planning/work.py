"""What a score job would find in the cache and what it would have to score, without running it.

The look-up uses the same `JobSpec` as the job itself; no model is loaded.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from livecc import configuration
from livecc.configuration.resolved import cached_stages
from livecc.declaration import imported
from livecc.errors import LiveccError
from livecc.planning.jobs import job_spec
from livecc.scores.job import ScoreJob
from livecc.scores.keys import KeySet, known_keys
from livecc.stages.job_spec import JobSpec


@dataclass(frozen=True)
class Work:
    """The items of a score job."""

    items: int
    #: Items without a score in the cache.
    missing: int
    #: What the engine gets: each missing content once, and items without content (missing files).
    to_score: int
    device: str
    fingerprint: str


def prepare(spec: JobSpec) -> ScoreJob[Any]:
    """The work of a job. Raises LiveccError for unusable inputs."""
    job: ScoreJob[Any] = imported(spec.stage.prepare)(spec)
    return job


def work(spec: JobSpec) -> Work:
    """The items that a job would have to score.

    The cache is read once per process: items scored in the meantime still count as missing.
    """
    job = prepare(spec)
    keys, refused = [], 0
    for item in job.items():
        if item.row is None:
            keys.append(item.key)
        else:
            refused += 1
    named = list({key for key in keys if key is not None})
    known = _known_keys(spec.cache, spec.stage.name, job.fingerprint)
    found = known.found(named, retry_failed=spec.retry_failed)
    missing = {key for key, there in zip(named, found, strict=True) if not there}
    return Work(
        items=len(keys) + refused,
        missing=sum(key is None or key in missing for key in keys),
        to_score=len(missing) + sum(key is None for key in keys),
        device=job.details.get("device", "cpu"),
        fingerprint=job.fingerprint,
    )


def has_work(spec: JobSpec, inputs: Mapping[str, Any]) -> bool:
    """Whether a score job must load its model; True if unknown.

    Snakemake asks this for every ready job whenever one ends, so the answer is memoized until the
    inputs change; the cache is read once per process anyway.
    """
    try:
        key = (spec.stage.name, *spec.arguments()), _state_of(inputs)
        if key not in _has_work:
            _has_work[key] = work(spec).missing > 0
        return _has_work[key]
    except (OSError, LiveccError):
        return True


#: (command, state of its inputs) -> whether something is missing.
_has_work: dict[tuple[tuple[str, ...], tuple[tuple[int, int], ...]], bool] = {}


def _state_of(inputs: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    """(modification time, size) of every input. Raises OSError when one is missing."""
    paths: list[str] = []
    # Snakemake's InputFiles has no values().
    for _, given in inputs.items():
        paths += [given] if isinstance(given, str) else given
    return tuple((stat.st_mtime_ns, stat.st_size) for stat in map(os.stat, paths))


@cache
def _known_keys(root: Path, stage: str, fingerprint: str) -> KeySet:
    return known_keys(root, stage, fingerprint)


def fingerprints(config: Mapping[str, Any]) -> dict[str, set[str]]:
    """Stage -> the fingerprints that the configuration's tracks score with.

    A stage whose model was never fetched has none: nothing was scored with it.
    """
    found: dict[str, set[str]] = {}
    for track in configuration.active_tracks(config):
        for stage in cached_stages(config, track):
            found.setdefault(stage.name, set())
            # No table is read: the items of a job are looked up later.
            with contextlib.suppress(OSError, LiveccError):
                found[stage.name].add(prepare(job_spec(config, track, stage, "-")).fingerprint)
    return found

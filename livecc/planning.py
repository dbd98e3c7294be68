"""What a score job would find and what it would have to score, without running it.

The arguments of the job's own command line go through the parser of its own script, which makes the
job that would run; only its items are looked up, and no model is loaded.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from livecc import commands
from livecc import config as configuration
from livecc.config import REPOSITORY
from livecc.coverage import read_coverage, token
from livecc.errors import LiveccError
from livecc.score_keys import KeySet, known_keys
from livecc.scoring import ScoreJob


@dataclass(frozen=True)
class Work:
    """The items of a score job."""

    items: int
    #: Those without a score in the cache.
    missing: int
    #: What the engine is given: the missing contents once each, and what has none (no such file).
    to_score: int
    device: str
    fingerprint: str


def prepare(stage: str, arguments: list[str]) -> tuple[ScoreJob[Any], argparse.Namespace]:
    """The job that a stage's command line would run; raises LiveccError for unusable inputs."""
    parser, job = _script(stage)
    # What it writes is asked for, but nothing is written here.
    written = ["--transcripts" if stage == "transcribe" else "--output", "-", "--stats", "-"]
    options = parser().parse_args([*written, *arguments])
    return job(options), options


def work(stage: str, arguments: list[str]) -> Work:
    """What a stage's command line would find missing.

    The cache is read once per process: what is scored meanwhile still counts as missing.
    """
    job, options = prepare(stage, arguments)
    keys = [item.key for item in job.items()]
    named = list({key for key in keys if key is not None})
    known = _known_keys(options.cache, stage, job.fingerprint)
    found = known.found(named, retry_failed=options.retry_failed)
    missing = {key for key, there in zip(named, found, strict=True) if not there}
    return Work(
        items=len(keys),
        missing=sum(key is None or key in missing for key in keys),
        to_score=len(missing) + sum(key is None for key in keys),
        device=job.details.get("device", "cpu"),
        fingerprint=job.fingerprint,
    )


def has_work(
    config: Mapping[str, Any],
    track: str,
    stage: str,
    shard: str,
    inputs: Mapping[str, Any],
    cache_folder: str,
) -> bool:
    """Whether a score job must load its model; True where that cannot be told yet.

    Snakemake asks of every job that could start whenever one has ended, so what was found is kept
    for as long as the inputs are the same; the cache is read once per process anyway.
    """
    try:
        arguments = commands.score_command(config, track, stage, shard, inputs, cache_folder)
        key = (stage, *arguments), _state_of(inputs)
        if key not in _has_work:
            _has_work[key] = work(stage, arguments).missing > 0
        return _has_work[key]
    except (OSError, LiveccError):
        return True


#: (command, state of its inputs) -> whether something is missing.
_has_work: dict[tuple[tuple[str, ...], tuple[tuple[int, int], ...]], bool] = {}


def _state_of(inputs: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    """(time of change, size) of every input. Raises OSError when one is not there."""
    paths: list[str] = []
    # Snakemake's inputs have no values().
    for _, given in inputs.items():
        paths += [given] if isinstance(given, str) else given
    return tuple((stat.st_mtime_ns, stat.st_size) for stat in map(os.stat, paths))


def covers(
    config: Mapping[str, Any],
    track: str,
    stage: str,
    note: Path,
    inputs: Mapping[str, Any],
) -> str:
    """The param of a score rule that changes when the gate needs scores the shard does not have."""
    tables = inputs.get("scores") or []
    tables = [tables] if isinstance(tables, str) else tables
    clips = inputs.get("clips")
    return token(
        read_coverage(note),
        commands.gate(config, track, stage),
        Path(clips) if clips else None,
        {Path(table).parent.name: Path(table) for table in tables},
        retry_failed=commands.retries_failed(config, stage),
    )


@cache
def _known_keys(root: Path, stage: str, fingerprint: str) -> KeySet:
    return known_keys(root, stage, fingerprint)


@cache
def _script(
    stage: str,
) -> tuple[Callable[[], argparse.ArgumentParser], Callable[[argparse.Namespace], ScoreJob[Any]]]:
    """`parser` and `job` of scripts/{stage}.py."""
    spec = importlib.util.spec_from_file_location(
        f"livecc_script_{stage}", REPOSITORY / "scripts" / f"{stage}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.parser, module.job


def fingerprints(config: Mapping[str, Any]) -> dict[str, set[str]]:
    """Stage -> the fingerprints that the configuration's tracks score with.

    A stage whose model was never fetched has none: nothing was scored with it.
    """
    found: dict[str, set[str]] = {}
    for track in configuration.active_tracks(config):
        for stage in commands.score_stages(config, track):
            found.setdefault(stage, set())
            # No table is read: the items of a job are looked up later.
            inputs = dict.fromkeys(("transcripts", "clips", "records"), "-")
            inputs |= commands.receipts(config, stage)
            wanted = {name: inputs[name] for name in commands.INPUTS[stage] if name in inputs}
            arguments = commands.score_command(config, track, stage, "-", wanted, "-")
            with contextlib.suppress(OSError, LiveccError):
                found[stage].add(prepare(stage, arguments)[0].fingerprint)
    return found

"""What Snakemake and the score cache would write down of a configuration, as JSON.

    cd PROJECT; record_params.py OUTPUT CONFIGFILE...

Builds the graph of the whole workflow by a dry run and writes, for every kind of job, what decides
whether a finished one runs again: its params, of which jobs record a digest, its input, and the
names of its output. A process of its own, because the Snakefile is made for one run a process.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from snakemake.api import SnakemakeApi
from snakemake.settings.enums import Quietness
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

from tests.support.places import REPOSITORY


def fingerprints_of(config: dict[str, Any]) -> dict[str, str]:
    """Stage -> the folder of the score cache that a configuration reads and writes.

    All that is asked of the library itself; should it move, this is the one place to follow it.
    """
    from livecc.planning.work import fingerprints

    return {stage: ", ".join(sorted(names)) for stage, names in fingerprints(config).items()}


def record(config_files: list[Path]) -> dict[str, Any]:
    """The fingerprints, and the jobs of the rule all by kind."""
    settings = OutputSettings(dryrun=True, quiet={Quietness.ALL}, enable_file_logging=False)
    with SnakemakeApi(settings) as api:
        workflow_api = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=config_files),
            snakefile=REPOSITORY / "Snakefile",
        )
        workflow_api.dag(DAGSettings()).execute_workflow(executor="dryrun")
        workflow = workflow_api._workflow
        # What has no output (the rule all) leaves no record.
        jobs = [job for job in workflow.dag.jobs if job.output]
        records = [(_kind(job), _record(job, workflow.persistence)) for job in jobs]
        return {
            "fingerprints": fingerprints_of(workflow.globals["config"]),
            "jobs": _by_kind(records),
        }


def _kind(job: Any) -> tuple[str, str | None]:
    """Rule and wildcards but the shard, and the shard."""
    wildcards = dict(job.wildcards_dict)
    shard = wildcards.pop("shard", None)
    return ", ".join([job.rule.name, *(f"{k}={v}" for k, v in sorted(wildcards.items()))]), shard


def _record(job: Any, persistence: Any) -> dict[str, Any]:
    """What Snakemake keeps of a job and compares later (PersistenceBase.finished)."""
    # It keeps the params that are not made of input, output or resources, without their names.
    names = [
        name
        for name, item in job.rule.params._allitems()
        if not job.rule._is_deriving_function(item)
    ]
    params = {
        name: persistence._serialize_param(value)
        for name, value in zip(names, job.non_derived_params, strict=True)
    }
    assert sorted(params.values()) == persistence._params(job), job
    params.pop("made_with", None)
    return {
        "params": params,
        "input": persistence._input(job),
        "output": sorted(job.output),
        "made_with": _made_with(job),
    }


def _made_with(job: Any) -> str | None:
    """The digest that the job records, as far as it does not depend on where the results are."""
    command = job.params.get("command")
    digest = job.params.get("made_with") or getattr(command, "made_with", None)
    return digest and str(digest).split("-")[-1]


def _by_kind(records: list[tuple[tuple[str, str | None], dict[str, Any]]]) -> dict[str, Any]:
    """Job kind -> record, with {shard} in the place of a name where that is all that differs."""
    shards: dict[str, dict[str, Any]] = {}
    for (kind, shard), entry in records:
        shards.setdefault(kind, {})[shard or ""] = _without_shard(entry, shard)
    found: dict[str, Any] = {}
    for kind, entries in shards.items():
        first, *others = entries.values()
        # Digests of what is made of the input differ by its name.
        if all({**entry, "made_with": first["made_with"]} == first for entry in others):
            found[kind] = first
        else:
            found |= {f"{kind}, shard={shard}": entry for shard, entry in entries.items()}
    return found


def _without_shard(entry: dict[str, Any], shard: str | None) -> dict[str, Any]:
    """A record whose files are named by a pattern; params are left as they are."""
    if shard is None:
        return entry
    files = {
        key: [path.replace(f"/{shard}.", "/{shard}.") for path in entry[key]]
        for key in ("input", "output")
    }
    return {**entry, **files}


if __name__ == "__main__":
    output, *config_files = map(Path, sys.argv[1:])
    output.write_text(json.dumps(record(config_files)), encoding="utf-8")

# What the rules share: the checked configuration, paths, interpreters, resources.
#
# needs  config (config.yaml, presets, --configfile, --config)
# makes  no file

import json
import shlex
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, workflow.basedir)

from livecc import commands
from livecc import config as configuration
from livecc import containers, models, planning
from livecc import resources as job_resources
from livecc.errors import LiveccError
from livecc.versions import VERSIONS

try:
    configuration.check(config)
    TRACKS = configuration.active_tracks(config)
    SHARDS = {track: configuration.shards(config, track) for track in TRACKS}
    CLIP_STAGES = {track: configuration.clip_stages(config, track) for track in TRACKS}
    STAGES = {track: configuration.active_stages(config, track) for track in TRACKS}
    SELECTIONS = {track: list(configuration.selections(config, track)) for track in TRACKS}
    MODELS = configuration.models(config)
    OPTIONAL_MODELS = configuration.optional_models(config)
    MODEL_SPECS = {reference: models.describe(reference) for reference in MODELS.values()}
except LiveccError as error:
    raise WorkflowError(str(error)) from None

RESULTS = config["results"].rstrip("/")
CACHE = config["score_cache"] or f"{RESULTS}/cache"
# A model that was missing may have been put in its place.
for reference in OPTIONAL_MODELS:
    models.renew_missing(
        Path(f"{RESULTS}/models/{MODEL_SPECS[reference]['name']}.json"),
        reference,
        Path(config["models_folder"]),
    )
SCRIPTS = f"{workflow.basedir}/scripts"
STARTED = time.time()
# How jobs get their packages (--sdm), if not from this interpreter or the configured ones.
DEPLOYED = {str(method) for method in workflow.deployment_settings.deployment_method}


wildcard_constraints:
    track="|".join(TRACKS),
    shard=r"[^/]+",
    selection="|".join(sorted({name for names in SELECTIONS.values() for name in names})),
    stage=r"[a-z_]+",


def interpreter(kind):
    """The Python of a kind of work: the deployed environment's, the configured one, or this one."""
    if "conda" in DEPLOYED:
        return "python"
    if "apptainer" in DEPLOYED:
        whisperx = kind == "asr" and config["transcribe"]["engine"] == "whisperx"
        return containers.WHISPERX_PYTHON if whisperx else "python"
    return config["environments"].get(kind) or sys.executable


def script(name, kind="workflow"):
    """The beginning of a rule's command.

    It goes straight into the shell command and not through params: a clone in another folder, or
    another interpreter, over the same results must run nothing again.
    """
    command = shlex.join([interpreter(kind), f"{SCRIPTS}/{name}.py"])
    return command.replace("{", "{{").replace("}", "}}")


def threads_for(stage):
    return config["resources"][stage]["threads"]


def gpu_for(stage, wildcards, input):
    """GPUs of one job: none when all its scores are in the cache.

    Snakemake asks again when a job's inputs are there and it is about to start, so that a shard
    without new items takes no GPU, whatever ran before it in the same invocation.
    """
    gpus = commands.gpus(config, stage)
    if gpus == 0 or not all(Path(path).exists() for path in input):
        return gpus
    track = wildcards.get("track", "sft")
    return gpus if planning.has_work(config, track, stage, wildcards.shard, input, CACHE) else 0


def mem_mb_for(stage, attempt):
    """Memory of a job, doubled with every attempt."""
    return config["resources"][stage]["mem_mb"] * 2 ** (attempt - 1)


def runtime_for(stage, input, attempt):
    """Minutes of a job, from what it has to do and the speed of earlier ones (livecc/resources)."""
    minutes = config["resources"][stage]["runtime"]
    if stage not in commands.INPUTS:
        return job_resources.plain_minutes(minutes, attempt, input.size_mb)
    table = input.get("clips") or input.get("records")
    # A job on a cluster has its time by now.
    known = workflow.is_main_process and Path(table).exists()
    items = job_resources.items_of(stage, Path(table)) if known else None
    speed = job_resources.speed_of(Path(CACHE), stage) if items else None
    return job_resources.score_minutes(minutes, attempt, input.size_mb, items, speed)


def resources_for(stage):
    """Keyword arguments of a rule's resources, computed from input size and attempt."""
    return {
        "mem_mb": lambda wildcards, attempt: mem_mb_for(stage, attempt),
        "runtime": lambda wildcards, input, attempt: runtime_for(stage, input, attempt),
        "gpu": lambda wildcards, input: gpu_for(stage, wildcards, input),
    }


def receipt(use):
    """The receipt of a model, as an input; none when the stage's engine brings its own.

    `use` is a stage, or stage:role for a stage with several models.
    """
    if use not in MODELS:
        return []
    path = f"{RESULTS}/models/{MODEL_SPECS[MODELS[use]]['name']}.json"
    # A receipt that said "missing" and does not any more must run its stage again.
    return path if use in configuration.OPTIONAL_USES else ancient(path)


def literal(text):
    """A param whose braces are its own, not wildcards."""
    return lambda wildcards: text


def model_reference(name):
    """What the configuration calls the model that has this name in results/models."""
    for reference, spec in MODEL_SPECS.items():
        if spec["name"] == name:
            return reference
    raise WorkflowError(
        f"{RESULTS}/models/{name}.json: the configuration names no such model; "
        f"it names {', '.join(spec['name'] for spec in MODEL_SPECS.values())}"
    )


def model_param(use):
    """What names a model in a stage's params: a change of model or revision runs it again."""
    return MODEL_SPECS[MODELS[use]] if use in MODELS else None


def earlier_scores(stage):
    """Score tables that a stage's gate looks at, as a function of wildcards."""

    def paths(wildcards):
        stages = STAGES[wildcards.track]
        return [
            f"{RESULTS}/{wildcards.track}/scores/{name}/{wildcards.shard}.parquet"
            for name in stages[: stages.index(stage)]
        ]

    return paths


def coverage_note(track, stage, shard):
    """Where a score job notes which gate its scores are for."""
    return f"{RESULTS}/{track}/coverage/{stage}/{shard}.json"


def score_params(stage):
    """The params of a score rule: all that runs it again when it changes, and nothing else."""

    # Snakemake does not compare a param that is made of `input`.
    def covers(wildcards):
        track = wildcards.get("track", "sft")
        note = coverage_note(track, stage, wildcards.shard)
        tables = {}
        if "gate" in config[stage]:
            tables["clips"] = f"{RESULTS}/{track}/clips/{wildcards.shard}.parquet"
            tables["scores"] = earlier_scores(stage)(wildcards)
        return planning.covers(config, track, stage, Path(note), tables)

    return {
        "files": lambda wildcards, input: commands.file_arguments(input),
        "options": lambda wildcards: commands.options(config, wildcards.get("track", "sft"), stage),
        "model": model_param(stage),
        "version": VERSIONS[stage],
        "covers": covers,
    }


def score_shell(stage, kind, track="{wildcards.track}", output="--output {output.scores:q}"):
    """The shell command of a score rule."""
    pace = shlex.join(commands.pace(config, stage, CACHE)).replace("{", "{{").replace("}", "}}")
    results = shlex.quote(RESULTS)
    return (
        f"{script(stage, kind)} --track {track} --shard={{wildcards.shard:q}}"
        f" {{params.files:q}} {{params.options:q}} --threads {{threads}} {pace}"
        f" --coverage {results}/{track}/coverage/{stage}/{{wildcards.shard}}.json"
        f" --covers={{params.covers}} {output} --stats {{output.stats:q}} > {{log:q}} 2>&1"
    )


def all_scores(wildcards):
    """The score tables of all stages of a shard."""
    return [
        f"{RESULTS}/{wildcards.track}/scores/{stage}/{wildcards.shard}.parquet"
        for stage in STAGES[wildcards.track]
    ]


def score_flags(input):
    """--score=STAGE=TABLE for every table; quoted in the shell command."""
    return [f"--score={Path(table).parent.name}={table}" for table in input.scores]


def stats_files(track):
    """What every job of a track wrote about itself."""
    return [
        f"{RESULTS}/{track}/stats/{stage}/{shard}.json"
        for stage in [*CLIP_STAGES[track], *STAGES[track]]
        for shard in SHARDS[track]
    ]


def show_summary():
    """Print the summary, when this run made one."""
    path = Path(f"{RESULTS}/summary.txt")
    if path.is_file() and path.stat().st_mtime >= STARTED:
        print(path.read_text(encoding="utf-8"))


def category_flags():
    """--category for each that is wanted; none when all are."""
    options = config["filter_categories"]
    wanted = options["categories"] if options["enabled"] else []
    return shlex.join(flag for category in wanted for flag in ("--category", category))


def summary_layout():
    """Which stages and selections the summary covers, as JSON."""
    return json.dumps(
        {
            track: {
                "clip_stages": CLIP_STAGES[track],
                "stages": STAGES[track],
                "selections": {name: merged_file(track, name) for name in SELECTIONS[track]},
            }
            for track in TRACKS
        }
    )


def merged_file(track, selection):
    return f"{RESULTS}/{track}/{selection}/livecc_{track}_{selection}_with_seeks.jsonl"


def training_files():
    """The merged file of every track and selection: what the workflow is for."""
    return [merged_file(track, selection) for track in TRACKS for selection in SELECTIONS[track]]

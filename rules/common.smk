# Shared by all rules: the checked configuration, paths, interpreters, resources.
#
# needs  config (config.yaml, presets, --configfile, --config)
# makes  no file

import gc
import json
import shlex
import sys
import time
from contextlib import suppress
from functools import cache
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

from snakemake.common import overwrite_function_params
from snakemake.exceptions import WorkflowError


def stop(message):
    """End with one message. A WorkflowError would come with a place in a file of the workflow."""
    sys.exit(printable_lines(f"error: {without_temporary_names(str(message))}"))


sys.path.insert(0, BASE)

from livecc import configuration
from livecc.models import fetch as models
from livecc.configuration import containers
from livecc.configuration.resolved import cached_stages, chosen_engine, models_of
from livecc.errors import LiveccError
from livecc.exports.formats import chosen_formats
from livecc.files.leftovers import without_temporary_names
from livecc.running.library_path import EXPORT_LIBRARY
from livecc.formats.layout import Layout
from livecc.formats.splits import TRAIN, Split
from livecc.planning import jobs, resources as job_resources, work
from livecc.planning.made_with import ChangedSettings, is_same, made_with, record, recorded
from livecc.sections import as_json
from livecc.declaration import CachedStage
from livecc.stages.job_spec import external_arguments, outside_arguments
from livecc.terminal import printable_lines, say

try:
    config = configuration.complete(config)
    configuration.check(config)
    CATALOGUE = configuration.catalogue_of(config)
    TRACKS = configuration.active_tracks(config)
    SHARDS = {track: configuration.shards(config, track) for track in TRACKS}
    SOURCE_OF = {
        track: {shard: source for source, shard in configuration.source_shards(config, track)}
        for track in TRACKS
    }
    CLIP_STAGES = {track: configuration.clip_stages(config, track) for track in TRACKS}
    STAGES = {track: configuration.active_stages(config, track) for track in TRACKS}
    SELECTIONS = {track: list(configuration.selections(config, track)) for track in TRACKS}
    SPLITS = Split.of(config["split"]).names
    MODELS = {use.name: use.model for use in models_of(config)}
    OPTIONAL_MODELS = configuration.optional_models(config)
    MODEL_SPECS = {one.reference: models.describe(one.reference) for one in MODELS.values()}
except LiveccError as error:
    stop(error)

# The paths of rules. Snakemake adds the prefix of a module to them; DISK and `config` have it.
LAYOUT = Layout.of(config)
config["results"] = workflow.modifier.path_modifier.replace_prefix(f"{LAYOUT.results}/")
DISK = Layout.of(config)
IN_MODULE = not workflow.modifier.is_main_snakefile()
RESULTS = DISK.results
CACHE = jobs.score_cache(config)
# The splits of the samples that are held out from training.
HELD_OUT = SPLITS[1:]
# Of results that were made with other settings.
CHANGED = ChangedSettings()
# Whether an earlier run has left results.
BEGUN = any(Path(DISK.stats_folder(track)).exists() for track in TRACKS)
# File patterns for any shard of any track.
ANY = LAYOUT.shard("{track}", "{shard}")
SCRIPTS = f"{BASE}/scripts"
STARTED = time.time()
# All that a graph of jobs consists of stays alive, and Python looks through it for garbage often:
# for 13,000 jobs, this took a quarter of the time.
COLLECTING = gc.get_threshold()
gc.set_threshold(200_000, 20, 1000)
# Deployment methods (--sdm); if empty, jobs use the configured interpreters or this one.
DEPLOYED = {str(method) for method in workflow.deployment_settings.deployment_method}


wildcard_constraints:
    track="|".join(TRACKS),
    shard=r"[^/]+",
    selection="|".join(sorted({name for names in SELECTIONS.values() for name in names})),
    stage=r"[a-z0-9_]+",


def spare_the_graph():
    """Let Python look for garbage as usual while jobs run, but never in the graph that is there."""
    gc.freeze()
    gc.set_threshold(*COLLECTING)


# --- commands ------------------------------------------------------------------------------------


def environment_of(stage):
    """The environment of a stage (in envs/): that of its engine, or that of its kind of work."""
    engine = chosen_engine(config, stage) if isinstance(stage, CachedStage) else None
    return (engine and engine.environment) or stage.kind


def conda_of(stage):
    """The file of a stage's conda environment; None for a kind defined by a plugin."""
    file = Path(BASE, "envs", f"{environment_of(stage)}.yaml")
    return str(file) if file.exists() else None


def interpreter(kind, environment=None):
    """The Python for a kind of work: the deployed, the configured, or this one."""
    if "conda" in DEPLOYED:
        return "python"
    if "apptainer" in DEPLOYED:
        return containers.python_of(environment or kind)
    return config["environments"].get(kind) or sys.executable


def braced(text):
    """A string for a shell command, with its braces escaped."""
    return text.replace("{", "{{").replace("}", "}}")


def script(name, kind="workflow", environment=None):
    """The start of a rule's command.

    Part of the shell command and not of the params, so that another clone or interpreter on the
    same results does not trigger reruns.
    """
    return braced(shlex.join([interpreter(kind, environment), f"{SCRIPTS}/{name}.py"]))


# The interpreters of jobs find the library of this checkout, whatever is installed in them. A shell
# says it, because Snakemake lets no PYTHONPATH of its own environment into conda environments; this
# is in the shell inside of a container, too, and on the nodes of a cluster. Nor do jobs ask the
# terminal: no library may get an answer there.
shell.prefix(f"set -euo pipefail; exec < /dev/null; {braced(EXPORT_LIBRARY)}; ")


def outside(path):
    """An input from outside of the workflow, which no prefix of a module concerns."""
    return str(Path(path).absolute()) if IN_MODULE else path


def of_many_jobs(function):
    """A function of wildcards whose parameters Snakemake need not find out for each job anew."""
    overwrite_function_params(function, signature(function).parameters)
    return function


def literal(text):
    """A param with literal braces, not wildcards."""
    return of_many_jobs(lambda wildcards: text)


def external_flag():
    """--external, if the configuration has external scores."""
    words = external_arguments(jobs.told_of_external(config))
    return f" {braced(shlex.join(words))}" if words else ""


# --- what was made with which settings -----------------------------------------------------------


def changed_unless(path, is_current):
    """A newer input for the job that wrote `path`, unless `is_current()`.

    Where the file is missing, the job has failed, or was killed in a run from elsewhere: what others
    have made of its earlier output must be renewed, too. Nothing is to be renewed by the first run.
    Processes for single jobs decide nothing.
    """
    if not workflow.is_main_process:
        return []
    if Path(path).exists():
        return [] if is_current() else CHANGED.newer_than(path)
    return CHANGED.newer_than(path) if BEGUN else []


def takes_videos(track):
    """Whether the input of a track is what another one keeps."""
    return config["tracks"][track]["from"] is not None


def taken_videos(track):
    """The lists of the videos that a track takes, once they are known."""
    return checkpoints.take_videos.get(track=track).output[0]


def waiting(track, settings):
    """The newer input that `settings` returns, if any, of a job of a track.

    If the track takes videos of another, all its jobs wait until these are known: whether a job
    runs is decided then, for that job and everything before it.
    """
    if not takes_videos(track):
        return settings()
    known = ancient(taken_videos(track))
    changed = settings()
    return [known, changed] if changed else [known]


def record_touched_jobs():
    """Who touches results (--touch) says that they were made with the settings of now."""
    for job in workflow.dag.needrun_jobs():
        if isinstance(command := job.params.get("command"), jobs.Command):
            command.jobs.record_as_current(command.shard)
        elif digest := job.params.get("made_with"):
            names = [name for name in ("stats", "manifest", "json") if name in job.output.keys()]
            path = job.output.get(names[0]) if names else job.output[0]
            if Path(path).exists():
                record(path, digest)


def if_made_differently(path, digest):
    """A newer input for the job that wrote `path`, if that records another digest."""
    return changed_unless(path, lambda: is_same(recorded(path), digest))


# --- resources -----------------------------------------------------------------------------------


def threads_for(stage):
    return config["resources"][stage.name]["threads"]


def gpu_for(stage, wildcards, input):
    """GPUs of one job: none if all its scores are in the cache.

    Snakemake re-evaluates this when a job is ready to start, so a shard without new items takes no
    GPU even if its inputs were created in the same run.
    """
    gpus = jobs.gpus(config, stage)
    if gpus == 0 or not all(Path(path).exists() for path in input):
        return gpus
    spec = jobs_of(stage, wildcards.track).spec(wildcards.shard)
    return gpus if work.has_work(spec, input) else 0


def mem_mb_for(stage, attempt):
    """Memory of a job, doubled with every attempt."""
    return config["resources"][stage.name]["mem_mb"] * 2 ** (attempt - 1)


def runtime_for(stage, input, attempt):
    """Minutes of a job, from its work and the speed of earlier jobs (planning/resources)."""
    minutes = config["resources"][stage.name]["runtime"]
    if not isinstance(stage, CachedStage):
        return job_resources.plain_minutes(minutes, attempt, input.size_mb)
    table = input.get("clips") or input.get("records")
    # A cluster job already has its time limit; who reads neither is limited by the size of its input.
    known = workflow.is_main_process and table is not None and Path(table).exists()
    items = job_resources.items_of(stage, Path(table)) if known else None
    speed = job_resources.speed_of(Path(CACHE), stage.name) if items else None
    # Snakemake takes milliseconds for the size, also of files that are not there yet.
    size_mb = input.size_mb if not speed and (known or table is None) else 0
    return job_resources.score_minutes(minutes, attempt, size_mb, items, speed)


def resources_for(stage):
    """Keyword arguments for a rule's resources, computed from input size and attempt."""
    engine = chosen_engine(config, stage) if isinstance(stage, CachedStage) else None
    return {
        **({"api": 1} if engine is not None and engine.asks_service else {}),
        "mem_mb": of_many_jobs(lambda wildcards, attempt: mem_mb_for(stage, attempt)),
        "runtime": of_many_jobs(
            lambda wildcards, input, attempt: runtime_for(stage, input, attempt)
        ),
        "gpu": of_many_jobs(lambda wildcards, input: gpu_for(stage, wildcards, input)),
    }


# --- models --------------------------------------------------------------------------------------


def use_of(stage, role):
    """The name of a model's use: the stage, or stage:role."""
    return f"{stage.name}:{role}" if role else stage.name


def receipt(use):
    """The receipt of a model, as an input; none if the engine needs no model files."""
    if use not in MODELS:
        return []
    path = LAYOUT.receipt(MODEL_SPECS[MODELS[use].reference]["name"])
    # A receipt that changes from "missing" must rerun its stage.
    return path if MODELS[use].optional else ancient(path)


def receipts_for(stage):
    """The named inputs of a stage's models."""
    return {
        f"{role}_receipt" if role else "receipt": receipt(use_of(stage, role))
        for role in stage.roles
    }


def model_reference(name):
    """The configuration's reference to the model with this name in results/models."""
    for reference, spec in MODEL_SPECS.items():
        if spec["name"] == name:
            return reference
    raise WorkflowError(
        f"{LAYOUT.receipt(name)}: the configuration does not use this model; "
        f"it uses {', '.join(spec['name'] for spec in MODEL_SPECS.values())}"
    )


def model_params(stage):
    """The models in a stage's params: a changed model or revision reruns it."""
    return {
        f"{role}_model" if role else "model": (
            MODEL_SPECS[MODELS[use].reference] if (use := use_of(stage, role)) in MODELS else None
        )
        for role in stage.roles
    }


# --- stages with a score cache -------------------------------------------------------------------


@cache
def jobs_of(stage, track):
    """The jobs of a stage with the shards of a track."""
    return jobs.StageJobs(config, track, stage)


def score_params(stage):
    """The params of a stage: its command, and what of it decides the scores."""

    @of_many_jobs
    def options(wildcards):
        return jobs_of(stage, wildcards.track).options

    @of_many_jobs
    def command(wildcards, input):
        return jobs.Command(start, jobs_of(stage, wildcards.track), wildcards.shard)

    start = score_script(stage)

    return {
        "command": command,
        "options": options,
        **model_params(stage),
        "version": stage.version_in(config["mode"]),
    }


def score_script(stage):
    """The start of a stage's command: its own script, or the generic one for plugin stages."""
    python = interpreter(stage.kind, environment_of(stage))
    if Path(SCRIPTS, f"{stage.name}.py").exists():
        return [python, f"{SCRIPTS}/{stage.name}.py"]
    return [python, f"{SCRIPTS}/score_stage.py", stage.name]


# The shell command of a stage with a score cache, without its output. Snakemake re-evaluates the
# expressions of `shell:` when a job starts, so in a rule in a loop they must be constant.
SCORE_SHELL = "{params.command} --threads {threads} --stats {output.stats:q}"


def score_inputs(stage):
    """The input files of a job; the tables of earlier scores depend on the track."""
    files = {name: getattr(ANY, name) for name in ("transcripts", "clips") if name in stage.needs}
    if "lines" in stage.needs:
        files["lines"] = input_shard
    if stage.gated:
        files["scores"] = of_many_jobs(
            lambda wildcards: [
                LAYOUT.shard(wildcards.track, wildcards.shard).scores(one.name)
                for one in jobs_of(stage, wildcards.track).earlier
            ]
        )
    return files | receipts_for(stage) | settings_of(stage)


def gate_lines(stage):
    """The input file of a shard, if a stage that makes clips has a gate."""

    @of_many_jobs
    def lines(wildcards):
        gated = configuration.gate(config, wildcards.track, stage.name)
        return input_shard(wildcards) if gated else []

    return lines


def settings_of(stage):
    """A newer input, as a named one, for shards that were scored with other settings."""

    @of_many_jobs
    def settings(wildcards):
        def is_current():
            current = jobs_of(stage, wildcards.track).is_current(wildcards.shard)
            return current and not was_replaced(stage, wildcards)

        stats = DISK.shard(wildcards.track, wildcards.shard).stats(stage.name)
        return waiting(wildcards.track, lambda: changed_unless(stats, is_current))

    return {"settings": settings}


# --- stages that make clips ----------------------------------------------------------------------


@of_many_jobs
def input_shard(wildcards):
    """The input file of a shard."""
    if takes_videos(wildcards.track):
        return LAYOUT.shard(wildcards.track, wildcards.shard).taken_lines
    path = SHARDS[wildcards.track][wildcards.shard]
    source = source_of(wildcards.track, wildcards.shard)
    return LAYOUT.source(source).lines(wildcards.shard) if source else outside(path)


def source_of(track, shard):
    """The source that a shard is made of; None if its input was there."""
    return SOURCE_OF[track].get(shard)


def input_state(wildcards):
    """What tells the input of a shard from an earlier one: settings, and a file from outside.

    A file that the workflow makes is told by what it is made of, because it may not be there yet.
    """
    if source := source_of(wildcards.track, wildcards.shard):
        return {"source": ingest_digest(source, wildcards.shard)}, None
    if not takes_videos(wildcards.track):
        return {}, input_shard(wildcards)
    lists = Path(taken_videos(wildcards.track))
    giver = config["tracks"][wildcards.track]["from"]["track"]
    of_giver = wildcards_of(track=giver, shard=wildcards.shard)
    settings, file = input_state(of_giver)
    taken = json.loads(lists.read_bytes())["shards"].get(wildcards.shard)
    return {"taken": taken, "given": settings}, file


def wildcards_of(**values):
    """Wildcards with these values."""
    return SimpleNamespace(**values)


def tracks_of(stage):
    """A pattern of the tracks whose clips a stage makes."""
    tracks = CATALOGUE.tracks.values()
    return "|".join(track.name for track in tracks if stage in track.clip_stages_for(config))


def clips_made_with(params):
    """What clips were made with: the params of their rule, and the input file."""

    @of_many_jobs
    def digest(wildcards):
        settings, file = input_state(wildcards)
        decides = {**params, "outside": outside_flags(wildcards.track), **settings}
        return made_with(decides, file, results=RESULTS)

    return digest


def clips_made_differently(stage, params):
    """A newer input for shards that were cut with other settings."""

    @of_many_jobs
    def settings(wildcards):
        def is_current():
            same = is_same(recorded(stats), clips_made_with(params)(wildcards))
            return same and not was_replaced(stage, wildcards)

        stats = DISK.shard(wildcards.track, wildcards.shard).stats(stage.name)
        return waiting(wildcards.track, lambda: changed_unless(stats, is_current))

    return settings


def stats_of_alternative(stage):
    """The stats of the stage that makes the same files with other settings, as a param."""

    @of_many_jobs
    def stats(wildcards):
        other = CATALOGUE.tracks[wildcards.track].alternative_to(stage)
        return DISK.shard(wildcards.track, wildcards.shard).stats(other.name) if other else []

    return stats


def was_replaced(stage, wildcards):
    """Whether the files of a stage were made by its alternative since."""
    other = stats_of_alternative(stage)(wildcards)
    return bool(workflow.is_main_process and other and Path(other).exists())


def category_flags(stage):
    """--category flags for the wanted categories; none for all."""
    options = config[stage.name]
    wanted = options["categories"] if options["enabled"] else []
    return shlex.join(flag for category in wanted for flag in ("--category", category))


def outside_flags(track):
    """--videos-outside, if videos outside of their folder may be opened."""
    return outside_arguments(config["tracks"][track]["videos_outside"])


@of_many_jobs
def outside_of_track(wildcards):
    """The same, as a param."""
    return outside_flags(wildcards.track)


# --- results -------------------------------------------------------------------------------------


def stats_files(track):
    """The stats of every job of a track."""
    return [
        LAYOUT.shard(track, shard).stats(stage.name)
        for stage in [*CLIP_STAGES[track], *STAGES[track]]
        for shard in SHARDS[track]
    ]


def source_stats():
    """The stats of every shard that is made of a source."""
    return [
        LAYOUT.source(source).stats(shard)
        for shards in SOURCE_OF.values()
        for shard, source in shards.items()
    ]


def show_summary():
    """Print the summary if this run wrote one."""
    path = Path(DISK.summary_text)
    if path.is_file() and path.stat().st_mtime >= STARTED:
        # A full disk or a closed terminal: the file says the same.
        with suppress(OSError):
            say(path.read_text(encoding="utf-8"))


def summary_layout():
    """Which stages, selections and splits the summary covers, as JSON."""
    return json.dumps(
        {
            track: {
                "clip_stages": [stage.name for stage in CLIP_STAGES[track]],
                "stages": [stage.name for stage in STAGES[track]],
                "selections": {name: DISK.merged(track, name) for name in SELECTIONS[track]},
                **({"sources": sources} if (sources := config["tracks"][track]["sources"]) else {}),
                **({"splits": SPLITS} if HELD_OUT else {}),
            }
            for track in TRACKS
        }
    )


def of_each_file(path_of):
    """What `path_of` returns for the merged file of every track, selection and split."""
    return [
        path_of(track, selection, split)
        for track in TRACKS
        for selection in SELECTIONS[track]
        for split in SPLITS
    ]


def training_files():
    """The merged files: the final output of the workflow."""
    return of_each_file(LAYOUT.merged)


def check_files():
    """What the trainer's reader makes of each merged file."""
    return of_each_file(LAYOUT.check)


def export_files():
    """The manifest of each format of every track and selection, which is written last."""
    return [
        export.manifest(LAYOUT, track, selection)
        for track in TRACKS
        for selection in SELECTIONS[track]
        for export in chosen_formats(config["exports"])
    ]

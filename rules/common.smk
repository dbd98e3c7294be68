# What the rules share: the checked configuration, paths, interpreters, resources.
#
# needs  config (config.yaml, presets, --configfile, --config)
# makes  no file

import json
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, workflow.basedir)

from livecc import config as configuration
from livecc import models
from livecc.errors import LiveccError
from livecc.shard_list import write_shard_list
from livecc.make_prompts import settings as prompt_options
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


wildcard_constraints:
    track="|".join(TRACKS),
    shard=r"[^/]+",
    selection="|".join(sorted({name for names in SELECTIONS.values() for name in names})),
    stage=r"[a-z_]+",


def interpreter(kind):
    """The Python of a kind of work: the deployed environment's, the configured one, or this one."""
    deployed = {str(method) for method in workflow.deployment_settings.deployment_method}
    if deployed & {"conda", "apptainer"}:
        return "python"
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


def gpus_for(stage):
    """GPUs a job asks for; none when models run on the CPU, or somewhere else."""
    if stage == "make_prompts" and config[stage]["engine"] != "transformers":
        return 0
    return 0 if config["device"] == "cpu" else config["resources"][stage]["gpu"]


def mem_mb_for(stage, attempt):
    """Memory of a job, doubled with every attempt."""
    return config["resources"][stage]["mem_mb"] * 2 ** (attempt - 1)


def runtime_for(stage, input, attempt):
    """Minutes of a job: the configured ones for up to 10 MB of input, in proportion above that."""
    minutes = config["resources"][stage]["runtime"]
    return round(minutes * max(1, input.size_mb / 10) * attempt)


def resources_for(stage):
    """Keyword arguments of a rule's resources, computed from input size and attempt."""
    return {
        "mem_mb": lambda wildcards, attempt: mem_mb_for(stage, attempt),
        "runtime": lambda wildcards, input, attempt: runtime_for(stage, input, attempt),
        "gpu": gpus_for(stage),
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


#: Options of a stage that change its speed but none of its numbers.
SPEED_OPTIONS = {
    "identify_language": ["tokens_per_batch"],
    "score_lm_loss": ["tokens_per_batch"],
    "score_active_speaker": ["decode_timeout_seconds"],
    "transcribe": ["batch_size", "decode_timeout_seconds"],
    "score_talking_head": ["videos_per_batch", "decode_timeout_seconds"],
    "make_prompts": [],
}


def speed_flags(stage):
    """Flags that go straight into a shell command and not through params.

    A changed param runs a stage again; another device, batch size or cache folder must not.
    """
    flags = ["--device", config["device"], "--cache", CACHE]
    for name in SPEED_OPTIONS[stage]:
        if config[stage][name] is not None:
            flags += [f"--{name.replace('_', '-')}", str(config[stage][name])]
    return shlex.join(flags).replace("{", "{{").replace("}", "}}")


def literal(text):
    """A param whose braces are its own, not wildcards."""
    return lambda wildcards: text


def receipt_flag(wildcards, input):
    """--receipt=FILE, when the stage's engine has a model to read it for; quoted in the command."""
    return [f"--receipt={input.receipt}"] if input.get("receipt") else []


def optional_flag(flag, value):
    return "" if value is None else f"{flag} {value}"


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


def all_scores(wildcards):
    """The score tables of all stages of a shard."""
    return [
        f"{RESULTS}/{wildcards.track}/scores/{stage}/{wildcards.shard}.parquet"
        for stage in STAGES[wildcards.track]
    ]


def score_flags(input):
    """--score=STAGE=TABLE for every table; quoted in the shell command."""
    return [f"--score={Path(table).parent.name}={table}" for table in input.scores]


def gate_param(stage):
    """The gate of a stage as JSON, as a function of wildcards."""
    return lambda wildcards: json.dumps(configuration.gate(config, wildcards.track, stage))


def stats_files(track):
    """What every job of a track wrote about itself."""
    return [
        f"{RESULTS}/{track}/stats/{stage}/{shard}.json"
        for stage in [*CLIP_STAGES[track], *STAGES[track]]
        for shard in SHARDS[track]
    ]


def show_summary():
    """Print the summary, when the run made one."""
    path = Path(f"{RESULTS}/summary.txt")
    if path.is_file():
        print(path.read_text(encoding="utf-8"))


def talking_head_flags():
    """The options of the talking-head engine that is in use."""
    options = config["score_talking_head"]
    flags = ["--engine", options["engine"], "--frames", str(options["frames"])]
    if options["engine"] == "face_presence":
        for name in ("detector", "min_score", "min_face"):
            flags += [f"--{name.replace('_', '-')}", str(options[name])]
    else:
        for name in ("question", "answer", "dtype"):
            flags += [f"--{name}", str(options[name])]
    return shlex.join(flags)


def transcribe_flags():
    """The options of the transcription engine that is in use."""
    options = config["transcribe"]
    flags = ["--engine", options["engine"]]
    if options["compute_type"] != "auto":
        flags += ["--compute-type", options["compute_type"]]
    names = ["beam_size", "language", "max_seconds"]
    if options["engine"] == "faster_whisper":
        names += ["vad_threshold", "vad_min_silence_ms", "vad_pad_ms"]
    else:
        names += ["vad_onset", "vad_offset"]
    for name in names:
        if options[name] is not None:
            flags += [f"--{name.replace('_', '-')}", str(options[name])]
    for language in options["languages"] or []:
        flags += ["--wanted", language]
    return shlex.join(flags)


def category_flags():
    """--category for each that is wanted; none when all are."""
    options = config["filter_categories"]
    wanted = options["categories"] if options["enabled"] else []
    return shlex.join(flag for category in wanted for flag in ("--category", category))


def service_flag():
    """The address, pace and prices of the service that make_prompts asks.

    No param: a clip that was answered is not asked again because a server moved.
    """
    service = json.dumps(prompt_options.service_of(config["make_prompts"]))
    return shlex.join(["--service", service]).replace("{", "{{").replace("}", "}}")


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

"""The arguments of the score stages' command lines, from the configuration.

The rules put them into their shell commands, and the planning step reads them with the script's own
parser: what is planned is what runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from livecc import config as configuration
from livecc.make_prompts import settings as prompt_options
from livecc.models import describe

#: Name of a rule's input -> the argument that takes it.
INPUT_FLAGS = {
    "transcripts": "--transcripts",
    "clips": "--clips",
    "records": "--records",
    "receipt": "--receipt",
    "detector": "--detector-receipt",
    "align": "--align-receipt",
}
#: Stage -> the named inputs of its rule that are arguments, but for the scores.
INPUTS = {
    "transcribe": ("records", "receipt", "align"),
    "identify_language": ("transcripts", "clips", "receipt"),
    "score_lm_loss": ("transcripts", "clips", "receipt"),
    "score_talking_head": ("clips", "receipt"),
    "score_active_speaker": ("transcripts", "clips", "receipt", "detector"),
    "make_prompts": ("transcripts", "clips", "receipt"),
}
#: Options of a stage that change its speed but none of its numbers.
SPEED_OPTIONS = {
    "identify_language": ["tokens_per_batch"],
    "score_lm_loss": ["tokens_per_batch"],
    "score_active_speaker": ["decode_timeout_seconds"],
    "transcribe": ["batch_size", "decode_timeout_seconds"],
    "score_talking_head": ["videos_per_batch", "decode_timeout_seconds"],
    "make_prompts": [],
}


def as_json(value: Any) -> str:
    """A value as an argument: the order of a mapping's keys, which means nothing, does not show."""
    return json.dumps(value, sort_keys=True)


def score_stages(config: Mapping[str, Any], track: str) -> list[str]:
    """The stages of a track that keep their results in the score cache, in order."""
    transcribes = "transcribe" in configuration.clip_stages(config, track)
    return [*(["transcribe"] if transcribes else []), *configuration.active_stages(config, track)]


def gate(config: Mapping[str, Any], track: str, stage: str) -> dict[str, Any]:
    """The gate of a score stage; empty for those that score everything."""
    return configuration.gate(config, track, stage) if "gate" in config[stage] else {}


def retries_failed(config: Mapping[str, Any], stage: str) -> bool:
    """Whether the stage is to score again what failed."""
    wanted = config["retry_failed"]
    if isinstance(wanted, str):
        return stage == wanted
    return wanted if isinstance(wanted, bool) else stage in wanted


def receipts(config: Mapping[str, Any], stage: str) -> dict[str, str]:
    """Named input -> receipt of a model, of the rule of a stage."""
    models = configuration.models(config)
    uses = {"receipt": stage, "detector": f"{stage}:detector", "align": f"{stage}:align"}
    return {
        name: f"{config['results'].rstrip('/')}/models/{describe(models[use])['name']}.json"
        for name, use in uses.items()
        if use in models
    }


def file_arguments(inputs: Mapping[str, Any]) -> list[str]:
    """The arguments of a rule's named inputs, those it has of INPUT_FLAGS and `scores`."""
    arguments = [f"{flag}={inputs[name]}" for name, flag in INPUT_FLAGS.items() if inputs.get(name)]
    tables = inputs.get("scores") or []
    tables = [tables] if isinstance(tables, str) else tables
    return [*arguments, *(f"--score={Path(table).parent.name}={table}" for table in tables)]


def options(config: Mapping[str, Any], track: str, stage: str) -> list[str]:
    """The arguments that decide what a stage computes: params of its rule."""
    return _OPTIONS[stage](config, track)


def gpus(config: Mapping[str, Any], stage: str) -> int:
    """GPUs that a job of a stage needs when it has something to do."""
    engine = config.get(stage, {}).get("engine")
    if stage == "make_prompts":
        on_gpu = engine == "transformers"
    elif stage == "identify_language":
        on_gpu = engine == "xlm_roberta"
    elif stage == "score_talking_head" and engine == "face_presence":
        # Detectors keep up with decoding on the CPU; `auto` means that.
        on_gpu = config["device"] == "cuda"
    else:
        on_gpu = True
    return int(config["resources"][stage]["gpu"]) if on_gpu and config["device"] != "cpu" else 0


def pace(config: Mapping[str, Any], stage: str, cache: str) -> list[str]:
    """The arguments that change no number: where and how fast a stage runs, and its gates.

    They are no params, because another device, batch size or cache must run nothing again; a gate
    runs a stage again only through what it covers (livecc.coverage).
    """
    needed = gpus(config, stage)
    # A stage that asks for no GPU must not take one that it sees.
    device = "cpu" if config["device"] == "auto" and not needed else config["device"]
    arguments = ["--device", device, "--gpus", str(needed), "--cache", cache]
    for name in SPEED_OPTIONS[stage]:
        if config[stage][name] is not None:
            arguments += [f"--{name.replace('_', '-')}", str(config[stage][name])]
    if stage == "make_prompts":
        service = prompt_options.service_of(config["make_prompts"])
        arguments += ["--service", as_json(service)]
    if "gate" in config[stage]:
        gates = {
            track: gate(config, track, stage)
            for track in configuration.active_tracks(config)
            if stage in configuration.active_stages(config, track)
        }
        arguments += ["--gates", as_json(gates)]
    return [*arguments, *(["--retry-failed"] if retries_failed(config, stage) else [])]


def score_command(
    config: Mapping[str, Any],
    track: str,
    stage: str,
    shard: str,
    inputs: Mapping[str, Any],
    cache: str,
) -> list[str]:
    """All arguments of a score job but the threads and what it writes."""
    return [
        *("--track", track, f"--shard={shard}"),
        *file_arguments(inputs),
        *options(config, track, stage),
        *pace(config, stage, cache),
    ]


def _flags(section: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    """--name value for each option that is set."""
    for name in names:
        if section[name] is not None:
            yield f"--{name.replace('_', '-')}={section[name]}"


def _identify_language(config: Mapping[str, Any], _track: str) -> list[str]:
    return ["--engine", config["identify_language"]["engine"]]


def _score_lm_loss(config: Mapping[str, Any], _track: str) -> list[str]:
    section = config["score_lm_loss"]
    return [
        *("--mode", config["mode"]),
        *_flags(section, ["dtype", "max_context_tokens"]),
        *("--prompts", as_json(section["prompts"])),
    ]


def _score_talking_head(config: Mapping[str, Any], track: str) -> list[str]:
    section = config["score_talking_head"]
    names = ["engine", "frames"]
    if section["engine"] == "face_presence":
        names += ["detector", "min_score", "min_face"]
    else:
        names += ["question", "answer", "dtype"]
    return [*_media(config, track), *_flags(section, names)]


def _score_active_speaker(config: Mapping[str, Any], track: str) -> list[str]:
    return [*_media(config, track), *_flags(config["score_active_speaker"], ["detector"])]


def _make_prompts(config: Mapping[str, Any], _track: str) -> list[str]:
    section = config["make_prompts"]
    settings = as_json(prompt_options.settings_of(section))
    return ["--engine", section["engine"], "--settings", settings]


def _transcribe(config: Mapping[str, Any], track: str) -> list[str]:
    section = config["transcribe"]
    names = ["engine", "beam_size", "language", "max_seconds"]
    if section["compute_type"] != "auto":
        names += ["compute_type"]
    if section["engine"] == "faster_whisper":
        names += ["vad_threshold", "vad_min_silence_ms", "vad_pad_ms"]
    else:
        names += ["vad_onset", "vad_offset"]
    wanted = [f"--wanted={language}" for language in section["languages"] or []]
    return [*_media(config, track), *_flags(section, names), *wanted]


def _media(config: Mapping[str, Any], track: str) -> list[str]:
    return ["--videos", config["tracks"][track]["videos"], "--mode", config["mode"]]


_OPTIONS = {
    "identify_language": _identify_language,
    "score_lm_loss": _score_lm_loss,
    "score_talking_head": _score_talking_head,
    "score_active_speaker": _score_active_speaker,
    "make_prompts": _make_prompts,
    "transcribe": _transcribe,
}

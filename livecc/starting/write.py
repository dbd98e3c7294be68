"""A commented configuration for what was found, and for the machine that runs it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from livecc.declaration import Stage
from livecc.errors import LiveccError
from livecc.stages.tracks import (
    FILTER_CATEGORIES,
    PROBE_VIDEOS,
    SCORE_ACTIVE_SPEAKER,
    SCORE_LM_LOSS,
    SCORE_TALKING_HEAD,
    TRANSCRIBE,
)
from livecc.starting.look import Found, in_words
from livecc.starting.machine import Machine

Tracks = Literal["pretrain", "sft", "both"]

#: Videos of a shard: some hours of one GPU's work at most, so that a killed job loses little.
VIDEOS_OF_SHARD = 500
#: Even few videos are divided, so that all processors have work; but no shard is nearly empty.
_LEAST_OF_SHARD = 25
_MOST_SHARDS = 10_000
#: Of a file that is not opened: captions of ten minutes take some 20 kB, compressed or not.
_VIDEOS_OF_MEGABYTE = 50
#: The default models need so much memory of a GPU.
_GPU_GB = 15.0


@dataclass(frozen=True)
class Choices:
    """What is written: `tracks` that run, `shards` of the source (None: unused)."""

    tracks: tuple[str, ...]
    shards: int | None
    large_models: bool


def choose(found: Found, machine: Machine, tracks: Tracks | None, shards: int | None) -> Choices:
    """Tracks, shards and models that fit. Raises LiveccError for a track that cannot run."""
    known = found.captions or found.media or found.words
    if tracks is not None:
        names: Sequence[str] = ("pretrain", "sft") if tracks == "both" else (tracks,)
        if known and "pretrain" in names and not found.captions:
            raise LiveccError(
                "--track pretrain cuts captions, and there are none; --track sft hears videos"
            )
        if known and "sft" in names and not (found.media or found.words):
            raise LiveccError(
                "--track sft needs videos with sound, or words with their times, and there are "
                "none; --track pretrain cuts captions"
            )
    else:
        names = [
            *(["pretrain"] if found.captions or (not found.media and not found.words) else []),
            *(["sft"] if found.words or found.media else []),
        ]
    if found.format is not None and shards is None:
        videos = found.videos
        if videos is None:
            videos = math.ceil(found.megabytes * _VIDEOS_OF_MEGABYTE)
        shards = shards_for(videos, machine.cores)
    return Choices(tuple(names), shards, machine.gpu is not None and machine.gpu_gb >= _GPU_GB)


def shards_for(videos: int, cores: int) -> int:
    """A number of shards for about so many videos."""
    by_size = math.ceil(videos / VIDEOS_OF_SHARD)
    for_cores = min(4 * cores, math.ceil(videos / _LEAST_OF_SHARD))
    return max(1, min(max(by_size, for_cores), _MOST_SHARDS))


def configuration_text(
    folder: Path, found: Found, machine: Machine, choices: Choices, results: str
) -> str:
    """The text of a configuration file."""
    return "\n".join(
        [
            *_head(folder, found, machine, results),
            *_source(found, choices),
            *_tracks(folder, found, choices),
            *_stages(found, machine, choices),
            *_selections(choices),
            "",
        ]
    )


def _head(folder: Path, found: Found, machine: Machine, results: str) -> list[str]:
    return [
        f"# Written by `livecc init` for {_comment(str(folder))}",
        f"# ({in_words(found.counts)}).",
        "# It holds what differs from config.yaml, where every option is explained.",
        "#",
        "#   snakemake --configfile THIS_FILE --cores all plan    what it would do, and how long",
        "#   snakemake --configfile THIS_FILE --cores all         the run; again after any change",
        "",
        "# Everything that is made. Scores in it are never made twice: keep it.",
        f"results: {quoted(results)}",
        "",
        f"# This machine: {machine.describe()}.",
        "# On a cluster with GPUs write cuda.",
        f"device: {'cuda' if machine.gpu else 'cpu'}",
    ]


def _source(found: Found, choices: Choices) -> list[str]:
    if found.format is None:
        return []
    about = "" if found.videos is None else f"; here about {found.videos:,}"
    return [
        "",
        "# Where the videos and captions are (docs/sources.md). A shard is a job of every stage:",
        f"# some hundred videos{about}.",
        "sources:",
        "  videos:",
        f"    shards: {choices.shards}",
        "    from:",
        f"      - {{format: {found.format}, paths: {quoted(found.paths)}}}",
    ]


def _tracks(folder: Path, found: Found, choices: Choices) -> list[str]:
    root = folder if folder.is_dir() else folder.parent
    lines = ["", "# pretrain: captions are cut into clips. sft: videos are transcribed and cut."]
    if not found.media:
        lines += [
            "# No video files were found: `videos` is the folder where they would be, and stages",
            "# that look at pictures are off below.",
        ]
    lines.append("tracks:")
    for track in choices.tracks:
        lines.append(f"  {track}:")
        if found.format is None:
            lines.append(f"    inputs: {quoted(found.paths)}")
        else:
            lines.append("    sources: [videos]")
        lines.append(f"    videos: {quoted(str(root))}")
    return lines


def _stages(found: Found, machine: Machine, choices: Choices) -> list[str]:
    large = choices.large_models
    if large:
        lines = ["", "# The default models fit this GPU; smaller ones are in models.yaml."]
    else:
        why = "GPU with little memory" if machine.gpu else "machine without a GPU"
        lines = [
            "",
            f"# Small models, for a {why}; config.yaml has those for a GPU of 16 GB or more.",
            *_section(SCORE_LM_LOSS, model="smollm2-135m-instruct"),
        ]
    if not found.media:
        # Clips that are compared with no video would all be dropped.
        lines += _off(PROBE_VIDEOS)
    if "pretrain" in choices.tracks:
        lines += _pretrain_stages(found, large)
    if "sft" in choices.tracks:
        lines += _sft_stages(found, large)
    return lines


def _pretrain_stages(found: Found, large: bool) -> list[str]:
    if not found.media:
        return _off(SCORE_TALKING_HEAD)
    if not large:
        return []
    return [
        "# face_presence needs no GPU; qwen2_vl is the paper's model (4.4 GB).",
        *_section(SCORE_TALKING_HEAD, engine="face_presence"),
    ]


def _sft_stages(found: Found, large: bool) -> list[str]:
    lines = []
    if found.words:
        lines += ["# The words with their times are in the input.", *_off(TRANSCRIBE)]
    elif not large:
        lines += [
            "# English alone; whisper-base hears other languages, too.",
            *_section(TRANSCRIBE, model="whisper-tiny.en"),
        ]
    if not found.info and found.format is not None:
        lines += [
            "# No info files say the categories of videos: all are taken.",
            *_off(FILTER_CATEGORIES),
        ]
    if not found.media:
        return [*lines, *_off(SCORE_ACTIVE_SPEAKER)]
    return [
        *lines,
        "# scrfd is the paper's detector; its weights are for non-commercial research alone.",
        *_section(SCORE_ACTIVE_SPEAKER, detector="centerface"),
    ]


def _off(stage: Stage) -> list[str]:
    return [f"{stage.name}: {{enabled: false}}"]


def _section(stage: Stage, **options: str) -> list[str]:
    return [f"{stage.name}:", *(f"  {name}: {value}" for name, value in options.items())]


def _selections(choices: Choices) -> list[str]:
    lines = [
        "",
        "# Thresholds: config.yaml has the paper's as `default`. Others are added under names of",
        "# their own, share the same scores and cost nothing:",
        "# selections:",
        "#   strict:",
    ]
    lines += [
        line
        for track in choices.tracks
        for line in (f"#     {track}:", "#       lm_loss: {min: 1.5, max: 3}")
    ]
    return lines


def quoted(value: str | list[str]) -> str:
    """A value as YAML on one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(quoted, value))}]"
    plain = yaml.safe_dump(value, allow_unicode=True, width=10**9).splitlines()[0]
    in_flow = any(mark in value for mark in "[]{},\n")
    return json.dumps(value, ensure_ascii=False) if in_flow or plain != value else plain


def _comment(text: str) -> str:
    """A text for a comment: on one line, without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)

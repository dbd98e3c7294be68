"""The configurations whose params and fingerprints are written down in recorded_params.json.

    .venv/bin/python tests/workflow/recording.py    writes that file anew

which is right only for a change by design: whoever updates pays for every difference.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.places import REPOSITORY

GOLDEN = Path(__file__).with_name("recorded_params.json")

BOTH_TRACKS = {
    "pretrain": {"inputs": ["input/captions_*.jsonl"], "videos": "videos"},
    "sft": {"inputs": ["input/spoken_*.jsonl"], "videos": "videos"},
}
#: A model that is a folder of the user's own, and one of the hub -> their receipts' names.
OWN_FOLDER, OWN_NAME = "./models/own-lm", "models-own-lm-16318cb8"
OWN_HUB, HUB_NAME = "someone/chat-model@v1.2", "someone-chat-model-v1.2-a7c30ece"
OWN_SOURCES = {
    OWN_NAME: {"path": OWN_FOLDER.removeprefix("./")},
    HUB_NAME: {"hub": "someone/chat-model", "revision": "v1.2"},
}


@dataclass(frozen=True)
class Recorded:
    """A configuration: preset, what is laid over it, and models whose weights cannot be had."""

    over: dict[str, Any]
    preset: str | None = None
    missing: frozenset[str] = field(default_factory=frozenset)


#: Name -> configuration; together they have every engine, device and kind of gate. None may say
#: `device: auto`, which asks the machine.
CONFIGURATIONS = {
    # langid, face_presence, faster_whisper, template; the weights of Light-ASD are missing, as they
    # are for who has no access to their place. Gates: auto, one that keeps unscored clips.
    "demo": Recorded(
        {"tracks": BOTH_TRACKS}, "presets/demo.yaml", missing=frozenset({"light_asd"})
    ),
    # xlm_roberta, qwen2_vl, scrfd, openai, the original's behaviour; several selections.
    "paper": Recorded({"device": "cpu", "tracks": BOTH_TRACKS}, "presets/paper.yaml"),
    # The defaults on a cluster: formats for GPUs. The place of the cache, speed and interpreters
    # must not show.
    "slurm": Recorded(
        {
            "device": "cuda",
            "tracks": BOTH_TRACKS,
            "score_cache": "shared/cache",
            "environments": {"lm": sys.executable, "asr": sys.executable},
            "score_lm_loss": {"tokens_per_batch": 4096},
            "resources": {"score_lm_loss": {"threads": 8}},
        }
    ),
    # Transcripts from the input, a local chat model, models of the user's own, gates spelled out
    # and switched off.
    "imported": Recorded(
        {
            "device": "cuda",
            "tracks": BOTH_TRACKS,
            "filter_categories": {"enabled": False},
            "transcribe": {"enabled": False},
            "score_lm_loss": {
                "model": OWN_FOLDER,
                "dtype": "float16",
                "max_context_tokens": 2048,
                "prompts": {"without_context": "Title: {title}\nWhat is said?"},
                "gate": "none",
            },
            "score_talking_head": {
                "detector": "yunet",
                "frames": 4,
                "min_score": 0.6,
                "gate": {"words_per_second": {"max": 8}, "lm_loss": {"min": 1, "max": 7}},
            },
            "score_active_speaker": {
                "detector": "centerface",
                "gate": {"language": {"labels": ["en", "de"], "min_confidence": 0.5}},
            },
            "make_prompts": {
                "engine": "transformers",
                "transformers": {"model": OWN_HUB},
                "gate": {"language": {"labels": ["en"]}, "active_speaker": {"max": 0.2}},
            },
            "selections": {
                "wide": {
                    "pretrain": {"words_per_second": {"max": 8}, "on_unscored": "keep"},
                    "sft": {"active_speaker": {"max": 0.2}, "on_unscored": "fail"},
                },
                "spoken_only": {"sft": {"lm_loss": {"min": 0, "max": 9}}},
            },
        }
    ),
    # WhisperX with its alignment, a vision-language model on a GPU, a service with a schema; a
    # stage switched off.
    "whisperx": Recorded(
        {
            "device": "cuda",
            "results": "results/whisperx/",
            "tracks": BOTH_TRACKS,
            "transcribe": {
                "engine": "whisperx",
                "compute_type": "int8_float16",
                "language": "de",
                "languages": ["de", "en"],
                "max_seconds": 600,
            },
            "identify_language": {"enabled": False},
            "score_talking_head": {"engine": "qwen2_vl"},
            "make_prompts": {
                "engine": "openai",
                "openai": {"temperature": 0.5, "base_url": "http://localhost:8000/v1"},
            },
        }
    ),
}


def record(name: str, folder: Path) -> dict[str, Any]:
    """What would be written down of a configuration by jobs in `folder`, which is filled."""
    configuration = CONFIGURATIONS[name]
    make_project(folder, configuration)
    files = [str(REPOSITORY / configuration.preset)] if configuration.preset else []
    output = folder / "record.json"
    script = Path(__file__).with_name("record_params.py")
    result = subprocess.run(
        [sys.executable, str(script), str(output), *files, "my.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        # Models are looked up there first.
        env={key: value for key, value in os.environ.items() if key != "LIVECC_MODELS"},
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found: dict[str, Any] = json.loads(output.read_text())
    return found


def make_project(folder: Path, configuration: Recorded) -> None:
    """Input whose names are always the same, and receipts of weights that are not there."""
    (folder / "my.yaml").write_text(yaml.safe_dump(configuration.over))
    for name in ("input", "videos", "models/own-lm"):
        (folder / name).mkdir(parents=True)
    for shard in ("captions_a", "captions_b", "spoken_a", "spoken_b"):
        (folder / "input" / f"{shard}.jsonl").touch()
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    if configuration.preset:
        config |= yaml.safe_load((REPOSITORY / configuration.preset).read_text())
    receipts = folder / (config | configuration.over)["results"] / "models"
    receipts.mkdir(parents=True)
    known = yaml.safe_load((REPOSITORY / "models.yaml").read_text())
    for name in (*known, OWN_NAME, HUB_NAME):
        weights = f"models/weights/{name}"
        (folder / weights).mkdir(parents=True)
        receipt = {"model": name, "folder": weights, "digest": digest(name)}
        receipt["source"] = known[name]["source"] if name in known else OWN_SOURCES[name]
        if name in configuration.missing:
            receipt = {"model": name, "status": "missing", "reason": "it is nowhere"}
        (receipts / f"{name}.json").write_text(json.dumps(receipt))


def digest(name: str) -> str:
    """The digest that a receipt gives of a model's weights."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def write() -> None:
    """Write what is found now as what is to be found."""
    golden = {}
    for name in CONFIGURATIONS:
        with tempfile.TemporaryDirectory() as folder:
            golden[name] = record(name, Path(folder))
    GOLDEN.write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()

"""Which software made something: the packages of a stage, and this code."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from livecc import __version__

REPOSITORY = Path(__file__).resolve().parents[1]
_VIDEO = ("av", "decord2", "pillow")
_ONNX = ("onnxruntime", "onnxruntime-gpu")
#: Stage -> the packages whose version may show in its numbers; those not installed are left out.
STAGE_PACKAGES: dict[str, tuple[str, ...]] = {
    "transcribe": ("av", "ctranslate2", "faster-whisper", "torch", "whisperx", *_ONNX),
    "identify_language": ("langid", "scipy", "tokenizers", "torch", "transformers"),
    "score_lm_loss": ("tokenizers", "torch", "transformers"),
    "score_talking_head": (*_VIDEO, "tokenizers", "torch", "transformers", *_ONNX),
    "score_active_speaker": (*_VIDEO, "python-speech-features", "scipy", "torch", *_ONNX),
    "make_prompts": ("openai", "tokenizers", "torch", "transformers"),
    "merge_samples": ("orjson", "pyarrow", "snakemake", "zstandard"),
}


@cache
def versions_of(stage: str) -> dict[str, str]:
    """Package -> version, of Python, numpy and what a stage computes with, as installed here."""
    versions = {"python": platform.python_version()}
    for package in ("numpy", *STAGE_PACKAGES.get(stage, ())):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return dict(sorted(versions.items()))


def code_version() -> dict[str, Any]:
    """The version of this code; `commit` and `dirty` (changed since) are None outside git."""
    version: dict[str, Any] = {"version": __version__, "commit": None, "dirty": None}
    # Not the repository of a folder that this code was unpacked into.
    if _git("rev-parse", "--show-toplevel") == str(REPOSITORY):
        version["commit"] = _git("rev-parse", "HEAD")
        changes = _git("status", "--porcelain", "--untracked-files=no")
        version["dirty"] = None if changes is None else bool(changes)
    return version


def _git(*arguments: str) -> str | None:
    """What git says about the folder of this code; None when it says nothing."""
    try:
        result = subprocess.run(
            ["git", "-C", str(REPOSITORY), *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()

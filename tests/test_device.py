"""Choosing a device without importing torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from livecc import device


def test_given_devices_are_taken_as_they_are() -> None:
    assert device.resolve_device("cpu") == "cpu"
    assert device.resolve_device("cuda") == "cuda"


def test_auto_needs_a_device_and_a_cuda_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    node = tmp_path / "nvidiactl"
    monkeypatch.setattr(device, "_NVIDIA_DEVICES", (str(node),))
    monkeypatch.setattr(device, "_torch_has_cuda", lambda: True)
    assert device.resolve_device("auto") == "cpu"
    node.touch()
    assert device.resolve_device("auto") == "cuda"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device.resolve_device("auto") == "cpu"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(device, "_torch_has_cuda", lambda: False)
    assert device.resolve_device("auto") == "cpu"


def test_build_of_torch_is_read_as_torch_says_it() -> None:
    import torch

    assert device._torch_has_cuda() == (torch.version.cuda is not None)


def test_torch_is_not_imported() -> None:
    code = (
        "import sys; from livecc.device import resolve_device; resolve_device('auto'); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "stage", ["transcribe", "identify_language", "score_lm_loss", "score_talking_head"]
)
def test_no_stage_imports_a_model_library_to_find_its_scores(stage: str) -> None:
    heavy = {"torch", "transformers", "onnxruntime", "decord", "av", "langid", "scipy"}
    heavy |= {"faster_whisper", "ctranslate2", "whisperx"}
    code = f"import sys, livecc.{stage}.shard; sys.exit(str({heavy!r} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.stderr.strip() == "set()"


def test_dtypes() -> None:
    assert device.resolve_dtype("auto", "cpu") == "float32"
    assert device.resolve_dtype("auto", "cuda") == "bfloat16"
    assert device.resolve_dtype("float16", "cpu") == "float16"

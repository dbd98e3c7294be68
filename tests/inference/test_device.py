"""Choosing a device without importing torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from livecc.inference import device
from tests.support.built_in import CATALOGUE


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
        "import sys; from livecc.inference.device import resolve_device; resolve_device('auto'); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("stage", [stage.name for stage in CATALOGUE.cached_stages])
def test_no_stage_imports_a_model_library_to_find_its_scores(stage: str) -> None:
    heavy = {"torch", "transformers", "onnxruntime", "decord", "av", "langid", "scipy"}
    heavy |= {"faster_whisper", "ctranslate2", "whisperx", "openai"}
    code = f"""if True:
        import sys
        from livecc.stages.catalogue import catalogue_for
        from livecc.declaration import imported
        stage = catalogue_for({{}}).stages[{stage!r}]
        imported(stage.prepare), [engine.load() for engine in stage.engines.values()]
        sys.exit(str({heavy!r} & set(sys.modules)))
    """
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.stderr.strip() == "set()"


def test_dtypes() -> None:
    assert device.resolve_dtype("auto", "cpu") == "float32"
    assert device.resolve_dtype("auto", "cuda") == "bfloat16"
    assert device.resolve_dtype("float16", "cpu") == "float16"


def test_float32_is_float32_in_convolutions_too(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    device.prepare_torch("cuda", torch.get_num_threads())
    assert not torch.backends.cudnn.allow_tf32

"""Code that comes with a model is refused with a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from livecc.declaration import Setup
from livecc.errors import LiveccError
from livecc.files.model_folders import load_reason, refuse_code
from livecc.models.fetch import fetch

CODE = {"AutoModelForCausalLM": "modeling_evil.Evil"}


@pytest.mark.parametrize(
    ("name", "text", "entry"),
    [
        ("config.json", json.dumps({"auto_map": CODE}), "auto_map"),
        ("tokenizer_config.json", json.dumps({"auto_map": CODE}), "auto_map"),
        ("preprocessor_config.json", json.dumps({"auto_map": CODE}), "auto_map"),
        ("config.json", json.dumps({"text_config": [{"auto_map": CODE}]}), "auto_map"),
        # The same key for whoever parses it.
        ("config.json", '{"\\u0061uto_map": {"AutoConfig": "x.Y"}}', "auto_map"),
        ("config.json", '{"custom_pipelines": {"x": {"impl": "x.Y"}}}', "custom_pipelines"),
        ("config.json", '{"attn_implementation": "some/kernel"}', "attn_implementation"),
        ("deeper/config.json", json.dumps({"auto_map": CODE}), "auto_map"),
    ],
)
def test_settings_that_ask_for_code_are_refused(
    tmp_path: Path, name: str, text: str, entry: str
) -> None:
    folder = tmp_path / "model"
    file = folder / name
    file.parent.mkdir(parents=True)
    file.write_text(text)
    says = rf"{name}: asks for code that comes with the model \({entry}\), which is never run"
    with pytest.raises(LiveccError, match=says):
        refuse_code(folder)
    # When it is fetched, and by every engine.
    with pytest.raises(LiveccError, match=says):
        fetch(str(folder), tmp_path)
    with pytest.raises(LiveccError, match=says):
        Setup({"": folder}, {}, "cpu", "default", 1)


@pytest.mark.parametrize(
    "text",
    [
        '{"architectures": ["Qwen2ForCausalLM"], "auto_map": {}, "attn_implementation": "sdpa"}',
        '{"auto_map": ',
        "[" * 5000,
        '["auto_map"]',
    ],
)
def test_other_settings_are_left_to_the_loader(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"auto_map": 1}}}))
    refuse_code(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "Please pass the argument `trust_remote_code=True` to allow custom code to be run.",
        "Weights only load failed. Do it only if you trust the source.",
        "Re-running `torch.load` with `weights_only` set to `False` will likely succeed",
    ],
)
def test_no_reason_gives_the_advice_to_run_it(text: str) -> None:
    reason = load_reason(ValueError(text))
    assert reason.endswith("never run") or reason.endswith("never loaded")
    assert "_" not in reason


def test_other_reasons_are_one_short_line() -> None:
    assert load_reason(OSError("\n no such file \n and more")) == "no such file"
    assert load_reason(KeyError()) == "KeyError"
    assert len(load_reason(ValueError("x" * 5000))) == 200

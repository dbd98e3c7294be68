"""Values that arrive as texts, and ~ in paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from livecc import configuration
from livecc.errors import LiveccError
from livecc.files.paths import expanded, paths_expanded


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A configuration in the home folder, with a small input."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.jsonl").write_text("{}\n")
    (tmp_path / "python").write_text("#!/bin/sh\n")
    (tmp_path / "python").chmod(0o755)
    config = configuration.read_yaml(configuration.DEFAULTS_FILE)
    config["tracks"]["pretrain"] = {"inputs": ["~/a.jsonl"], "videos": "~"}
    return config


def complete(config: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    configuration.overlay(config, over)
    whole = configuration.complete(config)
    configuration.check(whole)
    return whole


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("True", True),
        ("false", False),
        # A stage, and a list of stages, stay what they are.
        ("score_lm_loss", "score_lm_loss"),
        (["score_lm_loss"], ["score_lm_loss"]),
    ],
)
def test_retry_failed_on_the_command_line(config: dict[str, Any], text: Any, value: Any) -> None:
    assert complete(config, {"retry_failed": text})["retry_failed"] == value


def test_texts_are_read_as_they_are_wanted(config: dict[str, Any]) -> None:
    """As Snakemake reads --config: texts, inside of mappings and lists."""
    over = {
        "score_cache": "null",
        "score_lm_loss": {"enabled": "false", "tokens_per_batch": "null"},
        "clip_captions": {"max_clip_seconds": "120", "max_gap_seconds": "2.5"},
        "score_talking_head": {"frames": "12", "answer": "true", "gate": "none"},
        "make_prompts": {"openai": {"model": "4"}},
        "selections": {"default": {"pretrain": {"lm_loss": {"min": "2", "max": "4.5"}}}},
        "resources": {"clip_captions": {"threads": "3"}},
    }
    whole = complete(config, over)
    assert whole["score_cache"] is None
    assert whole["score_lm_loss"]["enabled"] is False
    assert whole["score_lm_loss"]["tokens_per_batch"] is None
    assert whole["clip_captions"]["max_clip_seconds"] == 120
    assert whole["clip_captions"]["max_gap_seconds"] == 2.5
    head = whole["score_talking_head"]
    # An answer is a text, whatever it reads like.
    assert (head["frames"], head["answer"], head["gate"]) == (12, "true", "none")
    assert whole["make_prompts"]["openai"]["model"] == "4"
    assert whole["selections"]["default"]["pretrain"]["lm_loss"] == {"min": 2, "max": 4.5}
    assert type(whole["resources"]["clip_captions"]["threads"]) is int


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"retry_failed": "ture"}, "retry_failed: 'ture' is not allowed"),
        ({"clip_captions": {"max_clip_seconds": "long"}}, "'long' is not allowed"),
        ({"score_talking_head": {"frames": "8.5"}}, "frames: '8.5' is not allowed"),
        ({"score_lm_loss": {"enabled": "[true"}}, "enabled: '[true' is not allowed"),
    ],
)
def test_what_is_not_wanted_is_reported_as_it_was_given(
    config: dict[str, Any], over: dict[str, Any], words: str
) -> None:
    with pytest.raises(LiveccError, match=words.replace("[", r"\[")):
        complete(config, over)


def test_home_in_every_path(config: dict[str, Any], tmp_path: Path) -> None:
    over = {
        **{"results": "~/results/", "score_cache": "~/cache", "models_folder": "~/models"},
        **{"container": "~/livecc.sif", "environments": {"lm": "~/python"}},
    }
    whole = complete(config, over)
    assert whole["results"] == f"{tmp_path}/results"
    assert whole["score_cache"] == f"{tmp_path}/cache"
    assert whole["models_folder"] == f"{tmp_path}/models"
    assert whole["container"] == f"{tmp_path}/livecc.sif"
    assert whole["environments"]["lm"] == f"{tmp_path}/python"
    assert whole["tracks"]["pretrain"]["videos"] == str(tmp_path)
    assert configuration.shards(whole, "pretrain") == {"a": f"{tmp_path}/a.jsonl"}
    # Written into training files, for another machine.
    config["tracks"]["pretrain"]["video_prefix"] = "~/videos/"
    assert complete(config, {})["tracks"]["pretrain"]["video_prefix"] == "~/videos/"


def test_home_of_nobody_is_no_traceback(config: dict[str, Any]) -> None:
    with pytest.raises(LiveccError, match="'~nobody-here/v' is not a folder"):
        complete(config, {"tracks": {"pretrain": {"videos": "~nobody-here/v"}}})
    assert expanded("~nobody-here/x") == Path("~nobody-here/x")


def test_home_on_the_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    values = [Path("~/v"), [Path("~/a"), "~"], "~/as it is", None]
    home = [tmp_path / "v", [tmp_path / "a", "~"], "~/as it is", None]
    assert [paths_expanded(value) for value in values] == home

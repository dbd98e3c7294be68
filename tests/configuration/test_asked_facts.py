"""When facts of videos are asked for, and what lists and gates then say."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livecc import configuration
from livecc.declaration import CLIP_RULES
from livecc.errors import LiveccError
from livecc.thresholds import sets
from tests.support.built_in import RULES

Config = dict[str, Any]


def configured(change: Callable[[Config], object]) -> Config:
    config = configuration.read_yaml(configuration.DEFAULTS_FILE)
    config["tracks"]["pretrain"]["inputs"] = config["tracks"]["sft"]["inputs"] = ["*.jsonl"]
    config = copy.deepcopy(config)
    change(config)
    return configuration.complete(config)


def describes(config: Config) -> list[str]:
    """The tracks in which describe_video runs."""
    return [
        track
        for track in ("pretrain", "sft")
        if "describe_video" in {one.name for one in configuration.active_stages(config, track)}
    ]


def bounds(track: str, **more: Any) -> Callable[[Config], object]:
    return lambda config: config["selections"]["default"][track].update(more)


@pytest.mark.parametrize(
    ("change", "tracks"),
    [
        (lambda _: None, []),
        (bounds("sft", duration=None, top=None), []),
        (bounds("pretrain", duration={"max": 9}), ["pretrain"]),
        (bounds("sft", top={"by": "height", "keep": 3}), ["sft"]),
        (bounds("sft", top={"by": "lm_loss", "keep": 3}), []),
        (bounds("sft", top={"by": "lm_loss", "keep": 3, "per": "title"}), ["sft"]),
        (lambda config: config.update(exclude=["presets/livesports3k.txt"]), ["pretrain", "sft"]),
        (
            lambda config: config["score_lm_loss"].update(gate={"height": {"min": 9}}),
            ["pretrain", "sft"],
        ),
        (lambda config: config["describe_video"].update(enabled=True), ["pretrain", "sft"]),
    ],
)
def test_it_runs_where_somebody_asks(change: Callable[[Config], object], tracks: list[str]) -> None:
    assert describes(configured(change)) == tracks


def test_lists_hold_for_every_selection_that_does_not_opt_out() -> None:
    def change(config: Config) -> None:
        config["exclude"] = ["presets/livesports3k.txt"]
        config["selections"]["open"] = {"sft": {"excluded": None}, "pretrain": {}}

    config = configured(change)
    assert configuration.complete(config) == config
    of_sft = configuration.selections(config, "sft")
    (listed,) = of_sft["default"]["excluded"]["lists"]
    assert listed.startswith("presets/livesports3k.txt#")
    assert of_sft["open"]["excluded"] is None
    assert "excluded" in configuration.selections(config, "pretrain")["open"]
    # What one selection keeps is transcribed.
    assert configuration.gate(config, "sft", "transcribe") == {}


def test_the_gate_of_transcribe_has_what_is_known_before() -> None:
    told = {"duration": {"max": 9}, "distinct_words": {"min": 3}, "on_unscored": "keep"}
    config = configured(bounds("sft", **told))
    assert configuration.gate(config, "sft", "transcribe") == {"duration": {"max": 9.0}}
    assert configuration.gate(config, "sft", "score_lm_loss")["distinct_words"] == {"min": 3.0}
    config = configured(bounds("sft", **told, on_unknown="keep"))
    gate = {"duration": {"max": 9.0}, "on_unknown": "keep"}
    assert configuration.gate(config, "sft", "transcribe") == gate
    config["transcribe"]["gate"] = "none"
    assert configuration.gate(config, "sft", "transcribe") == {}
    config["describe_video"]["enabled"] = False
    config["transcribe"]["gate"] = "auto"
    assert configuration.gate(config, "sft", "transcribe") == {}


def test_a_gate_without_facts_says_nothing_of_unknown_values() -> None:
    """Or gates of earlier versions would not be those of now."""
    config = configured(bounds("pretrain", on_unknown="keep"))
    assert "on_unknown" not in configuration.gate(config, "pretrain", "score_lm_loss")
    assert not CLIP_RULES["words_per_second"].may_be_unknown


def test_who_keeps_unknown_values_is_wider() -> None:
    strict, lenient = {"height": {"min": 3}}, {"height": {"min": 3}, "on_unknown": "keep"}
    assert sets.covers(lenient, strict, RULES)
    assert not sets.covers(strict, lenient, RULES)
    assert sets.covers({}, lenient, RULES)
    # Values of this rule are always known.
    losses = {"lm_loss": {"min": 3}}
    assert sets.covers(losses, {**losses, "on_unknown": "keep"}, RULES)
    # Nobody fits, but for those of whom it is unknown.
    nobody = {"height": {"min": 3, "max": 2}}
    assert sets.covers(losses, nobody, RULES)
    assert not sets.covers(losses, {**nobody, "on_unknown": "keep"}, RULES)


@pytest.mark.parametrize(
    ("top", "problem"),
    [
        ({"by": "distinct_word", "keep": 3}, "did you mean 'distinct_words'"),
        ({"by": "title", "keep": 3}, "'title' is no numeric column"),
        ({"by": "lm_loss", "keep": 3, "per": "height"}, "'height' is no text column"),
        ({"by": "active_speaker", "keep": 3}, "no numeric column"),
        ({"by": "lm_loss", "keep": 0}, "at least 1"),
        ({"by": "lm_loss"}, "keep is missing"),
    ],
)
def test_a_top_that_cannot_be_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, top: dict[str, Any], problem: str
) -> None:
    (tmp_path / "a.jsonl").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LiveccError, match=problem):
        configuration.check(configured(bounds("pretrain", top=top)))

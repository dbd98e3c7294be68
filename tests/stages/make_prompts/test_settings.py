"""Options: which change an answer, and what a user is told about wrong ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from livecc import configuration
from livecc.errors import LiveccError
from livecc.stages.make_prompts.declaration import STAGE
from livecc.stages.make_prompts.settings import (
    ChatOptions,
    Question,
    Service,
    service_of,
    settings_of,
)
from tests.stages.make_prompts.prompt_shards import section


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """The defaults with one small input."""
    (tmp_path / "a.jsonl").write_text("{}\n")
    config = configuration.read_yaml(configuration.DEFAULTS_FILE)
    config["tracks"]["pretrain"] = {"inputs": [str(tmp_path / "*.jsonl")], "videos": str(tmp_path)}
    return config


@pytest.mark.parametrize("engine", STAGE.engines)
def test_every_option_of_an_engine_is_used_once(engine: str) -> None:
    values = section(engine)
    settings, service = settings_of(values), service_of(values)
    assert not settings.keys() & service.keys()
    given = {**values, **values.get(engine, {})}
    assert all(given[name] == value for name, value in {**settings, **service}.items())
    if engine != "template":
        # A local model is named by the receipt of its weights.
        unused = set(values[engine]) - settings.keys() - service.keys()
        assert unused == ({"model"} if engine == "transformers" else set())
        assert {"prompt", "conditions", "leak_words", "max_output_tokens"} < settings.keys()


def test_options_fit_their_types() -> None:
    values = section("openai")
    service = service_of(values)
    service.pop("tries")
    assert Service(**service).address == "https://api.openai.com/v1"
    settings = settings_of(values)
    ChatOptions(**{name: settings[name] for name in ChatOptions.__dataclass_fields__})
    Question(settings["prompt"], tuple(settings["conditions"]), settings["leak_words"])


def test_defaults_of_the_configuration_and_of_the_type_are_the_same() -> None:
    service = service_of(section("openai"))
    service.pop("tries")
    assert Service() == Service(**service)


def test_prompt_is_filled_in_once() -> None:
    question = Question("A {transcript} B {conditions} {x} {}", ("one", "{transcript}"), 5)
    assert question.text("says {conditions}") == (
        "A says {conditions} B 1. one\n2. {transcript} {x} {}"
    )


@pytest.mark.parametrize("preset", ["config.yaml", "presets/paper.yaml"])
def test_presets_ask_for_the_four_conditions(preset: str) -> None:
    values = _with(preset)["make_prompts"]
    text = Question(values["prompt"], tuple(values["conditions"]), 5).text("WORDS")
    assert '"WORDS"' in text
    for n, subject in enumerate(["describes", "personal", "conversation", "garbled"], 1):
        line = next(line for line in text.splitlines() if line.startswith(f"{n}. "))
        assert subject in line
    assert '"YES" or "NO"' in text


def _with(preset: str) -> dict[str, Any]:
    config = configuration.read_yaml(configuration.DEFAULTS_FILE)
    configuration.overlay(config, configuration.read_yaml(configuration.REPOSITORY / preset))
    return config


def test_paper_preset_asks_the_papers_model() -> None:
    values = _with("presets/paper.yaml")["make_prompts"]
    assert values["engine"] == "openai"
    assert settings_of(values)["model"] == "gpt-4o-2024-08-06"
    assert settings_of(values)["temperature"] is None


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"engine": "opnai"}, ["make_prompts.engine", "did you mean 'openai'"]),
        ({"prompt": "Say {conditions}"}, ["make_prompts.prompt", "{transcript}"]),
        ({"prompt": "Say {transcript}"}, ["make_prompts.prompt", "{conditions}"]),
        ({"conditions": []}, ["make_prompts.conditions"]),
        ({"templates": []}, ["make_prompts.templates", "not empty"]),
        ({"tries": 0}, ["make_prompts.tries", "at least 1"]),
        ({"leak_words": 0}, ["make_prompts.leak_words"]),
        ({"openai": {"concurrency": 0}}, ["make_prompts.openai.concurrency", "at least 1"]),
        ({"openai": {"modle": "x"}}, ["make_prompts.openai.modle", "did you mean 'model'"]),
        ({"openai": {"base_url": "localhost:8000"}}, ["openai.base_url", "https://host/v1"]),
        ({"openai": {"base_url": "http://[::1"}}, ["openai.base_url", "https://host/v1"]),
        (
            {"openai": {"base_url": "http://h/v1", "azure_endpoint": "https://a.example"}},
            ["openai.base_url", "azure_endpoint"],
        ),
        (
            {"openai": {"base_url": "http://node7:8000/v1"}},
            ["openai.base_url", "plain http to node7", "key_over_http: true allows it"],
        ),
        ({"openai": {"base_url": "http://127.0.0.1.a.example/v1"}}, ["plain http to 127.0.0.1.a"]),
        ({"openai": {"azure_endpoint": "http://a.example"}}, ["openai.azure_endpoint", "https"]),
        ({"openai": {"max_cost": 3}}, ["openai.max_cost", "input_price"]),
        ({"openai": {"max_cost": -1}}, ["openai.max_cost", "at least 0"]),
        ({"openai": {"input_price": float("inf")}}, ["openai.input_price", "finite"]),
        ({"gate": {"lm_lss": {}}}, ["make_prompts.gate.lm_lss"]),
    ],
)
def test_wrong_options_are_named(
    config: dict[str, Any], over: dict[str, Any], words: list[str]
) -> None:
    configuration.overlay(config, {"make_prompts": over})
    with pytest.raises(LiveccError) as raised:
        configuration.check(config)
    assert [word for word in words if word not in str(raised.value)] == []


@pytest.mark.parametrize(
    "over",
    [
        {"base_url": "https://a.example/v1"},
        {"base_url": "http://localhost:8000/v1"},
        {"base_url": "http://127.0.0.2/v1"},
        {"base_url": "http://[::1]:8000/v1"},
        {"base_url": "http://node7:8000/v1", "key_variable": None},
        {"base_url": "http://node7:8000/v1", "key_over_http": True},
    ],
)
def test_addresses_that_are_safe_for_the_key(config: dict[str, Any], over: dict[str, Any]) -> None:
    configuration.overlay(config, {"make_prompts": {"openai": over}})
    configuration.check(config)


def test_a_job_of_its_own_does_not_send_the_key_either() -> None:
    with pytest.raises(LiveccError, match=r"make_prompts\.openai\.base_url: the key would go"):
        Service(base_url="http://node7:8000/v1")


SECRET = "sk-proj-9f8e7d6c"


@pytest.mark.parametrize(
    "over",
    [
        {"key_variable": SECRET},
        {"key_variable": "0123456789abcdef0123456789abcdef"},
        {"api_key": SECRET},
        {"key": SECRET},
        {"token": SECRET},
        {"base_url": f"https://user:{SECRET}@host/v1"},
        {"base_url": f"https://host/v1?key={SECRET}"},
        {"azure_endpoint": f"https://{SECRET}@host"},
    ],
)
def test_key_in_the_wrong_place_is_refused_and_not_shown(
    config: dict[str, Any], over: dict[str, Any]
) -> None:
    configuration.overlay(config, {"make_prompts": {"openai": over}})
    with pytest.raises(LiveccError) as raised:
        configuration.check(config)
    assert next(iter(over)) in str(raised.value)
    for secret in (SECRET, "0123456789abcdef"):
        assert secret not in str(raised.value)


def test_model_is_fetched_for_the_local_engine_only(config: dict[str, Any]) -> None:
    tracks = configuration.catalogue_of(config).tracks
    assert "make_prompts" not in configuration.models(config)
    config["make_prompts"]["engine"] = "transformers"
    needed = any(
        STAGE in tracks[track].score_stages for track in configuration.active_tracks(config)
    )
    assert ("make_prompts" in configuration.models(config)) == needed

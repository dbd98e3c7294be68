"""The options of make_prompts: those that change an answer, and those that do not.

*Settings* (prompt, conditions, model, temperature ...) are part of the score cache's fingerprint.
*Service* options (address, pace, retries, prices) are not: a clip that was answered is not asked
again because a server moved or a price changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from livecc.errors import LiveccError

ENGINES = ("template", "transformers", "openai")

_ASKING = ("prompt", "conditions", "leak_words", "max_output_tokens")
# Per engine: options of the section, and of its part for the engine, that change an answer.
_SETTINGS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "template": (("templates", "leak_words"), ()),
    "transformers": (_ASKING, ("dtype",)),
    "openai": (_ASKING, ("model", "temperature", "response_format")),
}
_PLACEHOLDER = re.compile(r"\{(transcript|conditions)\}")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
OPENAI_URL = "https://api.openai.com/v1"


def settings_of(section: Mapping[str, Any]) -> dict[str, Any]:
    """From the configuration's section: what changes the answers of the engine in use."""
    general, special = _SETTINGS[section["engine"]]
    part = section.get(section["engine"], {})
    return {name: section[name] for name in general} | {name: part[name] for name in special}


def service_of(section: Mapping[str, Any]) -> dict[str, Any]:
    """From the configuration's section: the other options of the engine in use."""
    engine = section["engine"]
    if engine == "template":
        return {}
    _, special = _SETTINGS[engine]
    # A local model is named by its receipt.
    others = {k: v for k, v in section[engine].items() if k not in (*special, "model")}
    return {"tries": section["tries"], **others}


@dataclass(frozen=True)
class Question:
    """What a model is asked: `{transcript}` and `{conditions}` stand in `prompt`.

    `leak_words`: a query may not repeat as many consecutive words of the transcript.
    """

    prompt: str
    conditions: tuple[str, ...]
    leak_words: int

    def __post_init__(self) -> None:
        problem = next(question_problems(self.prompt, self.conditions), None)
        if problem:
            raise LiveccError(f"make_prompts.{problem}")

    def text(self, transcript: str) -> str:
        """The prompt for one clip."""
        numbered = (f"{n}. {condition}" for n, condition in enumerate(self.conditions, 1))
        parts = {"transcript": transcript, "conditions": "\n".join(numbered)}
        # One pass: a transcript that says "{conditions}" stays as it is. str.format would trip over
        # the braces of the JSON that a prompt shows.
        return _PLACEHOLDER.sub(lambda match: parts[match[1]], self.prompt)


def question_problems(prompt: str, conditions: Sequence[str]) -> Iterator[str]:
    """What is wrong with a prompt and its conditions, each beginning with the option's name."""
    if "{transcript}" not in prompt:
        yield "prompt: must hold {transcript}, where the clip's words go"
    if conditions and "{conditions}" not in prompt:
        yield "prompt: must hold {conditions}, where the numbered conditions go"
    if not conditions and "{conditions}" in prompt:
        yield "conditions: the prompt holds {conditions}, but there is none"


@dataclass(frozen=True)
class ChatOptions:
    """How a service's model answers; `temperature` None is the service's own default."""

    model: str
    temperature: float | None
    response_format: str
    max_output_tokens: int


@dataclass(frozen=True)
class Service:
    """Where a service is and how it is treated: nothing here changes an answer.

    `base_url` None is OpenAI itself; with `azure_endpoint` it is an Azure resource, whose
    deployment is called `azure_deployment` (None: like the model). `key_variable` names the
    environment variable that holds the key (None: the service wants none). Times are seconds,
    prices per million tokens in the currency of `max_cost`, None where not known.
    """

    key_variable: str | None = "OPENAI_API_KEY"
    base_url: str | None = None
    azure_endpoint: str | None = None
    azure_api_version: str = "2024-10-21"
    azure_deployment: str | None = None
    concurrency: int = 16
    requests_per_minute: float | None = None
    retries: int = 8
    timeout_seconds: float = 60.0
    output_limit: str = "max_tokens"
    input_price: float | None = None
    output_price: float | None = None
    max_cost: float | None = None

    def __post_init__(self) -> None:
        problem = next(service_problems(self.__dict__), None)
        if problem:
            raise LiveccError(f"make_prompts.openai.{problem}")

    @property
    def address(self) -> str:
        """For messages."""
        return self.azure_endpoint or self.base_url or OPENAI_URL


def service_problems(values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with service options, each beginning with the option's name.

    A value that may be a key, put into the wrong option, is never repeated.
    """
    variable = values.get("key_variable")
    if variable is not None and not _VARIABLE.fullmatch(variable):
        yield (
            "key_variable: must be the name of an environment variable (capital letters, digits, "
            "_), not the key itself; its value is not shown here"
        )
    for name in ("base_url", "azure_endpoint"):
        url = values.get(name)
        if url is None:
            continue
        try:
            parts = urlsplit(url)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            valid = False
        if not valid:
            yield f"{name}: must be an address like https://host/v1"
        elif parts.username is not None or parts.query:
            yield f"{name}: may hold no user name, password or query; give the key by key_variable"
    if values.get("base_url") and values.get("azure_endpoint"):
        yield "base_url: must be null with azure_endpoint; a job talks to one service"
    prices = (values.get("input_price"), values.get("output_price"))
    if values.get("max_cost") is not None and None in prices:
        yield "max_cost: needs input_price and output_price"


def problems(section: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the configuration's section, beyond its schema."""
    for problem in question_problems(section["prompt"], section["conditions"]):
        yield f"make_prompts.{problem}"
    for problem in service_problems(section["openai"]):
        yield f"make_prompts.openai.{problem}"

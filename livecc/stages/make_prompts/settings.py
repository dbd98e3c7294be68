"""The options of make_prompts: those that change answers, and those that do not.

*Settings* (prompt, conditions, model, temperature ...) are part of the score cache's fingerprint.
*Service* options (address, rate, retries, prices) are not, so answers remain valid when a server
moves or a price changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from livecc.captions.titles import clean_title
from livecc.errors import LiveccError
from livecc.models.addresses import in_the_clear

#: Queries of the engine `template`.
TEMPLATES = (
    "Please comment on this video live.",
    "Tell me what is happening as you watch.",
    "Give a running commentary on the video.",
    "Describe the video in real time, please.",
    "Watch this with me and explain what we see.",
    "Can you narrate the video while it plays?",
    "Talk me through the video step by step.",
    "Comment on what you see, moment by moment.",
)
#: The prompt for a chat model, with placeholders `{transcript}` and `{conditions}` (numbered).
PROMPT = """\
Here is what is said in a clip of a video:

"{transcript}"

Do ALL of these conditions hold?
{conditions}

If they all hold, the result is YES. Then also write a query: what a user could say to an
assistant to get a live commentary in this style. Keep it short and general. It must not
contain anything that is said in the clip.
If any of them does not hold, the result is NO and the query is empty. Give no explanation.

Answer with nothing but this JSON object:
{"result": "YES" or "NO", "query": "..."}
"""
#: The paper's conditions, in this project's words.
CONDITIONS = (
    "What is said describes or comments on what the video shows at that moment.",
    "The speaker does not tell of personal experiences or feelings.",
    "It is not a conversation between several people.",
    "The text holds no garbled characters.",
)


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
    """The options in the configuration's section that change answers of the engine in use."""
    engine = section["engine"]
    part = section.get(engine, {})
    if engine not in _SETTINGS:
        # A plugin engine: any of its options may change an answer.
        return {name: section[name] for name in _ASKING} | {"options": dict(part)}
    general, special = _SETTINGS[engine]
    return {name: section[name] for name in general} | {name: part[name] for name in special}


def service_of(section: Mapping[str, Any]) -> dict[str, Any]:
    """The other options in the configuration's section of the engine in use."""
    engine = section["engine"]
    if engine == "template":
        return {}
    if engine not in _SETTINGS:
        return {"tries": section["tries"]}
    _, special = _SETTINGS[engine]
    # A local model is identified by its receipt.
    others = {k: v for k, v in section[engine].items() if k not in (*special, "model")}
    return {"tries": section["tries"], **others}


#: Tokens of a word and bytes of a token, of text in different languages; tokens of an answer.
_TOKENS_PER_WORD = (1.0, 3.0)
_BYTES_PER_TOKEN = (5.0, 2.5)
_ANSWER_TOKENS = 10


def costs_of(section: Mapping[str, Any], items: float, words: float) -> tuple[float, float] | None:
    """The least and the most that answers of the service cost, for clips with so many words.

    Each clip is asked about once at least, and `tries` times at most. None without prices.
    """
    prices = [section["openai"][name] for name in ("input_price", "output_price")]
    if None in prices:
        return None
    question = Question.of(section)
    size = len(question.text("").encode())
    costs = []
    for tries, tokens, per_token, answer in (
        (1, _TOKENS_PER_WORD[0], _BYTES_PER_TOKEN[0], _ANSWER_TOKENS),
        (section["tries"], _TOKENS_PER_WORD[1], _BYTES_PER_TOKEN[1], section["max_output_tokens"]),
    ):
        asked = words * tokens + items * size / per_token
        costs.append(tries * (asked * prices[0] + items * answer * prices[1]) / 1e6)
    return costs[0], costs[1]


@dataclass(frozen=True)
class Question:
    """The request to a model: `prompt` contains `{transcript}` and `{conditions}`.

    `leak_words`: a query must not repeat this many consecutive words of the transcript.
    """

    prompt: str
    conditions: tuple[str, ...]
    leak_words: int

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Question:
        return cls(settings["prompt"], tuple(settings["conditions"]), settings["leak_words"])

    def __post_init__(self) -> None:
        problem = next(question_problems(self.prompt, self.conditions), None)
        if problem:
            raise LiveccError(f"make_prompts.{problem}")

    def text(self, transcript: str) -> str:
        """The prompt for one clip."""
        numbered = (f"{n}. {condition}" for n, condition in enumerate(self.conditions, 1))
        parts = {"transcript": transcript, "conditions": "\n".join(numbered)}
        # A single pass keeps "{conditions}" in a transcript unchanged. str.format would fail on the
        # braces of JSON in a prompt.
        return _PLACEHOLDER.sub(lambda match: parts[match[1]], self.prompt)


def question_problems(prompt: str, conditions: Sequence[str]) -> Iterator[str]:
    """Problems with a prompt and its conditions, each starting with the option's name."""
    if "{transcript}" not in prompt:
        yield "prompt: must contain {transcript}, the place of the clip's words"
    if conditions and "{conditions}" not in prompt:
        yield "prompt: must contain {conditions}, the place of the numbered conditions"
    if not conditions and "{conditions}" in prompt:
        yield "conditions: the prompt contains {conditions}, but there are none"


@dataclass(frozen=True)
class ChatOptions:
    """Generation options of a service; `temperature` None is the service's default."""

    model: str
    temperature: float | None
    response_format: str
    max_output_tokens: int


@dataclass(frozen=True)
class Service:
    """Address of a service and how it is called; nothing here changes an answer.

    `base_url` None is OpenAI itself; with `azure_endpoint` the service is an Azure resource with
    the deployment `azure_deployment` (None: named like the model). `key_variable` names the
    environment variable with the key (None: no key needed), which goes over plain http to another
    machine only with `key_over_http`. Times are seconds, prices per million
    tokens in the currency of `max_cost`, None if unknown.
    """

    key_variable: str | None = "OPENAI_API_KEY"
    key_over_http: bool = False
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
        """The address, for messages."""
        return self.azure_endpoint or self.base_url or OPENAI_URL


def service_problems(values: Mapping[str, Any]) -> Iterator[str]:
    """Problems with service options, each starting with the option's name.

    A value that may be a misplaced key is never repeated.
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
            yield f"{name}: must not contain a user name, password or query; use key_variable"
        elif variable is not None and not values.get("key_over_http") and in_the_clear(url):
            yield (
                f"{name}: the key would go over plain http to {parts.hostname}, where others can "
                "read it; use https, or set key_variable to null if the service needs no key; "
                "key_over_http: true allows it"
            )
    if values.get("base_url") and values.get("azure_endpoint"):
        yield "base_url: must be null with azure_endpoint; a job uses one service"
    prices = (values.get("input_price"), values.get("output_price"))
    if values.get("max_cost") is not None and None in prices:
        yield "max_cost: requires input_price and output_price"


def problems(section: Mapping[str, Any]) -> Iterator[str]:
    """Problems with the configuration's section beyond its schema."""
    for problem in question_problems(section["prompt"], section["conditions"]):
        yield f"make_prompts.{problem}"
    for problem in service_problems(section["openai"]):
        yield f"make_prompts.openai.{problem}"
    for template in section["templates"]:
        if clean_title(template).split() != template.split():
            yield (
                f"make_prompts.templates: {template!r} holds a special token of chat templates or "
                "a control character, which never reach a training file; leave it out"
            )

"""The declaration of make_prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec

from livecc.declaration import (
    CPU_OF_FIGURES,
    GPU_OF_FIGURES,
    Engine,
    GatedOptions,
    Model,
    Resources,
    ScoreStage,
    Speed,
)
from livecc.sections import (
    DType,
    Flag,
    ModelName,
    Positive,
    Price,
    Seconds,
    Section,
    Text,
    json_object,
    option,
)
from livecc.stages.make_prompts import settings
from livecc.thresholds.kinds import Answers, Rule

TRIES = 3


class Transformers(Section):
    """A local chat model."""

    model: Annotated[ModelName, option("A name in models.yaml, a folder, or a Hub repository.")] = (
        "qwen2-1.5b-instruct"
    )
    dtype: Annotated[
        DType, option("Number format; auto: bfloat16 on CUDA, float32 on the CPU.")
    ] = "auto"
    tokens_per_batch: Annotated[
        Positive | None,
        option(
            "Maximum tokens per batch, prompts and answers together; null: chosen for the device."
        ),
    ] = None


class OpenAI(Section):
    """A service with an OpenAI-compatible API."""

    model: Annotated[ModelName, option("Model name at the service.")] = "gpt-4o-2024-08-06"
    key_variable: Annotated[
        str | None,
        option("Environment variable that contains the API key; null: no key needed."),
    ] = "OPENAI_API_KEY"
    key_over_http: Annotated[
        bool, option("Send the key over plain http, also to another machine.")
    ] = False
    base_url: Annotated[str | None, option("Base URL of a service other than OpenAI.")] = None
    azure_endpoint: Annotated[
        str | None, option("Azure endpoint: https://NAME.openai.azure.com")
    ] = None
    azure_api_version: Annotated[Text, option("Azure API version.")] = "2024-10-21"
    azure_deployment: Annotated[
        Text | None, option("Azure deployment; null: same name as the model.")
    ] = None
    temperature: Annotated[
        Annotated[float, msgspec.Meta(ge=0, le=2)] | None,
        option("Sampling temperature; null: the service's default."),
    ] = None
    response_format: Annotated[
        Literal["json_schema", "json_object", "text"],
        option("Response format to request; text: JSON only by the prompt."),
    ] = "json_schema"
    output_limit: Annotated[
        Literal["max_tokens", "max_completion_tokens"],
        option("API parameter that limits the answer length."),
    ] = "max_tokens"
    concurrency: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=512)], option("Maximum concurrent requests.")
    ] = 16
    requests_per_minute: Annotated[
        Annotated[float, msgspec.Meta(gt=0)] | None,
        option("Maximum requests per minute; null: unlimited."),
    ] = None
    timeout_seconds: Annotated[Seconds, option("Request timeout in seconds.")] = 60
    retries: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=50)],
        option("Number of retries after a failed request."),
    ] = 8
    input_price: Annotated[
        Price | None, option("Price per million input tokens; null: unknown.")
    ] = None
    output_price: Annotated[
        Price | None, option("Price per million output tokens; null: unknown.")
    ] = None
    max_cost: Annotated[
        Price | None, option("Stop before the total cost exceeds this; null: no limit.")
    ] = None


class Options(GatedOptions):
    engine: Annotated[
        Text,
        option("template (no model), transformers (a local model) or openai (a service)."),
    ] = "template"
    templates: Annotated[
        Annotated[list[Text], msgspec.Meta(min_length=1)],
        option("template: the queries; the clip's text determines which one is used."),
    ] = msgspec.field(default_factory=lambda: list(settings.TEMPLATES))
    prompt: Annotated[Text, option("Prompt for the model.")] = settings.PROMPT
    conditions: Annotated[list[Text], option("What must be true of a clip for the answer YES.")] = (
        msgspec.field(default_factory=lambda: list(settings.CONDITIONS))
    )
    leak_words: Annotated[
        Positive,
        option("A query that repeats this many consecutive words of the transcript is rejected."),
    ] = 5
    max_output_tokens: Annotated[
        Annotated[int, msgspec.Meta(ge=16)], option("Maximum answer length in tokens.")
    ] = 256
    tries: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=20)],
        option("Maximum attempts per clip if the answer is unusable."),
    ] = TRIES
    transformers: Annotated[Transformers, option("Options of the engine transformers.")] = (
        msgspec.field(default_factory=Transformers)
    )
    openai: Annotated[OpenAI, option("Options of the engine openai.")] = msgspec.field(
        default_factory=OpenAI
    )

    # The options that change an answer depend on the engine, so they are passed as one argument.
    @classmethod
    def flags(cls) -> tuple[Flag, ...]:
        return (
            Flag("engine", "number", str, "engine that answers", required=True, separate=True),
            Flag(
                *("settings", "number", json_object, "options that change an answer"),
                required=True,
                metavar="JSON",
            ),
            Flag(
                *("service", "pace", json_object, "options that do not: URL, rate limits, prices"),
                default={"tries": TRIES},
                metavar="JSON",
            ),
        )

    @classmethod
    def values(cls, section: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "engine": section["engine"],
            "settings": settings.settings_of(section),
            "service": settings.service_of(section),
        }


def models(section: Mapping[str, Any]) -> dict[str, Model]:
    if section["engine"] != "transformers":
        return {}
    reference = section["transformers"]["model"]
    return {"": Model(reference, "transformers.model", "causal language model")}


def problems(config: Mapping[str, Any]) -> Iterator[str]:
    return settings.problems(config[STAGE.name])


_ROOM = "livecc.stages.make_prompts"

STAGE = ScoreStage(
    name="make_prompts",
    version="1",
    says="Making prompts",
    kind="lm",
    options=Options,
    packages=("openai", "tokenizers", "torch", "transformers"),
    resources=Resources(gpu=1, mem_mb=16000, runtime=240, threads=2),
    problems=problems,
    engines={
        "template": Engine(
            f"{_ROOM}.template:TemplateEngine",
            on_gpu="no",
            stands_in="the prompts are templates, and no model has read the clips; to have one "
            "write them, add --config 'make_prompts={engine: transformers}' to the same command",
            # Of the choice alone, with clips of 150 words; reading their transcripts is not in it.
            speeds=(Speed(3_000, 7_000, "item", "cpu", CPU_OF_FIGURES),),
        ),
        "transformers": Engine(
            f"{_ROOM}.local_model:LocalEngine",
            on_gpu="yes",
            # Not measured: a tenth of score_lm_loss with this model, and at most its speed.
            speeds=(
                Speed(
                    1_100,
                    11_000,
                    "word",
                    "cuda",
                    GPU_OF_FIGURES,
                    model="qwen2-1.5b-instruct",
                    load=4,
                ),
            ),
        ),
        "openai": Engine(
            f"{_ROOM}.service:ServiceEngine",
            on_gpu="no",
            asks_service=True,
            costs=settings.costs_of,
            # 16 requests at a time, each answered within 0.5 to 5 seconds.
            speeds=(Speed(3, 30, "item", "cpu", "a service that answers within 0.5 to 5 s"),),
        ),
    },
    on_gpu=None,
    needs=frozenset({"transcripts", "clips"}),
    item="clip",
    roles=("",),
    models=models,
    prepare=f"{_ROOM}.shard:prepare",
    columns={
        "answer": "string",
        "query": "string",
        "engine": "string",
        "input_tokens": "int32",
        "output_tokens": "int32",
    },
    rules=(
        # A clip without a query cannot become a sample.
        Rule("prompt", Answers, ("answer",), "no prompt fits", may_keep_unscored=False),
    ),
    joins=(),
)

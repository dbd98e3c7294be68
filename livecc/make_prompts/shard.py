"""Ask for the prompts of a shard's clips, through the score cache."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from livecc.device import prepare_torch, resolve_device, resolve_dtype
from livecc.errors import LiveccError
from livecc.fingerprint import content_key, fingerprint
from livecc.make_prompts.leaks import words_of
from livecc.make_prompts.settings import ENGINES, ChatOptions, Question, Service
from livecc.make_prompts.spending import Spending
from livecc.score_tables import candidates, transcripts_with_clips
from livecc.scoring import Engine, Item, Row, ScoreJob, failed
from livecc.versions import VERSIONS

log = logging.getLogger(__name__)

STAGE = "make_prompts"
_SPENT = ("requests", "input_tokens", "output_tokens", "cost")


def prepare(
    *,
    track: str,
    shard: str,
    transcripts: Path,
    clips: Path,
    scores: Mapping[str, Path],
    gate: Mapping[str, Any],
    engine: str,
    settings: Mapping[str, Any],
    service: Mapping[str, Any],
    model: tuple[Path, str] | None,
    device: str,
    threads: int,
    cache: Path,
) -> ScoreJob[str]:
    """The job that makes the table `make_prompts` of the clips inside the gate.

    `settings` and `service` are those of `livecc.make_prompts.settings`; `model` is the (folder,
    digest) of a local model; `cache` is where spending is kept, beside the answers. The job raises
    LiveccError when no clip can be answered, or `max_cost` is reached; answers so far are kept.
    """
    if engine not in ENGINES:
        raise LiveccError(f"engine {engine!r}: must be one of {', '.join(ENGINES)}")
    settings = dict(settings)
    details: dict[str, Any] = {"engine": engine}
    digest = None
    if engine == "transformers":
        if model is None:
            raise LiveccError("engine transformers: needs the receipt of a model")
        digest = model[1]
        device = resolve_device(device)
        settings["dtype"] = resolve_dtype(settings["dtype"], device)
        details["device"] = device
    parts = {"version": VERSIONS[STAGE], "engine": engine, "model": digest, "settings": settings}
    spending = Spending(
        cache / STAGE / fingerprint(**parts) / "spending",
        f"{track}.{shard}",
        service.get("max_cost"),
    )
    if engine == "openai":
        details |= spending.of_shard()

    def items() -> Iterator[Item[str]]:
        rows = candidates(clips, scores, gate)
        for transcript, group in transcripts_with_clips(transcripts, rows):
            for clip in group:
                text = transcript.text(clip.first_word, clip.last_word)
                yield Item(clip.id, content_key(text), text)

    def load_engine() -> Engine[str]:
        if engine == "template":
            ask: Engine[str] = _template_engine(settings)
        elif engine == "openai":
            ask = _service_engine(settings, service, spending)
        else:
            assert model is not None
            prepare_torch(device, threads)
            ask = _local_engine(model[0], settings, service, device)

        def run(missing: Iterator[Item[str]]) -> Iterator[Sequence[tuple[str, Row]]]:
            with spending:
                yield from _with_words(ask, engine, missing)
            if engine == "openai":
                details.update(spending.of_shard())
                log.info(
                    "this shard so far: %d requests, %d input and %d output tokens, "
                    "cost about %.4f",
                    *(details[name] for name in _SPENT),
                )

        return run

    return ScoreJob(STAGE, track, shard, parts, items, load_engine, details)


def _template_engine(settings: Mapping[str, Any]) -> Engine[str]:
    from livecc.make_prompts.template import answer_items

    return partial(answer_items, templates=settings["templates"], leak_words=settings["leak_words"])


def _service_engine(
    settings: Mapping[str, Any], service: Mapping[str, Any], spending: Spending
) -> Engine[str]:
    from livecc.make_prompts.service import ServiceEngine

    chat = ChatOptions(**{field.name: settings[field.name] for field in fields(ChatOptions)})
    options = {name: value for name, value in service.items() if name != "tries"}
    return ServiceEngine(_question(settings), chat, Service(**options), service["tries"], spending)


def _local_engine(
    folder: Path, settings: Mapping[str, Any], service: Mapping[str, Any], device: str
) -> Engine[str]:
    from livecc.make_prompts.local_model import LocalEngine

    return LocalEngine(
        folder,
        _question(settings),
        tries=service["tries"],
        device=device,
        dtype=settings["dtype"],
        max_output_tokens=settings["max_output_tokens"],
        tokens_per_batch=service.get("tokens_per_batch"),
    )


def _question(settings: Mapping[str, Any]) -> Question:
    return Question(settings["prompt"], tuple(settings["conditions"]), settings["leak_words"])


def _with_words(
    ask: Engine[str], engine: str, items: Iterator[Item[str]]
) -> Iterator[Sequence[tuple[str, Row]]]:
    """Rows of all items; those without a word are not asked about."""
    silent: list[tuple[str, Row]] = []

    def spoken() -> Iterator[Item[str]]:
        for item in items:
            if words_of(item.payload):
                yield item
            else:
                no_words = failed(
                    "the clip has no words",
                    answer=None,
                    query=None,
                    engine=engine,
                    input_tokens=0,
                    output_tokens=0,
                )
                silent.append((item.id, no_words))

    yield from ask(spoken())
    if silent:
        yield silent

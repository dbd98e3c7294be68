"""Generate the prompts of a shard's clips, through the score cache."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecc.captions.titles import clean_title
from livecc.inference.device import resolve_device, resolve_dtype
from livecc.scores.fingerprint import content_key, fingerprint
from livecc.scores.job import (
    Engine,
    Item,
    Row,
    ScoreJob,
    engine_version,
    failed,
    table_writer,
)
from livecc.scores.tables import candidates, transcripts_with_clips
from livecc.stages.make_prompts.leaks import words_of
from livecc.stages.make_prompts.spending import Spending

if TYPE_CHECKING:
    from livecc.stages.job_spec import JobSpec

log = logging.getLogger(__name__)

_SPENT = ("requests", "input_tokens", "output_tokens", "cost")


def prepare(spec: JobSpec) -> ScoreJob[str]:
    """The job that writes the table of prompts of the clips inside the gate.

    The spending on a service is stored with the answers in the cache. The job raises LiveccError
    when no clip can be answered or `max_cost` is reached; earlier answers are kept.
    """
    assert spec.engine is not None
    name, kind = spec.options["engine"], spec.engine.load()
    settings = dict(spec.options["settings"])
    details: dict[str, Any] = {"engine": name}
    device = resolve_device(spec.wanted_device)
    _, digest = spec.needed_model() if kind.local else (None, None)
    if kind.local:
        settings["dtype"] = resolve_dtype(settings["dtype"], device)
        details["device"] = device
    parts = {
        "version": spec.version,
        "engine": name,
        "model": digest,
        "settings": settings,
        **engine_version(spec),
    }
    spending = Spending(
        spec.cache / spec.stage.name / fingerprint(**parts) / "spending",
        f"{spec.track.name}.{spec.shard}",
        spec.options["service"].get("max_cost"),
    )
    if kind.paid:
        details |= spending.of_shard()

    def items() -> Iterator[Item[str]]:
        rows = candidates(spec.files["clips"], spec.scores, spec.gate)
        for transcript, group in transcripts_with_clips(spec.files["transcripts"], rows):
            for clip in group:
                text = transcript.spoken(clip.first_word, clip.last_word)
                yield Item(clip.id, content_key(text), text)

    def load_engine() -> Engine[str]:
        setup = spec.setup(device)
        setup = replace(setup, options={**setup.options, "settings": settings})
        ask = kind.load(setup, spending)

        def run(missing: Iterator[Item[str]]) -> Iterator[Sequence[tuple[str, Row]]]:
            with spending:
                yield from _with_words(ask, name, missing)
            if kind.paid:
                details.update(spending.of_shard())
                log.info(
                    "this shard so far: %d requests, %d input and %d output tokens, "
                    "cost about %.4f",
                    *(details[name] for name in _SPENT),
                )

        return run

    write_table = table_writer(spec.stage)

    def write(path: Path, rows: Iterable[tuple[str, Row]]) -> None:
        write_table(path, ((clip, _with_clean_query(row)) for clip, row in rows))

    return ScoreJob(spec, parts, items, load_engine, details, write)


def _with_clean_query(row: Row) -> Row:
    """The row with a query that may stand in a training file.

    Whatever answered, and however long ago: the cache has answers as they were given.
    """
    query = row.get("query")
    if not query or (cleaned := clean_title(query)) == query:
        return row
    if cleaned:
        return {**row, "query": cleaned}
    reason = "its query is nothing but special tokens of chat templates"
    return {**row, "status": "failed", "reason": reason, "answer": None, "query": None}


def _with_words(
    ask: Engine[str], engine: str, items: Iterator[Item[str]]
) -> Iterator[Sequence[tuple[str, Row]]]:
    """Rows of all items; those without words are not sent to the engine."""
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

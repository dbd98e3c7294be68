"""Transcribe the videos of a shard, through the score cache."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from livecc.device import resolve_device
from livecc.files import open_atomic, read_row_batches
from livecc.media.content import file_key
from livecc.scoring import Engine, Item, Row, ScoreJob, failed, ok
from livecc.transcribe import (
    DecodeOptions,
    Transcription,
    fingerprint_options,
    load,
    options_of,
)
from livecc.versions import VERSIONS

log = logging.getLogger(__name__)

STAGE = "transcribe"
#: Decimals of times (seconds): word times are no more accurate than that.
TIME_DECIMALS = 2
#: Decimals of confidences and probabilities.
DECIMALS = 3
#: Number format and windows a batch, where the configuration leaves them open.
COMPUTE_TYPES = {"cuda": "float16", "cpu": "int8"}
BATCH_SIZES = {"cuda": 16, "cpu": 8}
#: The keys of a line of the output, after "video", "title" and "category".
COLUMNS = (
    "status",
    "reason",
    "language",
    "language_probability",
    "duration",
    "speech_seconds",
    "engine",
    "model",
    "words",
    "start",
    "end",
    "confidence",
    "dropped_words",
    "dropped_reasons",
)


def prepare(
    *,
    track: str,
    shard: str,
    records: Path,
    videos: Path,
    engine: str,
    options: Mapping[str, Any],
    batch_size: int | None,
    decode_timeout_seconds: float,
    model: tuple[Path, str],
    model_name: str,
    align_model: tuple[Path, str] | None,
    mode: str,
    device: str,
    threads: int,
) -> ScoreJob[Path]:
    """The job that writes a transcript, a line of JSON, for each record with status ok, in order.

    `records` is the table of B1; `videos` is the folder that its paths are relative to. `model` and
    `align_model` are (folder, digest). `options` are the engine's that change its words, without
    `compute_type` for what suits the device.
    """
    folder, digest = model
    device = resolve_device(device, by_torch=engine == "whisperx")
    options = {"compute_type": COMPUTE_TYPES[device], **options}
    settings = {
        "version": VERSIONS[STAGE],
        "engine": engine,
        "model": digest,
        "align_model": align_model and align_model[1],
        "mode": mode,
        "options": fingerprint_options(options_of(engine, options)),
    }
    details = {"device": device, "engine": engine, "compute_type": options["compute_type"]}

    def items() -> Iterator[Item[Path]]:
        for record in _going_on(records):
            path = videos / record["video"]
            yield Item(record["video"], file_key(path), path)

    def load_engine() -> Engine[Path]:
        transcriber = load(
            engine,
            model_dir=folder,
            align_model=align_model and align_model[0],
            device=device,
            mode=mode,
            options={**options, "batch_size": batch_size or BATCH_SIZES[device]},
            decode=DecodeOptions(
                workers=max(1, threads - 1), timeout_seconds=decode_timeout_seconds
            ),
            threads=threads,
        )

        def run(missing: Iterator[Item[Path]]) -> Iterator[list[tuple[str, Row]]]:
            for batch in transcriber.transcribe((item.id, item.payload) for item in missing):
                yield [(video, _row(made, engine, model_name)) for video, made in batch]
            log.info(
                "%d windows of at most 30 s in batches of %d places: mean occupancy %.3f",
                *(transcriber.windows, transcriber.batch_size, transcriber.occupancy),
            )
            details.update(
                windows=transcriber.windows,
                batch_places=transcriber.places,
            )

        return run

    def write(path: Path, rows: Iterable[tuple[str, Row]]) -> None:
        _write(path, zip(_going_on(records), rows, strict=True), details)

    return ScoreJob(STAGE, track, shard, settings, items, load_engine, details, write)


def _going_on(records: Path) -> Iterator[dict[str, Any]]:
    return (record for record in read_row_batches(records) if record["status"] == "ok")


def _row(made: Transcription, engine: str, model: str) -> Row:
    values: dict[str, Any] = {
        "language": made.language,
        "language_probability": _rounded(made.language_probability, DECIMALS),
        "duration": _rounded(made.duration, TIME_DECIMALS),
        "speech_seconds": _rounded(made.speech_seconds, TIME_DECIMALS),
        "engine": engine,
        "model": model,
        "words": [word.text for word in made.words],
        "start": [round(word.start, TIME_DECIMALS) for word in made.words],
        "end": [round(word.end, TIME_DECIMALS) for word in made.words],
        "confidence": [round(word.confidence, DECIMALS) for word in made.words],
        "dropped_words": sum(made.dropped.values()),
        "dropped_reasons": dict(sorted(made.dropped.items())),
    }
    if made.reason:
        return failed(made.reason, transient=made.transient, **values)
    return ok(**values)


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(value, decimals)


def _write(
    path: Path,
    rows: Iterable[tuple[Mapping[str, Any], tuple[str, Row]]],
    details: dict[str, Any],
) -> None:
    """Write the transcripts and add what is in them to the job's details, for the summary.

    `rows`: a record and its (video, row).
    """
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    with open_atomic(path) as stream:
        for record, (video, row) in rows:
            line = {"video": video, "title": record["title"], "category": record["category"]}
            line |= {column: row[column] for column in COLUMNS}
            stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            counts["words"] += len(row["words"])
            counts["dropped_words"] += row["dropped_words"]
            reasons.update(row["dropped_reasons"])
            for name in ("duration", "speech_seconds"):
                counts[name] += row[name] or 0
    details.update(counts, dropped_reasons=dict(sorted(reasons.items())))

"""Transcribe the videos of a shard, through the score cache."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from livecc.captions.text import clean_texts, count_kinds
from livecc.captions.tracks import by_kind
from livecc.files.atomic import open_atomic, read_json
from livecc.files.parquet import read_row_batches
from livecc.formats.unspaced import has_unspaced
from livecc.inference.device import resolve_device
from livecc.scores.job import DROPPED, Engine, Item, Row, ScoreJob, engine_version, failed, ok
from livecc.scores.videos import video_item
from livecc.stages.describe_video.line_gate import outside_gate
from livecc.stages.transcribe.transcriber import Transcription
from livecc.terminal import printable

if TYPE_CHECKING:
    from livecc.stages.job_spec import JobSpec

log = logging.getLogger(__name__)

#: Decimals of times (seconds); word times are not more accurate.
TIME_DECIMALS = 2
#: Decimals of confidences and probabilities.
DECIMALS = 3
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


def prepare(spec: JobSpec) -> ScoreJob[Path]:
    """The job that writes a transcript (one line of JSON) for each record with status ok."""
    assert spec.engine is not None
    assert spec.videos is not None
    records, videos = spec.files["records"], spec.videos
    name, kind = spec.options["engine"], spec.engine.load()
    _, digest = spec.model() or (None, None)
    align_model = spec.model("align")
    model_name = read_json(spec.receipts[""])["model"] if digest else name
    device = resolve_device(spec.wanted_device, by_torch=kind.by_torch)
    options = kind.settings(spec.options, device)
    settings = {
        "version": spec.version,
        "engine": name,
        "model": digest,
        "align_model": align_model and align_model[1],
        "mode": spec.mode,
        "options": options,
        **engine_version(spec),
    }
    details = {"device": device, "engine": name, "compute_type": options.get("compute_type")}

    def refused(reason: str) -> Row:
        return _row(Transcription(reason=reason), name, model_name)

    lines, gate = spec.files.get("lines"), spec.gate

    @cache
    def unwanted() -> dict[str, str]:
        """Video -> why no selection could keep it; without transcribing it."""
        return outside_gate(lines, gate, spec.mode) if lines and gate else {}

    def items() -> Iterator[Item[Path]]:
        for record in _going_on(records):
            video = record["video"]
            if video in unwanted():
                row = {**refused(unwanted()[video]), "status": DROPPED}
                yield Item.without_engine(video, row)
            else:
                yield video_item(video, videos, refused)

    def load_engine() -> Engine[Path]:
        transcriber = kind.load(spec.setup(device))

        def run(missing: Iterator[Item[Path]]) -> Iterator[list[tuple[str, Row]]]:
            for batch in transcriber.transcribe((item.id, item.payload) for item in missing):
                yield [(video, _row(made, name, model_name)) for video, made in batch]
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
        pairs = zip(_going_on(records), rows, strict=True)
        _write(path, pairs, details, clean=spec.mode == "default")

    return ScoreJob(spec, settings, items, load_engine, details, write)


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
    *,
    clean: bool,
) -> None:
    """Write the transcripts and add their counts to the job's details, for the summary.

    `rows`: pairs of a record and its (video, row). `clean`: whether what is no speech is taken out
    of the words. The cache has them as the engine gave them.
    """
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    with open_atomic(path) as stream:
        for record, (video, row) in rows:
            line = {"video": video, "title": record["title"], "category": record["category"]}
            line |= {column: row[column] for column in COLUMNS}
            line["reason"] = row["reason"] and printable(row["reason"])
            if clean:
                _clean(line)
            stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            counts["words"] += len(line["words"])
            counts["dropped_words"] += row["dropped_words"]
            reasons.update(row["dropped_reasons"])
            for name in ("duration", "speech_seconds"):
                counts[name] += row[name] or 0
    details.update(counts, dropped_reasons=dict(sorted(reasons.items())))


def _clean(line: dict[str, Any]) -> None:
    """Take markup, marks of sounds and invisible characters out of a transcript's words.

    What was taken out is counted in "cleaned", if it is anything. "unspaced" says that words are of
    a script without spaces.
    """
    words, found = clean_texts(line["words"], lines=False)
    if found:
        line["cleaned"] = by_kind(count_kinds(found))
        words = ["".join(word.split()) for word in words]
        for column in ("start", "end", "confidence"):
            line[column] = [value for value, word in zip(line[column], words, strict=True) if word]
        line["words"] = [word for word in words if word]
    if has_unspaced("".join(words)):
        line["unspaced"] = True

"""Describe the videos of a shard, through the score cache.

The cache has what costs time: the language of the text, its distinct words, the seconds of the
file. What the input line tells is read again by every job, so that changed metadata run no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecc.files.lines import read_jsonl
from livecc.files.parquet import write_table
from livecc.formats.records import Transcript
from livecc.formats.video_paths import RefusedVideoError, VideoFolder
from livecc.inference.device import prepare_torch, resolve_device
from livecc.media.content import file_key
from livecc.media.file_seconds import file_seconds, import_libraries
from livecc.media.pool import Failure, work_ahead
from livecc.scores.fingerprint import content_key
from livecc.scores.job import Engine, Item, Row, ScoreJob, engine_version, ok
from livecc.stages.describe_video.declaration import (
    MISSING,
    REFUSED,
    STAGE,
    THERE,
    UNREADABLE,
)
from livecc.stages.describe_video.facts import LineFacts, read_facts, without_line
from livecc.stages.identify_language.declaration import STAGE as IDENTIFY_LANGUAGE
from livecc.stages.identify_language.letter_case import without_capitals

if TYPE_CHECKING:
    from livecc.stages.job_spec import JobSpec

#: Decimals of confidences and of seconds.
DECIMALS, TIME_DECIMALS = 4, 3
#: Videos, and characters of their texts, in memory at a time.
_VIDEOS, _CHARACTERS = 1_024, 2**24

_AROUND = re.compile(r"^[\W_]+|[\W_]+$")


@dataclass(frozen=True, slots=True)
class Described:
    """The input of the engine: the words of a video, their text, and its file if it is to open."""

    words: Sequence[str]
    text: str
    file: Path | None
    state: str


def prepare(spec: JobSpec) -> ScoreJob[Described]:
    """The job that writes the table of facts of all videos with a transcript."""
    assert spec.videos is not None
    videos, opens = spec.videos, spec.options["open_files"]
    folder, digest = spec.model() or (None, None)
    settings = {
        "version": spec.version,
        "engine": spec.options["engine"],
        "language_version": IDENTIFY_LANGUAGE.version_in(spec.mode),
        "mode": spec.mode,
        "model": digest,
        "fold_words": spec.options["fold_words"],
        "open_files": opens,
        **engine_version(spec),
    }
    device = resolve_device(spec.wanted_device)
    details = {"device": device, "engine": spec.options["engine"]}

    def items() -> Iterator[Item[Described]]:
        for record in read_jsonl(spec.files["transcripts"]):
            transcript = Transcript.from_mapping(record)
            text = transcript.text(0, len(transcript.words))
            state, file = _file(transcript.video, videos)
            content = file_key(file) if opens and file is not None else ""
            yield Item(
                transcript.video,
                content_key(text, state, content or ""),
                Described(transcript.words, text, file if opens else None, state),
            )

    def load_engine() -> Engine[Described]:
        if folder is not None:
            prepare_torch(device, spec.threads)
        assert spec.engine is not None
        identifier = spec.engine.load().load(spec.setup(device))

        def texts(batch: Sequence[Item[Described]]) -> list[str]:
            plain = [item.payload.text for item in batch]
            return list(map(without_capitals, plain)) if spec.mode == "default" else plain

        def run(missing: Iterator[Item[Described]]) -> Iterator[list[tuple[str, Row]]]:
            for batch in _batches(missing):
                languages = identifier.identify(texts(batch))
                files = _opened(batch, spec)
                yield [
                    (item.id, _row(item, language, files, fold=spec.options["fold_words"]))
                    for item, language in zip(batch, languages, strict=True)
                ]

        return run

    def write(path: Path, rows: Iterable[tuple[str, Row]]) -> None:
        write_table(path, STAGE.schema, _with_facts(spec.files["lines"], spec.mode, rows))

    return ScoreJob(spec, settings, items, load_engine, details, write)


def _file(video: str, videos: VideoFolder) -> tuple[str, Path | None]:
    """(whether the file of a video is there, the file if it is)."""
    try:
        path = videos.file(video)
    except RefusedVideoError:
        return REFUSED, None
    try:
        return (THERE, path) if path.is_file() else (MISSING, None)
    except OSError:
        return MISSING, None


def _batches(missing: Iterator[Item[Described]]) -> Iterator[list[Item[Described]]]:
    batch: list[Item[Described]] = []
    characters = 0
    for item in missing:
        batch.append(item)
        characters += len(item.payload.text)
        if len(batch) == _VIDEOS or characters > _CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _opened(batch: Sequence[Item[Described]], spec: JobSpec) -> dict[str, float | Failure | None]:
    """Video -> the seconds that its file tells (None: it tells none), for files to open."""
    files = [(item.id, item.payload.file) for item in batch if item.payload.file is not None]
    if not files:
        return {}
    seen = work_ahead(
        file_seconds,
        files,
        workers=spec.threads,
        timeout_seconds=spec.options["decode_timeout_seconds"],
        ahead=4 * spec.threads,
        warm_up=import_libraries,
    )
    with closing(seen):
        return dict(seen)


def _row(
    item: Item[Described],
    language: tuple[str, float],
    files: dict[str, float | Failure | None],
    *,
    fold: bool,
) -> Row:
    found, state = files.get(item.id), item.payload.state
    transient = isinstance(found, Failure) and found.transient
    if isinstance(found, Failure):
        seconds, state = None, UNREADABLE
    else:
        seconds = found
    label, confidence = language
    row = ok(
        file=state,
        file_seconds=None if seconds is None else round(seconds, TIME_DECIMALS),
        distinct_words=distinct_words(item.payload.words, fold=fold),
        video_language=label,
        video_language_confidence=round(confidence, DECIMALS),
    )
    return {**row, "transient": True} if transient else row


def distinct_words(words: Iterable[str], *, fold: bool) -> int:
    """The number of distinct words.

    With `fold`, case and the punctuation around a word make no other word, and punctuation alone is
    none.
    """
    distinct = set(words)
    if fold:
        distinct = {_AROUND.sub("", word.casefold()) for word in distinct}
    return len(distinct - {""})


def _with_facts(lines: Path, mode: str, rows: Iterable[tuple[str, Row]]) -> Iterator[Row]:
    """The rows with the facts of their input lines."""
    facts: dict[str, LineFacts] = {}
    for told in read_facts(lines, mode):
        # Of lines with the same video, the first one counts.
        facts.setdefault(told.video, told)
    for video, row in rows:
        found: dict[str, Any] = asdict(facts.get(video) or without_line(video))
        yield {**found, **row}

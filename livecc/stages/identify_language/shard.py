"""Identify the language of a shard's clips, through the score cache."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from livecc.inference.device import prepare_torch, resolve_device
from livecc.scores.fingerprint import content_key
from livecc.scores.job import Engine, Item, Row, ScoreJob, engine_version, ok
from livecc.scores.tables import candidates, transcripts_with_clips
from livecc.stages.identify_language.letter_case import without_capitals

if TYPE_CHECKING:
    from livecc.stages.job_spec import JobSpec

#: Decimals of a confidence, so that it does not depend on the composition of a batch.
DECIMALS = 4
_CLIPS_PER_BATCH = 2_048


def prepare(spec: JobSpec) -> ScoreJob[str]:
    """The job that writes the table of languages of all clips."""
    folder, digest = spec.model() or (None, None)
    name = spec.options["engine"]
    settings = {
        "version": _version(spec.version, name),
        "engine": name,
        "model": digest,
        **engine_version(spec),
    }
    device = resolve_device(spec.wanted_device)
    details = {"device": device, "engine": name}

    def items() -> Iterator[Item[str]]:
        clips = candidates(spec.files["clips"], {}, {})
        for transcript, group in transcripts_with_clips(spec.files["transcripts"], clips):
            for clip in group:
                text = transcript.text(clip.first_word, clip.last_word)
                if spec.mode == "default":
                    text = without_capitals(text)
                yield Item(clip.id, content_key(text), text)

    def load_engine() -> Engine[str]:
        if folder is not None:
            prepare_torch(device, spec.threads)
        assert spec.engine is not None
        identifier = spec.engine.load().load(spec.setup(device))

        def run(missing: Iterator[Item[str]]) -> Iterator[list[tuple[str, Row]]]:
            while batch := list(islice(missing, _CLIPS_PER_BATCH)):
                results = identifier.identify([item.payload for item in batch])
                yield [
                    (item.id, ok(language=label, language_confidence=round(score, DECIMALS)))
                    for item, (label, score) in zip(batch, results, strict=True)
                ]

        return run

    return ScoreJob(spec, settings, items, load_engine, details)


def _version(version: str, engine: str) -> str:
    """The version of an engine's numbers, for the stage's version.

    Version 2, of default mode, is a new confidence of langid. For the other engines it changed
    only the texts in capitals, and a text is its item's key: their scores stay valid.
    """
    return "1" if version == "2" and engine != "langid" else version

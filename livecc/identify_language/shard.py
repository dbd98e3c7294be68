"""Identify the language of a shard's clips, through the score cache."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from livecc.device import prepare_torch, resolve_device
from livecc.fingerprint import content_key
from livecc.identify_language import load
from livecc.score_tables import candidates, transcripts_with_clips
from livecc.scoring import Engine, Item, Row, ScoreJob, ok
from livecc.versions import VERSIONS

STAGE = "identify_language"
#: Decimals kept of a confidence, so that the composition of a batch does not show.
DECIMALS = 4
_CLIPS_PER_BATCH = 2_048


def prepare(
    *,
    track: str,
    shard: str,
    transcripts: Path,
    clips: Path,
    engine: str,
    model: tuple[Path, str] | None,
    device: str,
    threads: int,
    tokens_per_batch: int | None,
) -> ScoreJob[str]:
    """The job that makes the table `identify_language` of all clips.

    `model` is (folder, digest) or None.
    """
    folder, digest = model or (None, None)
    settings = {"version": VERSIONS[STAGE], "engine": engine, "model": digest}
    device = "cpu" if folder is None else resolve_device(device)
    details = {"device": device, "engine": engine}

    def items() -> Iterator[Item[str]]:
        for transcript, group in transcripts_with_clips(transcripts, candidates(clips, {}, {})):
            for clip in group:
                text = transcript.text(clip.first_word, clip.last_word)
                yield Item(clip.id, content_key(text), text)

    def load_engine() -> Engine[str]:
        if folder is not None:
            prepare_torch(device, threads)
        identifier = load(
            engine,
            model_dir=folder,
            device=device,
            token_budget=tokens_per_batch,
        )

        def run(missing: Iterator[Item[str]]) -> Iterator[list[tuple[str, Row]]]:
            while batch := list(islice(missing, _CLIPS_PER_BATCH)):
                results = identifier.identify([item.payload for item in batch])
                yield [
                    (item.id, ok(language=label, language_confidence=round(score, DECIMALS)))
                    for item, (label, score) in zip(batch, results, strict=True)
                ]

        return run

    return ScoreJob(STAGE, track, shard, settings, items, load_engine, details)

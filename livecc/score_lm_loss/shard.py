"""Score the language-model loss of a shard's clips, through the score cache."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from livecc.device import prepare_torch, resolve_device, resolve_dtype
from livecc.fingerprint import PrefixHash
from livecc.records import Clip, Transcript
from livecc.score_lm_loss.engine import LossEngine, LossResult
from livecc.score_lm_loss.prompts import LossRequest, Prompts
from livecc.score_tables import candidates, transcripts_with_clips
from livecc.scoring import Engine, Item, Row, ScoreJob, failed, ok
from livecc.versions import VERSIONS

log = logging.getLogger(__name__)

STAGE = "score_lm_loss"
#: Decimals kept of a loss: float32 sums differ by up to about 1e-6 with the composition of a batch,
#: which shows in the files of about one clip in some hundred, and that by one unit.
DECIMALS = 4

Payload = tuple[Transcript, Clip]


def prepare(
    *,
    track: str,
    shard: str,
    transcripts: Path,
    clips: Path,
    scores: Mapping[str, Path],
    gate: Mapping[str, Any],
    model: tuple[Path, str],
    mode: str,
    device: str,
    threads: int,
    dtype: str,
    prompts: Prompts,
    max_context_tokens: int | None,
    tokens_per_batch: int | None,
) -> ScoreJob[Payload]:
    """The job that makes the table `score_lm_loss` of the clips inside the gate.

    `model` is (folder, digest). In the pre-training track the prompt holds what was said before the
    clip; in SFT it does not, as in the paper.
    """
    with_context = track == "pretrain"
    folder, digest = model
    device = resolve_device(device)
    dtype = resolve_dtype(dtype, device)
    settings = {
        "version": VERSIONS[STAGE],
        "model": digest,
        "mode": mode,
        "dtype": dtype,
        "prompts": asdict(prompts),
        "max_context_tokens": max_context_tokens,
    }

    def items() -> Iterator[Item[Payload]]:
        rows = candidates(clips, scores, gate)
        for transcript, group in transcripts_with_clips(transcripts, rows):
            yield from _items(transcript, group, with_context)

    def load_engine() -> Engine[Payload]:
        prepare_torch(device, threads)
        engine = LossEngine.load(
            folder,
            device=device,
            dtype=dtype,
            mode=mode,
            tokens_per_batch=tokens_per_batch,
            max_context_tokens=max_context_tokens,
            prompts=prompts,
        )

        log.info("%s on %s, %s: %s", folder, device, dtype, engine.strategy)

        def run(missing: Iterator[Item[Payload]]) -> Iterator[list[tuple[str, Row]]]:
            for results in engine.score(_groups(missing, with_context)):
                yield [(result.key, _row(result)) for result in results]

        return run

    details = {"device": device, "dtype": dtype}
    return ScoreJob(STAGE, track, shard, settings, items, load_engine, details)


def _items(
    transcript: Transcript, clips: Sequence[Clip], with_context: bool
) -> Iterator[Item[Payload]]:
    """Keys cover what the prompt shows: title, context (or its absence) and text."""
    before = PrefixHash()
    hashed = 0
    for clip in clips:
        if with_context:
            before.update(
                "".join(f"{word} " for word in transcript.words[hashed : clip.first_word])
            )
            hashed = clip.first_word
        text = transcript.text(clip.first_word, clip.last_word)
        key = before.key(transcript.title, "context" if with_context else None, text)
        yield Item(clip.id, key, (transcript, clip))


def _groups(items: Iterator[Item[Payload]], with_context: bool) -> Iterator[Sequence[LossRequest]]:
    """The clips of one video together: their prompts share a prefix."""
    for _, group in groupby(items, key=lambda item: item.payload[0].video):
        yield [
            LossRequest(
                key=item.id,
                title=transcript.title,
                context=transcript.text(0, clip.first_word) if with_context else None,
                text=transcript.text(clip.first_word, clip.last_word),
            )
            for item in group
            for transcript, clip in [item.payload]
        ]


def _row(result: LossResult) -> Row:
    counts: dict[str, Any] = {
        "tokens": result.tokens,
        "prompt_tokens": result.prompt_tokens,
        "dropped_context_words": result.dropped_context_words,
    }
    if result.loss is None:
        return failed(result.error or "no loss", **counts)
    return ok(lm_loss=round(result.loss, DECIMALS), **counts)

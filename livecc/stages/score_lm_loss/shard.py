"""Score the language-model loss of a shard's clips, through the score cache."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from livecc.formats.records import Clip, Transcript
from livecc.inference.device import prepare_torch, resolve_device, resolve_dtype
from livecc.scores.fingerprint import PrefixHash
from livecc.scores.job import Engine, Item, Row, ScoreJob, failed, ok
from livecc.scores.tables import candidates, transcripts_with_clips
from livecc.stages.score_lm_loss.engine import LossEngine, LossResult
from livecc.stages.score_lm_loss.prompts import PAPER_PROMPTS, LossRequest, Prompts

if TYPE_CHECKING:
    from livecc.stages.job_spec import JobSpec

log = logging.getLogger(__name__)

#: Decimals of a loss. In float32, sums differ by up to about 1e-6 with the composition of a batch,
#: which changes the rounded loss of about one clip in some hundred, by one unit. In 16 bits they
#: differ far more (bfloat16: 0.003 on average), which rounding could not hide.
DECIMALS = 4

Payload = tuple[Transcript, Clip]


def prepare(spec: JobSpec) -> ScoreJob[Payload]:
    """The job that writes the table of losses of the clips inside the gate.

    In a track whose loss uses context, the prompt contains the transcript before the clip.
    """
    with_context = spec.track.loss_sees_context
    folder, digest = spec.needed_model()
    device = resolve_device(spec.wanted_device)
    dtype = resolve_dtype(spec.options["dtype"], device)
    prompts = Prompts(**{**asdict(PAPER_PROMPTS), **(spec.options["prompts"] or {})})
    most_tokens = spec.options["max_context_tokens"]
    settings = {
        "version": spec.version,
        "model": digest,
        "mode": spec.mode,
        "dtype": dtype,
        "prompts": asdict(prompts),
        "max_context_tokens": most_tokens,
    }

    def items() -> Iterator[Item[Payload]]:
        rows = candidates(spec.files["clips"], spec.scores, spec.gate)
        for transcript, group in transcripts_with_clips(spec.files["transcripts"], rows):
            yield from _items(transcript, group, with_context)

    def load_engine() -> Engine[Payload]:
        prepare_torch(device, spec.threads)
        engine = LossEngine.load(
            folder,
            device=device,
            dtype=dtype,
            mode=spec.mode,
            tokens_per_batch=spec.options["tokens_per_batch"],
            max_context_tokens=most_tokens,
            prompts=prompts,
        )

        log.info("%s on %s, %s: %s", folder, device, dtype, engine.strategy)

        def run(missing: Iterator[Item[Payload]]) -> Iterator[list[tuple[str, Row]]]:
            for results in engine.score(_groups(missing, with_context)):
                yield [(result.key, _row(result)) for result in results]

        return run

    details = {"device": device, "dtype": dtype}
    return ScoreJob(spec, settings, items, load_engine, details)


def _items(
    transcript: Transcript, clips: Sequence[Clip], with_context: bool
) -> Iterator[Item[Payload]]:
    """Keys depend on what the prompt contains: title, context (or its absence) and text."""
    before = PrefixHash()
    hashed = 0
    for clip in clips:
        if with_context:
            before.update(transcript.text_before(hashed, clip.first_word))
            hashed = clip.first_word
        text = transcript.spoken(clip.first_word, clip.last_word)
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
                text=transcript.spoken(clip.first_word, clip.last_word),
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

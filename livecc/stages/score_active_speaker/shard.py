"""Score the clips of a shard for active speakers, through the score cache."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecc.formats.records import Clip, Transcript
from livecc.formats.video_paths import RefusedVideoError
from livecc.inference.device import prepare_torch, resolve_device
from livecc.media.content import file_key
from livecc.models.fetch import MissingModelError
from livecc.scores.job import Engine, Item, Row, ScoreJob, failed, ok
from livecc.scores.tables import candidates, transcripts_with_clips
from livecc.stages.score_active_speaker.scorer import ActiveSpeakerScorer, Request, Result
from livecc.stages.score_active_speaker.speaker import Speaker

if TYPE_CHECKING:
    from livecc.stages.job_spec import JobSpec

log = logging.getLogger(__name__)


def prepare(spec: JobSpec) -> ScoreJob[Request]:
    """The job that writes the table of active-speaker scores of the clips inside the gate.

    If a receipt states that its weights are unavailable, every clip gets a row with this reason,
    and none is stored in the cache.
    """
    assert spec.videos is not None
    videos, mode, detector = spec.videos, spec.mode, spec.options["detector"]
    network_device = resolve_device(spec.wanted_device)
    details: dict[str, Any] = {"device": network_device, "detector": detector, "mode": mode}
    lacking: list[MissingModelError] = []
    digests: list[str] = []
    folders: list[Path] = []
    for role in spec.stage.roles:
        try:
            folder, digest = spec.needed_model(role)
        except MissingModelError as error:
            lacking.append(error)
            continue
        if not lacking:
            folders.append(folder)
            digests.append(digest)
    missing = str(lacking[0]) if lacking else ""
    if lacking:
        # For the summary.
        details["missing_models"] = [error.model for error in lacking]
        details["models_folder"] = lacking[0].models_folder
        log.warning(
            "%s %s/%s: no clip can be scored: %s",
            *(spec.stage.name, spec.track.name, spec.shard, missing),
        )
    settings = {
        "version": spec.version,
        "models": digests,
        "detector": detector,
        "mode": mode,
        "missing": bool(missing),
    }

    def items() -> Iterator[Item[Request]]:
        rows = candidates(spec.files["clips"], spec.scores, spec.gate)
        for transcript, group in transcripts_with_clips(spec.files["transcripts"], rows):
            try:
                path = videos.file(transcript.video)
            except RefusedVideoError as error:
                for clip in group:
                    yield Item.without_engine(clip.id, failed(str(error)))
                continue
            content = file_key(path)
            for clip in group:
                request = request_of(transcript, clip, path)
                span = f"{request.start:.3f}:{request.end:.3f}"
                key = None if content is None else f"{content}:{span}"
                yield Item(clip.id, key, request)

    def load_engine() -> Engine[Request]:
        if missing:
            return lambda wanted: ([(item.id, failed(missing, transient=True))] for item in wanted)
        prepare_torch(network_device, spec.threads)
        scorer = ActiveSpeakerScorer(
            (detector, folders[1]),
            Speaker.load(folders[0], network_device, spec.threads),
            mode=mode,
            timeout_seconds=spec.options["decode_timeout_seconds"],
            workers=max(1, spec.threads),
        )

        def run(wanted: Iterator[Item[Request]]) -> Iterator[list[tuple[str, Row]]]:
            for results in scorer.score(item.payload for item in wanted):
                yield [(result.id, _row(result)) for result in results]
            parts = {part: round(seconds, 2) for part, seconds in scorer.seconds.items()}
            details["seconds"] = parts

        return run

    return ScoreJob(spec, settings, items, load_engine, details)


def request_of(transcript: Transcript, clip: Clip, path: Path) -> Request:
    """The part of a clip to score: it starts at the end of the first word, as in the original.

    `path`: the file of its video.
    """
    start = float(transcript.end[clip.first_word])
    return Request(clip.id, path, start, clip.end)


def _row(result: Result) -> Row:
    looked = {"tracks": result.tracks, "frames": result.frames, "seconds": result.seconds}
    if result.score is None:
        return failed(result.reason, transient=result.transient, **looked)
    return ok(active_speaker=result.score, **looked)

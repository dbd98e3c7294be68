"""Score the clips of a shard for active speakers, through the score cache."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from livecc.device import prepare_torch, resolve_device
from livecc.media.content import file_key
from livecc.models import MissingModelError, read_receipt
from livecc.records import Clip, Transcript
from livecc.score_active_speaker.scorer import ActiveSpeakerScorer, Request, Result
from livecc.score_active_speaker.speaker import Speaker
from livecc.score_tables import candidates, transcripts_with_clips
from livecc.scoring import Engine, Item, Row, ScoreJob, failed, ok
from livecc.versions import VERSIONS

log = logging.getLogger(__name__)

STAGE = "score_active_speaker"


def prepare(
    *,
    track: str,
    shard: str,
    transcripts: Path,
    clips: Path,
    videos: Path,
    scores: Mapping[str, Path],
    gate: Mapping[str, Any],
    receipt: Path,
    detector: str,
    detector_receipt: Path,
    decode_timeout_seconds: float,
    mode: str,
    device: str,
    threads: int,
) -> ScoreJob[Request]:
    """The job that makes the table `score_active_speaker` of the clips inside the gate.

    `videos` is the folder that the records' paths are relative to. When a receipt says that its
    weights could not be had, every clip gets a row that says so, and none is kept in the cache.
    """
    network_device = resolve_device(device)
    details: dict[str, Any] = {"device": network_device, "detector": detector, "mode": mode}
    missing = ""
    digests: list[str] = []
    folders: list[Path] = []
    try:
        for path in (receipt, detector_receipt):
            folder, digest = read_receipt(path)
            folders.append(folder)
            digests.append(digest)
    except MissingModelError as error:
        missing = str(error)
        log.warning("%s %s/%s: no clip can be scored: %s", STAGE, track, shard, missing)
    settings = {
        "version": VERSIONS[STAGE],
        "models": digests,
        "detector": detector,
        "mode": mode,
        "missing": bool(missing),
    }

    def items() -> Iterator[Item[Request]]:
        rows = candidates(clips, scores, gate)
        for transcript, group in transcripts_with_clips(transcripts, rows):
            content = file_key(videos / transcript.video)
            for clip in group:
                request = request_of(transcript, clip, videos)
                span = f"{request.start:.3f}:{request.end:.3f}"
                key = None if content is None else f"{content}:{span}"
                yield Item(clip.id, key, request)

    def load_engine() -> Engine[Request]:
        if missing:
            return lambda wanted: ([(item.id, failed(missing, transient=True))] for item in wanted)
        prepare_torch(network_device, threads)
        scorer = ActiveSpeakerScorer(
            (detector, folders[1]),
            Speaker.load(folders[0], network_device, threads),
            mode=mode,
            timeout_seconds=decode_timeout_seconds,
            workers=max(1, threads),
        )

        def run(wanted: Iterator[Item[Request]]) -> Iterator[list[tuple[str, Row]]]:
            for results in scorer.score(item.payload for item in wanted):
                yield [(result.id, _row(result)) for result in results]
            parts = {part: round(seconds, 2) for part, seconds in scorer.seconds.items()}
            details["seconds"] = parts

        return run

    return ScoreJob(STAGE, track, shard, settings, items, load_engine, details)


def request_of(transcript: Transcript, clip: Clip, videos: Path) -> Request:
    """What is to be scored of a clip: from the end of its first word, as in the original."""
    start = float(transcript.end[clip.first_word])
    return Request(clip.id, videos / transcript.video, start, clip.end)


def _row(result: Result) -> Row:
    looked = {"tracks": result.tracks, "frames": result.frames, "seconds": result.seconds}
    if result.score is None:
        return failed(result.reason, transient=result.transient, **looked)
    return ok(active_speaker=result.score, **looked)

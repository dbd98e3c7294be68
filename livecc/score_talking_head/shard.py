"""Score the videos of a shard for talking heads, through the score cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from livecc.device import prepare_torch, resolve_device, resolve_dtype
from livecc.media.content import file_key
from livecc.score_tables import candidates
from livecc.score_talking_head import (
    DecodeOptions,
    Row,
    fingerprint_options,
    load,
    options_of,
)
from livecc.scoring import Engine, Item, ScoreJob, failed, ok
from livecc.scoring import Row as TableRow
from livecc.versions import VERSIONS

STAGE = "score_talking_head"
#: Decimals kept of a score, so that the composition of a batch does not show.
DECIMALS = 4


def prepare(
    *,
    track: str,
    shard: str,
    clips: Path,
    videos: Path,
    scores: Mapping[str, Path],
    gate: Mapping[str, Any],
    engine: str,
    options: Mapping[str, Any],
    batch: Mapping[str, int],
    decode_timeout_seconds: float,
    model: tuple[Path, str],
    mode: str,
    device: str,
    threads: int,
) -> ScoreJob[Path]:
    """The job that makes the table `score_talking_head` of the videos with a clip in the gate.

    `videos` is the folder that the records' paths are relative to, `model` is (folder, digest).
    `options` are the engine's that change its numbers, `batch` those that do not.
    """
    folder, digest = model
    if engine == "face_presence" and device == "auto":
        # Detectors keep up with decoding on the CPU, and onnxruntime is seldom a CUDA build.
        device = "cpu"
    device = resolve_device(device)
    if engine == "qwen2_vl":
        options = {**options, "dtype": resolve_dtype(options.get("dtype", "auto"), device)}
    chosen = fingerprint_options(options_of(engine, options))
    settings = {
        "version": VERSIONS[STAGE],
        "engine": engine,
        "model": digest,
        "mode": mode,
        "options": chosen,
    }
    details = {"device": device, "engine": engine}

    def items() -> Iterator[Item[Path]]:
        seen: set[str] = set()
        for clip in candidates(clips, scores, gate):
            video = clip["video"]
            if video not in seen:
                seen.add(video)
                path = videos / video
                yield Item(video, file_key(path), path)

    def load_engine() -> Engine[Path]:
        # Detectors run on onnxruntime: importing torch for them would cost seconds and memory.
        if engine == "qwen2_vl":
            prepare_torch(device, threads)
        scorer = load(
            engine,
            model_dir=folder,
            device=device,
            mode=mode,
            options={**options, **batch},
            decode=DecodeOptions(
                workers=max(1, threads - 1), timeout_seconds=decode_timeout_seconds
            ),
            threads=threads,
        )

        def run(missing: Iterator[Item[Path]]) -> Iterator[list[tuple[str, TableRow]]]:
            for rows in scorer.score((item.id, item.payload) for item in missing):
                yield [(row.key, _row(row)) for row in rows]

        return run

    return ScoreJob(STAGE, track, shard, settings, items, load_engine, details)


def _row(row: Row[str]) -> TableRow:
    if row.score is None:
        return failed(row.reason, transient=row.transient, frames=row.frames)
    return ok(talking_head=round(row.score, DECIMALS), frames=row.frames)

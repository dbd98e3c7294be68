"""Scoring chosen clips of finished results again, to show what their scores are made of.

What the scorer sees (boxes of faces, a score for each frame) is in no table. It is found again by
the same code, with the detector and in the mode with which the clips were scored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from livecc.errors import LiveccError
from livecc.faces.weights import DETECTOR_MODELS
from livecc.files.atomic import read_json
from livecc.files.parquet import read_rows
from livecc.formats.layout import Layout
from livecc.inference.device import prepare_torch, resolve_device
from livecc.models.fetch import read_receipt
from livecc.scores.tables import transcripts_with_clips
from livecc.stages.score_active_speaker.declaration import LIGHT_ASD, STAGE
from livecc.stages.score_active_speaker.scorer import (
    ActiveSpeakerScorer,
    Request,
    Result,
    Watcher,
)
from livecc.stages.score_active_speaker.shard import request_of
from livecc.stages.score_active_speaker.speaker import Speaker

if TYPE_CHECKING:
    from livecc.formats.video_paths import VideoFolder


def requests_of(
    layout: Layout, track: str, shard: str, clips: Collection[str], videos: VideoFolder
) -> list[Request]:
    """The requests of those clips of a shard that are among the ids `clips`, in its order.

    Clips that could not be made have none. Raises LiveccError for a video that must not be opened.
    """
    files = layout.shard(track, shard)
    rows = [row for row in read_rows(files.clips) if row["clip"] in clips and row["status"] == "ok"]
    return [
        request_of(transcript, clip, videos.file(transcript.video))
        for transcript, group in transcripts_with_clips(Path(files.transcripts), iter(rows))
        for clip in group
    ]


class SecondLook:
    """Scores clips of a track's finished results again; nothing in the results is changed.

    `watch` is called with what was seen of each clip that is not silent, and with the frames and
    the sound if `with_frames`. Raises LiveccError when the weights of Light-ASD are missing.
    """

    def __init__(
        self,
        layout: Layout,
        track: str,
        watch: Watcher,
        *,
        device: str,
        threads: int,
        with_frames: bool = True,
    ) -> None:
        self._layout, self._track = layout, track
        self._watch, self._with_frames = watch, with_frames
        self._threads = threads
        folder, _ = _receipt(layout, LIGHT_ASD)
        resolved = resolve_device(device)
        prepare_torch(resolved, threads)
        self._speaker = Speaker.load(folder, resolved, threads)

    def score(self, requests: Mapping[str, Sequence[Request]]) -> Iterator[Result]:
        """The result of each request; `requests`: by the shard that they come from.

        Shards that were scored in the same way are read together, by the same processes. Raises
        LiveccError when a shard was not scored, or the weights of its detector are missing.
        """
        alike: dict[tuple[str, str], list[Request]] = {}
        for shard, some in requests.items():
            alike.setdefault(self._way(shard), []).extend(some)
        for (detector, mode), some in alike.items():
            weights, _ = _receipt(self._layout, DETECTOR_MODELS[detector])
            scorer = ActiveSpeakerScorer(
                (detector, weights),
                self._speaker,
                mode=mode,
                workers=self._threads,
                watch=self._watch,
                with_frames=self._with_frames,
            )
            for results in scorer.score(some):
                yield from results

    def _way(self, shard: str) -> tuple[str, str]:
        """The detector and the mode with which a shard was scored."""
        path = Path(self._layout.shard(self._track, shard).stats(STAGE.name))
        try:
            details = read_json(path)["details"]
            return details["detector"], details["mode"]
        except (FileNotFoundError, KeyError, TypeError):
            raise LiveccError(
                f"{path}: does not say how {STAGE.name} has scored the shard; run the workflow"
            ) from None


def _receipt(layout: Layout, model: str) -> tuple[Path, str]:
    path = Path(layout.receipt(model))
    if not path.is_file():
        raise LiveccError(f"{path}: no such file: no run has fetched the model {model}")
    return read_receipt(path)

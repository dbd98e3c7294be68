"""The scorer beside a literal one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from livecc.faces.load import load_detector
from livecc.media.audio import read_audio
from livecc.stages.score_active_speaker.network import load_network
from livecc.stages.score_active_speaker.scorer import ActiveSpeakerScorer, Request
from livecc.stages.score_active_speaker.speaker import Speaker
from tests.stages.score_active_speaker import literal_asd
from tests.stages.score_active_speaker.talking_media import (
    RATE,
    grid_files,
    joined,
    pictures,
    write_media,
)

#: All kinds of beginnings and ends; the last span has three windows.
SPANS = [(12.3, 19.1), (14.72, 20.9), (27.4, 35.0), (0.5, 67.9)]


@pytest.fixture(scope="module")
def scenes(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """68 s: faces, two faces side by side of which one is heard, a street, a frozen face."""
    media = test_data / "media"
    frames, sound = joined(media)
    first, second = (pictures(file) for file in grid_files(media)[:2])
    pair = [
        np.concatenate([a[::2, ::2], b[::2, ::2]], axis=1)
        for a, b in zip(first, second, strict=True)
    ]
    pair = [np.pad(both, ((72, 72), (0, 0), (0, 0))) for both in pair]
    street = [
        np.pad(frame[:, :360], ((0, 16), (0, 0), (0, 0)))
        for frame in pictures(media / "sk_bikes.mp4")
    ]
    voice = [read_audio(file).samples[: 3 * RATE] for file in grid_files(media)[:2]]
    voice = [np.pad(one, (0, 3 * RATE - len(one))) for one in voice]
    shown = [*frames, *pair, *pair, *street[:250], *[frames[20]] * 150, *frames, *pair, *frames]
    heard = [sound, *voice, sound[: 10 * RATE], sound[: 6 * RATE], sound, voice[0], sound]
    path = tmp_path_factory.mktemp("scenes") / "scenes.mp4"
    return write_media(path, shown, np.concatenate(heard))


@pytest.mark.parametrize(("detector", "spans"), [("scrfd", SPANS[:2]), ("yunet", SPANS[2:])])
def test_shares_are_those_of_the_literal_way(
    test_data: Path, scenes: Path, detector: str, spans: list[tuple[float, float]]
) -> None:
    models = test_data / "models"
    folder = models / {"scrfd": "scrfd_500m"}.get(detector, detector)
    single = load_detector(detector, folder, threads=1)
    single.border = 0.0
    torch.set_num_threads(2)
    network = load_network(models / "light_asd")
    expected = [literal_asd.share(scenes, *span, single, network) for span in spans]
    assert len({*expected}) > len(spans) // 2
    speaker = Speaker.load(models / "light_asd", "cpu", 2)
    clips = [Request(str(span), scenes, *span) for span in spans]
    for mode in ("paper", "default"):
        scorer = ActiveSpeakerScorer((detector, folder), speaker, mode=mode, workers=2)
        found = {result.id: result.score for some in scorer.score(clips) for result in some}
        np.testing.assert_allclose([found[clip.id] for clip in clips], expected, atol=0.0101)


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_silence_is_scored_as_the_original_does(test_data: Path, tmp_path: Path) -> None:
    """A face that moves its lips over silence, of which the original divides 0 by 0."""
    models = test_data / "models"
    frames, _ = joined(test_data / "media")
    path = write_media(tmp_path / "silent.mp4", frames[:200], np.zeros(8 * RATE, np.float32))
    detector = load_detector("yunet", models / "yunet", threads=1)
    detector.border = 0.0
    expected = literal_asd.share(path, 0.2, 7.9, detector, load_network(models / "light_asd"))
    speaker = Speaker.load(models / "light_asd", "cpu", 1)
    found = {}
    for mode in ("paper", "default"):
        scorer = ActiveSpeakerScorer(("yunet", models / "yunet"), speaker, mode=mode, workers=1)
        ((result,),) = scorer.score([Request("clip", path, 0.2, 7.9)])
        found[mode] = result.score
    assert found["paper"] == pytest.approx(expected, abs=0.0101)
    assert found["default"] == 0.0

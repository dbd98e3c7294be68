"""The whole scorer with real detectors and weights on real media."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecc.faces.detector import FaceDetector
from livecc.media.audio import read_audio
from livecc.stages.score_active_speaker.reading import Sight, Task, read
from livecc.stages.score_active_speaker.scorer import ActiveSpeakerScorer, Request, Result
from livecc.stages.score_active_speaker.speaker import Speaker
from tests.stages.score_active_speaker.talking_media import (
    RATE,
    grid_files,
    joined,
    pictures,
    write_media,
)


@pytest.fixture(scope="module")
def speaker(test_data: Path) -> Speaker:
    return Speaker.load(test_data / "models" / "light_asd", "cpu", 2)


@pytest.fixture(scope="module")
def media(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real files under short names, and some made of them."""
    folder, real = tmp_path_factory.mktemp("media"), test_data / "media"
    frames, sound = joined(real)
    write_media(folder / "talking.mp4", frames, sound)
    # One picture of a talking clip, all the time, with the speech.
    write_media(folder / "frozen.mp4", [frames[20]] * 375, sound)
    # A face that moves as if it spoke, in silence.
    write_media(folder / "silent.mp4", frames, np.zeros_like(sound))
    write_media(folder / "mute.mp4", frames, None)
    # Nobody for 3 s, then faces.
    street = pictures(real / "sk_bikes.mp4")
    nobody = [np.pad(frame[:, :360], ((0, 16), (0, 0), (0, 0))) for frame in street[:75]]
    write_media(folder / "half.mp4", [*nobody, *frames[75:225]], sound[: 9 * RATE])
    # Every fifth frame, at its right time.
    write_media(folder / "slow.mp4", frames[::5], sound, rate=5)
    speech = read_audio(real / "tc_nasa_13013.mp4").samples
    write_media(folder / "street.mp4", pictures(real / "sk_bikes.mp4")[:240], speech[: 10 * RATE])
    for name in ("tc_nasa_13013.mp4", "sk_bbb.mp4", "mdn_rabbit320.mp4"):
        shutil.copy(real / name, folder)
    shutil.copy(grid_files(real)[0], folder / "program_stream.mpg")
    for file in grid_files(real):
        shutil.copy(file, folder)
    (folder / "text.mp4").write_text("no video\n")
    return folder


def score(
    test_data: Path,
    speaker: Speaker,
    requests: list[Request],
    mode: str = "default",
    timeout_seconds: float = 60,
    detector: tuple[str, Path] | None = None,
) -> list[Result]:
    detector = detector or ("scrfd", test_data / "models" / "scrfd_500m")
    scorer = ActiveSpeakerScorer(detector, speaker, mode=mode, timeout_seconds=timeout_seconds)
    return [result for batch in scorer.score(iter(requests)) for result in batch]


def spans(media: Path, *clips: tuple[str, float, float]) -> list[Request]:
    return [Request(f"{name}#{start}", media / name, start, end) for name, start, end in clips]


def test_who_speaks_on_the_screen(test_data: Path, speaker: Speaker, media: Path) -> None:
    clips = spans(
        media,
        ("talking.mp4", 0.0, 14.9),
        ("frozen.mp4", 0.0, 14.9),
        ("tc_nasa_13013.mp4", 0.2, 12.5),
        ("street.mp4", 0.2, 9.5),
        ("sk_bbb.mp4", 0.0, 5.2),
        ("mdn_rabbit320.mp4", 0.2, 7.5),
        ("program_stream.mpg", 0.2, 2.8),
        ("silent.mp4", 0.0, 14.9),
    )
    results = score(test_data, speaker, clips)
    assert [result.id for result in results] == [clip.id for clip in clips]
    scores = {result.id.split(".")[0]: result for result in results}
    assert scores["talking"].score is not None
    assert scores["talking"].score >= 0.9
    assert scores["talking"].tracks >= 1
    assert (scores["talking"].frames, scores["talking"].seconds) == (150, 6.0)
    assert scores["program_stream"].score is not None
    assert scores["program_stream"].score >= 0.9
    assert scores["frozen"].score is not None
    assert scores["frozen"].score <= 0.05
    assert scores["frozen"].tracks == 1
    for name in ("tc_nasa_13013", "sk_bbb", "mdn_rabbit320", "silent"):
        assert scores[name].score == 0.0, name
    # The network takes a passer-by, seen for half a second, for the narrator: its own mistake.
    assert scores["street"].score is not None
    assert scores["street"].score <= 0.1


@pytest.mark.parametrize("name", ["scrfd", "yunet", "centerface"])
def test_every_detector_leads_to_the_same_order(
    test_data: Path, speaker: Speaker, media: Path, fetched_model: Any, name: str
) -> None:
    names = {"scrfd": "scrfd_500m", "yunet": "yunet"}
    folder = test_data / "models" / names[name] if name in names else fetched_model(name)
    clips = spans(
        media,
        ("talking.mp4", 0.0, 14.9),
        ("half.mp4", 0.0, 8.9),
        ("frozen.mp4", 0.0, 14.9),
        ("tc_nasa_13013.mp4", 0.2, 12.5),
        *((file.name, 0.2, 2.9) for file in grid_files(media)),
    )
    results = score(test_data, speaker, clips, detector=(name, folder))
    talking, half, frozen, nobody, *grid = (result.score for result in results)
    assert talking is not None
    assert talking >= 0.9
    assert half == pytest.approx(0.5, abs=0.1)
    assert frozen is not None
    assert frozen <= 0.05
    assert nobody == 0.0
    # Each of the five faces by itself is one track from the first frame to the last.
    assert len(grid) == 5
    assert all(share is not None and share >= 0.8 for share in grid), grid
    assert [result.tracks for result in results[-5:]] == [1] * 5


def test_a_picture_that_stands_still_is_looked_at_once(
    test_data: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detect, looked = FaceDetector.detect, []

    def counting(self: FaceDetector, frames: np.ndarray, batch_size: int = 16) -> list[np.ndarray]:
        looked.append(len(frames))
        return detect(self, frames, batch_size)

    monkeypatch.setattr(FaceDetector, "detect", counting)
    detector = ("scrfd", test_data / "models" / "scrfd_500m")
    for name, most in (("frozen.mp4", 75), ("talking.mp4", 150)):
        (sight,) = read(Task(media / name, ((0.0, 14.9),), "default", detector)).clips
        assert isinstance(sight, Sight)
        assert 0 < looked.pop() <= most
        # The face is there in every frame all the same.
        (window,) = sight.windows
        assert sum(len(track.boxes) for track in window.tracks) >= 149


def test_all_clips_of_a_video(test_data: Path, speaker: Speaker, media: Path) -> None:
    """Overlapping spans, one reading; each scores as it does alone."""
    clips = spans(media, ("talking.mp4", 0.1, 7.0), ("talking.mp4", 3.0, 9.3), ("slow.mp4", 1, 9))
    together = score(test_data, speaker, clips)
    assert [result.score is not None and result.score > 0.8 for result in together[:2]] == [
        True
    ] * 2
    assert [score(test_data, speaker, [clip])[0] for clip in clips] == together
    # Five pictures a second: each is seen five times, in time with the sound.
    assert together[2].frames == 150


REASONS = {
    "missing.mp4": ((0, 10), "no such file"),
    "text.mp4": ((0, 10), "not a media file"),
    "mute.mp4": ((0, 10), "the file has no audio track"),
    "talking.mp4": ((20, 40), "the sound ends before the clip's 20.00 to 40.00 s"),
    "frozen.mp4": ((5, 40), "the clip ends at 40.0 s, the sound of the video at 15"),
    "slow.mp4": ((3, 3.15), "too short"),
    "street.mp4": ((5, 4), "too short: nothing is said after the first word"),
}


def test_what_cannot_be_looked_at_has_a_reason(
    test_data: Path, speaker: Speaker, media: Path
) -> None:
    clips = spans(media, *((name, *span) for name, (span, _) in REASONS.items()))
    for result, (_, reason) in zip(score(test_data, speaker, clips), REASONS.values(), strict=True):
        assert result.score is None
        assert result.reason.startswith(reason), result
        assert not result.transient


def test_paper_mode_needs_6_seconds(test_data: Path, speaker: Speaker, media: Path) -> None:
    clips = spans(media, ("talking.mp4", 1, 1.5), ("talking.mp4", 1, 6.9))
    short, almost = score(test_data, speaker, clips, "paper")
    assert short.reason == "too short: 0.48 s after the first word, 6 s are needed"
    assert almost.reason == "too short: 5.88 s after the first word, 6 s are needed"
    short, almost = score(test_data, speaker, clips)
    assert (short.frames, almost.frames) == (12, 147)
    assert short.reason == almost.reason == ""


def test_a_video_that_takes_too_long_may_be_tried_again(
    test_data: Path, speaker: Speaker, media: Path
) -> None:
    clips = spans(media, ("talking.mp4", 0, 14.9))
    (result,) = score(test_data, speaker, clips, timeout_seconds=0.001)
    assert result.score is None
    assert result.transient
    assert result.reason.startswith("not read within")

"""The scorer beside a literal one, and on files as people have them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import literal_asd
import numpy as np
import pytest
import torch
from talking_media import RATE, grid_files, joined, pictures, write_media
from videos import turn_clockwise

from livecc.faces import load_detector
from livecc.media.audio import read_audio
from livecc.score_active_speaker.network import load_network
from livecc.score_active_speaker.scorer import ActiveSpeakerScorer, Request, Result
from livecc.score_active_speaker.speaker import Speaker

Talk = tuple[list[np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def talk(test_data: Path) -> Talk:
    """15 s of five talking faces, one after the other."""
    return joined(test_data / "media")


def score(
    test_data: Path, clips: list[Request], mode: str = "default", detector: str = "scrfd"
) -> list[Result]:
    models = test_data / "models"
    folder = models / {"scrfd": "scrfd_500m"}.get(detector, detector)
    speaker = Speaker.load(models / "light_asd", "cpu", 2)
    scorer = ActiveSpeakerScorer((detector, folder), speaker, mode=mode, workers=2)
    results = {result.id: result for some in scorer.score(clips) for result in some}
    return [results[clip.id] for clip in clips]


@pytest.fixture(scope="module")
def scenes(test_data: Path, talk: Talk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """68 s: faces, two faces side by side of which one is heard, a street, a frozen face."""
    media = test_data / "media"
    frames, sound = talk
    first, second = (pictures(file) for file in grid_files(media)[:2])
    pair = [
        np.concatenate([a[:, 40:320], b[:, 40:320]], axis=1)[:, :360].copy()
        for a, b in zip(first, second, strict=True)
    ]
    pair = [np.concatenate([a[::2, ::2], b[::2, ::2]], axis=1) for a, b in zip(first, second)]
    pair = [np.pad(both, ((72, 72), (0, 0), (0, 0))) for both in pair]
    street = [frame[:288, :360] for frame in pictures(media / "sk_bikes.mp4")]
    street = [np.pad(f, ((0, 288 - f.shape[0]), (0, 360 - f.shape[1]), (0, 0))) for f in street]
    voice = [read_audio(file).samples[: 3 * RATE] for file in grid_files(media)[:2]]
    voice = [np.pad(v, (0, 3 * RATE - len(v))) for v in voice]
    pictures_ = [*frames, *pair, *pair, *street[:250], *[frames[20]] * 150, *frames, *pair, *frames]
    sounds = [sound, *voice, sound[: 10 * RATE], sound[: 6 * RATE], sound, voice[0], sound]
    path = tmp_path_factory.mktemp("scenes") / "scenes.mp4"
    return write_media(path, pictures_, np.concatenate(sounds))


@pytest.mark.parametrize("detector", ["scrfd", "yunet"])
def test_shares_are_those_of_the_literal_way(test_data: Path, scenes: Path, detector: str) -> None:
    # The last span has three windows; they start in all kinds of scenes.
    spans = [(0.0, 7.0), (12.3, 19.1), (14.72, 20.9), (17.0, 31.5), (27.4, 35.0), (0.5, 67.9)]
    clips = [Request(str(span), scenes, *span) for span in spans]
    folder = test_data / "models" / {"scrfd": "scrfd_500m"}.get(detector, detector)
    single = load_detector(detector, folder, threads=1)
    single.border = 0.0
    torch.set_num_threads(2)
    network = load_network(test_data / "models" / "light_asd")
    expected = [literal_asd.share(scenes, *span, single, network) for span in spans]
    assert len({*expected}) > 3
    for mode in ("paper", "default"):
        found = [result.score for result in score(test_data, clips, mode, detector)]
        np.testing.assert_allclose(found, expected, atol=0.0101)


def write_times(path: Path, frames: list[np.ndarray], moments: list[float], sound: Any) -> Path:
    """Frames shown from the given seconds on."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=25, options={"crf": "16"})
        video.pix_fmt, video.time_base = "yuv420p", Fraction(1, 1000)
        video.codec_context.time_base = Fraction(1, 1000)
        audio: Any = container.add_stream("aac", rate=RATE)
        audio.layout = "mono"
        video.height, video.width = frames[0].shape[:2]
        for picture, moment in zip(frames, moments, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(1000 * moment), Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for first in range(0, len(sound), 1024):
            piece = np.ascontiguousarray(sound[None, first : first + 1024], np.float32)
            heard = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            heard.sample_rate, heard.pts = RATE, first
            container.mux(audio.encode(heard))
        container.mux(audio.encode())
    return path


def _uneven(folder: Path, frames: list[np.ndarray], sound: np.ndarray) -> Path:
    """The first 9 s at 5 frames a second, the rest at 25, as a screen recorder would."""
    kept = [k for k in range(375) if k >= 225 or k % 5 == 0]
    return write_times(
        folder / "uneven.mp4", [frames[k] for k in kept], [k / 25 for k in kept], sound
    )


def _turned(folder: Path, frames: list[np.ndarray], sound: np.ndarray) -> Path:
    """Filmed with the camera on its side: the display matrix turns the picture upright."""
    lying = [np.ascontiguousarray(np.rot90(frame)) for frame in frames]
    return turn_clockwise(write_media(folder / "lying.mp4", lying, sound), folder / "turned.mp4")


def _transcoded(folder: Path, path: Path, codec: str, sound: str, name: str) -> Path:
    """The same in other codecs, with stereo sound at 48 kHz."""
    with av.open(str(path)) as source, av.open(str(folder / name), "w") as target:
        video: Any = target.add_stream(codec, rate=25)
        audio: Any = target.add_stream(sound, rate=48_000)
        video.width, video.height, video.pix_fmt = 360, 288, "yuv420p"
        audio.layout = "stereo"
        for frame in source.decode(video=0):
            plain = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), format="rgb24")
            target.mux(video.encode(plain))
        target.mux(video.encode())
        source.seek(0)
        convert = av.AudioResampler(format=audio.format.name, layout="stereo", rate=48_000)
        queue = av.AudioFifo()
        for frame in source.decode(audio=0):
            for converted in convert.resample(frame):
                converted.pts = None
                queue.write(converted)
        place = 0
        while chunk := queue.read(audio.codec_context.frame_size or 960):
            chunk.pts = place
            place += chunk.samples
            target.mux(audio.encode(chunk))
        target.mux(audio.encode())
    return folder / name


def _two_tracks(folder: Path, frames: list[np.ndarray], sound: np.ndarray) -> Path:
    """The speech first, then a track with nothing on it (a translation that is missing)."""
    plain = write_media(folder / "plain.mp4", frames, sound)
    with av.open(str(plain)) as source, av.open(str(folder / "two.mkv"), "w") as target:
        streams = [
            target.add_stream_from_template(source.streams[0]),
            target.add_stream_from_template(source.streams[1]),
        ]
        silent: Any = target.add_stream("aac", rate=RATE)
        silent.layout = "mono"
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
        for first in range(0, len(sound) - 1024, 1024):
            nothing = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            nothing.sample_rate, nothing.pts = RATE, first
            target.mux(silent.encode(nothing))
        target.mux(silent.encode())
    return folder / "two.mkv"


@pytest.mark.parametrize("kind", ["uneven", "turned", "two tracks", "vp9", "av1"])
def test_talking_faces_are_found_in_any_file(
    test_data: Path, talk: Talk, tmp_path: Path, kind: str
) -> None:
    frames, sound = talk
    if kind == "uneven":
        path = _uneven(tmp_path, frames, sound)
    elif kind == "turned":
        path = _turned(tmp_path, frames, sound)
    elif kind == "two tracks":
        path = _two_tracks(tmp_path, frames, sound)
    else:
        codec = {"vp9": "libvpx-vp9", "av1": "libsvtav1"}[kind]
        if codec not in av.codecs_available:
            pytest.skip(f"this FFmpeg has no encoder {codec}")
        plain = write_media(tmp_path / "plain.mp4", frames, sound)
        path = _transcoded(tmp_path, plain, codec, "libopus", f"{kind}.webm")
    (whole,) = score(test_data, [Request("a", path, 6.0, 14.9)])
    assert whole.score is not None, whole
    assert whole.score >= 0.8
    assert whole.frames == 150

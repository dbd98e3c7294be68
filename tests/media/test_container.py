"""Which files are opened at all, and what damage costs."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from livecc.media.audio import AudioError, read_audio
from livecc.media.container import decoded, main_picture
from livecc.media.frames import VideoError, open_video, read_frames
from livecc.media.trainer_view import trainer_view
from tests.support.sounds import tone, write_sound
from tests.support.videos import write_video

LISTS = {
    "ffconcat": "ffconcat version 1.0\nfile real.mp4\n",
    "playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nreal.mp4\n#EXT-X-ENDLIST\n",
    "session": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_other_files_is_not_followed(tmp_path: Path, kind: str) -> None:
    write_video(tmp_path / "real.mp4")
    path = tmp_path / "list.mp4"
    path.write_text(LISTS[kind])
    for read, error in (
        (lambda path: read_frames(path, 2), VideoError),
        (read_audio, AudioError),
        (trainer_view, VideoError),
    ):
        with pytest.raises(error, match="can be read"):
            read(path)


def test_ffmpeg_would_follow_such_a_list(tmp_path: Path) -> None:
    """Otherwise the test above would show nothing."""
    write_video(tmp_path / "real.mp4")
    path = tmp_path / "list.mp4"
    path.write_text(LISTS["ffconcat"])
    with av.open(str(path)) as container:
        assert container.format.name == "concat"


class _Packet:
    def __init__(self, frames: list[str], error: Exception | None = None) -> None:
        self._frames, self._error = frames, error

    def decode(self) -> list[str]:
        if self._error is not None:
            raise self._error
        return self._frames


class _Container:
    def __init__(self, *packets: _Packet) -> None:
        self._packets = packets

    def demux(self, stream: object) -> tuple[_Packet, ...]:  # noqa: ARG002
        return self._packets


def test_damage_costs_its_own_packet_whatever_it_is_called() -> None:
    errors = [
        av.error.PermissionError(1, "Operation not permitted"),
        av.error.InvalidDataError(1094995529, "Invalid data"),
        av.error.UnknownError(1313558101, "Unknown error"),
    ]
    packets = [_Packet(["a"]), *(_Packet([], error) for error in errors), _Packet(["b", "c"])]
    assert list(decoded(_Container(*packets), None)) == ["a", "b", "c"]


def _with_cover(path: Path) -> Path:
    """An mp3 with a cover picture."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=16_000)
        sound.layout = "mono"
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        container.mux(cover.encode(picture))
        container.mux(cover.encode())
        for first in range(0, 32_000, 576):
            piece = tone(2)[None, first : first + 576]
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(piece), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 16_000, first
            container.mux(sound.encode(frame))
        container.mux(sound.encode())
    return path


def test_a_cover_is_no_picture(tmp_path: Path) -> None:
    path = _with_cover(tmp_path / "song.mp3")
    with av.open(str(path)) as container:
        assert container.streams.video
        assert main_picture(container) is None
    assert read_audio(path).seconds == pytest.approx(2, abs=0.1)
    for read in (open_video, trainer_view):
        with pytest.raises(VideoError, match="no video stream, only a cover picture"):
            read(path)


@pytest.mark.parametrize("layout", ["stereo"])
def test_channels_that_cancel_each_other_give_one(tmp_path: Path, layout: str) -> None:
    left = tone(3)
    inverted = write_sound(
        tmp_path / "a.wav", np.stack([left, -left]), codec="pcm_f32le", layout=layout
    )
    np.testing.assert_allclose(read_audio(inverted).samples, left, atol=1e-6)
    assert np.abs(read_audio(inverted, mode="paper").samples).max() < 1e-6
    # Only from its second second on, and with a residue as lossy codecs leave it.
    second = np.where(np.arange(len(left)) < 16_000, left, -0.97 * left)
    partly = write_sound(
        tmp_path / "b.wav", np.stack([left, second]), codec="pcm_f32le", layout=layout
    )
    found = read_audio(partly).samples
    assert np.abs(found[17_500:]).max() > 0.4
    wide = np.stack([left, tone(3, frequency=700)])
    path = write_sound(tmp_path / "c.wav", wide, codec="pcm_f32le", layout=layout)
    np.testing.assert_allclose(read_audio(path).samples, wide.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("name", ["late.mkv", "late.webm"])
def test_matroska_states_its_last_time_stamp_for_its_length(tmp_path: Path, name: str) -> None:
    codec = "libopus" if name.endswith("webm") else "flac"
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=48_000)
        stream.layout = "mono"
        samples = tone(3, 48_000)
        step = 960
        convert = av.AudioResampler(
            format=stream.codec_context.format.name, layout="mono", rate=48_000
        )
        for first in range(0, len(samples), step):
            piece = np.ascontiguousarray(samples[None, first : first + step])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, 9000 * 48_000 + first
            for converted in convert.resample(frame):
                container.mux(stream.encode(converted))
        container.mux(stream.encode())
    audio = read_audio(path)
    assert audio.clock.file == pytest.approx(9000, abs=0.1)
    assert audio.seconds == pytest.approx(3, abs=0.1)
    assert audio.stated_seconds == pytest.approx(3, abs=0.1)

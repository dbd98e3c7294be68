from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from livecc.media.frames import (
    AvVideo,
    DecordVideo,
    VideoError,
    open_video,
    read_frames,
    sample_indices,
)
from livecc.media.resize import Squash
from tests.support.videos import frame_numbers, turn_clockwise, write_audio, write_video


@pytest.mark.parametrize("n_frames", [1, 2, 7, 8, 9, 100, 7500, 90001])
@pytest.mark.parametrize("count", [1, 2, 8])
def test_sampled_indices_are_those_of_numpy(n_frames: int, count: int) -> None:
    expected = np.linspace(0, n_frames - 1, count).round().astype(int)
    assert sample_indices(n_frames, count).tolist() == expected.tolist()


def test_halves_are_rounded_to_even() -> None:
    assert sample_indices(6, 3).tolist() == [0, 2, 5]
    assert sample_indices(8, 3).tolist() == [0, 4, 7]


FORMATS = {
    "b_frames.mp4": ("libx264", {"g": "25", "bf": "2"}),
    "one_group.mkv": ("libx264", {"g": "1000"}),
    "vp9.webm": ("libvpx-vp9", {}),
    "av1.webm": ("libsvtav1", {}),
    "h264.avi": ("libx264", {"g": "25"}),
    "transport.ts": ("libx264", {"g": "25"}),
    "flash.flv": ("libx264", {"g": "25"}),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("reader", [open_video, AvVideo])
def test_frames_are_the_sampled_ones(tmp_path: Path, reader, name: str) -> None:
    codec, options = FORMATS[name]
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no encoder {codec}")
    video = reader(write_video(tmp_path / name, codec=codec, options=options))
    indices = sample_indices(video.n_frames, 8)
    assert video.n_frames == 60
    assert round(video.fps) == 25
    assert frame_numbers(video.read(indices)) == indices.tolist()


def test_real_program_stream_is_read_exactly(test_data: Path) -> None:
    path = test_data / "media" / "grid_bbaf2n.mpg"
    with av.open(str(path)) as container:
        every = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    frames = read_frames(path, 8)
    assert frames.n_frames == len(every) == 75
    for index, pixels in zip(frames.indices, frames.pixels, strict=True):
        assert np.array_equal(pixels, every[index])


def test_both_readers_give_the_same_pixels_of_real_files(test_data: Path) -> None:
    # tc_nasa holds two video streams: the better one counts.
    for name in ("tc_nasa_13013.mp4", "sk_bikes.mp4", "mdn_rabbit320.mp4"):
        one, other = DecordVideo(test_data / "media" / name), AvVideo(test_data / "media" / name)
        indices = sample_indices(one.n_frames, 4)
        assert one.n_frames == other.n_frames
        assert np.array_equal(one.read(indices), other.read(indices))


def test_short_video_repeats_frames(tmp_path: Path) -> None:
    frames = read_frames(write_video(tmp_path / "short.mp4", 3), 8)
    assert frames.n_frames == 3
    assert frame_numbers(frames.pixels) == [0, 0, 1, 1, 1, 1, 2, 2]


def test_frames_are_resized(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    assert read_frames(path, 8, Squash(320, 180)).pixels.shape == (8, 320, 180, 3)


@pytest.mark.parametrize("reader", [DecordVideo, AvVideo])
def test_display_matrix_turns_the_picture(tmp_path: Path, reader) -> None:
    path = turn_clockwise(write_video(tmp_path / "a.mp4"), tmp_path / "turned.mp4")
    picture = reader(path).read([0])[0]
    assert picture.shape == (64, 48, 3)
    # The bright upper left corner is now at the upper right.
    assert picture[:30, 26:].mean() > 240
    assert picture[:30, :20].mean() < 40


@pytest.mark.parametrize("reader", [DecordVideo, AvVideo])
def test_decoder_makes_frames_of_the_wanted_size(tmp_path: Path, reader) -> None:
    path = turn_clockwise(write_video(tmp_path / "a.mp4"), tmp_path / "turned.mp4")
    picture = reader(path, size=(32, 24)).read([0])[0]
    assert picture.shape == (32, 24, 3)
    assert picture[:14, 14:].mean() > 240
    assert picture[:14, :9].mean() < 40


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("reader", [open_video, AvVideo])
def test_times_are_those_a_player_shows(tmp_path: Path, reader, name: str) -> None:
    codec, options = FORMATS[name]
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no encoder {codec}")
    times = reader(write_video(tmp_path / name, codec=codec, options=options)).times()
    assert times.shape == (60, 2)
    # Matroska and FLV round to milliseconds; AVI has only times of decoding, here a frame late.
    tolerance = 0.041 if name.endswith(".avi") else 2e-3
    assert np.allclose(times[:, 0], np.arange(60) / 25, atol=tolerance)
    assert np.allclose(times[:, 1], np.arange(1, 61) / 25, atol=tolerance)


def test_name_that_looks_like_a_network_protocol(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "video.mp4").rename(tmp_path / "tcp:video.mp4")
    assert read_frames("tcp:video.mp4", 2).n_frames == 60


def _text(folder: Path) -> Path:
    path = folder / "text.mp4"
    path.write_text("I am no video\n" * 100)
    return path


def _cut(folder: Path, name: str, codec: str, **options) -> Path:
    path = write_video(folder / name, codec=codec, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def _zeroed(folder: Path) -> Path:
    """All pictures replaced by zeros, all headers right."""
    path = write_video(folder / "zeroed.mp4")
    data = bytearray(path.read_bytes())
    position = data.index(b"mdat")
    size = int.from_bytes(data[position - 4 : position])
    data[position + 4 : position - 4 + size] = bytes(size - 8)
    path.write_bytes(data)
    return path


def _without_index(folder: Path) -> Path:
    path = write_video(folder / "no_index.mp4")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])
    return path


def _no_frames(folder: Path) -> Path:
    """A fragmented mp4 that ends before its first fragment."""
    options = {"movflags": "frag_keyframe+empty_moov"}
    path = write_video(folder / "none.mp4", container_options=options)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moof") - 4])
    return path


def _empty(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


BROKEN = {
    "missing": (lambda folder: folder / "nothing.mp4", "no such file"),
    "folder": (lambda folder: folder, "is a folder"),
    "empty": (_empty, "the file is empty"),
    "text": (_text, "not a video that can be read"),
    "sound": (lambda folder: write_audio(folder / "sound.mp4"), "the file has no video stream"),
    "cut before its index": (lambda folder: _cut(folder, "a.mp4", "libx264"), "truncated"),
    "cut after its index": (
        lambda folder: _cut(
            folder, "b.mp4", "libx264", container_options={"movflags": "faststart"}
        ),
        "truncated",
    ),
    "cut webm": (lambda folder: _cut(folder, "c.webm", "libvpx-vp9"), "truncated"),
    "no index": (_without_index, "it has no index"),
    "zeroed": (_zeroed, "decoded"),
    "no frames": (_no_frames, "no frames"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_file_has_one_clear_reason(tmp_path: Path, kind: str) -> None:
    make, reason = BROKEN[kind]
    path = make(tmp_path)
    with pytest.raises(VideoError) as error:
        read_frames(path, 8)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    assert str(tmp_path) not in str(error.value)


def test_open_video_falls_back(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise VideoError("no")

    path = write_video(tmp_path / "a.mp4")
    assert isinstance(open_video(path), DecordVideo)
    monkeypatch.setattr(DecordVideo, "__init__", refuse)
    assert frame_numbers(open_video(path).read([5, 3, 5])) == [5, 3, 5]
    assert frame_numbers(read_frames(path, 2).pixels) == [0, 59]


def test_decoder_is_quiet(tmp_path: Path, capfd) -> None:
    for path in (_text(tmp_path), _zeroed(tmp_path)):
        with pytest.raises(VideoError):
            read_frames(path, 8)
    written = capfd.readouterr()
    assert written.out + written.err == ""

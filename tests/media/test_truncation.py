from __future__ import annotations

from pathlib import Path

import pytest

from livecc.media.truncation import cut_reason
from tests.support.sounds import tone, write_sound
from tests.support.videos import write_video

FILES = {
    "plain.mp4": ("libx264", {}),
    "faststart.mp4": ("libx264", {"movflags": "faststart"}),
    "fragments.mp4": ("libx264", {"movflags": "frag_keyframe+empty_moov"}),
    "plain.mkv": ("libx264", {}),
    "plain.webm": ("libvpx-vp9", {}),
    "plain.avi": ("mpeg4", {}),
}


@pytest.mark.parametrize("name", FILES)
def test_cut_files_are_seen(tmp_path: Path, name: str) -> None:
    codec, options = FILES[name]
    path = write_video(tmp_path / name, codec=codec, container_options=options)
    assert cut_reason(path) is None
    data = path.read_bytes()
    for share in (0.2, 0.5, 0.9, 0.999):
        path.write_bytes(data[: int(share * len(data))])
        reason = cut_reason(path)
        assert reason is not None
        assert "truncated" in reason


def test_real_files_are_whole(test_data: Path) -> None:
    for path in (test_data / "media").iterdir():
        assert cut_reason(path) is None


def test_unknown_segment_size_is_not_a_cut(tmp_path: Path) -> None:
    path = tmp_path / "live.webm"
    write_video(path, codec="libvpx-vp9", container_options={"live": "1"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert cut_reason(path) is None


def test_cut_sound_is_seen_where_its_length_is_known(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(1))
    assert cut_reason(path) is None
    data = bytearray(path.read_bytes())
    path.write_bytes(data[:-2])
    assert "truncated" in str(cut_reason(path))
    # As written into a pipe.
    for size in (0x7FFFFFFF, 0xFFFFFFFF):
        data[4:8] = size.to_bytes(4, "little")
        path.write_bytes(data)
        assert cut_reason(path) is None


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"text, no video", b"\x1a\x45\xdf\xa3", b"\x00\x00\x00\x08ftyp"]
)
def test_scraps_do_not_raise(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "scrap"
    path.write_bytes(data)
    reason = cut_reason(path)
    assert (reason is not None) == data.endswith(b"ftyp")

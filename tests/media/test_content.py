"""The name of a file's content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from livecc.media.content import file_key
from livecc.media.frames import VideoError, read_frames


def test_a_copy_has_the_same_key_and_another_file_has_not(tmp_path: Path) -> None:
    for name, data in (("a", b"x" * 300_000), ("b", b"x" * 300_000), ("c", b"x" * 299_999 + b"y")):
        (tmp_path / name).write_bytes(data)
    assert file_key(tmp_path / "a") == file_key(tmp_path / "b") != file_key(tmp_path / "c")


def test_what_is_no_file_has_no_key_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for name in ("pipe.mp4", "missing.mp4", "n" * 300, "."):
        assert file_key(tmp_path / name) is None
    with pytest.raises(VideoError, match="a pipe or a device"):
        read_frames(tmp_path / "pipe.mp4", 8)

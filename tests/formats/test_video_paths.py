"""Which file a video's name may lead to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from livecc.formats.video_paths import (
    OUTSIDE,
    RefusedVideoError,
    VideoFolder,
    control_character,
    refusal,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """videos/ with a file, links within and out of it, beside videos-2/ and secret.mp4."""
    videos = tmp_path / "videos"
    (videos / "inner").mkdir(parents=True)
    (tmp_path / "videos-2").mkdir()
    for path in (videos / "a.mp4", tmp_path / "secret.mp4", tmp_path / "videos-2" / "b.mp4"):
        path.write_bytes(b"video")
    (videos / "inner" / "same.mp4").symlink_to("../a.mp4")
    (videos / "out.mp4").symlink_to(tmp_path / "secret.mp4")
    (videos / "hanging.mp4").symlink_to(tmp_path / "not there.mp4")
    (videos / "elsewhere").symlink_to(tmp_path / "videos-2")
    (videos / "loop.mp4").symlink_to("loop.mp4")
    (tmp_path / "named").symlink_to(videos)
    return videos


INSIDE = ("a.mp4", "./a.mp4", "inner/../a.mp4", "inner/same.mp4", "gone.mp4", "..mp4", "x" * 300)
BY_LINK = ("out.mp4", "hanging.mp4", "elsewhere/b.mp4", "inner/../out.mp4")
BY_NAME = ("../secret.mp4", "..", "inner/../../secret.mp4", "../videos-2/b.mp4", "/etc/passwd")


@pytest.mark.parametrize("outside", OUTSIDE)
def test_what_leads_out_of_the_folder(folder: Path, outside: Any) -> None:
    opened = {"none": INSIDE, "links": INSIDE + BY_LINK, "paths": INSIDE + BY_LINK + BY_NAME}
    for place in (folder, folder.parent / "named"):
        videos = VideoFolder(place, outside)
        for name in INSIDE + BY_LINK + BY_NAME:
            if name in opened[outside]:
                assert videos.file(name) == place / name
            else:
                with pytest.raises(
                    RefusedVideoError, match="leads out of the folder of the videos"
                ):
                    videos.file(name)


def test_the_name_alone_tells_of_paths() -> None:
    for name in INSIDE + BY_LINK:
        assert refusal(name) is None
    for name in BY_NAME:
        assert refusal(name) is not None
        assert refusal(name, "links") is not None
        assert refusal(name, "paths") is None


def test_a_path_without_symbolic_links_may_be_given(folder: Path) -> None:
    """Training files may name their videos by absolute paths in the trainer's folder."""
    for place in (folder, folder.parent / "named"):
        for outside in OUTSIDE:
            assert VideoFolder(place, outside).file(f"{folder}/a.mp4") == folder / "a.mp4"


def test_a_relative_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert VideoFolder(Path("videos")).file("a.mp4") == Path("videos/a.mp4")
    monkeypatch.chdir(folder)
    assert VideoFolder(Path()).file("a.mp4").read_bytes() == b"video"
    with pytest.raises(RefusedVideoError):
        VideoFolder(Path()).file("../secret.mp4")
    with pytest.raises(RefusedVideoError):
        VideoFolder(Path()).file("out.mp4")


@pytest.mark.parametrize(
    "name", ["a\0b", "a\nb", "\x1b[2J.mp4", "a\x7f", "a\x85", "a\x9b", "\ud800"]
)
def test_control_characters_are_refused_whatever_is_allowed(tmp_path: Path, name: str) -> None:
    for outside in OUTSIDE:
        assert refusal(name, outside) is not None
        with pytest.raises(RefusedVideoError) as refused:
            VideoFolder(tmp_path, outside).file(name)
        assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "name", ["it's $HOME.mp4", "ünï 漢字\u3000.mp4", "\u200dक्\u200dष.mp4", "a\xa0b"]
)
def test_odd_names_are_good_ones(tmp_path: Path, name: str) -> None:
    assert control_character(name) is None
    (tmp_path / name).write_bytes(b"")
    assert VideoFolder(tmp_path).file(name).is_file()


def test_a_pipe_in_the_folder_is_not_touched(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert VideoFolder(tmp_path).file("pipe.mp4") == tmp_path / "pipe.mp4"


@pytest.mark.parametrize(
    "video", ["http://127.0.0.1/x.mp4", "file:///etc/passwd", "concat:a|b", "PIPE:0", "data:x"]
)
def test_a_protocol_is_no_name(tmp_path: Path, video: str) -> None:
    for outside in OUTSIDE:
        assert "names a protocol" in str(refusal(video, outside))
        with pytest.raises(RefusedVideoError, match="names a protocol"):
            VideoFolder(tmp_path, outside).file(video)


def test_a_colon_is_no_protocol(tmp_path: Path) -> None:
    for video in ("Part 1: the boat.mp4", "a/file: b.mp4", "C:x.mp4"):
        assert refusal(video) is None
        assert VideoFolder(tmp_path).file(video) == tmp_path / video

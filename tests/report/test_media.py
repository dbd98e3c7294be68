"""Strips and small copies of clips."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest
from PIL import Image

from livecc.media.frames import VideoError
from livecc.report.media import STRIP_FRAMES, Span, proxy, strip
from tests.support.places import REPOSITORY
from tests.support.videos import turn_clockwise, write_video

BOAT = REPOSITORY / "demo/media/paper_boat.mp4"


def test_a_strip_shows_the_span(tmp_path: Path) -> None:
    """Six frames, each of its sixth: the brightness of a written frame tells its time."""
    path = write_video(tmp_path / "a.mp4", 70, size=(90, 160), rate=10)
    with Image.open(io.BytesIO(strip(Span(path, 1.0, 7.0)))) as sheet:
        assert sheet.size == (STRIP_FRAMES * 160, 90)
        seen = [sheet.getpixel((160 * n + 150, 80))[0] for n in range(STRIP_FRAMES)]
    times = [((value - 20) / 3) / 10 for value in seen]
    assert times == pytest.approx([1.5, 2.5, 3.5, 4.5, 5.5, 6.5], abs=0.25)


def test_a_copy_has_the_picture_and_the_sound_of_the_span() -> None:
    made = proxy(Span(BOAT, 5.0, 20.0))
    with av.open(io.BytesIO(made)) as film:
        picture, sound = film.streams.video[0], film.streams.audio[0]
        assert (picture.height, picture.codec_context.name) == (144, "h264")
        for stream in (picture, sound):
            assert float(stream.duration * stream.time_base) == pytest.approx(15, abs=0.3)
    # 5 kB a second, about.
    assert len(made) < 15 * 8_000


def test_a_copy_is_of_its_span(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 70, size=(90, 160), rate=10)
    with av.open(io.BytesIO(proxy(Span(path, 2.0, 6.0)))) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    first, last = (float(one[-20:, -20:].mean()) for one in (frames[0], frames[-1]))
    assert ((first - 20) / 3 / 10, (last - 20) / 3 / 10) == pytest.approx((2.0, 6.0), abs=0.35)


def test_a_turned_video_is_shown_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 30, size=(48, 64))
    turned = turn_clockwise(path, tmp_path / "turned.mp4")
    with Image.open(io.BytesIO(strip(Span(turned or tmp_path / "turned.mp4", 0.0, 1.0)))) as sheet:
        width, height = sheet.width / STRIP_FRAMES, sheet.height
        # What was the upper left corner is white, and is at the upper right.
        assert sheet.getpixel((int(width * 0.8), int(height * 0.2)))[0] > 200
        assert sheet.getpixel((int(width * 0.2), int(height * 0.8)))[0] < 200
    assert width < height
    with av.open(io.BytesIO(proxy(Span(tmp_path / "turned.mp4", 0.0, 1.0)))) as film:
        assert film.streams.video[0].width < film.streams.video[0].height


@pytest.mark.parametrize("make", [strip, proxy])
def test_what_has_no_pictures_says_so(tmp_path: Path, make: object) -> None:
    text = tmp_path / "a.mp4"
    text.write_text("#EXTM3U\nfile:///etc/passwd\n")
    with pytest.raises(VideoError):
        make(Span(text, 0.0, 5.0))
    with pytest.raises(VideoError):
        make(Span(tmp_path / "missing.mp4", 0.0, 5.0))

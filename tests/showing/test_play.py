"""The video that is written: frames, sound and words meet on the trainer's clock."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from livecc.errors import LiveccError
from livecc.formats.records import Clip, Transcript
from livecc.formats.video_paths import VideoFolder
from livecc.media.audio import read_audio
from livecc.showing.captions import SAYING, Captions
from livecc.showing.play import RATE, play_clip
from livecc.showing.render import lines_of_words
from tests.support.flash_and_beep import MOMENTS, Pattern
from tests.support.videos import STEP, write_video

WORDS = ("one", "two", "three", "four")


def clip_of(video: str, start: float, words: tuple[str, ...] = WORDS) -> tuple[Transcript, Clip]:
    """Words of half a second, from `start` on, in a window from half a second before."""
    starts = [start + 0.5 * n for n in range(len(words))]
    ends = [one + 0.4 for one in starts]
    transcript = Transcript(video, "Title", "", list(words), starts, ends)
    window = (start - 0.5, ends[-1] + 0.55)
    return transcript, Clip(video, 0, len(words), starts[0], ends[-1], *window)


def played(folder: Path, video: str, start: float, **more: object) -> tuple[Path, list[str]]:
    output = folder / "played.mp4"
    notes = list(play_clip(output, VideoFolder(folder), *clip_of(video, start), **more))
    return output, notes


def pictures(path: Path) -> np.ndarray:
    """uint8 [frames, height, width, 3]"""
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])


def test_frames_are_those_of_the_clip(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", 75, size=(120, 240))
    output, notes = played(tmp_path, "v.mp4", 1.0)
    assert notes == ["no sound: the file has no audio track"]
    seen = pictures(output)
    # From 0.5 s to 3.45 s; the video ends at 3.0 s, and its last frame stays.
    assert len(seen) == round(2.95 * RATE)
    assert seen.shape[1] > 120
    assert seen.shape[2] == 240
    levels = seen[:, 80:116, 140:236].mean(axis=(1, 2, 3))
    wanted = 20 + STEP * np.minimum(np.arange(len(seen)) + round(0.5 * RATE), 74)
    # Encoding changes levels a little; the next frame would be off by 3 throughout.
    assert np.median(np.abs(levels - wanted)) < 1
    assert np.abs(levels - wanted).max() < 3.5


def test_words_appear_when_they_begin(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", 75, size=(120, 240))
    output, _ = played(tmp_path, "v.mp4", 1.0)
    bands = pictures(output)[:, 122:].astype(int)
    yellow = (bands[..., 0] > 170) & (bands[..., 1] > 130) & (bands[..., 2] < 110)
    shown = yellow.sum(axis=(1, 2)) > 5
    times = 0.5 + np.arange(len(shown)) / RATE
    for time, is_shown in zip(times, shown, strict=True):
        inside = any(start + 0.01 <= time < start + 0.39 for start in (1.0, 1.5, 2.0, 2.5))
        outside = time < 0.99 or any(
            start + 0.41 < time < start + 0.49 for start in (1.0, 1.5, 2.0)
        )
        assert not (inside and not is_shown), f"no word is said at {time:.2f}"
        assert not (outside and is_shown), f"a word is said at {time:.2f}"
    white = (bands.min(axis=-1) > 150).sum(axis=(1, 2))
    assert white[times < 0.99].max() < white[times > 2.95].min(), "words stay once they are said"


@pytest.mark.parametrize(
    "pattern",
    [
        Pattern(),
        Pattern(shift=7.0),
        Pattern(picture_from=0.8),
        Pattern(sound_from=1.2),
    ],
    ids=["usual", "starts late", "picture later", "sound later"],
)
def test_sound_and_picture_meet(tmp_path: Path, pattern: Pattern) -> None:
    """A flash and a beep of one moment stay at one moment, whatever starts late in the file."""
    pattern.write(tmp_path / "v.mkv")
    output, notes = played(tmp_path, "v.mkv", MOMENTS[0] - pattern.picture_from)
    assert notes == []
    bright = pictures(output)[:, :40].mean(axis=(1, 2, 3))
    flash = int((bright > bright.max() / 2).argmax()) / RATE
    sound = read_audio(output, 44_100)
    beep = float((np.abs(sound.samples) > 0.1).argmax()) / 44_100
    assert flash == pytest.approx(0.5, abs=1.5 / RATE)
    assert beep == pytest.approx(flash, abs=0.06)


def test_videos_outside_of_their_folder_are_not_opened(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", 75)
    inner = tmp_path / "videos"
    inner.mkdir()
    for video in ("../v.mp4", str(tmp_path / "v.mp4")):
        with pytest.raises(LiveccError, match="leads out of the folder"):
            list(play_clip(inner / "x.mp4", VideoFolder(inner), *clip_of(video, 1.0)))


def test_a_clip_behind_the_end_and_a_broken_file(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", 25)
    with pytest.raises(LiveccError, match=r"ends at 1\.00 s"):
        played(tmp_path, "v.mp4", 60.0)
    (tmp_path / "v.mp4").write_bytes(b"not a video")
    with pytest.raises(LiveccError, match="cannot be played"):
        played(tmp_path, "v.mp4", 1.0)
    assert not (tmp_path / "played.mp4").exists()


def test_fonts(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", 75)
    with pytest.raises(LiveccError, match="cannot be read as a font"):
        played(tmp_path, "v.mp4", 1.0, font=tmp_path / "v.mp4")
    lacking = Captions(*clip_of("v.mp4", 1.0, ("one", "\U000e0fff\U0010fffd")), 240, 16, None)
    assert "\U0010fffd" in lacking.lacking()
    assert Captions(*clip_of("v.mp4", 1.0), 240, 16, None).lacking() == ""


def test_pages_hold_all_words_within_the_band() -> None:
    words = (*(f"word{n}" for n in range(60)), "w" * 300)
    captions = Captions(*clip_of("v.mp4", 1.0, words), 240, 16, None)
    pages = {word.page for word in captions._words}
    assert len(pages) > 5
    for word in captions._words:
        assert word.line in (0, 1)
        assert word.left + min(captions._font.getlength(word.text), 224) <= 240 - 7
    band = np.asarray(captions.band(1.2, "1.2 s"))
    assert (np.abs(band.astype(int) - SAYING).sum(axis=-1) < 30).any()


def test_words_of_scripts_from_right_to_left_begin_at_the_right() -> None:
    captions = Captions(*clip_of("v.mp4", 1.0, ("שלום", "עולם")), 240, 16, None)
    first, second = captions._words
    assert first.left > second.left
    assert first.left + captions._font.getlength(first.text) == pytest.approx(232, abs=1)


def test_lines_of_words_break_at_pauses() -> None:
    words = [f"word{n}" for n in range(40)]
    starts = [0.3 * n + (5 if n >= 3 else 0) for n in range(40)]
    ends = [start + 0.3 for start in starts]
    lines = list(lines_of_words(Transcript("v", "", "", words, starts, ends), 0, 40))
    assert lines[0] == (0.0, "word0 word1 word2")
    assert " ".join(text for _, text in lines) == " ".join(words)
    assert max(len(text) for _, text in lines) <= 80

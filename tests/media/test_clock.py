"""Sound, picture and the trainer's decoder agree about the time, in files as people have them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from livecc.media.audio import RATE, read_audio, read_audio_spans
from livecc.media.clock import Clock, SoundTrack, starts_of_parts
from livecc.media.decord_library import import_decord
from livecc.media.frames import VideoError, open_video
from livecc.media.trainer_view import trainer_view
from tests.support.flash_and_beep import FILES, MOMENTS, SECONDS, beeps, flashes

#: What is less is not seen: a syllable lasts twice as long.
TOLERANCE = 0.1
#: Files of which the trainer takes wrong frames, and why they are refused.
REFUSED = {
    "plain.ts": "in this kind of container",
    "late.ts": "in this kind of container",
    "picture_late.ts": "in this kind of container",
    "sound_late.ts": "in this kind of container",
    "cut.ts": "in this kind of container",
    "piece.ts": "in this kind of container",
    "joined.ts": "in this kind of container",
    "joined_back.ts": "in this kind of container",
    "joined_ahead.ts": "in this kind of container",
    "mpeg1.mpg": "in this kind of container",
    "joined.mpg": "in this kind of container",
    "cut.mp4": "an edit list hides its first frames",
    "cut.mov": "an edit list hides its first frames",
    "edited.mp4": "an edit list hides frames between others",
    "edited_anywhere.mp4": "an edit list hides frames between others",
    "edited_twice.mp4": "an edit list hides frames between others",
    "live.webm": "the trainer cannot open it",
}
#: Where flashes are in what edit lists show.
EDITED = {
    "edited.mp4": [2, 5],
    "edited_anywhere.mp4": [2, 5.8],
    "edited_twice.mp4": [2, 5, 7, 11],
    "edited_swapped.mp4": [3, 8, 11],
}


@pytest.fixture(scope="module", params=FILES)
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name: str = request.param
    return FILES[name](tmp_path_factory.mktemp("pattern") / name)


def seen(path: Path) -> list[float]:
    video = open_video(path, 1)
    return flashes(video.times()[:, 0], video.read(range(video.n_frames)))


def heard(path: Path) -> list[float]:
    audio = read_audio(path)
    ahead = audio.clock.sound_ahead("default")
    return [moment - ahead for moment in beeps(audio.samples, RATE)]


def test_flashes_and_beeps_are_together(file: Path) -> None:
    picture, sound = seen(file), heard(file)
    # A cut leaves fewer of them, and a picture that begins early has some before its sound.
    assert len(picture) >= len(sound) >= 2
    if file.name.startswith("cut."):
        video = open_video(file, 1)
        assert video.times()[0, 0] == pytest.approx(0, abs=0.05)
    np.testing.assert_allclose(picture[-len(sound) :], sound, atol=TOLERANCE)
    if file.name in EDITED:
        np.testing.assert_allclose(picture, EDITED[file.name], atol=TOLERANCE)
    elif not file.name.startswith(("cut", "piece", "joined")):
        apart = np.diff(picture)
        np.testing.assert_allclose(apart, np.diff(MOMENTS), atol=0.05)
    if file.name == "joined.ts":
        expected = [part * SECONDS + moment for part in range(3) for moment in MOMENTS]
        np.testing.assert_allclose(picture, expected, atol=TOLERANCE)


def test_spans_are_on_the_same_clock(file: Path) -> None:
    """What the active-speaker stage cuts of the sound."""
    moments = heard(file)
    spans = [(round((m - 0.3) * RATE), round((m + 0.3) * RATE)) for m in moments if m > 0.3]
    for piece in read_audio_spans(file, spans):
        assert beeps(piece, RATE) == [pytest.approx(0.3, abs=0.002)]


def test_the_trainer_sees_the_same_or_the_file_is_refused(file: Path) -> None:
    if file.name in REFUSED:
        with pytest.raises(VideoError, match=REFUSED[file.name]):
            trainer_view(file)
        return
    view = trainer_view(file)
    picture = seen(file)
    decord = import_decord()
    reader = decord.VideoReader(str(file))
    times = reader.get_frame_timestamp(range(len(reader)))
    np.testing.assert_allclose(
        flashes(times[:, 0], reader.get_batch(range(len(reader))).asnumpy()), picture, atol=0.05
    )
    # As the trainer reads: some frames of a later part.
    some = range(len(reader) // 3, len(reader), 3)
    late = decord.VideoReader(str(file)).get_batch(some).asnumpy()
    found = flashes(times[some, 0], late)
    np.testing.assert_allclose(found, picture[-len(found) :], atol=3 / 25 + 0.05)
    assert view.seconds == pytest.approx(times[-1, 1])
    assert view.frames == len(reader)


def test_what_is_refused_would_be_wrong(tmp_path: Path) -> None:
    """The reason for refusing: if a decord reads such files rightly, they can be let in."""
    wrong = 0
    for name in ("plain.ts", "mpeg1.mpg", "cut.mp4"):
        path = FILES[name](tmp_path / name)
        reader = import_decord().VideoReader(str(path))
        times = reader.get_frame_timestamp(range(len(reader)))[:, 0]
        found = flashes(times, reader.get_batch(range(len(reader))).asnumpy())
        picture = seen(path)
        wrong += len(found) != len(picture) or not np.allclose(found, picture, atol=TOLERANCE)
    assert wrong == 3


def test_paper_mode_starts_sound_and_picture_with_themselves() -> None:
    clock = Clock(file=2.0, picture=2.5, sound=3.0, seconds=None)
    assert clock.sound_ahead("default") == 0.5
    assert clock.sound_ahead("paper") == 1.0


# --- joined recordings ---------------------------------------------------------------------------


def test_pieces_follow_each_other() -> None:
    track = SoundTrack(Clock(10.0, 10.0, 10.0, 100.0))
    gaps = [track.add(stamp, 1.0) for stamp in (10.5, 11.5, 12.49, None, 16.0)]
    assert gaps == [0.5, 0.0, 0.0, 0.0, pytest.approx(1.5)]
    assert track.end == pytest.approx(7.0)
    assert track.shifts == [-10.0]


def test_time_stamps_that_go_back_begin_another_recording() -> None:
    track = SoundTrack(Clock(0.0, 0.0, 0.0, None))
    for stamp in (0.0, 1.0, 2.0, 0.0, 1.0, 4.0):
        track.add(stamp, 1.0)
    assert track.end == pytest.approx(8.0)
    assert track.shifts == [0.0, 3.0]


def test_one_wrong_time_stamp_moves_nothing() -> None:
    track = SoundTrack(Clock(0.0, 0.0, 0.0, None))
    gaps = [track.add(stamp, 1.0) for stamp in (5.0, 6.0, 0.0, 8.0, 9.0)]
    assert gaps == [5.0, 0.0, 0.0, 0.0, 0.0]
    assert track.end == pytest.approx(10.0)


def test_a_time_beyond_the_end_of_the_file_is_wrong() -> None:
    track = SoundTrack(Clock(0.0, 0.0, 0.0, 10.0))
    assert [track.add(stamp, 1.0) for stamp in (0.0, 50.0, 2.0)] == [0.0, 0.0, 0.0]


def test_starts_of_parts() -> None:
    assert starts_of_parts([]) == [0]
    # B-frames go back by less than a second.
    assert starts_of_parts([0.0, 0.16, 0.08, None, 1.5, 0.0, 0.04]) == [0, 5]
    assert starts_of_parts([math.nan]) == [0]

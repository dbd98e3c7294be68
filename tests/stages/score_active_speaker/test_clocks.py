"""A recording has the same scores wherever its time stamps begin, cut, and joined."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from tests.stages.score_active_speaker.talking_media import RATE, joined, write_media
from tests.stages.score_active_speaker.test_files import Shard
from tests.support.flash_and_beep import copy, join

#: The clip, in seconds of the whole recording; two of the five faces, which do not always speak.
START, END = 5.0, 13.9
TOLERANCE = 0.02
#: Where recordings are cut, and joined.
CUT, JOINT = 3.4, 4.0


@pytest.fixture(scope="module")
def recording(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """15 s of faces; those of the middle move their lips to other words than are heard."""
    frames, sound = joined(test_data / "media")
    path = tmp_path_factory.mktemp("recording") / "plain.mp4"
    mixed = np.concatenate([sound[: 9 * RATE], sound[6 * RATE : 9 * RATE], sound[12 * RATE :]])
    return write_media(path, frames, mixed)


def _key_frame(path: Path, before: float) -> float:
    with av.open(str(path)) as container:
        times = [p.pts * p.time_base for p in container.demux(video=0) if p.size and p.is_keyframe]
    return float(max(time for time in times if time <= before))


def _moved(seconds: float) -> Callable[[Path, Path], float]:
    def make(source: Path, target: Path) -> float:
        copy(source, target, end=99, move=seconds)
        return 0.0

    return make


def _cut_with_edit_list(source: Path, target: Path) -> float:
    copy(source, target, start=CUT, end=99, options={"avoid_negative_ts": "disabled"})
    return CUT


def _cut(source: Path, target: Path) -> float:
    copy(source, target, start=CUT, end=99)
    return _key_frame(source, CUT)


def _piece(source: Path, target: Path) -> float:
    copy(source, target, start=CUT, end=99, keep_stamps=True)
    return _key_frame(source, CUT)


def _joined(source: Path, target: Path) -> float:
    """The same behind 4 s of its end, as a file of two recordings."""
    first = copy(source, target.with_name("first.ts"), end=JOINT)
    second = copy(source, target.with_name("second.ts"), end=99)
    join(target, first, second)
    return -JOINT


#: Name -> what writes the file; it returns which second of the recording is the file's second 0.
FILES: dict[str, Callable[[Path, Path], float]] = {
    "moved.mp4": _moved(5),
    "moved.mkv": _moved(9000),
    "moved.ts": _moved(1000),
    "cut.mp4": _cut_with_edit_list,
    "cut.mkv": _cut,
    "cut.ts": _cut,
    "piece.mp4": _piece,
    "piece.mkv": _piece,
    "joined.ts": _joined,
}


@pytest.fixture(scope="module")
def scores(
    recording: Path, test_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, float]:
    folder = tmp_path_factory.mktemp("clocks")
    shard = Shard(folder, test_data)
    zeros = {name: make(recording, folder / name) for name, make in FILES.items()}
    (folder / "plain.mp4").write_bytes(recording.read_bytes())
    clips = [("plain.mp4", START, END)]
    clips += [(name, START - zero, END - zero) for name, zero in zeros.items()]
    table = shard.score(clips)
    assert table.status.tolist() == ["ok"] * len(clips), table.reason.tolist()
    values = table.active_speaker.tolist()
    return dict(zip(["plain.mp4", *FILES], values, strict=True))


def test_the_plain_recording_is_between(scores: dict[str, float]) -> None:
    """With all or nothing spoken, other times would go unnoticed."""
    assert 0.1 < scores["plain.mp4"] < 0.9


@pytest.mark.parametrize("name", FILES)
def test_scores_are_those_of_the_plain_recording(scores: dict[str, float], name: str) -> None:
    assert scores[name] == pytest.approx(scores["plain.mp4"], abs=TOLERANCE + 1e-9)

"""One shard of files and clips as people have them, with the published weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import pytest

from livecc.files.atomic import write_bytes, write_json
from livecc.files.parquet import write_table
from livecc.formats.records import Transcript, clip_row
from livecc.formats.tables import schema
from livecc.models import fetch as models
from tests.stages.score_active_speaker import speaker_jobs
from tests.stages.score_active_speaker.talking_media import RATE, joined, pictures, write_media
from tests.support.videos import turn_clockwise

Talk = tuple[list[np.ndarray], np.ndarray]
STEREO, SURROUND = (48_000, "stereo"), (96_000, "5.1")


@pytest.fixture(scope="module")
def talk(test_data: Path) -> Talk:
    """15 s of five talking faces, one after the other."""
    return joined(test_data / "media")


class Shard:
    """Clips of videos, a clip a transcript of three words; scored as scripts/ does it."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        for name, weights in (("asd", "light_asd"), ("detector", "scrfd_500m")):
            receipt = models.fetch(str(data / "models" / weights), folder / "models")
            write_json(folder / f"{name}.json", receipt)

    def score(self, clips: list[tuple[str, float, float]], mode: str = "default") -> pd.DataFrame:
        """The rows of clips (video, start, end); what is looked at begins at `start`."""
        transcripts, rows = [], []
        for video in dict.fromkeys(video for video, _, _ in clips):
            start: list[float] = []
            end: list[float] = []
            for _, first, last in (clip for clip in clips if clip[0] == video):
                start += [max(0.0, first - 0.1), first + 0.1, last - 0.1]
                end += [first, first + 0.2, last]
                words = len(start)
                rows.append(clip_row(video, words - 3, words, start[-3], last))
            text = ("so",) * len(start)
            transcripts.append(Transcript(video, "", "", text, start, end))
        lines = b"".join(transcript.to_json() + b"\n" for transcript in transcripts)
        write_bytes(self.folder / "transcripts.jsonl", lines)
        write_table(self.folder / "clips.parquet", schema("clips"), rows)
        speaker_jobs.run(
            track="sft",
            shard="s",
            transcripts=self.folder / "transcripts.jsonl",
            clips=self.folder / "clips.parquet",
            videos=self.folder,
            receipt=self.folder / "asd.json",
            detector="scrfd",
            detector_receipt=self.folder / "detector.json",
            decode_timeout_seconds=120.0,
            mode=mode,
            device="cpu",
            threads=2,
            cache=self.folder / "cache",
            output=self.folder / "out.parquet",
            stats=self.folder / "stats.json",
        )
        table = pd.read_parquet(self.folder / "out.parquet")
        assert len(table) == len(clips)
        return table


@pytest.fixture
def shard(tmp_path: Path, test_data: Path) -> Shard:
    return Shard(tmp_path, test_data)


def _uneven(path: Path, frames: list[np.ndarray], sound: np.ndarray) -> None:
    """The first 4 s at 5 frames a second, the rest at 25, as a screen recorder would."""
    kept = [k for k in range(len(frames)) if k >= 100 or k % 5 == 0]
    moments = [k / 25 for k in kept]
    write_media(path, [frames[k] for k in kept], sound, moments=moments)


def _turned(path: Path, frames: list[np.ndarray], sound: np.ndarray) -> None:
    """Filmed with the camera on its side: the display matrix turns the picture upright."""
    lying = [np.ascontiguousarray(np.rot90(frame)) for frame in frames]
    turn_clockwise(write_media(path.with_name("lying.mp4"), lying, sound), path)


def _two_tracks(path: Path, frames: list[np.ndarray], sound: np.ndarray) -> None:
    """The speech first, then a track with nothing on it."""
    write_media(path, frames, sound, np.zeros_like(sound))


def _written(**how: Any) -> Callable[[Path, list[np.ndarray], np.ndarray], Path]:
    def write(path: Path, frames: list[np.ndarray], sound: np.ndarray) -> Path:
        return write_media(path, frames, sound, **how)

    return write


TALKING: dict[str, Callable[[Path, list[np.ndarray], np.ndarray], Any]] = {
    "plain.mp4": _written(),
    "uneven.mp4": _uneven,
    "turned.mp4": _turned,
    "two_tracks.mkv": _two_tracks,
    "vp9.webm": _written(codecs=("libvpx-vp9", "libopus"), sound=STEREO),
    "av1.webm": _written(codecs=("libsvtav1", "libopus"), sound=STEREO),
    "telephone.mp4": _written(sound=(8_000, "mono")),
    "surround.mkv": _written(codecs=("libx264", "flac"), sound=SURROUND),
}


@pytest.mark.parametrize("kind", TALKING)
def test_a_talking_face_is_found_in_any_file(shard: Shard, talk: Talk, kind: str) -> None:
    for codec in ("libvpx-vp9", "libsvtav1"):
        if kind in ("vp9.webm", "av1.webm") and codec not in av.codecs_available:
            pytest.skip(f"this FFmpeg has no encoder {codec}")
    frames, sound = talk
    TALKING[kind](shard.folder / kind, frames[:225], sound[: 9 * RATE])
    row = shard.score([(kind, 2.0, 8.9)]).iloc[0]
    assert row.status == "ok", row.reason
    assert row.active_speaker >= 0.8
    assert (row.frames, row.seconds) == (150, 6.0)
    assert row.tracks >= 1


def test_an_uneven_video_is_out_of_step_in_paper_mode_only(
    shard: Shard, talk: Talk, test_data: Path
) -> None:
    """6 s of a street at 5 frames a second, then 6 s of faces at 25: one window, of the street."""
    frames, sound = talk
    street = pictures(test_data / "media" / "sk_bikes.mp4")[:150:5]
    street = [np.pad(frame[:, :360], ((0, 16), (0, 0), (0, 0))) for frame in street]
    moments = [k / 5 for k in range(30)] + [6 + k / 25 for k in range(150)]
    file = shard.folder / "uneven.mp4"
    write_media(file, [*street, *frames[:150]], sound[: 12 * RATE], moments=moments)
    clips = [("uneven.mp4", 0.0, 11.9)]
    assert shard.score(clips).active_speaker[0] <= 0.05
    assert shard.score(clips, "paper").active_speaker[0] >= 0.5


def test_short_clips_and_clips_beyond_the_end(shard: Shard, talk: Talk) -> None:
    write_media(shard.folder / "talk.mp4", *talk)
    clips = [
        ("talk.mp4", 1.0, 1.5),
        ("talk.mp4", 2.0, 2.15),
        ("talk.mp4", 8.0, 15.6),
        ("talk.mp4", 8.0, 40.0),
        ("talk.mp4", 20.0, 40.0),
    ]
    default = shard.score(clips)
    beyond = "the clip ends at 40.0 s, the sound of the video at 15."
    ends = "the sound ends before the clip's 20.00 to 40.00 s"
    assert default.status.tolist() == ["ok", "failed", "ok", "failed", "failed"]
    assert default.frames.tolist()[::2][:2] == [12, 150]
    assert default.active_speaker.tolist()[0] >= 0.5
    assert default.active_speaker.tolist()[2] >= 0.8
    reasons = default.reason.tolist()
    assert reasons[1] == "too short: 0.12 s after the first word, 0.2 s are needed"
    assert reasons[3].startswith(beyond)
    assert reasons[4] == ends
    assert default.active_speaker.isna().tolist() == [False, True, False, True, True]
    paper = shard.score(clips, "paper")
    # The original scores what there is of the fourth.
    assert paper.status.tolist() == ["failed", "failed", "ok", "ok", "failed"]
    assert paper.reason.tolist()[0] == "too short: 0.48 s after the first word, 6 s are needed"
    assert paper.reason.tolist()[4] == ends


def test_files_without_a_picture_or_a_sound(shard: Shard, talk: Talk) -> None:
    frames, sound = talk
    write_media(shard.folder / "sound.m4a", [], sound)
    write_media(shard.folder / "mute.mp4", frames, None)
    write_media(shard.folder / "silent.mp4", frames, np.zeros(15 * RATE, np.float32))
    whole = write_media(shard.folder / "whole.mp4", frames, sound).read_bytes()
    (shard.folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (shard.folder / "text.mp4").write_text("no video\n")
    names = ["sound.m4a", "mute.mp4", "silent.mp4", "cut.mp4", "text.mp4", "gone.mp4", "whole.mp4"]
    table = shard.score([(name, 0.5, 14.0) for name in names])
    rows = dict(zip(names, table.itertuples(), strict=True))
    assert rows["sound.m4a"].reason == "the file has no video stream"
    assert rows["mute.mp4"].reason == "the file has no audio track"
    assert "truncated" in rows["cut.mp4"].reason
    assert rows["text.mp4"].reason.startswith("not a media file")
    assert rows["gone.mp4"].reason == "no such file"
    # Nobody speaks where nothing is heard.
    assert (rows["silent.mp4"].status, rows["silent.mp4"].active_speaker) == ("ok", 0.0)
    # What is wrong with the others costs them alone.
    assert rows["whole.mp4"].active_speaker >= 0.9

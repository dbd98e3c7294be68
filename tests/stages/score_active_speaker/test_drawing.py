"""The videos that show what was looked at, decoded again, and the command that makes them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from livecc.files.atomic import open_atomic, write_json
from livecc.files.parquet import write_table
from livecc.formats.records import Transcript, clip_row
from livecc.formats.tables import schema
from livecc.media.audio import read_audio
from livecc.models import fetch as models
from livecc.stages.score_active_speaker.drawing import (
    CAPTION,
    SCALE,
    SILENT,
    SPEAKS,
    draw_window,
    write_video,
)
from livecc.stages.score_active_speaker.reading import Window
from livecc.stages.score_active_speaker.scorer import Request
from livecc.stages.score_active_speaker.tracks import Track
from tests.stages.score_active_speaker import speaker_jobs
from tests.stages.score_active_speaker.talking_media import RATE, joined, pictures, write_media
from tests.support.places import LIVECC


def a_window(points: int = 10) -> Window:
    """A grey picture; a face at (100, 60) to (140, 110) in the frames from the third on."""
    frames = np.full((points, 160, 288, 3), 90, np.uint8)
    track = Track(2, np.array([[100, 60, 140, 110]] * (points - 2)))
    hum = np.sin(np.arange(points * RATE // 25) / 10).astype(np.float32) / 2
    return Window(0, points, [track], [[]], [np.zeros((0, 13), np.float32)], frames, hum)


def colour_of_box(picture: np.ndarray) -> tuple[int, int, int] | None:
    """The colour of the left side of the face's box; None where no box is."""
    place = picture[SCALE * 85, SCALE * 100 + 1].astype(int)
    for colour in (SPEAKS, SILENT):
        if np.abs(place - colour).max() < 60:
            return colour
    assert np.abs(place - 90).max() < 20
    return None


def test_boxes_are_drawn_where_and_when_the_face_is() -> None:
    window = a_window()
    logits = [np.array([1.5, 1.5, 1.5, 0.2, -0.1, -2, -2, -2], np.float32)]
    drawn = [np.asarray(picture) for picture in draw_window(window, logits, 12.0, "window 1 of 1")]
    assert drawn[0].shape == (SCALE * 160 + CAPTION, SCALE * 288, 3)
    colours = [colour_of_box(picture) for picture in drawn]
    assert colours == [None] * 2 + [SPEAKS] * 4 + [SILENT] * 4
    # The logit stands above the box, in its colour, and the caption below the picture.
    above = drawn[2][SCALE * 60 - 24 : SCALE * 60 - 2, SCALE * 100 : SCALE * 125]
    assert (above == SPEAKS).all(axis=-1).any()
    assert not (drawn[0][: SCALE * 160] != 90).any()
    assert drawn[0][SCALE * 160 :].any()
    # It tells the time.
    assert (drawn[0][SCALE * 160 :] != drawn[1][SCALE * 160 :]).any()


def test_a_face_at_the_upper_edge_has_its_logit_inside() -> None:
    window = a_window()
    window.tracks[0].boxes[:] = (-5, -5, 60, 50)
    picture = np.asarray(list(draw_window(window, [np.full(8, 3.0)], 0.0, ""))[-1])
    assert (picture[4:30, : SCALE * 60] == SPEAKS).all(axis=-1).sum() > 20


def test_all_windows_are_written_with_their_sound(tmp_path: Path) -> None:
    windows = [a_window(), a_window()]
    path = tmp_path / "clip.mp4"
    request = Request("clip", tmp_path, 0.0, 1.0)
    write_video(path, request, windows, [[np.full(8, 2.0)], [np.full(8, -2.0)]])
    assert list(tmp_path.iterdir()) == [path]
    shown = pictures(path)
    assert len(shown) == 20
    assert [colour_of_box(shown[k]) for k in (0, 5, 10, 15)] == [None, SPEAKS, None, SILENT]
    sound = read_audio(path)
    assert sound.seconds == pytest.approx(0.8, abs=0.1)
    assert np.abs(sound.samples).max() > 0.3


@pytest.fixture
def results(tmp_path: Path, test_data: Path) -> Path:
    """What the workflow leaves of three talking faces, a silent video and a missing one."""
    frames, sound = joined(test_data / "media")
    (tmp_path / "videos").mkdir()
    write_media(tmp_path / "videos" / "talk.mp4", frames[:200], sound[: 8 * RATE])
    silence = np.zeros(8 * RATE, np.float32)
    write_media(tmp_path / "videos" / "silent.mp4", frames[:200], silence)
    folder = tmp_path / "results"
    for name in ("models", "sft/clips", "sft/transcripts", "sft/stats", "sft/scores"):
        (folder / name).mkdir(parents=True)
    weights = test_data / "models"
    for name in ("light_asd", "scrfd_500m"):
        receipt = models.fetch(str(weights / name), folder / "models")
        write_json(folder / "models" / f"{name}.json", receipt)
    names = ["talk.mp4", "silent.mp4", "gone.mp4"]
    with open_atomic(folder / "sft/transcripts/a.b.jsonl.zst") as stream:
        for name in names:
            words = Transcript(name, "", "", ("so", "on"), [0.0, 7.0], [0.5, 7.6])
            stream.write(words.to_json() + b"\n")
    rows = [clip_row(name, 0, 2, 0.0, 7.6) for name in names]
    write_table(folder / "sft/clips/a.b.parquet", schema("clips"), rows)
    speaker_jobs.run(
        track="sft",
        shard="a.b",
        transcripts=folder / "sft/transcripts/a.b.jsonl.zst",
        clips=folder / "sft/clips/a.b.parquet",
        videos=tmp_path / "videos",
        receipt=folder / "models/light_asd.json",
        detector="scrfd",
        detector_receipt=folder / "models/scrfd_500m.json",
        decode_timeout_seconds=60.0,
        mode="default",
        device="cpu",
        threads=1,
        cache=folder / "cache",
        output=folder / "sft/scores/score_active_speaker/a.b.parquet",
        stats=folder / "sft/stats/score_active_speaker/a.b.json",
    )
    return folder


def draw(results: Path, *clips: str) -> subprocess.CompletedProcess[str]:
    videos, output = results.parent / "videos", results.parent / "drawn"
    where = ["--results", results, "--videos", videos, "--output", output, "--device", "cpu"]
    command = [*LIVECC, "draw", *clips, *where]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_chosen_clips_are_drawn_from_what_the_workflow_left(results: Path) -> None:
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    done = draw(results, "talk.mp4#0-2", "silent.mp4#0-2", "gone.mp4#0-2")
    assert done.returncode == 0, done.stderr
    score = pd.read_parquet(results / "sft/scores/score_active_speaker/a.b.parquet").active_speaker
    path = results.parent / "drawn" / "talk.mp4#0-2.mp4"
    assert done.stdout.splitlines() == [
        f"talk.mp4#0-2: {score[0]:.2f}, tracks 3: {path}",
        "silent.mp4#0-2: no video: the sound is silent",
        "gone.mp4#0-2: no video: no such file",
    ]
    shown = pictures(path)
    assert len(shown) == 150
    assert shown[0].shape == (SCALE * 160 + CAPTION, SCALE * 288, 3)
    # A green box in as many frames as the score says.
    green = [(np.abs(picture.astype(int) - SPEAKS).max(axis=-1) < 40).sum() for picture in shown]
    assert np.mean([count > 800 for count in green]) == pytest.approx(score[0], abs=0.05)
    # The sound is the file's own, from the end of the first word on.
    own = read_audio(results.parent / "videos" / "talk.mp4").samples[RATE // 2 :][: 6 * RATE]
    heard = read_audio(path).samples[: len(own)]
    assert np.corrcoef(own[: len(heard)], heard)[0, 1] > 0.95
    # The workflow's own files are as they were.
    assert before == {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}


def test_what_cannot_be_drawn_is_one_message(results: Path) -> None:
    done = draw(results, "talk.mp4#0-3")
    assert done.returncode == 1
    assert "no clip 'talk.mp4#0-3'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    missing = models.MissingModelError("model 'light_asd' could not be had")
    write_json(results / "models/light_asd.json", models.missing_receipt("light_asd", missing))
    done = draw(results, "talk.mp4#0-2")
    assert done.returncode == 1
    assert done.stderr.startswith("error: model 'light_asd' could not be had")

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from livecc import configuration
from livecc.declaration import Setup
from livecc.errors import LiveccError
from livecc.media.frames import Frames
from livecc.media.pool import DecodeOptions, Failure
from livecc.stages.job_spec import JobSpec
from livecc.stages.score_talking_head.declaration import STAGE
from livecc.stages.score_talking_head.face_presence import FacePresenceOptions
from livecc.stages.score_talking_head.qwen2_vl import Qwen2VL, Qwen2VLOptions
from livecc.stages.score_talking_head.scorer import TalkingHeadScorer
from livecc.stages.score_talking_head.shard import prepare
from tests.stages.score_talking_head.talking_head_scorers import load
from tests.support.videos import write_audio, write_video


class ByLength(TalkingHeadScorer):
    """Scores a video by its number of frames; stands in for a model."""

    frames = 4
    resize = None
    batch_size = 3
    decode = DecodeOptions(workers=2, timeout_seconds=30)

    @classmethod
    def settings(cls, options: Mapping[str, Any], device: str) -> dict[str, Any]:  # noqa: ARG003
        return {}

    @classmethod
    def load(cls, setup: Setup) -> Self:  # noqa: ARG003
        return cls()

    def __init__(self) -> None:
        self.batches: list[int] = []

    def _score(self, videos: list[Frames]) -> list[float | Failure]:
        self.batches.append(len(videos))
        return [
            Failure("too long") if video.n_frames > 50 else video.n_frames / 100 for video in videos
        ]


def test_every_item_gets_one_row_in_order(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video" * 100)
    write_audio(tmp_path / "sound.mp4")
    cut = write_video(tmp_path / "cut.mp4")
    cut.write_bytes(cut.read_bytes()[:800])
    lengths = {f"{n}.mp4": n for n in (10, 20, 30, 60)}
    for name, length in lengths.items():
        write_video(tmp_path / name, length)
    names = [
        "10.mp4", "text.mp4", "20.mp4", "sound.mp4", "missing.mp4", "cut.mp4", "60.mp4", "30.mp4",
    ]  # fmt: skip
    scorer = ByLength()
    batches = list(scorer.score((name, tmp_path / name) for name in names))
    assert [len(batch) for batch in batches] == [3, 3, 2]
    assert scorer.batches == [2, 0, 2]
    rows = [row for batch in batches for row in batch]
    assert [row.key for row in rows] == names
    assert [row.score for row in rows] == [0.1, None, 0.2, None, None, None, None, 0.3]
    assert [row.frames for row in rows] == [4, 0, 4, 0, 0, 0, 0, 4]
    reasons = {row.key: row.reason for row in rows if row.score is None}
    assert reasons["text.mp4"].startswith("not a video that can be read")
    assert reasons["sound.mp4"] == "the file has no video stream"
    assert reasons["missing.mp4"] == "no such file"
    assert "truncated" in reasons["cut.mp4"]
    assert reasons["60.mp4"] == "too long"
    assert all(row.reason == "" for row in rows if row.score is not None)


def test_nothing_to_score() -> None:
    assert list(ByLength().score([])) == []


def test_batching_is_not_part_of_the_fingerprint() -> None:
    def fingerprint(*words: str) -> dict[str, object]:
        return Qwen2VL.settings(job("--engine=qwen2_vl", *words).options, "cpu")

    assert fingerprint("--videos-per-batch=1") == fingerprint()
    for option in ("--question=Who?", "--answer=No", "--frames=4"):
        assert fingerprint(option) != fingerprint()
    # What no section can set: every option of the engine but those that fill a batch.
    batching = {"batch_size", "max_tokens"}
    assert set(fingerprint()) == {one.name for one in fields(Qwen2VLOptions)} - batching
    assert fingerprint()["pixels"] == Qwen2VLOptions().pixels


def job(*words: str) -> JobSpec:
    """The job of a command line."""
    needed = {"track": "pretrain", "shard": "s", "clips": "c", "videos": "v", "cache": "k"}
    needed |= {"output": "o", "stats": "t"}
    return JobSpec.parse(STAGE, [*(f"--{name}={value}" for name, value in needed.items()), *words])


def test_wrong_options_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LiveccError, match="'haar'; there is face_presence, qwen2_vl"):
        prepare(job("--engine=haar"))
    config = configuration.read_yaml(configuration.DEFAULTS_FILE)
    config[STAGE.name]["min_fase"] = 0.1
    with pytest.raises(LiveccError, match=r"score_talking_head\.min_fase: unknown key") as raised:
        configuration.check(config)
    assert "frames, detector, min_score" in str(raised.value)
    with pytest.raises(LiveccError, match="min_face is 8, must be from 0 to 1"):
        FacePresenceOptions(min_face=8)
    with pytest.raises(LiveccError, match="batch_size is 0"):
        Qwen2VLOptions(batch_size=0)
    with pytest.raises(SystemExit):
        job("--mode=papers")
    assert "'papers' (choose from" in capsys.readouterr().err
    with pytest.raises(LiveccError, match="does not exist"):
        load("qwen2_vl", model_dir=tmp_path / "nothing")
    with pytest.raises(LiveccError, match="are missing"):
        load("face_presence", model_dir=tmp_path / "nothing")


def test_talking_heads_are_told_from_the_rest(test_data: Path) -> None:
    scorer = load(
        "face_presence",
        model_dir=test_data / "models" / "yunet",
        options={"detector": "yunet"},
        threads=1,
    )
    names = [f"grid_{s}.mpg" for s in ("bbaf2n", "brbk7n", "lbax4n", "lbbc2a", "lrwp9a")]
    names += ["mdn_rabbit320.mp4", "v2d_test_video.mp4", "sk_bikes.mp4", "tc_nasa_13013.mp4"]
    scores = {}
    for rows in scorer.score((name, test_data / "media" / name) for name in names):
        scores.update({row.key: row.score for row in rows})
    assert [scores[name] for name in names[:5]] == [1.0] * 5
    assert [scores[name] for name in names[5:7]] == [0.0] * 2
    # A street with passers-by, and a satellite before stars.
    assert scores["sk_bikes.mp4"] <= 0.25
    assert scores["tc_nasa_13013.mp4"] <= 0.125


def test_small_faces_do_not_count(test_data: Path) -> None:
    path = test_data / "media" / "grid_bbaf2n.mpg"  # its face is 0.52 to 0.56 of the height
    for min_face, expected in ((0.4, 1.0), (0.7, 0.0)):
        scorer = load(
            "face_presence",
            model_dir=test_data / "models" / "yunet",
            options={"detector": "yunet", "min_face": min_face, "frames": 3},
            threads=1,
        )
        ((row,),) = scorer.score([("a", path)])
        assert (row.score, row.frames) == (expected, 3)


def test_share_counts_frames(test_data: Path) -> None:
    scorer = load(
        "face_presence",
        model_dir=test_data / "models" / "yunet",
        options={"detector": "yunet"},
        threads=1,
    )
    heights = [0.5, 0.079, 0.081, 0.0]

    class Drawn:
        def detect(self, frames: np.ndarray) -> list[np.ndarray]:
            return [
                np.array([[0, 0, 10, h * frames.shape[1], 0.9]] * (h > 0), np.float32).reshape(
                    -1, 5
                )
                for h in heights
            ]

    scorer.detector = Drawn()
    video = Frames(np.zeros((4, 1000, 100, 3), np.uint8), np.arange(4), 4)
    assert scorer._score([video, video]) == [0.5, 0.5]

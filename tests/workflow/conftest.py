"""One finished run of a small data set, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.tiny_language_models import make_network, save_tokenizer
from tests.workflow.pictures import write_moving_square
from tests.workflow.running import BOAT_FR, FOLD, SUN, Project, record


@pytest.fixture(scope="session")
def tiny_lm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random chat model of four layers; its loss is that of guessing, about 6."""
    folder = tmp_path_factory.mktemp("tiny-lm")
    save_tokenizer(folder)
    make_network("qwen2").save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def face_detector(fetched_model: Callable[[str], Path]) -> Path:
    """The folder of CenterFace."""
    return fetched_model("centerface")


def make_project(folder: Path, tiny_lm: Path, face_detector: Path) -> Project:
    """Two shards: good videos, and some that are dropped for every reason."""
    folder.mkdir(parents=True, exist_ok=True)
    project = Project(folder)
    videos = folder / "videos"
    videos.mkdir()
    for name in ("boat.mp4", "sun.mp4", "fast.mp4", "bateau.mp4", "long.mp4"):
        write_moving_square(videos / name)
    (videos / "text.mp4").write_text("this is no video\n")
    whole = (videos / "boat.mp4").read_bytes()
    (videos / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    project.write_input(
        "one",
        [
            record("boat.mp4", FOLD),
            record("fast.mp4", FOLD, 400, seconds_per_word=0.1),
            '{"video": "half.mp4", "subtitles": [[0, 1, "a',
            record("long.mp4", [*SUN, *FOLD], 1500),
            record("missing.mp4", SUN),
        ],
    )
    project.write_input(
        "two",
        [
            record("sun.mp4", SUN),
            record("bateau.mp4", BOAT_FR),
            record("text.mp4", FOLD, 160),
            record("cut.mp4", SUN, 160),
            record("short.mp4", SUN, 20),
        ],
    )
    project.config = {
        "device": "cpu",
        # Its videos are no recordings of what is said.
        "probe_videos": {"enabled": False},
        "models_folder": str(folder / "models"),
        "tracks": {"pretrain": {"inputs": ["input/*.jsonl"], "videos": "videos"}},
        "score_lm_loss": {"model": str(tiny_lm), "gate": {"words_per_second": {"max": 8}}},
        "score_talking_head": {"gate": {"words_per_second": {"max": 8}}},
        "selections": {
            "default": {"pretrain": {"lm_loss": {"min": 0.0, "max": 50.0}}},
        },
    }
    (folder / "models").mkdir()
    (folder / "models" / "centerface").symlink_to(face_detector)
    return project


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, tiny_lm: Path, face_detector: Path
) -> Project:
    """A project whose run has finished; tests copy it before they change anything."""
    project = make_project(tmp_path_factory.mktemp("finished") / "p", tiny_lm, face_detector)
    run = project.run()
    assert run.status == 0, run.output[-5000:]
    return project


@pytest.fixture
def project(tmp_path: Path, finished: Project) -> Project:
    """A finished project of the test's own."""
    return finished.copy(tmp_path / "p")

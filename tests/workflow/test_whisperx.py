"""The rule transcribe with the engine whisperx in an environment of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from livecc.files.lines import read_jsonl
from tests.stages.transcribe.tiny_wav2vec2 import write_tiny_wav2vec2
from tests.support.places import REPOSITORY
from tests.workflow.running import Project

pytestmark = [pytest.mark.workflow, pytest.mark.models]

#: Its environment; `make test-whisperx` names it when all is installed.
PLACE = os.environ.get("WHISPERX_VENV")


def test_whisperx_runs_in_its_environment(
    tmp_path: Path, fetched_model: Callable[[str], Path]
) -> None:
    if PLACE is None:
        pytest.skip("WhisperX has its own environment: make test-whisperx")
    python = Path(PLACE, "bin", "python").absolute()
    project = Project(tmp_path)
    (tmp_path / "videos").mkdir()
    shutil.copy(REPOSITORY / "demo" / "media" / "pour_over_coffee.mp4", tmp_path / "videos")
    project.write_input(
        "one", [{"video": "pour_over_coffee.mp4", "title": "", "category": "Howto & Style"}]
    )
    project.config = {
        "device": "cpu",
        "tracks": {"sft": {"inputs": ["input/*.jsonl"], "videos": "videos"}},
        "environments": {"asr": str(python)},
        "transcribe": {
            "engine": "whisperx",
            "model": str(fetched_model("whisper-tiny.en")),
            "align_model": str(write_tiny_wav2vec2(tmp_path / "aligner")),
            "beam_size": 1,
        },
        "score_lm_loss": {"enabled": False},
        "score_active_speaker": {"enabled": False},
        "make_prompts": {"enabled": False},
        "selections": {"default": {"sft": {"words_per_second": {"min": 1, "max": 4}}}},
    }
    run = project.run("--until", "transcribe")
    assert run.status == 0, run.output[-5000:]
    (row,) = read_jsonl(project.results("sft", "transcripts", "one.jsonl.zst"))
    assert (row["status"], row["engine"], row["language"]) == ("ok", "whisperx", "en")
    times = [time for pair in zip(row["start"], row["end"], strict=True) for time in pair]
    assert times == sorted(times)
    # The random aligner puts words in odd places; those that cannot be are dropped and counted.
    assert len(row["words"]) + row["dropped_words"] > 100
    details = project.stats("transcribe", "one", "sft")["details"]
    assert details["dropped_words"] == row["dropped_words"]

"""The engine whisperx: the real package, a small real Whisper, a tiny random alignment model.

Runs in WhisperX's own environment: make test-whisperx. The random model puts words in arbitrary
places, in order; the words and all that is done with them are real.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("whisperx", reason="WhisperX has its own environment: make test-whisperx")

from livecc.errors import LiveccError
from livecc.media.audio import read_audio
from livecc.media.pool import DecodeOptions
from livecc.stages.transcribe.transcriber import Transcriber, Transcription
from tests.stages.transcribe.script import run_script
from tests.stages.transcribe.tiny_wav2vec2 import write_tiny_wav2vec2
from tests.stages.transcribe.transcribers import load
from tests.stages.transcribe.word_errors import word_error_rate
from tests.support.places import REPOSITORY
from tests.support.sounds import write_sound
from tests.support.videos import write_video

COFFEE = REPOSITORY / "demo" / "media" / "pour_over_coffee.mp4"
GARDEN = REPOSITORY / "demo" / "media" / "slow_garden.mp4"


@pytest.fixture(scope="session")
def tiny_en(fetched_model: Callable[[str], Path]) -> Path:
    return fetched_model("whisper-tiny.en")


@pytest.fixture(scope="session")
def aligner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_wav2vec2(tmp_path_factory.mktemp("wav2vec2"))


def loaded(model: Path, aligner: Path, mode: str = "paper", **options: Any) -> Transcriber:
    return load(
        "whisperx",
        model_dir=model,
        align_model=aligner,
        mode=mode,
        options={"beam_size": 2, **options},
        decode=DecodeOptions(workers=1, timeout_seconds=60),
        threads=2,
    )


def transcribed(transcriber: Transcriber, files: list[Path]) -> dict[str, Transcription]:
    items = [(path.name, path) for path in files]
    return dict(row for rows in transcriber.transcribe(items) for row in rows)


def said_in_the_demo(name: str) -> str:
    for path in sorted((REPOSITORY / "demo" / "pretrain").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if f'"video": "{name}"' in line:
                captions = json.loads(line)["subtitles"]
                return " ".join(text for _, _, text in captions if text[0] != "[")
    raise AssertionError(name)


def test_a_narration_is_understood_and_aligned(tiny_en: Path, aligner: Path) -> None:
    transcriber = loaded(tiny_en, aligner, batch_size=4)
    rows = transcribed(transcriber, [COFFEE, GARDEN])
    row = rows[COFFEE.name]
    words = [word.text for word in row.words]
    assert word_error_rate(said_in_the_demo(COFFEE.name), words) <= 0.15
    assert (row.language, row.reason, dict(row.dropped)) == ("en", "", {})
    assert row.duration is not None
    assert row.speech_seconds is not None
    assert 0.5 * row.duration < row.speech_seconds <= row.duration
    for word in row.words:
        assert 0 <= word.start < word.end <= row.duration
        assert 0 < word.confidence <= 1
    assert [w.start for w in row.words] == sorted(w.start for w in row.words)
    # Alignment goes by windows: the words of the last one begin in it.
    assert row.words[-1].start > row.duration - 30
    assert rows[GARDEN.name].words == []
    assert rows[GARDEN.name].reason
    assert 0 < transcriber.occupancy <= 1


def run_with_whisperx(
    folder: Path, names: list[str], model: Path, aligner: Path, work: Path, **more: Any
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    models = {"receipt": ("whisper", model), "align_receipt": ("aligner", aligner)}
    return run_script(folder, names, work, models, engine="whisperx", **more)


def check_line(row: dict[str, Any]) -> None:
    """The words of a video that was understood, as every engine must give them."""
    assert (row["status"], row["reason"]) == ("ok", None)
    assert (row["engine"], row["model"]) == ("whisperx", "whisper")
    assert (row["language"], row["language_probability"]) == ("en", 1.0)
    count = len(row["words"])
    assert [len(row[key]) for key in ("start", "end", "confidence")] == [count] * 3
    times = [time for pair in zip(row["start"], row["end"], strict=True) for time in pair]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= row["duration"]
    assert all(0 < confidence <= 1 for confidence in row["confidence"])
    assert row["dropped_words"] == sum(row["dropped_reasons"].values())


def test_the_script_on_real_speech(
    test_data: Path, tiny_en: Path, aligner: Path, tmp_path: Path
) -> None:
    media = test_data / "media"
    said = {
        f"lj_{line.split('|')[0]}.mp3": line.strip().split("|")[-1]
        for line in (media / "lj_metadata.csv").read_text(encoding="utf-8").splitlines()
    }
    said = {name: sentence for name, sentence in said.items() if (media / name).exists()}
    said["jfk.flac"] = (
        "And so, my fellow Americans, ask not what your country can do for you, "
        "ask what you can do for your country."
    )
    silent = {
        "sk_bbb.mp4": "nobody speaks",
        "mdn_rabbit320.mp4": "nobody speaks",
        "sk_bikes.mp4": "the file has no audio track",
    }
    # In paper mode every word counts: the random aligner's times are none that clean() would keep.
    more = {"mode": "paper", "batch-size": 3}
    rows, stats = run_with_whisperx(media, [*said, *silent], tiny_en, aligner, tmp_path, **more)
    for name, sentence in said.items():
        check_line(rows[name])
        assert word_error_rate(sentence, rows[name]["words"]) <= 0.15, name
    assert {name: rows[name]["reason"] for name in silent} == silent
    # Six files speak, each in one window: two full batches.
    assert (stats["details"]["windows"], stats["details"]["batch_places"]) == (6, 6)


def test_batches_across_videos_change_no_word(
    test_data: Path, tiny_en: Path, aligner: Path
) -> None:
    media = test_data / "media"
    files = [media / name for name in ("la_en.mp3", "jfk.flac", "tc_nasa_13013.mp4")]
    one, many = (
        transcribed(loaded(tiny_en, aligner, batch_size=n, compute_type="float32"), files)
        for n in (1, 3)
    )
    for name, row in many.items():
        assert row.words == one[name].words


def test_default_mode_keeps_or_counts_every_word(tiny_en: Path, aligner: Path) -> None:
    as_it_is = transcribed(loaded(tiny_en, aligner), [COFFEE])[COFFEE.name]
    cleaned = transcribed(loaded(tiny_en, aligner, mode="default"), [COFFEE])[COFFEE.name]
    assert len(cleaned.words) + sum(cleaned.dropped.values()) == len(as_it_is.words)
    times = [time for word in cleaned.words for time in (word.start, word.end)]
    assert times == sorted(times)


def test_languages_are_identified(
    test_data: Path, fetched_model: Callable[[str], Path], aligner: Path
) -> None:
    files = [test_data / "media" / name for name in ("la_de.mp3", "jfk.flac")]
    rows = transcribed(loaded(fetched_model("whisper-base"), aligner, languages=("en",)), files)
    german = rows["la_de.mp3"]
    assert german.language == "de"
    assert german.language_probability is not None
    assert german.language_probability > 0.9
    assert german.reason.startswith("the language is de (")
    assert rows["jfk.flac"].language == "en"
    assert len(rows["jfk.flac"].words) == 22


def test_a_missing_alignment_model_is_one_message(tiny_en: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(LiveccError, match=r"alignment model for 'en' .* cannot be loaded"):
        transcribed(loaded(tiny_en, tmp_path), [COFFEE])


def test_the_script_on_whole_and_broken_files(tiny_en: Path, aligner: Path, tmp_path: Path) -> None:
    videos, work = tmp_path / "videos", tmp_path / "work"
    videos.mkdir()
    work.mkdir()
    shutil.copy(COFFEE, videos / "coffee.mp4")
    (videos / "cut.mp4").write_bytes(COFFEE.read_bytes()[: COFFEE.stat().st_size // 2])
    write_sound(videos / "silent.wav", np.zeros(80_000, np.float32))
    write_sound(videos / "short.wav", read_audio(COFFEE).samples[64_000:72_000])
    write_video(videos / "picture.mp4", 10)
    names = ["coffee.mp4", "cut.mp4", "silent.wav", "picture.mp4", "gone.mp4", "short.wav"]
    rows, stats = run_with_whisperx(videos, names, tiny_en, aligner, work, mode="paper")
    check_line(rows["coffee.mp4"])
    assert word_error_rate(said_in_the_demo(COFFEE.name), rows["coffee.mp4"]["words"]) <= 0.15
    assert rows["cut.mp4"]["reason"].startswith("the file is truncated")
    assert rows["silent.wav"]["reason"] == "the audio is silent"
    assert rows["picture.mp4"]["reason"] == "the file has no audio track"
    assert rows["gone.mp4"]["reason"] == "no such file"
    assert len(rows["short.wav"]["words"]) <= 3
    for name in names[1:5]:
        assert (rows[name]["status"], rows[name]["words"]) == ("failed", [])
    assert stats["details"]["windows"] >= 2
    again, stats = run_with_whisperx(videos, names, tiny_en, aligner, work, mode="paper")
    assert again == rows
    assert (stats["found"], stats["scored"]) == (5, 1)

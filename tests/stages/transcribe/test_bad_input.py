"""Files as users have them, whole and broken, through the script: each costs itself only."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecc.media.audio import read_audio
from tests.stages.transcribe.script import run_script
from tests.stages.transcribe.word_errors import word_error_rate
from tests.support.places import REPOSITORY
from tests.support.sounds import tone, write_sound
from tests.support.videos import write_video

NARRATION = REPOSITORY / "demo" / "media" / "paper_boat.mp4"
#: The part of it that the files are made of.
SECONDS = 10

pytestmark = pytest.mark.models


def narration(rate: int = 16_000) -> np.ndarray:
    """The beginning of a narration at `rate` samples a second, float32 [n]."""
    return read_audio(NARRATION, rate).samples[: SECONDS * rate]


def cut(path: Path, share: float) -> None:
    """What is left of a download that stopped."""
    data = path.read_bytes()
    path.write_bytes(data[: round(share * len(data))])


def transcribe(
    folder: Path, model: Path, names: list[str], *flags: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the script on files of `folder`: (line of the output by video, stats)."""
    work = folder / "work"
    work.mkdir()
    rows, stats = run_script(
        folder, names, work, {"receipt": ("small", model)}, *flags, beam_size=1
    )
    for row in rows.values():
        assert (row["status"] == "ok") == bool(row["words"]) == (not row["reason"])
    return rows, stats


def check_words(row: dict[str, Any], expected: dict[str, Any], late: float = 0.0) -> None:
    """The words of `expected`, at most one in seven wrong, at its times plus `late` seconds."""
    assert row["reason"] is None, row["video"]
    said = " ".join(expected["words"])
    assert word_error_rate(said, row["words"]) <= 0.15, (row["video"], row["words"])
    times = [time for pair in zip(row["start"], row["end"], strict=True) for time in pair]
    assert times == sorted(times)
    assert times[0] == pytest.approx(late + expected["start"][0], abs=0.7), row["video"]
    assert times[-1] == pytest.approx(late + expected["end"][-1], abs=0.7), row["video"]
    assert times[-1] <= row["duration"]
    assert all(0 <= confidence <= 1 for confidence in row["confidence"])
    assert 0 < row["speech_seconds"] <= row["duration"]


def test_sound_of_every_kind(fetched_model: Callable[[str], Path], tmp_path: Path) -> None:
    for name, codec, rate, layout in (
        ("16k mono.wav", "pcm_s16le", 16_000, "mono"),
        ("8k.wav", "pcm_s16le", 8_000, "mono"),
        ("float.wav", "pcm_f32le", 44_100, "stereo"),
        ("44k.m4a", "aac", 44_100, "stereo"),
        ("44k.mp3", "libmp3lame", 44_100, "mono"),
        ("48k.webm", "libopus", 48_000, "stereo"),
        ("51.mkv", "aac", 48_000, "5.1"),
        ("96k 51.flac", "flac", 96_000, "5.1"),
        ('é\'s "96k" (1).flac', "flac", 96_000, "mono"),
    ):
        channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
        samples = np.tile(narration(rate), (channels, 1))
        write_sound(tmp_path / name, samples, rate, codec=codec, layout=layout)
    speech, late = narration(), 3.0
    # A centre channel alone, as films have their speech: the mean is a sixth of it.
    film = np.zeros((6, len(speech)), np.float32)
    film[2] = speech
    write_sound(tmp_path / "film.mkv", film, layout="5.1", picture_seconds=10)
    write_sound(tmp_path / "two tracks.mkv", [speech, tone(10)], picture_seconds=10)
    write_sound(tmp_path / "picture goes on.mp4", speech, codec="aac", picture_seconds=20)
    write_sound(tmp_path / "late.mp4", speech, codec="aac", late_seconds=late, picture_seconds=13)
    names = sorted(path.name for path in tmp_path.iterdir())
    rows, stats = transcribe(tmp_path, fetched_model("whisper-tiny.en"), names)
    plain = rows["16k mono.wav"]
    assert "paper" in plain["words"]
    assert len(plain["words"]) > 10
    for name, row in rows.items():
        check_words(row, plain, late if name == "late.mp4" else 0.0)
        assert (row["language"], row["language_probability"]) == ("en", 1.0)
    assert rows["picture goes on.mp4"]["duration"] == pytest.approx(20, abs=0.1)
    assert (stats["scored"], stats["failed"]) == (len(names), 0)


def test_files_without_speech_and_broken_files(
    fetched_model: Callable[[str], Path], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    speech = narration()
    long = np.tile(speech, 4)
    write_sound(tmp_path / "good.wav", speech)
    write_video(tmp_path / "no audio.mp4", 10)
    write_sound(tmp_path / "silent.m4a", np.zeros(80_000, np.float32), codec="aac")
    write_sound(tmp_path / "silent film.mkv", np.zeros(80_000, np.float32), picture_seconds=5)
    write_sound(
        tmp_path / "hiss.flac", rng.normal(0, 0.02, 80_000).astype(np.float32), codec="flac"
    )
    write_sound(tmp_path / "tone first.mkv", [tone(10), speech])
    write_sound(tmp_path / "half a second.mp3", speech[64_000:72_000], codec="libmp3lame")
    write_sound(tmp_path / "half a second.wav", speech[64_000:72_000])
    write_sound(tmp_path / "click.wav", tone(0.03))
    write_sound(tmp_path / "long.wav", np.tile(speech, 5))
    faststart = {"movflags": "faststart"}
    write_sound(tmp_path / "cut.m4a", long, codec="aac", options=faststart)
    write_sound(tmp_path / "cut, no index.mp4", long, codec="aac")
    write_sound(tmp_path / "cut.flac", long, codec="flac")
    write_sound(tmp_path / "cut.mkv", long, picture_seconds=40)
    write_sound(tmp_path / "cut.mp3", long, codec="libmp3lame")
    write_sound(tmp_path / "cut.wav", long)
    for path in tmp_path.glob("cut*"):
        cut(path, 0.5)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "page.mp4").write_text("<html><body>404 Not Found</body></html>")
    (tmp_path / "noise.mp4").write_bytes(rng.bytes(50_000))
    (tmp_path / "folder.mp4").mkdir()
    names = [*sorted(path.name for path in tmp_path.iterdir()), "gone.mp4"]
    model = fetched_model("whisper-tiny.en")
    rows, stats = transcribe(tmp_path, model, names, "--max-seconds=45")
    reasons = {name: row["reason"] for name, row in rows.items()}
    whole = {
        "good.wav": None,
        "no audio.mp4": "the file has no audio track",
        "silent.m4a": "the audio is silent",
        "silent film.mkv": "the audio is silent",
        "hiss.flac": "nobody speaks",
        "tone first.mkv": "nobody speaks",
        "click.wav": "the audio track has only 0.03 s of sound",
        "long.wav": "too long: 50 s, at most 45 s are transcribed",
        "empty.mp4": "the file is empty",
        "gone.mp4": "no such file",
        "folder.mp4": "is a folder, not a media file",
    }
    assert {name: reasons[name] for name in whole} == whole
    for name in names:
        if name.startswith("cut"):
            assert "truncated" in str(reasons[name]), name
    for name in ("page.mp4", "noise.mp4"):
        assert str(reasons[name]).startswith("not a media file that can be read")
    # A word or two, or none: too short to say which.
    for name in ("half a second.mp3", "half a second.wav"):
        assert len(rows[name]["words"]) <= 3
        assert rows[name]["duration"] == pytest.approx(0.5, abs=0.1)
    assert (stats["items"], stats["scored"]) == (len(names), len(names))
    assert stats["failed"] == sum(row["status"] == "failed" for row in rows.values())


def test_videos_in_another_language_fail(
    test_data: Path, fetched_model: Callable[[str], Path], tmp_path: Path
) -> None:
    for name in ("la_de.mp3", "la_zh.mp3", "jfk.flac"):
        shutil.copy(test_data / "media" / name, tmp_path / name)
    model = fetched_model("whisper-base")
    names = ["la_de.mp3", "jfk.flac", "la_zh.mp3"]
    rows, _ = transcribe(tmp_path, model, names, "--wanted=en", "--wanted=de")
    assert rows["la_zh.mp3"]["reason"] == "the language is zh (1.00), wanted: de, en"
    assert rows["la_zh.mp3"]["language_probability"] > 0.9
    assert (rows["la_de.mp3"]["status"], rows["la_de.mp3"]["language"]) == ("ok", "de")
    assert (rows["jfk.flac"]["status"], rows["jfk.flac"]["language"]) == ("ok", "en")

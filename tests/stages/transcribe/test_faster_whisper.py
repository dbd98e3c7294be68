"""The engine faster_whisper with a real small model, on real speech and on made-up sound."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecc import configuration
from livecc.errors import LiveccError
from livecc.media.audio import RATE, read_audio
from livecc.media.pool import DecodeOptions
from livecc.stages.job_spec import JobSpec
from livecc.stages.transcribe.declaration import STAGE
from livecc.stages.transcribe.faster_whisper import forced_language
from livecc.stages.transcribe.shard import prepare
from livecc.stages.transcribe.transcriber import Transcription
from livecc.stages.transcribe.whisper_model import _passage
from livecc.stages.transcribe.words import Word
from tests.stages.transcribe.transcribers import load
from tests.stages.transcribe.word_errors import word_error_rate
from tests.support.places import REPOSITORY
from tests.support.sounds import tone, write_sound
from tests.support.videos import write_video

DEMO = REPOSITORY / "demo"
JFK = (
    "And so my fellow Americans ask not what your country can do for you ask what you can do for "
    "your country"
)


@pytest.fixture(scope="session")
def tiny_en(fetched_model: Callable[[str], Path]) -> Path:
    return fetched_model("whisper-tiny.en")


@pytest.fixture(scope="session")
def base(fetched_model: Callable[[str], Path]) -> Path:
    """A small multilingual Whisper."""
    return fetched_model("whisper-base")


def transcribe(
    model: Path, files: Iterable[Path], mode: str = "default", **options: Any
) -> dict[str, Transcription]:
    transcriber = load(
        "faster_whisper",
        model_dir=model,
        mode=mode,
        options=options,
        decode=DecodeOptions(workers=1, timeout_seconds=60),
        threads=2,
    )
    items = [(path.name, path) for path in files]
    return dict(row for rows in transcriber.transcribe(items) for row in rows)


def text(row: Transcription) -> list[str]:
    return [word.text for word in row.words]


def check_times(row: Transcription) -> None:
    """Words in order, inside the file, none of them endless, and as fast as people talk."""
    assert row.duration is not None
    times = [time for word in row.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert all(0 <= time <= row.duration for time in times)
    assert all(word.end - word.start < 5 for word in row.words)
    assert all(0 <= word.confidence <= 1 for word in row.words)
    assert all(word.text == word.text.strip() != "" for word in row.words)


@pytest.fixture(scope="module")
def spoken(test_data: Path, tiny_en: Path) -> dict[str, Transcription]:
    """Every media file of the test data, transcribed in one go by the English model."""
    files = sorted(path for path in (test_data / "media").iterdir() if path.suffix != ".csv")
    return transcribe(tiny_en, files, batch_size=8)


@pytest.mark.models
def test_read_speech_is_understood(test_data: Path, spoken: dict[str, Transcription]) -> None:
    with (test_data / "media" / "lj_metadata.csv").open(encoding="utf-8") as stream:
        said = {row[0]: row[-1] for row in csv.reader(stream, delimiter="|", quoting=3)}
    rates = {
        name: word_error_rate(sentence, text(spoken[f"lj_{name}.mp3"]))
        for name, sentence in said.items()
        if f"lj_{name}.mp3" in spoken
    }
    assert len(rates) == 5
    assert max(rates.values()) <= 0.15, rates
    assert sum(rates.values()) / len(rates) <= 0.06, rates
    assert word_error_rate(JFK, text(spoken["jfk.flac"])) == 0


@pytest.mark.models
def test_times_are_plausible(spoken: dict[str, Transcription]) -> None:
    # Without an audio track there is no sound whose length could be told.
    silent = spoken["sk_bikes.mp4"]
    assert (silent.duration, silent.words) == (None, [])
    for row in spoken.values():
        if row is not silent:
            check_times(row)
    jfk = {word.text.strip(",."): word for word in reversed(spoken["jfk.flac"].words)}
    # He pauses before and after "ask not", from 2.2 to 3.3 s and around 4.8 s.
    assert jfk["Americans"].end < 2.6
    assert 3.0 < jfk["not"].start < 4.2 < jfk["what"].start < 5.6


@pytest.mark.models
def test_what_is_no_speech_gives_a_reason(spoken: dict[str, Transcription]) -> None:
    assert spoken["sk_bikes.mp4"].reason == "the file has no audio track"
    assert spoken["mdn_rabbit320.mp4"].reason == "nobody speaks"
    # A cartoon animal's grunts.
    assert spoken["sk_bbb.mp4"].words == []
    assert spoken["sk_bbb.mp4"].dropped == {"no_speech": 1}
    for name, row in spoken.items():
        assert bool(row.reason) == (not row.words), name
    good = [name for name, row in spoken.items() if not row.reason]
    assert {"jfk.flac", "tc_nasa_13013.mp4", "v2d_test_video.mp4", "la_en.mp3"} <= set(good)


@pytest.mark.models
def test_an_english_model_takes_everything_for_english(spoken: dict[str, Transcription]) -> None:
    rows = [row for row in spoken.values() if row.duration is not None]
    assert {row.language for row in rows} == {"en"}


def test_pieces_of_a_word_are_joined() -> None:
    """Made up: whether a model hears "high-performance" or two words hangs on last bits."""
    pieces = [(" a", 0.0, 0.1, 0.9), (" high", 0.1, 0.4, 0.8), ("-performance", 0.4, 1.0, 0.7)]
    names = ("word", "start", "end", "probability")
    segment = {
        "words": [dict(zip(names, piece, strict=True)) for piece in pieces],
        "avg_logprob": -0.1,
        "no_speech_prob": 0.0,
    }
    joined = _passage([segment], 1.0, join=True)
    assert joined.words == [Word("a", 0.0, 0.1, 0.9), Word("high-performance", 0.1, 1.0, 0.7)]
    apart = _passage([segment], 1.0, join=False)
    assert [word.text for word in apart.words] == ["a", "high", "-performance"]


@pytest.mark.models
def test_no_word_begins_within_another(spoken: dict[str, Transcription]) -> None:
    assert not [word for row in spoken.values() for word in text(row) if word.startswith("-")]


@pytest.mark.models
def test_demo_narrations_are_understood(tiny_en: Path) -> None:
    names = ("paper_boat.mp4", "pour_over_coffee.mp4", "bubble_sort.mp4", "presenter.mp4")
    said = {}
    for shard in ("demo_a", "demo_b"):
        for line in (DEMO / "pretrain" / f"{shard}.jsonl").read_text(encoding="utf-8").splitlines():
            if any(f'"video": "{name}"' in line for name in names):
                record = json.loads(line)
                said[record["video"]] = " ".join(
                    caption for _, _, caption in record["subtitles"] if caption[0] != "["
                )
    rows = transcribe(tiny_en, [DEMO / "media" / name for name in names])
    rates = {name: word_error_rate(said[name], text(rows[name])) for name in names}
    assert max(rates.values()) <= 0.15, rates
    for name in names:
        check_times(rows[name])


#: Several windows, one, and a short one.
VIDEOS = ("v2d_test_video.mp4", "jfk.flac", "grid_lrwp9a.mpg")


@pytest.fixture(scope="module")
def alone(test_data: Path, tiny_en: Path) -> dict[str, Transcription]:
    """Each of the videos transcribed without the others."""
    files = [test_data / "media" / name for name in VIDEOS]
    rows: dict[str, Transcription] = {}
    for path in files:
        rows |= transcribe(tiny_en, [path], batch_size=1, beam_size=2, compute_type="float32")
    return rows


@pytest.mark.models
@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_batches_across_videos_change_nothing(
    test_data: Path, tiny_en: Path, alone: dict[str, Transcription], batch_size: int
) -> None:
    """In 32-bit numbers to the last hundredth of a second."""
    files = [test_data / "media" / name for name in VIDEOS]
    together = transcribe(
        tiny_en, files, batch_size=batch_size, beam_size=2, compute_type="float32"
    )
    for name in VIDEOS:
        row = together[name]
        assert text(row) == text(alone[name])
        for word, other in zip(row.words, alone[name].words, strict=True):
            assert word.start == pytest.approx(other.start, abs=0.005)
            assert word.end == pytest.approx(other.end, abs=0.005)
            assert word.confidence == pytest.approx(other.confidence, abs=1e-3)


@pytest.mark.models
def test_paper_mode_is_the_package_on_one_video(
    test_data: Path, base: Path, tmp_path: Path
) -> None:
    """Languages, words and times, of several languages in one run."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    media = test_data / "media"
    # Two windows are enough.
    part = tmp_path / "part.wav"
    write_sound(part, read_audio(media / "v2d_test_video.mp4").samples[: 50 * RATE])
    files = [*(media / name for name in ("la_de.mp3", "jfk.flac", "la_zh.mp3")), part]
    rows = transcribe(base, files, "paper", batch_size=4, beam_size=2, compute_type="float32")
    model = WhisperModel(str(base), device="cpu", compute_type="float32", cpu_threads=2)
    pipeline = BatchedInferencePipeline(model)
    for path in files:
        segments, info = pipeline.transcribe(
            read_audio(path).samples, word_timestamps=True, beam_size=2
        )
        expected = [
            (word.word.strip(), round(word.start, 2), round(word.end, 2))
            for segment in segments
            for word in segment.words or []
        ]
        row = rows[path.name]
        assert row.language == info.language
        assert row.language_probability == pytest.approx(info.language_probability, abs=1e-4)
        assert [(w.text, round(w.start, 2), round(w.end, 2)) for w in row.words] == expected


@pytest.mark.models
def test_languages_are_told_apart(test_data: Path, base: Path) -> None:
    media = test_data / "media"
    files = [media / name for name in ("la_en.mp3", "la_de.mp3", "la_zh.mp3")]
    rows = transcribe(base, files, batch_size=2, beam_size=1)
    assert {name: row.language for name, row in rows.items()} == {
        "la_en.mp3": "en",
        "la_de.mp3": "de",
        "la_zh.mp3": "zh",
    }
    assert all(row.language_probability and row.language_probability > 0.9 for row in rows.values())
    assert "Hochleistungs-Engine," in text(rows["la_de.mp3"])
    assert "結" in text(rows["la_zh.mp3"]) or "结" in text(rows["la_zh.mp3"])
    wanted = transcribe(base, files, batch_size=2, beam_size=1, languages=("en",))
    assert wanted["la_en.mp3"].words == rows["la_en.mp3"].words
    for name, language in (("la_de.mp3", "de"), ("la_zh.mp3", "zh")):
        assert wanted[name].reason == f"the language is {language} (1.00), wanted: en"
        assert wanted[name].words == []
    # Told what is spoken, the model does not look.
    forced = transcribe(base, files[1:2], beam_size=1, language="de")["la_de.mp3"]
    assert (forced.language, forced.language_probability) == ("de", 1.0)
    assert text(forced) == text(rows["la_de.mp3"])


def speech(test_data: Path, rate: int) -> np.ndarray:
    """11 s of a speech at `rate` samples a second, float32 [n]."""
    return read_audio(test_data / "media" / "jfk.flac", rate).samples


@pytest.mark.models
def test_sound_of_every_kind_is_understood(test_data: Path, tiny_en: Path, tmp_path: Path) -> None:
    files = []
    for name, codec, rate, channels, layout in (
        ("8k.wav", "pcm_s16le", 8_000, 1, "mono"),
        ("11k.mp3", "libmp3lame", 11_025, 1, "mono"),
        ("44k.mp4", "aac", 44_100, 2, "stereo"),
        ("48k.webm", "libopus", 48_000, 2, "stereo"),
        ("51.mkv", "aac", 48_000, 6, "5.1"),
        ("96k.flac", "flac", 96_000, 2, "stereo"),
    ):
        samples = np.tile(speech(test_data, rate), (channels, 1))
        path = write_sound(tmp_path / name, samples, rate, codec=codec, layout=layout)
        files.append(path)
    two = [speech(test_data, 16_000), tone(11)]
    files.append(write_sound(tmp_path / "two.mkv", two, picture_seconds=11))
    late = write_sound(
        tmp_path / "late.mp4", two[0], codec="aac", late_seconds=2, picture_seconds=13
    )
    rows = transcribe(tiny_en, [*files, late])
    for name, row in rows.items():
        assert word_error_rate(JFK, text(row)) <= 0.1, name
        check_times(row)
    for path in files:
        assert rows[path.name].words[-1].end == pytest.approx(10.5, abs=0.6)
    assert rows["late.mp4"].words[-1].end == pytest.approx(12.5, abs=0.6)


@pytest.mark.models
def test_bad_files_cost_themselves(test_data: Path, tiny_en: Path, tmp_path: Path) -> None:
    good = test_data / "media" / "jfk.flac"
    (tmp_path / "text.mp4").write_text("no media " * 50)
    (tmp_path / "empty.mp4").touch()
    write_video(tmp_path / "picture.mp4", 10)
    silence = np.zeros(5 * 16_000, np.float32)
    write_sound(tmp_path / "silent.wav", silence)
    hiss = np.random.default_rng(0).normal(0, 0.02, 5 * 16_000).astype(np.float32)
    write_sound(tmp_path / "hiss.wav", hiss)
    write_sound(tmp_path / "tone.wav", tone(5))
    write_sound(tmp_path / "click.wav", tone(0.02))
    odd = silence.copy()
    odd[100] = np.nan
    write_sound(tmp_path / "nan.wav", odd, codec="pcm_f32le")
    write_sound(tmp_path / "long.wav", np.tile(hiss, 5))
    cut = tmp_path / "cut.flac"
    write_sound(cut, np.tile(hiss, 4), codec="flac")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    files = sorted(tmp_path.iterdir())
    rows = transcribe(tiny_en, [*files, tmp_path / "missing.mp4", good], max_seconds=20.5)
    reasons = {
        "click.wav": "the audio track has only 0.02 s of sound",
        "empty.mp4": "the file is empty",
        "hiss.wav": "nobody speaks",
        "long.wav": "too long: 25 s, at most 20 s are transcribed",
        "missing.mp4": "no such file",
        "nan.wav": "the audio holds values that are no numbers",
        "picture.mp4": "the file has no audio track",
        "silent.wav": "the audio is silent",
        "tone.wav": "nobody speaks",
    }
    assert {name: rows[name].reason for name in reasons} == reasons
    assert rows["text.mp4"].reason.startswith("not a media file that can be read")
    assert "truncated" in rows["cut.flac"].reason
    assert len(rows) == 12
    assert word_error_rate(JFK, text(rows["jfk.flac"])) == 0


@pytest.mark.models
def test_words_made_up_on_noise_are_caught(tiny_en: Path, tmp_path: Path) -> None:
    """A detector that takes noise for speech makes the model talk; in paper mode it may."""
    rng = np.random.default_rng(1)
    files = []
    for seed in range(4):
        swell = 0.05 * (1 + np.sin(np.arange(20 * 16_000) / (4_000 + 900 * seed)))
        noise = (swell * rng.normal(0, 1, 20 * 16_000)).astype(np.float32)
        files.append(write_sound(tmp_path / f"{seed}.wav", noise))
    loose = {"vad_threshold": 0.001, "batch_size": 4}
    as_it_is = transcribe(tiny_en, files, "paper", **loose)
    cleaned = transcribe(tiny_en, files, **loose)
    invented = sum(len(row.words) for row in as_it_is.values())
    assert invented > 0
    assert sum(len(row.words) for row in cleaned.values()) == 0
    assert sum(sum(row.dropped.values()) for row in cleaned.values()) == invented
    for row in cleaned.values():
        assert not row.dropped or row.reason.startswith("no words are left: ")


def job(*words: str) -> JobSpec:
    """The job of a command line."""
    needed = {"track": "sft", "shard": "s", "records": "r", "videos": "v", "cache": "c"}
    needed |= {"output": "o", "stats": "t"}
    return JobSpec.parse(STAGE, [*(f"--{name}={value}" for name, value in needed.items()), *words])


def test_wrong_settings_are_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LiveccError, match=r"contains no model\.bin"):
        load("faster_whisper", model_dir=tmp_path)
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(LiveccError, match="cannot be loaded on cpu"):
        load("faster_whisper", model_dir=tmp_path)
    with pytest.raises(LiveccError, match="'vosk'; there is faster_whisper, whisperx"):
        prepare(job("--engine=vosk"))
    config = configuration.read_yaml(configuration.DEFAULTS_FILE)
    config[STAGE.name]["beams"] = 5
    with pytest.raises(LiveccError, match=r"transcribe\.beams: unknown key") as raised:
        configuration.check(config)
    assert "beam_size, language" in str(raised.value)
    with pytest.raises(SystemExit):
        job("--mode=papers")
    assert "'papers' (choose from" in capsys.readouterr().err


@pytest.mark.models
def test_a_language_the_model_does_not_speak(tiny_en: Path) -> None:
    with pytest.raises(LiveccError, match=r"transcribe\.language: 'de' is not one of the model's"):
        load("faster_whisper", model_dir=tiny_en, options={"language": "de"})
    with pytest.raises(LiveccError, match=r"transcribe\.languages: 'english' is not one"):
        load("faster_whisper", model_dir=tiny_en, options={"languages": ("en", "english")})


def test_a_model_that_knows_english_alone_says_so(caplog: pytest.LogCaptureFixture) -> None:
    assert forced_language("en", multilingual=False) == "en"
    assert forced_language(None, multilingual=True) is None
    assert not caplog.records
    assert forced_language(None, multilingual=False) == "en"
    assert "every video is treated as English" in caplog.text

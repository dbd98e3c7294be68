"""The engine whisperx: the real package, a small real Whisper, a tiny random alignment model.

Runs in WhisperX's own environment: make test-whisperx. The random model puts words in arbitrary
places, in order; the words and all that is done with them are real.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("whisperx", reason="WhisperX has its own environment: make test-whisperx")

from word_errors import word_error_rate

from livecc.errors import LiveccError
from livecc.files import read_json, read_jsonl, write_json, write_table
from livecc.tables import schema
from livecc.transcribe import DecodeOptions, Transcriber, Transcription, load

ROOT = Path(__file__).resolve().parents[2]
COFFEE = ROOT / "demo" / "media" / "pour_over_coffee.mp4"
GARDEN = ROOT / "demo" / "media" / "slow_garden.mp4"


@pytest.fixture(scope="session")
def tiny_en(fetched_model: Callable[[str], Path]) -> Path:
    return fetched_model("whisper-tiny.en")


@pytest.fixture(scope="session")
def aligner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wav2vec2 of two layers with random weights, as a hub repository holds it."""
    import torch
    from transformers import (
        Wav2Vec2Config,
        Wav2Vec2CTCTokenizer,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForCTC,
        Wav2Vec2Processor,
    )

    folder = tmp_path_factory.mktemp("wav2vec2")
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]
    (folder / "vocab.json").write_text(json.dumps({c: k for k, c in enumerate(letters)}))
    tokenizer = Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))
    Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), tokenizer).save_pretrained(folder)
    torch.manual_seed(0)
    config = Wav2Vec2Config(
        vocab_size=len(letters),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(32,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
    )
    Wav2Vec2ForCTC(config).save_pretrained(folder)
    return folder


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
    for path in sorted((ROOT / "demo" / "pretrain").glob("*.jsonl")):
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


def test_real_speech(test_data: Path, tiny_en: Path, aligner: Path) -> None:
    media = test_data / "media"
    files = [*sorted(media.glob("lj_*.mp3")), media / "jfk.flac", media / "sk_bbb.mp4"]
    files += [media / "mdn_rabbit320.mp4", media / "sk_bikes.mp4"]
    # Six of them speak, each in one window: two full batches.
    transcriber = loaded(tiny_en, aligner, batch_size=3)
    rows = transcribed(transcriber, files)
    assert (transcriber.windows, transcriber.places) == (6, 6)
    said = {
        line.split("|")[0]: line.strip().split("|")[-1]
        for line in (media / "lj_metadata.csv").read_text(encoding="utf-8").splitlines()
    }
    for name, sentence in said.items():
        if f"lj_{name}.mp3" in rows:
            words = [word.text for word in rows[f"lj_{name}.mp3"].words]
            assert word_error_rate(sentence, words) <= 0.15, name
    jfk = " ".join(word.text for word in rows["jfk.flac"].words)
    assert jfk.startswith("And so my fellow Americans ask not what your country")
    assert rows["sk_bbb.mp4"].reason == rows["mdn_rabbit320.mp4"].reason == "nobody speaks"
    assert rows["sk_bikes.mp4"].reason == "the file has no audio track"


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


def test_a_job_of_the_workflow(tiny_en: Path, aligner: Path, tmp_path: Path) -> None:
    for name, folder in (("whisper", tiny_en), ("aligner", aligner)):
        receipt = {"model": name, "folder": str(folder), "digest": name}
        write_json(tmp_path / f"{name}.json", receipt)
    records = [
        {"line": 1, "video": COFFEE.name, "title": "Coffee", "category": "x", "status": "ok"},
        {"line": 2, "video": "gone.mp4", "title": "", "category": "", "status": "ok"},
    ]
    write_table(tmp_path / "records.parquet", schema("records"), records)
    flags = {
        "track": "sft",
        "shard": "a",
        "records": tmp_path / "records.parquet",
        "videos": COFFEE.parent,
        "engine": "whisperx",
        "receipt": tmp_path / "whisper.json",
        "align-receipt": tmp_path / "aligner.json",
        "cache": tmp_path / "cache",
        "transcripts": tmp_path / "a.jsonl.zst",
        "stats": tmp_path / "a.json",
        "mode": "paper",
        "threads": 2,
    }
    script = [sys.executable, str(ROOT / "scripts" / "transcribe.py")]
    done = subprocess.run(
        [*script, *(f"--{key}={value}" for key, value in flags.items())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    coffee, gone = read_jsonl(tmp_path / "a.jsonl.zst")
    assert (coffee["status"], coffee["engine"], coffee["model"]) == ("ok", "whisperx", "whisper")
    assert len(coffee["words"]) > 100
    assert gone["reason"] == "no such file"
    assert read_json(tmp_path / "a.json")["details"]["windows"] >= 2

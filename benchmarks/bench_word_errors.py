"""Word error rate of transcripts.

    python -m benchmarks.bench_word_errors --model FOLDER [--metadata CSV ...] [--beam-size 5]

Without --metadata: the narrations of the demo, whose text is known. A metadata file has the format
of LJ Speech, `id|text|text as it is spoken`, and the audio files next to it have the id in their
names. Sentences are transcribed individually, and joined in random order, with pauses of half a
second, to files of about 40 seconds, as a substitute for videos. Case and punctuation are ignored.
In default mode, "dropped" counts the words classified as hallucinated.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from livecc.media.audio import RATE, read_audio
from livecc.media.pool import DecodeOptions
from livecc.stages.transcribe.faster_whisper import FasterWhisper
from livecc.stages.transcribe.options import FasterWhisperOptions
from tests.stages.transcribe.word_errors import spoken_words, word_error_rate
from tests.support.sounds import write_sound

REPOSITORY = Path(__file__).resolve().parents[1]

PAUSE_SECONDS, JOINED_SECONDS, JOINED_FILES = 0.5, 40.0, 5
DEMO = ("paper_boat", "pour_over_coffee", "bubble_sort", "solar_system", "presenter")


@dataclass(frozen=True, slots=True)
class Said:
    """A file and its spoken text."""

    path: Path
    text: str


def demo_narrations() -> list[Said]:
    found = {}
    for path in sorted((REPOSITORY / "demo" / "pretrain").glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue  # the demo contains a broken line intentionally
            captions = record.get("subtitles") or []
            # "[music]" and similar captions are not spoken.
            texts = [text for _, _, text in captions if not text.startswith("[")]
            found[record.get("video")] = " ".join(texts)
    media = REPOSITORY / "demo" / "media"
    return [Said(media / f"{name}.mp4", found[f"{name}.mp4"]) for name in DEMO]


def read_metadata(path: Path) -> list[Said]:
    """The sentences whose audio is next to the file."""
    said = []
    for line in path.read_text(encoding="utf-8").splitlines():
        name, *texts = line.split("|")
        for sound in path.parent.glob(f"*{name}.*"):
            if sound != path:
                said.append(Said(sound, texts[-1]))
    return said


def joined(sentences: Sequence[Said], folder: Path) -> list[Said]:
    """JOINED_FILES files of at least JOINED_SECONDS: all sentences, in random orders."""
    pause = np.zeros(round(PAUSE_SECONDS * RATE), np.float32)
    sounds = [read_audio(sentence.path).samples for sentence in sentences]
    rng = random.Random(0)
    files = []
    for number in range(JOINED_FILES):
        parts: list[np.ndarray] = []
        texts: list[str] = []
        while sum(map(len, parts)) < JOINED_SECONDS * RATE:
            for k in rng.sample(range(len(sentences)), len(sentences)):
                parts += [sounds[k], pause]
                texts.append(sentences[k].text)
        path = write_sound(folder / f"joined{number}.wav", np.concatenate(parts))
        files.append(Said(path, " ".join(texts)))
    return files


def report(title: str, files: list[Said], arguments: argparse.Namespace) -> None:
    transcriber = FasterWhisper(
        arguments.model,
        FasterWhisperOptions(compute_type=arguments.compute_type, beam_size=arguments.beam_size),
        DecodeOptions(workers=1, timeout_seconds=300),
        device="cpu",
        mode=arguments.mode,
        threads=arguments.threads,
    )
    words = errors = dropped = 0
    seconds = worst = 0.0
    for said, made in (
        row for batch in transcriber.transcribe((s, s.path) for s in files) for row in batch
    ):
        spoken = len(spoken_words(said.text))
        rate = word_error_rate(said.text, [word.text for word in made.words])
        words += spoken
        errors += round(rate * spoken)
        worst = max(worst, rate)
        seconds += made.duration or 0
        dropped += sum(made.dropped.values())
    print(
        f"{title:34}{len(files):6}{seconds:9.0f}{words:8}{errors:8}{errors / words:8.2%}"
        f"{worst:8.2%}{dropped:9}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of a Whisper model")
    parser.add_argument("--metadata", type=Path, action="append", help="may be repeated")
    parser.add_argument("--mode", default="default", choices=["default", "paper"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--compute-type", default="int8")
    arguments = parser.parse_args()
    print(
        f"{'':34}{'files':>6}{'seconds':>9}{'words':>8}{'wrong':>8}{'WER':>8}"
        f"{'worst':>8}{'dropped':>9}"
    )
    for metadata in arguments.metadata or []:
        sentences = read_metadata(metadata)
        report(f"{metadata.name}, each alone", sentences, arguments)
        if len(sentences) < 3:
            continue  # repeated words are classified as hallucinated
        with tempfile.TemporaryDirectory() as folder:
            report(f"{metadata.name}, joined", joined(sentences, Path(folder)), arguments)
    if not arguments.metadata:
        report("the demo's narrations", demo_narrations(), arguments)


if __name__ == "__main__":
    main()

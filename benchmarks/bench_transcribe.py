"""How full are the batches, and how close is transcribing to what CTranslate2 does alone?

    python benchmarks/bench_transcribe.py --model FOLDER [--media FILE ...] [--threads 1]

Cuts files of 20 to 60 seconds (40, or --clips) out of narrations (the demo's, or the files given),
as video sites serve sound (AAC in mp4), and measures on them

- the engine faster_whisper from the files to the words, with one worker process that reads ahead;
- the ceiling: CTranslate2 alone on the very batches that the engine ran (encode, generate, align),
  with the features ready in memory;
- the original's way: one video at a time through faster-whisper's batched pipeline.

The three ways take turns, and a ratio is the median over the rounds: what else runs on the machine
meets all of them. With one thread for the model, reading and features have the second core, as
they have on a machine with a GPU. Beside the clock stands the processor time of this process, which
other work on the machine touches less: what the engine adds to CTranslate2.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

import numpy as np

from livecc.media.audio import RATE, read_audio
from livecc.transcribe import DecodeOptions, Transcriber, load

LEAST_SECONDS, MOST_SECONDS = 20, 60
DEMO = ("paper_boat", "pour_over_coffee", "bubble_sort", "solar_system", "presenter")


def make_clips(media: list[Path], count: int, folder: Path, seed: int = 0) -> list[Path]:
    """`count` files of random lengths, cut from the joined sound of `media` at random places."""
    rng = random.Random(seed)
    sound = np.concatenate([read_audio(path).samples for path in media])
    clips = []
    for number in range(count):
        length = rng.randint(LEAST_SECONDS * RATE, MOST_SECONDS * RATE)
        first = rng.randrange(len(sound))
        samples = np.take(sound, range(first, first + length), mode="wrap")
        clips.append(write_aac(folder / f"clip{number:02d}.mp4", samples))
    return clips


def write_aac(path: Path, samples: np.ndarray) -> Path:
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=RATE)
        stream.layout = "mono"
        for first in range(0, len(samples), 1024):
            piece = np.ascontiguousarray(samples[None, first : first + 1024])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate = RATE
            frame.pts = first
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def engine(arguments: argparse.Namespace) -> Any:
    return load(
        "faster_whisper",
        model_dir=arguments.model,
        mode="paper",
        options={"batch_size": arguments.batch_size, "compute_type": arguments.compute_type},
        decode=DecodeOptions(workers=1, timeout_seconds=300),
        threads=arguments.threads,
    )


def words_of(transcriber: Transcriber, clips: list[Path]) -> int:
    items = enumerate(clips)
    return sum(len(made.words) for rows in transcriber.transcribe(items) for _, made in rows)


def recorded_batches(transcriber: Any, clips: list[Path]) -> list[list[Any]]:
    """The window data of every batch that the engine runs."""
    batches: list[list[Any]] = []
    whisper = transcriber._whisper
    run = whisper.transcribe

    def recording(windows: list[Any], *rest: Any) -> Any:
        batches.append(windows)
        return run(windows, *rest)

    whisper.transcribe = recording
    words_of(transcriber, clips)
    whisper.transcribe = run
    return batches


def ctranslate2_alone(transcriber: Any, batches: list[list[Any]]) -> Callable[[], int]:
    """The three calls of CTranslate2 that make the words of the batches, and nothing else."""
    import ctranslate2
    from faster_whisper.audio import pad_or_trim
    from faster_whisper.tokenizer import Tokenizer

    whisper = transcriber._whisper
    model, options = whisper._model, whisper._options
    tokenizer = Tokenizer(model.hf_tokenizer, False, task="transcribe", language="en")
    prompt = model.get_prompt(tokenizer, [], without_timestamps=options.without_timestamps)
    ready = [
        (
            np.stack([pad_or_trim(features) for features, _, _ in batch]),
            [int(np.ceil(duration)) * model.frames_per_second for _, _, duration in batch],
        )
        for batch in batches
    ]

    def run() -> int:
        tokens = 0
        for features, frames in ready:
            encoded = model.model.encode(ctranslate2.StorageView.from_array(features))
            results = model.model.generate(
                encoded,
                [prompt] * len(features),
                beam_size=options.beam_size,
                patience=options.patience,
                length_penalty=options.length_penalty,
                max_length=model.max_length,
                suppress_blank=options.suppress_blank,
                suppress_tokens=options.suppress_tokens,
                return_scores=True,
                return_no_speech_prob=True,
                repetition_penalty=options.repetition_penalty,
                no_repeat_ngram_size=options.no_repeat_ngram_size,
            )
            texts = [
                [token for token in result.sequences_ids[0] if token < tokenizer.eot]
                for result in results
            ]
            model.model.align(encoded, tokenizer.sot_sequence, texts, frames, median_filter_width=7)
            tokens += sum(map(len, texts))
        return tokens

    return run


def original_way(arguments: argparse.Namespace, clips: list[Path]) -> Callable[[], int]:
    """One video after the other: read it, transcribe it in batches of its own."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(
        str(arguments.model),
        device="cpu",
        compute_type=arguments.compute_type,
        cpu_threads=arguments.threads,
    )
    pipeline = BatchedInferencePipeline(model)

    def run() -> int:
        words = 0
        for clip in clips:
            segments, _ = pipeline.transcribe(
                read_audio(clip).samples,
                word_timestamps=True,
                batch_size=arguments.batch_size,
            )
            words += sum(len(segment.words or []) for segment in segments)
        return words

    return run


@dataclass
class Times:
    """Seconds by the clock, and of this process on the processor, in each round."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def timed(runs: dict[str, Callable[[], int]], rounds: int) -> dict[str, Times]:
    """How long each takes, in turns; every other round begins with the last."""
    times = {name: Times() for name in runs}
    for number in range(rounds):
        for name in reversed(runs) if number % 2 else runs:
            began, began_processor = time.perf_counter(), time.process_time()
            runs[name]()
            times[name].clock.append(time.perf_counter() - began)
            times[name].processor.append(time.process_time() - began_processor)
            print(
                f"round {number + 1}, {name}: {times[name].clock[-1]:.1f} s, "
                f"processor {times[name].processor[-1]:.1f} s",
                file=sys.stderr,
            )
    return times


def median_ratio(ceiling: list[float], values: list[float]) -> float:
    return statistics.median(c / value for c, value in zip(ceiling, values, strict=True))


def stages(clips: list[Path]) -> Iterator[tuple[str, float]]:
    """Seconds that the parts of reading ahead take for all clips, in this process."""
    from faster_whisper.feature_extractor import FeatureExtractor
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    began = time.perf_counter()
    sounds = [read_audio(clip).samples for clip in clips]
    yield "decoding", time.perf_counter() - began
    began = time.perf_counter()
    options = VadOptions(max_speech_duration_s=30, min_silence_duration_ms=160)
    for sound in sounds:
        get_speech_timestamps(sound, options)
    yield "speech detection", time.perf_counter() - began
    extract = FeatureExtractor()
    began = time.perf_counter()
    for sound in sounds:
        extract(sound)
    yield "features", time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of a Whisper model")
    parser.add_argument("--media", type=Path, nargs="+", help="files with speech")
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1, help="of the model")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--compute-type", default="int8")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    media = arguments.media or [REPOSITORY / "demo" / "media" / f"{name}.mp4" for name in DEMO]
    with tempfile.TemporaryDirectory() as name:
        clips = make_clips(media, arguments.clips, Path(name))
        total = sum(read_audio(clip).seconds for clip in clips)
        transcriber = engine(arguments)
        batches = recorded_batches(transcriber, clips)
        windows = [window for batch in batches for window in batch]
        speech = sum(duration for _, _, duration in windows)
        print(
            f"{len(clips)} files of {LEAST_SECONDS} to {MOST_SECONDS} s, {total:.0f} s in all, "
            f"{speech:.0f} s of speech in {len(windows)} windows"
        )
        print(
            f"mean batch occupancy {transcriber.occupancy:.3f} "
            f"({len(batches)} batches of {arguments.batch_size}); "
            f"windows are {speech / 30 / len(windows):.0%} full of speech\n"
        )
        alone = ctranslate2_alone(transcriber, batches)
        times = timed(
            {
                "faster_whisper, files to words": lambda: words_of(transcriber, clips),
                "ceiling: CTranslate2 alone": alone,
                "original: one video at a time": original_way(arguments, clips),
            },
            arguments.rounds,
        )
        ceiling = times["ceiling: CTranslate2 alone"]
        print(f"{'':34}{'sound s/s':>11}{'seconds':>9}{'ratio':>8}{'CPU s':>9}{'ratio':>8}")
        for title, taken in times.items():
            seconds, processor = map(statistics.median, (taken.clock, taken.processor))
            print(
                f"{title:34}{total / seconds:11.1f}{seconds:9.1f}"
                f"{median_ratio(ceiling.clock, taken.clock):8.3f}{processor:9.1f}"
                f"{median_ratio(ceiling.processor, taken.processor):8.3f}"
            )
        print("\nread ahead, in the worker:")
        for title, value in stages(clips):
            print(f"{title:34}{value:9.1f}{total / value:11.0f}")


if __name__ == "__main__":
    main()

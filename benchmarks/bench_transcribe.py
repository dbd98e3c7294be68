"""How full are the batches, and how close is transcription to the speed of CTranslate2 alone?

    python -m benchmarks.bench_transcribe --model FOLDER [--media FILE ...] [--threads 1]

Cuts files of 20 to 60 seconds (40, or --clips) from narrations (the demo's, or the given files),
encoded as on video sites (AAC in mp4), and measures

- the engine faster_whisper from files to words, with one worker process that reads ahead;
- the ceiling: CTranslate2 alone on the same batches as the engine (encode, generate, align), with
  the features in memory;
- the original: one video at a time through faster-whisper's batched pipeline.

The three alternate, and a ratio is the median over the rounds, so that other work on the machine
affects all equally. With one thread for the model, reading and features use the second core, as on
a machine with a GPU. The processor time of this process is also shown: it depends less on other
work, and shows what the engine adds to CTranslate2.

    python -m benchmarks.bench_transcribe --model FOLDER --device cuda --random large-v3-turbo

only measures a Whisper of that size with random weights, part by part (`transcribe_parts`), with
the tokenizer of --model (a multilingual model).
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
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np

from livecc.media.audio import RATE, read_audio
from livecc.media.pool import DecodeOptions
from livecc.stages.transcribe.faster_whisper import FasterWhisper
from livecc.stages.transcribe.options import FasterWhisperOptions
from livecc.stages.transcribe.transcriber import Transcriber

REPOSITORY = Path(__file__).resolve().parents[1]

LEAST_SECONDS, MOST_SECONDS = 20, 60
DEMO = ("paper_boat", "pour_over_coffee", "bubble_sort", "solar_system", "presenter")


def make_clips(media: list[Path], count: int, folder: Path, seed: int = 0) -> list[Path]:
    """`count` files of random lengths, cut from the joined audio of `media` at random positions."""
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
    return FasterWhisper(
        arguments.model,
        FasterWhisperOptions(compute_type=arguments.compute_type, batch_size=arguments.batch_size),
        DecodeOptions(workers=1, timeout_seconds=300),
        device=arguments.device,
        mode="paper",
        threads=arguments.threads,
    )


def words_of(transcriber: Transcriber, clips: list[Path]) -> int:
    items = enumerate(clips)
    return sum(len(made.words) for rows in transcriber.transcribe(items) for _, made in rows)


def compare_batches(arguments: argparse.Namespace, clips: list[Path]) -> None:
    """How much words and times differ between batches of 1 and larger ones."""
    found = {}
    for size in (1, 1, 8, 16):
        arguments.batch_size = size
        items = enumerate(clips)
        rows = dict(row for rows in engine(arguments).transcribe(items) for row in rows)
        words = [word for key in sorted(rows) for word in rows[key].words]
        if 1 not in found:
            found[1] = words
        alone = found[1]
        same = SequenceMatcher(
            None, [word.text for word in alone], [word.text for word in words], autojunk=False
        ).get_matching_blocks()
        pairs = [
            (alone[block.a + k], words[block.b + k]) for block in same for k in range(block.size)
        ]
        moves = np.array([max(abs(a.start - b.start), abs(a.end - b.end)) for a, b in pairs])
        sure = max(abs(a.confidence - b.confidence) for a, b in pairs)
        print(
            f"{arguments.compute_type}, batches of {size}: {len(words)} words, "
            f"{len(alone) - len(pairs)} of {len(alone)} come out otherwise; times of "
            f"{np.mean(moves > 1e-9):.1%} of the others differ, by {moves.max():.2f} s at most; "
            f"confidences by {sure:.1e}",
            flush=True,
        )


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
    """The three CTranslate2 calls that produce the words of the batches, and nothing else."""
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
    """Read and transcribe one video at a time, in separate batches."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(
        str(arguments.model),
        device=arguments.device,
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
    """Wall-clock seconds and processor seconds of this process in each round."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def timed(runs: dict[str, Callable[[], int]], rounds: int) -> dict[str, Times]:
    """Times of each, alternating; every other round is in reverse order."""
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
    """Seconds of each part of reading ahead for all clips, in this process."""
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
    parser.add_argument("--threads", type=int, default=1, help="threads of the model")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--compute-type", default="int8")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--random", help="only measure a random model of this size")
    parser.add_argument(
        "--divide", nargs="+", metavar="TYPE", help="only compare batches in these number formats"
    )
    arguments = parser.parse_args()
    if arguments.random:
        from benchmarks.transcribe_parts import measure_parts

        measure_parts(
            arguments.random,
            arguments.model,
            arguments.device,
            arguments.compute_type,
            arguments.rounds,
        )
        return
    media = arguments.media or [REPOSITORY / "demo" / "media" / f"{name}.mp4" for name in DEMO]
    with tempfile.TemporaryDirectory() as name:
        clips = make_clips(media, arguments.clips, Path(name))
        if arguments.divide:
            for compute_type in arguments.divide:
                arguments.compute_type = compute_type
                compare_batches(arguments, clips)
            return
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

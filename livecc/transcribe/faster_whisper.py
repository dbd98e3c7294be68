"""The engine `faster_whisper`: Whisper on CTranslate2, batched, with times from its attention.

The pieces are faster-whisper's own, put together so that a batch may hold windows of several
videos: voice activity detection, windows and features (in the worker processes), the forward pass
of its batched pipeline, and its map from the time of speech back to the time of the file. What
comes out for a video is what its `BatchedInferencePipeline.transcribe` gives for that video alone.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecc.errors import LiveccError
from livecc.transcribe.options import FasterWhisperOptions
from livecc.transcribe.sound import RATE, read_sound
from livecc.transcribe.transcriber import DecodeOptions, Transcriber
from livecc.transcribe.windows import Video, Window
from livecc.transcribe.words import Passage

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger(__name__)

WINDOW_SECONDS = 30
_FILES = ("model.bin", "config.json", "tokenizer.json")


@dataclass(frozen=True, slots=True)
class Speech:
    """The speech of a file, cut into windows.

    `regions`: (first, last) samples of each stretch of speech. `windows`: a window's log-mel
    features, float32 [mels, frames] of 10 ms, its offset in the joined speech and its length
    (seconds).
    """

    duration: float
    regions: list[tuple[int, int]]
    windows: list[tuple[np.ndarray, float, float]]


@dataclass(frozen=True, slots=True)
class ReadSpeech:
    """Reads a file, finds the speech in it and makes the model's features of that."""

    options: FasterWhisperOptions
    #: Arguments of faster-whisper's FeatureExtractor: models differ in the number of mel bands.
    features: dict[str, Any]

    def __call__(self, path: Path) -> Speech:
        from faster_whisper.feature_extractor import FeatureExtractor
        from faster_whisper.vad import VadOptions, collect_chunks, get_speech_timestamps

        samples, duration = read_sound(path, self.options.max_seconds)
        vad = VadOptions(
            threshold=self.options.vad_threshold,
            min_silence_duration_ms=self.options.vad_min_silence_ms,
            speech_pad_ms=self.options.vad_pad_ms,
            max_speech_duration_s=WINDOW_SECONDS,
        )
        regions = get_speech_timestamps(samples, vad)
        extract = FeatureExtractor(**self.features)
        windows = []
        if regions:
            pieces, places = collect_chunks(samples, regions, max_duration=WINDOW_SECONDS)
            for piece, place in zip(pieces, places, strict=True):
                # The pipeline's own features end one frame early.
                windows.append((extract(piece)[..., :-1], place["offset"], place["duration"]))
        return Speech(duration, [(r["start"], r["end"]) for r in regions], windows)


def import_faster_whisper() -> object:
    """Take the time of importing out of the first file's time limit."""
    import faster_whisper

    return faster_whisper.__name__


@dataclass(slots=True)
class _Sound:
    """What is kept of a video's speech until its words are placed."""

    regions: list[tuple[int, int]]
    #: End of the last word so far, in the joined speech (seconds): the next window's words are
    #: placed with regard to it.
    spoken_until: float = 0.0


class FasterWhisper(Transcriber):
    """Raises LiveccError when the model or the device is not right."""

    def __init__(
        self,
        model_dir: Path,
        options: FasterWhisperOptions,
        decode: DecodeOptions,
        *,
        device: str,
        mode: str,
        threads: int,
    ) -> None:
        from livecc.transcribe.whisper_model import BatchedWhisper

        super().__init__()
        check_model_files(model_dir)
        try:
            self._whisper = BatchedWhisper(
                model_dir, options, device=device, threads=threads, join_words=mode != "paper"
            )
        except (RuntimeError, ValueError) as error:
            raise LiveccError(load_problem(model_dir, device, error)) from None
        check_languages(options.language, options.languages, self._whisper.languages)
        self._forced = forced_language(options.language, self._whisper.multilingual)
        self.batch_size = options.batch_size
        self.languages = options.languages
        self.decode = decode
        self.mode = mode
        self.read = ReadSpeech(options, self._whisper.feature_options)
        self.warm_up = import_faster_whisper

    def _begin(self, key: Hashable, sound: Speech) -> tuple[Video, list[Window]]:
        regions = [(first / RATE, last / RATE) for first, last in sound.regions]
        video = Video(key, sound.duration, regions, _Sound(sound.regions))
        windows = [Window(video, index, data) for index, data in enumerate(sound.windows)]
        if self._forced:
            video.language = self._forced
            video.language_probability = 1.0
        elif windows and self.mode == "paper":
            # As the pipeline does: from the first 30 s of joined speech, in a pass of their own.
            features = [data[0] for data in sound.windows]
            found = self._whisper.detect_language(features)
            video.language, video.language_probability = found
        return video, windows

    def _identify(self, batch: list[Window]) -> None:
        """From a video's first window, in the pass that encodes the batch anyway."""
        languages = self._whisper.window_languages([window.data[0] for window in batch])
        for window, (language, probability) in zip(batch, languages, strict=True):
            if window.video.language is None:
                window.video.language = language
                window.video.language_probability = probability

    def _passages(self, batch: list[Window]) -> list[Passage]:
        language = batch[0].video.language
        assert language is not None
        return self._whisper.transcribe(
            [window.data for window in batch], language, [window.video.sound for window in batch]
        )

    def _placed(self, video: Video, passages: list[Passage]) -> list[Passage]:
        from faster_whisper.vad import SpeechTimestampsMap

        regions = [{"start": first, "end": last} for first, last in video.sound.regions]
        times = SpeechTimestampsMap(regions, RATE)
        for word in (word for passage in passages for word in passage.words):
            # Both ends in the region of the middle, as faster-whisper does: no word spans a pause
            # that was cut out.
            region = times.get_chunk_index((word.start + word.end) / 2)
            word.start = times.get_original_time(word.start, region)
            word.end = times.get_original_time(word.end, region)
        return passages


def check_model_files(model_dir: Path) -> None:
    """Raise LiveccError when the folder is no Whisper model, before CTranslate2's own message."""
    for name in _FILES:
        if not (model_dir / name).is_file():
            raise LiveccError(
                f"{model_dir}: holds no {name}; a Whisper model in CTranslate2's format has "
                f"{', '.join(_FILES)}"
            )


def load_problem(model_dir: Path, device: str, error: Exception) -> str:
    """What to do about CTranslate2's message."""
    advice = ""
    if device == "cuda":
        advice = (
            "; on GPUs it needs the libraries of CUDA 12 (docs/transcription.md), a driver for "
            "them, and a GPU that knows the compute_type"
        )
    return f"{model_dir}: cannot be loaded on {device}: {error}{advice}"


def forced_language(given: str | None, multilingual: bool) -> str | None:
    """What all videos are taken to speak; None: each is identified."""
    if given is None and not multilingual:
        log.warning(
            "this model knows English alone: every video counts as English, and one in another "
            "language is left to identify_language and score_lm_loss to find"
        )
        return "en"
    return given


def check_languages(
    language: str | None, wanted: Collection[str] | None, known: Collection[str]
) -> None:
    """Raise LiveccError for a language that the model does not know."""
    given = {"language": [] if language is None else [language], "languages": wanted or []}
    for option, names in given.items():
        for name in names:
            if name not in known:
                raise LiveccError(
                    f"transcribe.{option}: {name!r} is none of the model's languages: "
                    f"{', '.join(sorted(known))}"
                )

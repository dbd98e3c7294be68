"""The engine `faster_whisper`: batched Whisper on CTranslate2, with word times from its attention.

Combines the parts of faster-whisper so that a batch may hold windows of several videos: voice
activity detection, windows and features (in the worker processes), the forward pass of its batched
pipeline, and its mapping from speech time back to file time. The result for a video is that of
`BatchedInferencePipeline.transcribe` for this video alone, up to rounding (docs/transcription.md).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from livecc.declaration import Setup
from livecc.errors import LiveccError
from livecc.media.pool import DecodeOptions
from livecc.stages.transcribe.options import (
    FasterWhisperOptions,
    chosen_options,
    fingerprint_options,
)
from livecc.stages.transcribe.sound import RATE, read_sound
from livecc.stages.transcribe.transcriber import Transcriber
from livecc.stages.transcribe.windows import Video, Window
from livecc.stages.transcribe.words import Passage

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger(__name__)

WINDOW_SECONDS = 30
_FILES = ("model.bin", "config.json", "tokenizer.json")


@dataclass(frozen=True, slots=True)
class Speech:
    """The speech of a file, cut into windows. `duration` and `ahead` as in `sound.Sound`.

    `regions`: (first, last) sample of each speech region. `windows`: for each window its log-mel
    features, float32 [mels, frames] of 10 ms, its offset in the joined speech and its length
    (seconds).
    """

    duration: float
    ahead: float
    regions: list[tuple[int, int]]
    windows: list[tuple[np.ndarray, float, float]]


@dataclass(frozen=True, slots=True)
class ReadSpeech:
    """Reads a file, detects its speech and computes the model's features of it."""

    options: FasterWhisperOptions
    #: Arguments of faster-whisper's FeatureExtractor: models differ in the number of mel bands.
    features: dict[str, Any]
    mode: str

    def __call__(self, path: Path) -> Speech:
        from faster_whisper.feature_extractor import FeatureExtractor
        from faster_whisper.vad import VadOptions, collect_chunks, get_speech_timestamps

        from livecc.stages.transcribe.mel import MelFilters

        sound = read_sound(path, self.options.max_seconds, self.mode)
        samples = sound.samples
        vad = VadOptions(
            threshold=self.options.vad_threshold,
            min_silence_duration_ms=self.options.vad_min_silence_ms,
            speech_pad_ms=self.options.vad_pad_ms,
            max_speech_duration_s=WINDOW_SECONDS,
        )
        regions = get_speech_timestamps(samples, vad)
        extract = FeatureExtractor(**self.features)
        extract.mel_filters = MelFilters(extract.mel_filters)
        windows = []
        if regions:
            pieces, places = collect_chunks(samples, regions, max_duration=WINDOW_SECONDS)
            for piece, place in zip(pieces, places, strict=True):
                # The pipeline's own features end one frame early.
                windows.append((extract(piece)[..., :-1], place["offset"], place["duration"]))
        spoken = [(r["start"], r["end"]) for r in regions]
        return Speech(sound.duration, sound.ahead, spoken, windows)


def import_faster_whisper() -> object:
    """Import early, so that the imports do not count towards the first file's time limit."""
    import faster_whisper

    return faster_whisper.__name__


@dataclass(slots=True)
class _Sound:
    """The data of a video that is needed to place its words in time."""

    regions: list[tuple[int, int]]
    #: End of the last word so far, in the joined speech (seconds); the placement of the next
    #: window's words depends on it.
    spoken_until: float = 0.0


class FasterWhisper(Transcriber):
    """Raises LiveccError when the model or the device is unusable."""

    by_torch = False

    @classmethod
    def settings(cls, options: Mapping[str, Any], device: str) -> dict[str, Any]:
        return fingerprint_options(chosen_options(FasterWhisperOptions, options, device))

    @classmethod
    def load(cls, setup: Setup) -> Self:
        return cls(
            setup.model(),
            chosen_options(FasterWhisperOptions, setup.options, setup.device),
            DecodeOptions.of(setup),
            device=setup.device,
            mode=setup.mode,
            threads=setup.threads,
        )

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
        from livecc.stages.transcribe.whisper_model import BatchedWhisper

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
        self.read = ReadSpeech(options, self._whisper.feature_options, mode)
        self.warm_up = import_faster_whisper

    def _begin(self, key: Hashable, sound: Speech) -> tuple[Video, list[Window]]:
        regions = [(first / RATE, last / RATE) for first, last in sound.regions]
        video = Video(key, sound.duration, regions, _Sound(sound.regions), ahead=sound.ahead)
        windows = [Window(video, index, data) for index, data in enumerate(sound.windows)]
        if self._forced:
            video.language = self._forced
            video.language_probability = 1.0
        elif windows and self.mode == "paper":
            # As the pipeline does: from the first 30 s of joined speech, in a separate pass.
            features = [data[0] for data in sound.windows]
            found = self._whisper.detect_language(features)
            video.language, video.language_probability = found
        return video, windows

    def _identify(self, batch: list[Window]) -> None:
        """From a video's first window, in the pass that encodes the batch."""
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
            # As in faster-whisper, both ends are mapped in the region of the word's middle, so no
            # word spans a removed pause.
            region = times.get_chunk_index((word.start + word.end) / 2)
            word.start = times.get_original_time(word.start, region)
            word.end = times.get_original_time(word.end, region)
        return passages


def check_model_files(model_dir: Path) -> None:
    """Raise LiveccError when the folder is not a Whisper model, before CTranslate2 fails."""
    for name in _FILES:
        if not (model_dir / name).is_file():
            raise LiveccError(
                f"{model_dir}: contains no {name}; a Whisper model in CTranslate2's format has "
                f"{', '.join(_FILES)}"
            )


def load_problem(model_dir: Path, device: str, error: Exception) -> str:
    """CTranslate2's error with advice."""
    advice = ""
    if device == "cuda":
        advice = (
            "; on GPUs it needs the CUDA 12 libraries (docs/transcription.md), a matching driver, "
            "and a GPU that supports the compute_type"
        )
    return f"{model_dir}: cannot be loaded on {device}: {error}{advice}"


def forced_language(given: str | None, multilingual: bool) -> str | None:
    """The language assumed for all videos; None: identified per video."""
    if given is None and not multilingual:
        log.warning(
            "this model is English-only: every video is treated as English; identify_language and "
            "score_lm_loss have to detect other languages"
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
                    f"transcribe.{option}: {name!r} is not one of the model's languages: "
                    f"{', '.join(sorted(known))}"
                )

"""The engine `whisperx`: Whisper in batches, with times from forced alignment.

Uses the WhisperX package: its voice activity detector (pyannote, with weights in the package), its
batched recogniser, and its alignment of the text with a wav2vec2 model. It has a separate
environment (envs/whisperx.txt). Audio is passed as arrays, so the ffmpeg program is not needed.
"""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from livecc.declaration import Setup
from livecc.errors import LiveccError
from livecc.files.model_folders import load_reason
from livecc.inference.device import prepare_torch
from livecc.media.pool import DecodeOptions
from livecc.stages.transcribe.faster_whisper import (
    WINDOW_SECONDS,
    check_languages,
    check_model_files,
    forced_language,
    load_problem,
)
from livecc.stages.transcribe.options import (
    WhisperXOptions,
    chosen_options,
    fingerprint_options,
)
from livecc.stages.transcribe.sound import RATE, Sound, read_sound
from livecc.stages.transcribe.transcriber import Transcriber
from livecc.stages.transcribe.windows import Video, Window
from livecc.stages.transcribe.words import Passage, Word

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger(__name__)

#: The files NLTK's Punkt reads for a language; empty ones make a splitter without abbreviations.
_PUNKT_FILES = ("collocations.tab", "sent_starters.txt", "abbrev_types.txt", "ortho_context.tab")


@dataclass(frozen=True, slots=True)
class ReadSamples:
    """Reads a file's audio."""

    max_seconds: float | None
    mode: str

    def __call__(self, path: Path) -> Sound:
        return read_sound(path, self.max_seconds, self.mode)


def import_av() -> object:
    """Import early, so that the imports do not count towards the first file's time limit."""
    import av

    return av.__name__


class WhisperX(Transcriber):
    """Raises LiveccError when the package, a model or the device is unusable."""

    by_torch = True

    @classmethod
    def settings(cls, options: Mapping[str, Any], device: str) -> dict[str, Any]:
        return fingerprint_options(chosen_options(WhisperXOptions, options, device))

    @classmethod
    def load(cls, setup: Setup) -> Self:
        return cls(
            setup.model(),
            setup.models.get("align"),
            chosen_options(WhisperXOptions, setup.options, setup.device),
            DecodeOptions.of(setup),
            device=setup.device,
            mode=setup.mode,
            threads=setup.threads,
        )

    def __init__(
        self,
        model_dir: Path,
        align_dir: Path | None,
        options: WhisperXOptions,
        decode: DecodeOptions,
        *,
        device: str,
        mode: str,
        threads: int,
    ) -> None:
        super().__init__()
        check_model_files(model_dir)
        self._whisperx = _import_whisperx()
        prepare_torch(device, threads)
        self._punkt = _use_untrained_punkt()
        try:
            self._pipeline = self._whisperx.load_model(
                str(model_dir),
                device,
                compute_type=options.compute_type,
                language=options.language,
                asr_options={"beam_size": options.beam_size},
                vad_options={"vad_onset": options.vad_onset, "vad_offset": options.vad_offset},
                threads=threads,
                local_files_only=True,
            )
        except (RuntimeError, ValueError) as error:
            raise LiveccError(load_problem(model_dir, device, error)) from None
        whisper = self._pipeline.model
        check_languages(options.language, options.languages, whisper.supported_languages)
        self._forced = forced_language(options.language, whisper.model.is_multilingual)
        self._options = options
        self._device = device
        self._align_dir = align_dir
        self._aligners: dict[str, tuple[Any, dict[str, Any]]] = {}
        self.batch_size = options.batch_size
        self.languages = options.languages
        self.decode = decode
        self.mode = mode
        self.read = ReadSamples(options.max_seconds, mode)
        self.warm_up = import_av

    def _begin(self, key: Hashable, sound: Sound) -> tuple[Video, list[Window]]:
        samples = sound.samples
        detector = self._pipeline.vad_model
        scores = detector({"waveform": detector.preprocess_audio(samples), "sample_rate": RATE})
        spans = detector.merge_chunks(
            scores,
            WINDOW_SECONDS,
            onset=self._options.vad_onset,
            offset=self._options.vad_offset,
        )
        regions = [region for span in spans for region in span["segments"]]
        video = Video(
            *(key, sound.duration, regions, samples), ahead=sound.ahead, language=self._forced
        )
        if self._forced:
            video.language_probability = 1.0
        windows = [Window(video, index, span) for index, span in enumerate(spans)]
        return video, windows

    def _identify(self, batch: list[Window]) -> None:
        """From the first window of each video."""
        import numpy as np

        first = {window.video: window for window in reversed(batch) if not window.video.language}
        features = [
            self._pipeline.preprocess(_inputs(window))["inputs"] for window in first.values()
        ]
        encoded = self._pipeline.model.encode(np.stack(features))
        ranked = self._pipeline.model.model.detect_language(encoded)
        for video, languages in zip(first, ranked, strict=True):
            token, probability = languages[0]
            video.language, video.language_probability = token.strip("<|>"), float(probability)

    def _passages(self, batch: list[Window]) -> list[Passage]:
        from faster_whisper.tokenizer import Tokenizer

        whisper = self._pipeline.model
        language = batch[0].video.language
        self._pipeline.tokenizer = Tokenizer(
            whisper.hf_tokenizer,
            whisper.model.is_multilingual,
            task="transcribe",
            language=language,
        )
        texts = self._pipeline([*map(_inputs, batch)], batch_size=len(batch), num_workers=0)
        passages = []
        for window, found in zip(batch, texts, strict=True):
            text, log_probability = found["text"], found["avg_logprob"]
            if len(batch) == 1:  # the package keeps a batch of one as a list
                (text,), (log_probability,) = text, log_probability
            span = window.data
            words = [Word(text.strip(), span["start"], span["end"], 0.0)] if text.strip() else []
            speech = sum(end - start for start, end in span["segments"])
            passages.append(Passage(words, speech, log_probability))
        return passages

    def _placed(self, video: Video, passages: list[Passage]) -> list[Passage]:
        assert video.language is not None
        aligner = self._aligner(video.language)
        if aligner is None:
            video.reason = f"no alignment model for the language {video.language}"
            return []
        try:
            return [self._aligned(passage, video.sound, aligner) for passage in passages]
        # Unusual text may break the package's alignment: fail the video, not the job.
        except Exception as error:
            log.warning("%s: the alignment failed", video.key, exc_info=True)
            video.reason = f"the alignment failed ({type(error).__name__}: {error})"
            video.transient = "out of memory" in str(error).lower()
            return []

    def _aligned(
        self, passage: Passage, samples: np.ndarray, aligner: tuple[Any, dict[str, Any]]
    ) -> Passage:
        """Align a passage whose only word is its whole text; returns its words with times."""
        if not passage.words:
            return passage
        whole = passage.words[0]
        segment = {"text": whole.text, "start": whole.start, "end": whole.end}
        model, metadata = aligner
        found = self._whisperx.align([segment], model, metadata, samples, self._device)
        words = [
            Word(
                word["word"].strip(), float(word["start"]), float(word["end"]), float(word["score"])
            )
            for word in found["word_segments"]
            if {"start", "end", "score"} <= word.keys()
        ]
        spoken = len(whole.text.split())
        return Passage(
            words,
            passage.speech_seconds,
            passage.log_probability,
            not_aligned=max(0, spoken - len(words)),
        )

    def _aligner(self, language: str) -> tuple[Any, dict[str, Any]] | None:
        """(model, metadata) for a language, or None when it has no alignment model."""
        if language not in self._aligners:
            from whisperx.alignment import DEFAULT_ALIGN_MODELS_HF, DEFAULT_ALIGN_MODELS_TORCH

            known = {*DEFAULT_ALIGN_MODELS_HF, *DEFAULT_ALIGN_MODELS_TORCH}
            if self._align_dir is None and language not in known:
                return None
            name = None if self._align_dir is None else str(self._align_dir)
            try:
                found = self._whisperx.load_align_model(language, self._device, model_name=name)
            # Loading may raise any exception of transformers, torch or a download.
            except Exception as error:
                raise LiveccError(
                    f"the alignment model for {language!r} "
                    f"({name or 'the choice of WhisperX, which downloads it'}) cannot be loaded: "
                    f"{load_reason(error)}; name a folder or hub repository in "
                    "transcribe.align_model"
                ) from None
            self._aligners[language] = found
        return self._aligners[language]


def _inputs(window: Window) -> dict[str, Any]:
    """A window's samples in the form that the package's pipeline takes."""
    first, last = (int(window.data[side] * RATE) for side in ("start", "end"))
    # The detector may end a window slightly after the 30 s.
    last = min(last, first + WINDOW_SECONDS * RATE)
    return {"inputs": window.video.sound[first:last]}


def _import_whisperx() -> Any:
    # By default pyannote reports its use and the length of files to its developers.
    os.environ.setdefault("PYANNOTE_METRICS_ENABLED", "false")
    try:
        with warnings.catch_warnings():
            # pyannote warns that it cannot decode files, which is not needed here.
            warnings.simplefilter("ignore")
            import whisperx
            import whisperx.alignment
            import whisperx.asr
    except ImportError as error:
        raise LiveccError(
            f"WhisperX cannot be imported ({error}); it needs a separate environment: install "
            "envs/whisperx.txt and set its Python in environments.asr"
        ) from None
    return whisperx


def _use_untrained_punkt() -> tempfile.TemporaryDirectory[str]:
    """Give NLTK a sentence splitter without abbreviations; the folder must continue to exist.

    WhisperX splits a window into sentences before it collects the aligned words, and downloads
    NLTK's models for this. The sentences are not used here.
    """
    import nltk
    from whisperx.utils import PUNKT_LANGUAGES

    folder = tempfile.TemporaryDirectory(prefix="livecc-punkt-")
    for language in {"english", *PUNKT_LANGUAGES.values()}:
        place = Path(folder.name) / "tokenizers" / "punkt_tab" / language
        place.mkdir(parents=True)
        for name in _PUNKT_FILES:
            (place / name).touch()
    nltk.data.path.insert(0, folder.name)
    return folder

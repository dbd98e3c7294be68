"""faster-whisper's model and batched pipeline for windows of several videos.

Imports faster-whisper, so import this module only where an engine is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import ctranslate2
import faster_whisper
import numpy as np
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer

from livecc.stages.transcribe.cuda import load_cuda_libraries
from livecc.stages.transcribe.options import FasterWhisperOptions
from livecc.stages.transcribe.words import Passage, Word

#: Languages written without spaces; faster-whisper splits their text into characters.
_WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})

#: A window's features, its offset in the joined speech of its video and its length (seconds).
WindowData = tuple[np.ndarray, float, float]


class Speaker(Protocol):
    """The state of a video that carries over from one window to the next."""

    spoken_until: float


class BatchedWhisper:
    """A Whisper model in CTranslate2's format; each batch has one language.

    `join_words` joins pieces written without a space between them into one word.
    """

    def __init__(
        self,
        model_dir: Path,
        options: FasterWhisperOptions,
        *,
        device: str,
        threads: int,
        join_words: bool,
    ) -> None:
        if device == "cuda":
            load_cuda_libraries()
        self._model = _Model(
            str(model_dir),
            device=device,
            compute_type=options.compute_type,
            cpu_threads=threads,
        )
        self._pipeline = faster_whisper.BatchedInferencePipeline(self._model)
        self.multilingual = bool(self._model.model.is_multilingual)
        self.languages: list[str] = self._model.supported_languages
        self.feature_options: dict[str, Any] = self._model.feat_kwargs
        # The pipeline's defaults, as set by its public method; its segments are never consumed.
        _, info = self._pipeline.transcribe(
            np.zeros(faster_whisper.feature_extractor.FeatureExtractor().sampling_rate, np.float32),
            language="en",
            beam_size=options.beam_size,
            word_timestamps=True,
            vad_filter=False,
        )
        self._options = info.transcription_options
        if device == "cuda":
            # A missing library only shows in the first pass.
            mels = self._model.model.n_mels
            frames = self._model.feature_extractor.nb_max_frames
            self._model.encode(np.zeros((1, mels, frames), np.float32))
        self._join_words = join_words
        self._tokenizers: dict[str, Tokenizer] = {}
        self._encoded: tuple[list[np.ndarray], Any] | None = None

    def detect_language(self, features: list[np.ndarray]) -> tuple[str, float]:
        """Language and its probability, from the first 30 s of a video's joined windows."""
        # The pipeline also adds a frame, for audio without speech.
        silence = np.full((features[0].shape[0], 1), -1.5, np.float32)
        joined = np.concatenate([*features, silence], axis=1)
        language, probability, _ = self._model.detect_language(features=joined)
        return language, float(probability)

    def window_languages(self, features: list[np.ndarray]) -> list[tuple[str, float]]:
        """The most probable language of each window and its probability."""
        encoded = self._model.encode(_stacked(features))
        self._encoded = (features, encoded)
        found = self._model.model.detect_language(encoded)
        return [(ranked[0][0].strip("<|>"), float(ranked[0][1])) for ranked in found]

    def transcribe(
        self, windows: list[WindowData], language: str, speakers: list[Speaker]
    ) -> list[Passage]:
        """The passage of each window, with times in the joined speech of its video.

        `speakers` are those of the windows' videos; windows of one video must be in order.
        """
        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(
                self._model.hf_tokenizer, self.multilingual, task="transcribe", language=language
            )
        features = [window[0] for window in windows]
        encoded, self._encoded = self._encoded, None
        # The windows whose language was just identified: already encoded.
        same = encoded is not None and [*map(id, encoded[0])] == [*map(id, features)]
        self._model.speakers = speakers
        results = self._pipeline.forward(
            encoded[1] if encoded is not None and same else _stacked(features),
            self._tokenizers[language],
            [{"offset": offset, "duration": duration} for _, offset, duration in windows],
            self._options,
        )
        join = self._join_words and language not in _WITHOUT_SPACES
        return [
            _passage(segments, duration, join=join)
            for segments, (_, _, duration) in zip(results, windows, strict=True)
        ]


class _Aligned:
    """Finished alignments, passed in place of the features they are computed from."""

    def __init__(self, alignment: list[Any]) -> None:
        self.alignment = alignment


class _Model(faster_whisper.WhisperModel):
    """Accepts encoded features, and places the words of each window after those of its own video.

    The original places a window's first words relative to the last word of the previous window in
    the batch, which may belong to another video.
    """

    speakers: list[Speaker]

    def encode(self, features: Any) -> Any:
        return super().encode(features) if isinstance(features, np.ndarray) else features

    def find_alignment(
        self,
        tokenizer: Any,
        text_tokens: list[list[int]],
        encoder_output: Any,
        num_frames: list[int],
        median_filter_width: int = 7,
    ) -> list[Any]:
        if isinstance(encoder_output, _Aligned):
            return [encoder_output.alignment]
        found: list[Any] = []
        for encoded, tokens, frames in self._parts(encoder_output, text_tokens, num_frames):
            found += super().find_alignment(tokenizer, tokens, encoded, frames, median_filter_width)
        return found

    def _parts(
        self, encoded: Any, tokens: list[list[int]], frames: list[int]
    ) -> Iterator[tuple[Any, list[list[int]], list[int]]]:
        """The windows aligned in one pass; one at a time on the CPU.

        In a batch, texts are padded to the longest, which changes the shape of the sums and so
        their last bits. One by one, a window's times do not depend on the batch. Without padding
        this is also faster on the CPU, but slower on a GPU.
        """
        if self.model.device == "cpu" or padding_counts(tokens, frames):
            for window, text, length in zip(_apart(encoded), tokens, frames, strict=True):
                yield window, [text], [length]
        else:
            yield encoded, tokens, frames

    def add_word_timestamps(
        self,
        segments: list[list[dict[str, Any]]],
        tokenizer: Any,
        encoder_output: Any,
        num_frames: list[int],
        prepend_punctuations: str,
        append_punctuations: str,
        last_speech_timestamp: float,
    ) -> float:
        tokens = [
            [token for segment in window for token in segment["tokens"] if token < tokenizer.eot]
            for window in segments
        ]
        alignments = self.find_alignment(tokenizer, tokens, encoder_output, num_frames)
        for window, alignment, frames, speaker in zip(
            segments, alignments, num_frames, self.speakers, strict=True
        ):
            speaker.spoken_until = super().add_word_timestamps(
                [window],
                tokenizer,
                _Aligned(alignment),
                frames,
                prepend_punctuations,
                append_punctuations,
                speaker.spoken_until,
            )
        return last_speech_timestamp


def _stacked(features: list[np.ndarray]) -> np.ndarray:
    """Features of windows, padded to 30 s: float32 [windows, mels, 3000]."""
    return np.stack([pad_or_trim(window) for window in features])


def padding_counts(tokens: list[list[int]], frames: list[int]) -> bool:
    """Whether CTranslate2 would treat the padding of shorter texts as part of them.

    It normalises attention over the tokens of a window (`compute_alignments` in whisper.cc). It
    removes the padding first, except when all windows have the same number of frames (of two each).
    """
    return len({count // 2 for count in frames}) == 1 and len({*map(len, tokens)}) > 1


def _apart(encoded: ctranslate2.StorageView) -> list[ctranslate2.StorageView]:
    """The encoder output of each window, as a batch of one on the CPU.

    In float32, which represents the narrower formats exactly; numpy does not support all of them.
    """
    if encoded.dtype != ctranslate2.DataType.float32:
        encoded = encoded.to(ctranslate2.DataType.float32)
    if encoded.device != "cpu":
        encoded = encoded.to_device(ctranslate2.Device.cpu)
    windows = np.asarray(encoded)
    return [
        ctranslate2.StorageView.from_array(windows[index : index + 1])
        for index in range(len(windows))
    ]


def _passage(segments: list[dict[str, Any]], speech_seconds: float, *, join: bool) -> Passage:
    """The words of one window in faster-whisper's form as a Passage.

    `join` appends a piece without a leading space to the previous word: "high", "-performance".
    """
    words: list[Word] = []
    for piece in (piece for segment in segments for piece in segment["words"]):
        text = piece["word"]
        word = Word(
            text.strip(), float(piece["start"]), float(piece["end"]), float(piece["probability"])
        )
        if join and words and not text.startswith(" "):
            last = words[-1]
            last.text += word.text
            last.end = word.end
            last.confidence = min(last.confidence, word.confidence)
        else:
            words.append(word)
    first = segments[0]
    return Passage(
        words, speech_seconds, float(first["avg_logprob"]), float(first["no_speech_prob"])
    )

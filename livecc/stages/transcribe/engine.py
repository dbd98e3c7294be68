"""The interface of transcribe engines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from livecc.declaration import Setup
from livecc.stages.transcribe.transcriber import Transcription


class TranscriptionEngine(Protocol):
    """Transcribes files. The base class `livecc.stages.transcribe.transcriber.Transcriber` reads
    audio, fills batches and cleans words.
    """

    #: Whether running on CUDA requires a CUDA build of torch.
    by_torch: ClassVar[bool]
    #: Windows transcribed so far, and slots in their batches; for the job's stats.
    windows: int
    places: int
    batch_size: int
    occupancy: float

    @classmethod
    def settings(cls, options: Mapping[str, Any], device: str) -> dict[str, Any]:
        """The options that can change a word; part of the fingerprint of transcripts."""

    @classmethod
    def load(cls, setup: Setup) -> Self:
        """Load the model. Raises LiveccError on failure."""

    def transcribe(
        self, items: Iterable[tuple[str, Path]]
    ) -> Iterator[list[tuple[str, Transcription]]]:
        """Transcribe the files at the paths of (key, path); yield finished ones in batches.

        Yields every file once. A problem with a file raises nothing.
        """

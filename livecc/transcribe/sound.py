"""Reading the sound of a file for a recogniser; runs in the worker processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from livecc.media.audio import AudioError, container_seconds, read_audio

if TYPE_CHECKING:
    import numpy as np

RATE = 16_000
#: The largest magnitude of what counts as silent: the last bit or two of 16-bit sound.
SILENT = 1e-4
#: Recognisers need a few frames of 25 ms.
LEAST_SECONDS = 0.1


def read_sound(path: Path, most_seconds: float | None) -> tuple[np.ndarray, float]:
    """(samples at RATE, float32 [n]; the length of the file in seconds, as its container says).

    Raises AudioError for a file that cannot be read, that is longer than `most_seconds`, or in
    which there is nothing to hear.
    """
    import numpy as np

    stated = container_seconds(path)
    _check_length(stated, most_seconds)
    audio = read_audio(path, RATE)
    _check_length(audio.seconds, most_seconds)
    if audio.seconds < LEAST_SECONDS:
        raise AudioError(f"the audio track has only {audio.seconds:.2f} s of sound")
    if not np.isfinite(audio.samples).all():
        raise AudioError("the audio holds values that are no numbers")
    if np.abs(audio.samples).max() <= SILENT:
        raise AudioError("the audio is silent")
    return audio.samples, audio.seconds if stated is None else max(stated, audio.seconds)


def _check_length(seconds: float | None, most: float | None) -> None:
    if seconds is not None and most is not None and seconds > most:
        raise AudioError(f"too long: {seconds:,.0f} s, at most {most:,.0f} s are transcribed")

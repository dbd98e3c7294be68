"""Reading the audio of a file for a recogniser; runs in the worker processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from livecc.media.audio import AudioError, container_seconds, read_audio

if TYPE_CHECKING:
    import numpy as np

RATE = 16_000
#: Audio with no larger magnitude counts as silent: the last one or two bits of 16-bit samples.
SILENT = 1e-4
#: Minimum length in seconds: recognisers need a few frames of 25 ms.
LEAST_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Sound:
    """`samples`: float32 [n], mono, at RATE, on the sound's clock of the file.

    `duration`: length of the file in seconds, as stated by its container. `ahead`: what to subtract
    from a time in the samples to get the trainer's clock (`livecc.media.clock`), in seconds.
    """

    samples: np.ndarray
    duration: float
    ahead: float


def read_sound(path: Path, most_seconds: float | None, mode: str) -> Sound:
    """The sound of a file.

    Raises AudioError for a file that is unreadable, longer than `most_seconds`, or silent.
    """
    import numpy as np

    stated = container_seconds(path)
    _check_length(stated, most_seconds)
    audio = read_audio(path, RATE, mode)
    _check_length(audio.seconds, most_seconds)
    if audio.seconds < LEAST_SECONDS:
        raise AudioError(f"the audio track has only {audio.seconds:.2f} s of sound")
    # A NaN is the smallest and the largest value; `isfinite` and `abs` would copy all samples.
    low, high = float(audio.samples.min()), float(audio.samples.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise AudioError("the audio holds values that are no numbers")
    if max(-low, high) <= SILENT:
        raise AudioError("the audio is silent")
    duration = audio.seconds if stated is None else max(stated, audio.seconds)
    return Sound(audio.samples, duration, audio.clock.sound_ahead(mode))


def _check_length(seconds: float | None, most: float | None) -> None:
    if seconds is not None and most is not None and seconds > most:
        raise AudioError(f"too long: {seconds:,.0f} s, at most {most:,.0f} s are transcribed")

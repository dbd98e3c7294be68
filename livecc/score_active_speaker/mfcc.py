"""What Light-ASD hears: mel-frequency cepstral coefficients of a clip's sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: Samples a second of the sound.
RATE = 16_000
#: Coefficient vectors a second.
PER_SECOND = 100
FULL_SCALE = 32767


def mfcc(samples: np.ndarray) -> np.ndarray | None:
    """13 coefficients every 10 ms, float32 [n, 13], of mono sound at RATE; None when it is silent.

    The sound is scaled so that its loudest sample is full scale, and rounded towards 0 to 16 bits;
    then the coefficients are those of python_speech_features with its defaults (windows of 25 ms,
    26 mel filters, log energy as the first coefficient).
    """
    import numpy as np
    from python_speech_features import mfcc as coefficients

    loudest = float(np.abs(samples).max(initial=0.0))
    if loudest == 0.0:
        return None
    whole = (samples / loudest * FULL_SCALE).astype(np.int16)
    values: np.ndarray = coefficients(whole, samplerate=RATE).astype(np.float32)
    return values


def count(samples: int) -> int:
    """How many coefficient vectors `samples` samples make; the last window is filled with zeros."""
    step, window = RATE // PER_SECOND, RATE // 40
    return 0 if samples == 0 else 1 + max(0, -(-(samples - window) // step))

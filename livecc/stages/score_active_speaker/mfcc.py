"""The audio input of Light-ASD: mel-frequency cepstral coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: Audio samples per second.
RATE = 16_000
#: Coefficient vectors per second.
PER_SECOND = 100
FULL_SCALE = 32767


def mfcc(samples: np.ndarray, *, of_silence: bool = False) -> np.ndarray | None:
    """13 coefficients every 10 ms, float32 [n, 13], of mono audio at RATE.

    Silence has none (None), or, with `of_silence`, those of zeros: the original divides zeros by
    their maximum, which makes zeros again when rounded to 16 bits.

    Any other audio is scaled so that its loudest sample is full scale, and rounded towards 0 to 16
    bits. The coefficients are those of python_speech_features with its defaults (windows of 25 ms,
    26 mel filters, log energy as the first coefficient).
    """
    import numpy as np
    from python_speech_features import mfcc as coefficients

    loudest = float(np.abs(samples).max(initial=0.0))
    if loudest == 0.0 and not of_silence:
        return None
    whole = (samples / (loudest or 1.0) * FULL_SCALE).astype(np.int16)
    values: np.ndarray = coefficients(whole, samplerate=RATE).astype(np.float32)
    return values


def count(samples: int) -> int:
    """Number of coefficient vectors for `samples` samples; the last window is padded with zeros."""
    step, window = RATE // PER_SECOND, RATE // 40
    return 0 if samples == 0 else 1 + max(0, -(-(samples - window) // step))

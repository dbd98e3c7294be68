"""The interface of identify_language engines.

An empty or white-space text gets the label "und" (ISO 639-2 for undetermined) with confidence 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

UNDETERMINED = ("und", 0.0)


class LanguageIdentifier(Protocol):
    """Identifies the language of texts.

    An engine's class also has `load(setup: Setup) -> LanguageIdentifier`, a class method that
    loads the model and raises LiveccError on failure.
    """

    def identify(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """(label, confidence in [0, 1]) of each text, in order; for up to a few thousand texts."""

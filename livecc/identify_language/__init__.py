"""Name the language of texts, with engines that share one interface.

`langid` is small, needs no model files and runs on the CPU; `xlm_roberta` is the classifier of
the original pipeline (papluca/xlm-roberta-base-language-detection, or a folder of that shape).
Both give a label and a confidence between 0 and 1. A text that is empty or only white space is in
no language: its label is "und" (ISO 639-2 for undetermined) with confidence 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from livecc.errors import LiveccError

UNDETERMINED = ("und", 0.0)

ENGINES = ("langid", "xlm_roberta")


class LanguageIdentifier(Protocol):
    """What every engine does."""

    def identify(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """(label, confidence) of each text, in order. Give many at once: they are batched."""


def load(
    engine: str,
    *,
    model_dir: Path | str | None = None,
    device: str = "cpu",
    token_budget: int | None = None,
) -> LanguageIdentifier:
    """Load an engine by its name in ENGINES.

    `model_dir`, `device` (as torch names it) and `token_budget` (padded tokens in one batch, None
    for what suits the device) are for xlm_roberta; langid brings its own model. Raises
    LiveccError for an unknown engine and when the model cannot be loaded.
    """
    if engine == "langid":
        from livecc.identify_language.langid_model import LangidIdentifier

        return LangidIdentifier()
    if engine == "xlm_roberta":
        from livecc.identify_language.xlm_roberta import XlmRobertaIdentifier

        if model_dir is None:
            raise LiveccError(
                "the language engine xlm_roberta needs the folder of its model; "
                "give it, or use the engine langid"
            )
        return XlmRobertaIdentifier(model_dir, device=device, token_budget=token_budget)
    raise LiveccError(
        f'there is no language engine "{engine}"; the engines are {", ".join(ENGINES)}'
    )

"""Engines of identify_language, loaded as a job loads them."""

from __future__ import annotations

from pathlib import Path

from livecc.declaration import Setup
from livecc.stages.identify_language.declaration import STAGE
from livecc.stages.identify_language.engine import LanguageIdentifier
from livecc.stages.plugins import engine_of


def load(
    engine: str,
    *,
    model_dir: Path | None = None,
    device: str = "cpu",
    token_budget: int | None = None,
    mode: str = "default",
) -> LanguageIdentifier:
    """An engine by its name, with the model in a folder."""
    models = {} if model_dir is None else {"": model_dir}
    options = {"engine": engine, "tokens_per_batch": token_budget}
    setup = Setup(models, options, device, mode=mode, threads=1)
    identifier: LanguageIdentifier = engine_of(STAGE, engine).load().load(setup)
    return identifier

"""What the engines of all stages have in common."""

from __future__ import annotations

import pytest

from livecc.declaration import Setup
from livecc.errors import LiveccError
from livecc.sections import defaults_of
from livecc.stages.catalogue import Catalogue

STAGES = {stage.name: stage for stage in Catalogue({}).cached_stages}


def with_a_model() -> list[tuple[str, str]]:
    """Stage and engine, of those that run a model."""
    found = []
    for stage in STAGES.values():
        assert stage.options is not None
        section = defaults_of(stage.options)
        found += [(stage.name, e) for e in stage.engines if stage.models({**section, "engine": e})]
    return found


@pytest.mark.parametrize(("stage", "engine"), with_a_model())
def test_a_model_that_was_not_given_is_one_message(stage: str, engine: str) -> None:
    """A command line may leave out the receipt, because engines of other packages need none."""
    declared = STAGES[stage]
    assert declared.options is not None
    section = {**defaults_of(declared.options), "engine": engine}
    options = declared.options.values(section)
    setup = Setup({}, options, "cpu", mode="default", threads=1)
    more = [None] if stage == "make_prompts" else []
    with pytest.raises(LiveccError, match="receipt"):
        declared.engines[engine].load().load(setup, *more)

"""What score jobs do, written down while they do it: each batch that an engine gives.

The engines are the real ones. `sitecustomize.py` in a folder on PYTHONPATH makes every job append a
line for each batch, before the job can put it into the score cache; so a batch that a kill lost is
counted, too.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

from tests.support.places import REPOSITORY

VARIABLE = "LIVECC_OBSERVED"

_SITECUSTOMIZE = f"""
import json, os, sys

script = sys.orig_argv[1] if len(sys.orig_argv) > 1 else ""
if script.startswith({str(REPOSITORY / "scripts")!r}) and {VARIABLE!r} in os.environ:
    from livecc.scores import job as scoring

    score_items = scoring.score_items
    log = os.open(os.environ[{VARIABLE!r}], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def observed(items, cache, load_engine, stats, *args, **options):
        def load():
            engine = load_engine()
            keys = {{item.id: item.key for item in items()}}

            def run(missing):
                for batch in engine(missing):
                    line = [stats.stage, stats.track, [keys[item_id] for item_id, _ in batch]]
                    os.write(log, (json.dumps(line) + "\\n").encode())
                    yield batch

            return run

        score_items(items, cache, load, stats, *args, **options)

    scoring.score_items = observed
"""


class Observed:
    """The batches of all score jobs of a project, in the order they were made."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE)
        self.file = folder / "batches.jsonl"
        #: For the processes that are to be observed.
        self.environment = {
            "PYTHONPATH": os.pathsep.join([str(folder), os.environ["PYTHONPATH"]]),
            VARIABLE: str(self.file),
        }

    def batches(self) -> list[tuple[str, str, list[str | None]]]:
        """(stage, track, content keys of the batch's items)."""
        if not self.file.exists():
            return []
        return [tuple(json.loads(line)) for line in self.file.read_text().splitlines()]

    def count(self, stage: str) -> int:
        """How many batches there are of a stage so far."""
        return sum(name == stage for name, _, _ in self.batches())

    def scored(self) -> Counter[tuple[str, str, str]]:
        """(stage, track, content key) -> how often it was scored."""
        return Counter(
            (stage, track, key)
            for stage, track, keys in self.batches()
            for key in keys
            if key is not None
        )

    def scored_again(self) -> Counter[str]:
        """Stage -> items that were scored, beyond once each."""
        again: Counter[str] = Counter()
        for (stage, _, _), count in self.scored().items():
            again[stage] += count - 1
        return +again

    def largest_batch(self) -> Counter[str]:
        """Stage -> items of its largest batch."""
        largest: Counter[str] = Counter()
        for stage, _, keys in self.batches():
            largest[stage] = max(largest[stage], len(keys))
        return largest

    def clear(self) -> None:
        self.file.unlink(missing_ok=True)

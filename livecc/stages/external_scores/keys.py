"""Keys of an external score's table that match nothing, over all shards of all tracks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livecc.files.atomic import read_json
from livecc.files.parquet import read_table
from livecc.formats.layout import ShardFiles
from livecc.stages.external_scores.declaration import ExternalStage

#: Tables of at most so many rows are searched for keys that stand in them twice but match nothing:
#: for that, all keys are in memory at once (some 100 bytes each).
COMPARED_ROWS = 5_000_000


def key_counts(stage: ExternalStage, shards: Sequence[ShardFiles]) -> dict[str, Any]:
    """The number of keys in the table and of keys unknown in all `shards`; an example key.

    `repeated` counts rows whose key stands in an earlier row, which counts once as a key; None if
    the table has too many rows to tell.

    A key may occur in several shards or in both tracks, so this counts distinct keys instead of
    summing the jobs' counts.
    """
    import pyarrow
    import pyarrow.compute as pc

    details = read_json(Path(shards[0].stats(stage.name)))["details"]
    repeated = details.get("repeated", 0)
    keys = details["keys"] - (repeated or 0)
    found = pyarrow.chunked_array(
        [
            chunk
            for shard in shards
            for chunk in read_table(shard.scores(stage.name), [stage.item])[stage.item].chunks
        ],
        pyarrow.string(),
    )
    return {
        "table": details["source"]["table"],
        "key": stage.item,
        "keys": keys,
        "unknown": keys - pc.count_distinct(found).as_py(),
        "repeated": repeated,
        "example": details["example"],
    }

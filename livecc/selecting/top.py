"""The best of the clips that pass all rules of a selection, exactly, over all shards.

Two passes over small tables. `rank` writes the clips of some shards that pass all rules, with the
value that ranks them. `find_cut` reads the values of all shards and finds the last clip that is
kept: of clips with the same value, those with the smaller ids are the better ones. A decision then
compares a clip with the cut, so it is the same for any division into shards.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc.declaration import TableStage
from livecc.files.parquet import read_table, write_arrow
from livecc.formats.layout import ShardFiles
from livecc.formats.tables import arrow_schema
from livecc.scores.columns import ScoreColumns, read_columns
from livecc.selecting.decisions import Decisions, decide
from livecc.thresholds.sets import lenience, parse_rules
from livecc.thresholds.top import Top

#: What a clip dropped by `top` fails, in a summary.
SAYS = "below the top N"
#: `key` tells clips apart in eight bytes; a video in two shards has its clips twice.
_RANKED = {"clip": "string", "key": "int64", "per": "string", "value": "float64"}


@dataclass(frozen=True)
class Cut:
    """Where the clips end that are kept.

    last: value of `per` ("" for none, and without `per`) -> (value, id) of the last clip that is
    kept; where all are kept it has no entry.
    """

    top: Top
    last: Mapping[str, tuple[float, str]]

    def mask(self, columns: ScoreColumns) -> Any:
        """n booleans: the clips with a value that are not beyond the cut."""
        import numpy as np

        values, groups = _values(columns, self.top), _groups(columns, self.top)
        inside = ~np.isnan(values)
        ids = columns.clips["clip"]
        for group, (value, clip) in self.last.items():
            here = groups == group
            inside &= ~here | (values >= value)
            for n in np.flatnonzero(here & (values == value)).tolist():
                inside[n] = ids[n].as_py() <= clip
        return inside

    def reasons(self, columns: ScoreColumns) -> Iterator[str]:
        """Why a clip would be dropped, in words, of each clip."""
        name, values, groups = self.top.by, _values(columns, self.top), _groups(columns, self.top)
        for value, group in zip(values.tolist(), groups.tolist(), strict=True):
            of = f" of {self.top.per} {group or '(none)'}" if self.top.per else ""
            if value != value:
                yield f"{SAYS}: {name} is unknown"
            elif group in self.last:
                last = f"the last of the top {self.top.keep:,}{of} has {self.last[group][0]:.6g}"
                yield f"{SAYS}: {name} {value:.6g}; {last}"
            else:
                yield SAYS

    def to_json(self) -> dict[str, Any]:
        told = {"by": self.top.by, "keep": self.top.keep, "per": self.top.per}
        return {**told, "last": {group: list(last) for group, last in self.last.items()}}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Cut:
        """Inverse of `to_json`."""
        last = {group: (float(value), clip) for group, (value, clip) in told["last"].items()}
        return cls(Top(by=told["by"], keep=told["keep"], per=told["per"]), last)


def _values(columns: ScoreColumns, top: Top) -> Any:
    """n float64, NaN where there is no value."""
    import pyarrow

    return _column(columns, top.by).cast(pyarrow.float64()).to_numpy()


def _groups(columns: ScoreColumns, top: Top) -> Any:
    """n strings: the value of `per`."""
    import numpy as np

    if top.per is None:
        return np.full(columns.clips.num_rows, "", object)
    return np.array(_column(columns, top.per).fill_null("").to_pylist(), object)


def _column(columns: ScoreColumns, name: str) -> Any:
    return columns.values[name] if name in columns.values else columns.clips[name]


# --- the first pass: who passes all rules, and with what value -----------------------------------


def rank(
    thresholds: Mapping[str, Any],
    gates: Mapping[str, Mapping[str, Any]],
    stages: Sequence[TableStage],
    shards: Iterable[ShardFiles],
    output: Path,
) -> int:
    """Write the clips that pass all rules of a selection and have a value; returns their number.

    `thresholds` has `top`, of which `keep` does not matter. `stages` are the enabled score stages,
    `gates` those of `read_columns`. Memory is bounded by the clips of the shards, those of a pack.
    """
    import pyarrow

    parts = list(ranked_tables(thresholds, gates, stages, shards))
    table = pyarrow.concat_tables(parts or [arrow_schema(_RANKED).empty_table()])
    write_arrow(output, table)
    return int(table.num_rows)


def ranked_tables(
    thresholds: Mapping[str, Any],
    gates: Mapping[str, Mapping[str, Any]],
    stages: Sequence[TableStage],
    shards: Iterable[ShardFiles],
) -> Iterator[Any]:
    """What `rank` writes, shard by shard: pyarrow tables of `clip`, `key`, `per` and `value`."""
    top = Top.of(thresholds)
    assert top is not None
    for shard in shards:
        scores = {stage: Path(shard.scores(stage.name)) for stage in stages}
        columns = read_columns(Path(shard.clips), scores, gates, top.columns)
        rules = parse_rules(thresholds, columns.rules)
        yield _ranked(columns, top, decide(columns, rules, *lenience(thresholds)))


def _ranked(columns: ScoreColumns, top: Top, decided: Decisions) -> Any:
    import numpy as np
    import pyarrow

    values, groups = _values(columns, top), _groups(columns, top)
    chosen = decided.kept & ~np.isnan(values)
    clips = columns.clips["clip"].filter(pyarrow.array(chosen)).to_pylist()
    data = [clips, list(map(_key, clips)), groups[chosen].tolist(), values[chosen]]
    return pyarrow.table(data, schema=arrow_schema(_RANKED))


def _key(clip: str) -> int:
    digest = hashlib.blake2b(clip.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


# --- the second pass: the last one that is kept --------------------------------------------------


def find_cut(top: Top, ranked: Sequence[Path]) -> Cut:
    """The cut over all tables that `rank` wrote.

    Of each clip 16 bytes are in memory at a time, and the ids of those with the value of the cut.
    Raises LiveccError when a table cannot be read.
    """

    def tables(*columns: str) -> Iterator[Any]:
        return (read_table(path, list(columns)) for path in ranked)

    return cut_of(top, tables("key", "per", "value"), tables("clip", "per", "value"))


def cut_of(top: Top, keyed: Iterable[Any], named: Iterable[Any]) -> Cut:
    """The cut over pyarrow tables of clips: with `key`, `per`, `value`, and again with `clip`."""
    import numpy as np

    parts: dict[str, list[Any]] = defaultdict(list)
    for table in keyed:
        for group, rows in _by_group(table):
            parts[group].append((rows["value"].to_numpy(), rows["key"].to_numpy()))
    last_values: dict[str, tuple[float, int]] = {}
    for group in list(parts):
        values = _once(*(np.concatenate(part) for part in zip(*parts.pop(group), strict=True)))
        if len(values) > top.keep:
            value = float(values[-top.keep])
            last_values[group] = (value, top.keep - int((values > value).sum()))
    tied: dict[str, set[str]] = defaultdict(set)
    for table in named if last_values else ():
        for group, rows in _by_group(table):
            if group in last_values:
                same = rows["value"].to_numpy() == last_values[group][0]
                tied[group].update(rows["clip"].to_numpy()[same].tolist())
    # Python compares strings by code points, as Cut.mask does.
    last = {
        group: (value, sorted(tied[group])[places - 1])
        for group, (value, places) in sorted(last_values.items())
    }
    return Cut(top, last)


def _once(values: Any, keys: Any) -> Any:
    """The values in rising order, in which a clip that is in two shards counts once."""
    import numpy as np

    order = np.lexsort((keys, values))
    values, keys = values[order], keys[order]
    again = (values[1:] == values[:-1]) & (keys[1:] == keys[:-1])
    return values[np.append(True, ~again)]


def _by_group(table: Any) -> Iterator[tuple[str, Any]]:
    import pyarrow.compute as pc

    for group in pc.unique(table["per"]).to_pylist():
        yield group, table.filter(pc.equal(table["per"], group))

"""Looking at a shard's clips together with the scores they have so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from livecc.errors import LiveccError
from livecc.files import read_jsonl, read_row_batches, read_rows
from livecc.records import Clip, Transcript
from livecc.tables import schema
from livecc.thresholds import RULES, first_failure, parse_rules

_NOT_SCORES = ("clip", "video", "status", "reason")


class ScoreTables:
    """The score tables of one shard, by stage, looked up clip by clip."""

    def __init__(self, tables: Mapping[str, Path]) -> None:
        self._by_stage: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {}
        for stage, path in tables.items():
            id_column = schema(stage).names[0]
            self._by_stage[stage] = (id_column, {row[id_column]: row for row in read_rows(path)})

    def row(self, stage: str, clip: Mapping[str, Any]) -> dict[str, Any] | None:
        """The stage's row for a clip (or for its video), or None when it was no candidate."""
        id_column, rows = self._by_stage[stage]
        return rows.get(clip[id_column])

    def values(self, clip: Mapping[str, Any]) -> dict[str, Any]:
        """The clip's columns and all scores it has; a score it does not have is absent."""
        values = dict(clip)
        for stage in self._by_stage:
            row = self.row(stage, clip)
            if row is not None and row["status"] == "ok":
                values.update((k, v) for k, v in row.items() if k not in _NOT_SCORES)
        return values


def candidates(
    clips: Path, scores: Mapping[str, Path], gate: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The clips inside a gate, with their values.

    A clip without a gated score is outside, unless the gate says `on_unscored: keep`.
    """
    rules = parse_rules(gate)
    keep_unscored = gate.get("on_unscored") == "keep"
    tables = ScoreTables(scores)
    for clip in read_row_batches(clips):
        if clip["status"] != "ok":
            continue
        values = tables.values(clip)
        scored = {
            name: rule
            for name, rule in rules.items()
            if all(column in values for column in RULES[name])
        }
        if len(scored) < len(rules) and not keep_unscored:
            continue
        if first_failure(scored, values)[0] is None:
            yield values


def transcripts_with_clips(
    transcripts: Path, clips: Iterator[Mapping[str, Any]]
) -> Iterator[tuple[Transcript, list[Clip]]]:
    """Each transcript that has clips, with them; both come in the order of the input file."""
    clip = next(clips, None)

    def wanted(line: bytes) -> bool:
        # Parsing a long transcript costs a hundred times what finding its name does.
        return clip is None or orjson.dumps(clip["video"]) in line

    for record in read_jsonl(transcripts, wanted):
        if clip is None:
            return
        if record["video"] != clip["video"]:
            continue
        group = []
        while clip is not None and clip["video"] == record["video"]:
            group.append(
                Clip(
                    *(clip["video"], clip["first_word"], clip["last_word"]),
                    *(clip["start"], clip["end"]),
                )
            )
            clip = next(clips, None)
        yield Transcript.from_mapping(record), group
    if clip is not None:
        raise LiveccError(f"{transcripts}: no transcript of {clip['video']}, which has clips")

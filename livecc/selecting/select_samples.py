"""Decide which clips a selection keeps, and write them as training samples.

Decisions use stored scores only, so a changed threshold reruns nothing else. Each clip gets one
decision row: kept or not, the rule that dropped it and why.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from livecc.declaration import TableStage, rule_columns_of
from livecc.errors import LiveccError
from livecc.files.atomic import open_atomic, write_json
from livecc.files.parquet import write_arrow
from livecc.formats.layout import Layout
from livecc.formats.samples import AS_RECORDED, SampleForm, clip_sample
from livecc.formats.tables import DECISION, arrow_schema
from livecc.scores.columns import ScoreColumns, read_columns
from livecc.scores.tables import CLIP, transcripts_with_clips
from livecc.selecting.decisions import UNSCORED, Decisions, decide, reasons
from livecc.selecting.top import Cut
from livecc.stages.tracks import Track
from livecc.thresholds.sets import ON_UNSCORED, lenience, parse_rules

_COLUMNS = (*CLIP, "reason", "query")


def select_pack(
    track: Track,
    thresholds: Mapping[str, Any],
    gates: Mapping[str, Mapping[str, Any]],
    stages: Sequence[TableStage],
    layout: Layout,
    selection: str,
    shards: Sequence[str],
    output: Path,
    form: SampleForm = AS_RECORDED,
    made_with: str = "",
    cut: Cut | None = None,
) -> None:
    """Write decisions, samples and counts of several shards, and the sums of counts to `output`.

    `cut` is where the best clips end, of a selection with `top`.

    `track` is one of a catalogue, `stages` are its enabled scoring stages. Existing files of the
    shards are removed first, so that none made with other thresholds remain if the job fails.
    """
    files = [layout.shard(track.name, shard) for shard in shards]
    for shard in files:
        for path in (shard.decisions(selection), shard.samples(selection), shard.counts(selection)):
            Path(path).unlink(missing_ok=True)
    counts = [
        select_shard(
            track=track,
            thresholds=thresholds,
            gates=gates,
            transcripts=Path(shard.transcripts),
            clips=Path(shard.clips),
            scores={stage: Path(shard.scores(stage.name)) for stage in stages},
            decisions=Path(shard.decisions(selection)),
            samples=Path(shard.samples(selection)),
            counts=Path(shard.counts(selection)),
            form=form,
            cut=cut,
        )
        for shard in files
    ]
    totals = {name: sum(count[name] for count in counts) for name in ("clips", "kept")}
    write_json(output, {"shards": list(shards), "made_with": made_with, **totals})


def select_shard(
    track: Track,
    thresholds: Mapping[str, Any],
    gates: Mapping[str, Mapping[str, Any]],
    transcripts: Path,
    clips: Path,
    scores: Mapping[TableStage, Path],
    decisions: Path,
    samples: Path,
    counts: Path,
    form: SampleForm = AS_RECORDED,
    cut: Cut | None = None,
) -> dict[str, Any]:
    """Write decisions (in clip order), samples (sorted by video and time) and counts of a shard.

    `scores` maps the enabled stages to their tables; rules of disabled stages do not apply.
    `gates` are those of `livecc.scores.columns.read_columns`. `form`: that of the samples.
    """
    more = _COLUMNS if cut is None else (*_COLUMNS, *cut.top.columns)
    columns = read_columns(clips, scores, gates, more)
    rules = parse_rules(thresholds, columns.rules)
    on_unscored = thresholds.get(ON_UNSCORED, "drop")
    decided = decide(columns, rules, *lenience(thresholds), cut)
    why = list(reasons(columns, rules, decided, cut))
    if on_unscored == "fail":
        _check_scored(columns, decided, why)
    seconds = columns.clips["end"].to_numpy() - columns.clips["start"].to_numpy()
    write_arrow(
        decisions, _decision_table(_decision_fields(track, scores), columns, decided, seconds, why)
    )
    kept = columns.clips.filter(decided.kept)
    queries = _queries(columns, decided)
    form = replace(form, stripped_previous=not track.loss_sees_context)
    words = _write_samples(transcripts, kept.to_pylist(), queries, samples, form)
    result = {
        "clips": columns.clips.num_rows,
        "kept": kept.num_rows,
        "dropped": decided.dropped(),
        "unscored": decided.dropped(unscored=True),
        "unknown": decided.dropped(unknown=True),
        "seconds": round(float(sum(seconds.tolist())), 3),
        "kept_seconds": round(float(sum(seconds[decided.kept].tolist())), 3),
        "kept_videos": len(kept["video"].unique()),
        "kept_words": words,
        "track": track.name,
    }
    write_json(counts, result)
    return result


def _check_scored(columns: ScoreColumns, decided: Decisions, why: Sequence[str | None]) -> None:
    """Raise LiveccError naming the first clip that lacks a score that its selection needs."""
    for n in decided.unscored.nonzero()[0][:1]:
        rule = decided.rules[decided.dropped_by[n]]
        reason = (why[n] or "").removeprefix(UNSCORED)
        raise LiveccError(
            f"clip {columns.clips['clip'][n]} has no {rule} ({reason}), and the selection has "
            "on_unscored: fail; set it to drop or keep, or fix the item"
        )


def _decision_fields(track: Track, scored: Iterable[TableStage]) -> Any:
    """The schema of a track's decisions.

    It includes the columns of the track's own stages even if they are disabled.
    """
    absent = set(track.guests) - set(scored)
    stages = [stage for stage in track.score_stages if stage not in absent]
    return arrow_schema(DECISION | rule_columns_of(stages))


def _decision_table(
    fields: Any, columns: ScoreColumns, decided: Decisions, seconds: Any, why: Sequence[str | None]
) -> Any:
    import pyarrow

    count = len(why)
    made = {
        "clip": columns.clips["clip"],
        "video": columns.clips["video"],
        "seconds": seconds,
        "kept": decided.kept,
        "rule": pyarrow.array(decided.rule_names(), pyarrow.string()),
        "why": pyarrow.array(why, pyarrow.string()),
        **columns.values,
    }
    data = [
        made[field.name] if field.name in made else pyarrow.nulls(count, field.type)
        for field in fields
    ]
    return pyarrow.table(data, schema=fields)


def _queries(columns: ScoreColumns, decided: Decisions) -> Iterator[str]:
    """The user query of each kept clip; "" in pre-training, which has none."""
    import pyarrow

    if "query" not in columns.values:
        return iter([""] * int(decided.kept.sum()))
    queries = columns.values["query"].filter(pyarrow.array(decided.kept))
    return (query or "" for query in queries.to_pylist())


def _write_samples(
    transcripts: Path,
    kept: list[dict[str, Any]],
    queries: Iterator[str],
    output: Path,
    form: SampleForm,
) -> int:
    """Write the kept clips as samples sorted by (video, first word); returns their word count.

    `queries` has the user query of each clip.

    Lines are first written to a scratch file in input order and then copied in sorted order, so
    that only their offsets are in memory.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    places: list[tuple[bytes, int, int, int]] = []
    words = 0
    with tempfile.TemporaryFile(dir=output.parent) as scratch:
        offset = 0
        for transcript, clips in transcripts_with_clips(transcripts, iter(kept)):
            for clip, query in zip(clips, queries, strict=False):
                line = clip_sample(transcript, clip, query, form)
                places.append((clip.video.encode(), clip.first_word, offset, len(line)))
                scratch.write(line)
                offset += len(line)
                words += clip.n_words
        places.sort()
        with open_atomic(output) as stream:
            for _, _, start, length in places:
                scratch.seek(start)
                stream.write(scratch.read(length))
    return words

"""Decide which clips a selection keeps, and write them as training samples.

Everything is decided from stored scores; changing a threshold costs nothing but this. Each clip
gets one decision row: kept or not, the rule that dropped it and why.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from livecc.decisions import UNSCORED, Decisions, decide, reasons
from livecc.errors import LiveccError
from livecc.files import open_atomic, write_arrow, write_json
from livecc.records import Clip, Transcript
from livecc.score_columns import ScoreColumns, read_columns
from livecc.score_tables import transcripts_with_clips
from livecc.shard_files import ShardFiles
from livecc.tables import schema
from livecc.thresholds import parse_rules

_COLUMNS = ("first_word", "last_word", "start", "end", "reason", "query")


def select_pack(
    track: str,
    thresholds: Mapping[str, Any],
    gates: Mapping[str, Mapping[str, Any]],
    stages: Sequence[str],
    folder: Path,
    selection: str,
    shards: Sequence[str],
    output: Path,
) -> None:
    """Write decisions, samples and counts of several shards, and what they sum to into `output`.

    `folder` is the track's in the results. What the shards had before goes first, so that nothing
    stays there of other thresholds when the job fails.
    """
    files = [ShardFiles(folder, shard) for shard in shards]
    for shard in files:
        for path in (shard.decisions(selection), shard.samples(selection), shard.counts(selection)):
            path.unlink(missing_ok=True)
    counts = [
        select_shard(
            track=track,
            thresholds=thresholds,
            gates=gates,
            transcripts=shard.transcripts,
            clips=shard.clips,
            scores={stage: shard.scores(stage) for stage in stages},
            decisions=shard.decisions(selection),
            samples=shard.samples(selection),
            counts=shard.counts(selection),
        )
        for shard in files
    ]
    totals = {name: sum(count[name] for count in counts) for name in ("clips", "kept")}
    write_json(output, {"shards": list(shards), **totals})


def select_shard(
    track: str,
    thresholds: Mapping[str, Any],
    gates: Mapping[str, Mapping[str, Any]],
    transcripts: Path,
    clips: Path,
    scores: Mapping[str, Path],
    decisions: Path,
    samples: Path,
    counts: Path,
) -> dict[str, Any]:
    """Write decisions (in clip order), samples (sorted by video and time) and counts of a shard.

    `scores` maps the enabled stages to their tables; rules of a switched-off stage do not apply.
    `gates` are those of `livecc.score_columns.read_columns`.
    """
    columns = read_columns(clips, scores, gates, _COLUMNS)
    rules = parse_rules(thresholds, ["words_per_second", *columns.scored])
    on_unscored = thresholds.get("on_unscored", "drop")
    decided = decide(columns, rules, on_unscored)
    why = list(reasons(columns, rules, decided))
    if on_unscored == "fail":
        _check_scored(columns, decided, why)
    seconds = columns.clips["end"].to_numpy() - columns.clips["start"].to_numpy()
    write_arrow(decisions, _decision_table(track, columns, decided, seconds, why))
    kept = columns.clips.filter(decided.kept)
    words = _write_samples(transcripts, kept.to_pylist(), _queries(columns, decided), samples)
    result = {
        "clips": columns.clips.num_rows,
        "kept": kept.num_rows,
        "dropped": decided.dropped(),
        "unscored": decided.dropped(unscored=True),
        "seconds": round(float(sum(seconds.tolist())), 3),
        "kept_seconds": round(float(sum(seconds[decided.kept].tolist())), 3),
        "kept_videos": len(kept["video"].unique()),
        "kept_words": words,
        "track": track,
    }
    write_json(counts, result)
    return result


def _check_scored(columns: ScoreColumns, decided: Decisions, why: Sequence[str | None]) -> None:
    """Raise LiveccError that names the first clip without a score that its selection needs."""
    for n in decided.unscored.nonzero()[0][:1]:
        rule = decided.rules[decided.dropped_by[n]]
        reason = (why[n] or "").removeprefix(UNSCORED)
        raise LiveccError(
            f"clip {columns.clips['clip'][n]} has no {rule} ({reason}), and the selection says "
            "on_unscored: fail; set it to drop or keep, or mend the item"
        )


def _decision_table(
    track: str, columns: ScoreColumns, decided: Decisions, seconds: Any, why: Sequence[str | None]
) -> Any:
    import pyarrow

    count = len(why)
    fields = schema(f"{track}_decisions")
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
    """The user's words of each kept clip: "" in pre-training, which has none."""
    import pyarrow

    if "query" not in columns.values:
        return iter([""] * int(decided.kept.sum()))
    queries = columns.values["query"].filter(pyarrow.array(decided.kept))
    return (query or "" for query in queries.to_pylist())


def _write_samples(
    transcripts: Path, kept: list[dict[str, Any]], queries: Iterator[str], output: Path
) -> int:
    """Write the kept clips as samples sorted by (video, first word); return their words.

    `queries` has the user's words of each clip.

    Lines go to a scratch file in input order first and are copied out in sorted order, so that
    only their places are held in memory.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    places: list[tuple[bytes, int, int, int]] = []
    words = 0
    with tempfile.TemporaryFile(dir=output.parent) as scratch:
        offset = 0
        for transcript, clips in transcripts_with_clips(transcripts, iter(kept)):
            for clip, query in zip(clips, queries, strict=False):
                line = clip_sample(transcript, clip, query)
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


def clip_sample(transcript: Transcript, clip: Clip, query: str) -> bytes:
    """A clip as a sample: one line of ASCII JSON, newline included.

    `previous` is all words of the video before the clip.
    """
    words = transcript.words[clip.first_word : clip.last_word]
    starts = transcript.start[clip.first_word : clip.last_word]
    ends = transcript.end[clip.first_word : clip.last_word]
    return sample_line(
        video=transcript.video,
        start=starts[0],
        end=ends[-1],
        query={
            "type": "text",
            "text": query,
            "previous": transcript.text(0, clip.first_word),
            "title": transcript.title,
            "category": transcript.category,
        },
        content=[list(word) for word in zip(starts, ends, words, strict=True)],
    )


def sample_line(
    video: str, start: float, end: float, query: Mapping[str, Any], content: list[list[Any]]
) -> bytes:
    """One training sample in the shape the LiveCC trainer reads.

    ASCII-escaped, so that byte offsets are also the offsets of a file opened in text mode.
    """
    sample = [
        {
            "role": "user",
            "content": [
                {"type": "video", "video": video, "video_start": start, "video_end": end},
                query,
            ],
        },
        {"role": "assistant", "content": [{"type": "text_stream", "text_stream": content}]},
    ]
    return json.dumps(sample, ensure_ascii=True).encode("ascii") + b"\n"

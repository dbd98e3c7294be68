"""Decide which clips a selection keeps, and write them as training samples.

Everything is decided from stored scores; changing a threshold costs nothing but this. Each clip
gets one decision row: kept or not, the rule that dropped it and why.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from livecc.config import STAGE_RULE
from livecc.errors import LiveccError
from livecc.files import open_atomic, read_row_batches, write_json, write_table
from livecc.records import Clip, Transcript
from livecc.score_tables import ScoreTables, transcripts_with_clips
from livecc.tables import schema
from livecc.thresholds import Rule, parse_rules

RULE_STAGE = {rule: stage for stage, rule in STAGE_RULE.items()}
#: How the reason of a clip begins that was dropped because a score is missing.
UNSCORED = "not scored: "


def decide(
    clip: Mapping[str, Any],
    tables: ScoreTables,
    rules: Mapping[str, Rule],
    on_unscored: str,
) -> tuple[str | None, str | None]:
    """(rule, why) that drop a clip, or (None, None) when it is kept.

    Rules are applied in order and the first failure is the reason. A clip that a rule needs a
    score of, but that has none, is dropped or let through by `on_unscored`; with "fail" it raises
    LiveccError.
    """
    if clip["status"] != "ok":
        return "clip", clip["reason"]
    values = tables.values(clip)
    for name, rule in rules.items():
        stage = RULE_STAGE.get(name)
        if stage is not None:
            row = tables.row(stage, clip)
            if row is None or row["status"] != "ok":
                reason = "outside the gate" if row is None else row["reason"]
                # A clip without a query is no sample, however unscored clips are treated.
                if on_unscored == "keep" and name != "prompt":
                    continue
                if on_unscored == "fail":
                    raise LiveccError(
                        f"clip {clip['clip']} has no {name} ({reason}), and the selection says "
                        "on_unscored: fail; set it to drop or keep, or mend the item"
                    )
                return name, f"{UNSCORED}{reason}"
        why = rule.failure(values)
        if why is not None:
            return name, why
    return None, None


def select_shard(
    track: str,
    thresholds: Mapping[str, Any],
    transcripts: Path,
    clips: Path,
    scores: Mapping[str, Path],
    decisions: Path,
    samples: Path,
    counts: Path,
) -> dict[str, Any]:
    """Write decisions (in clip order), samples (sorted by video and time) and counts of a shard.

    `scores` maps the enabled stages to their tables; rules of a switched-off stage do not apply.
    """
    columns = schema(f"{track}_decisions")
    names = ["words_per_second", *(STAGE_RULE[stage] for stage in scores)]
    rules = parse_rules(thresholds, names)
    on_unscored = thresholds.get("on_unscored", "drop")
    tables = ScoreTables(scores)
    dropped: Counter[str] = Counter()
    unscored: Counter[str] = Counter()
    kept_rows: list[dict[str, Any]] = []
    total = 0
    seconds = 0.0

    def decision_rows() -> Iterable[dict[str, Any]]:
        nonlocal total, seconds
        for clip in read_row_batches(clips):
            rule, why = decide(clip, tables, rules, on_unscored)
            values = tables.values(clip)
            length = clip["end"] - clip["start"]
            total += 1
            seconds += length
            if rule is None:
                kept_rows.append(clip)
            else:
                dropped[rule] += 1
                unscored[rule] += why is not None and why.startswith(UNSCORED)
            yield {
                **{name: values.get(name) for name in columns.names},
                "seconds": length,
                "kept": rule is None,
                "rule": rule,
                "why": why,
            }

    write_table(decisions, columns, decision_rows())
    queries = (row.get("query") or "" for row in (tables.values(clip) for clip in kept_rows))
    words = _write_samples(transcripts, kept_rows, queries, samples)
    result = {
        "clips": total,
        "kept": len(kept_rows),
        "dropped": {name: dropped[name] for name in ["clip", *rules] if dropped[name]},
        "unscored": {name: unscored[name] for name in rules if unscored[name]},
        "seconds": round(seconds, 3),
        "kept_seconds": round(sum(clip["end"] - clip["start"] for clip in kept_rows), 3),
        "kept_videos": len({clip["video"] for clip in kept_rows}),
        "kept_words": words,
        "track": track,
    }
    write_json(counts, result)
    return result


def _write_samples(
    transcripts: Path, kept: list[dict[str, Any]], queries: Iterator[str], output: Path
) -> int:
    """Write the kept clips as samples sorted by (video, first word); return their words.

    `queries` has the user's words of each clip; pre-training has none, which is "".

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

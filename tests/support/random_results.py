"""Made-up clips, scores and transcripts of a shard, laid out as the workflow's results are.

Every case that a decision can meet is among them: scores on the thresholds, failed items, items
outside a gate, clips that could not be made, answers of the prompt maker.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from livecc.declaration import TableStage
from livecc.files.atomic import open_atomic
from livecc.files.parquet import write_table
from livecc.formats.records import Transcript, clip_row
from livecc.formats.tables import schema
from livecc.stages.describe_video.declaration import STAGE as DESCRIBE_VIDEO
from tests.support.built_in import TRACK_STAGES

WORDS_PER_CLIP = 6
FACTS = frozenset(rule.name for rule in DESCRIBE_VIDEO.rules)
#: Few values, so that scores meet thresholds exactly.
LABELS = ("en", "de", "fr")
#: Ids of videos, of which a list may have some.
IDS = ("-a", "_b", "c", "d")
NUMBERS = (0.0, 0.25, 0.3, 0.5, 0.9, 1.0, 1.5, 3.0, 6.5, 7.0)


def write_shard(
    results: Path, track: str, shard: str, rng: np.random.Generator, videos: int = 12
) -> tuple[Path, dict[TableStage, Path]]:
    """Write a shard's clips, transcripts and score tables; (clips, stage -> table)."""
    folder = results / track
    rows: list[dict[str, Any]] = []
    with open_atomic(folder / "transcripts" / f"{shard}.jsonl.zst") as stream:
        for number in range(videos):
            clips = int(rng.integers(1, 5))
            words = [f"w{number}.{n}" for n in range(clips * WORDS_PER_CLIP)]
            starts = [float(n) for n in range(len(words))]
            ends = [start + 1.0 for start in starts]
            video = f"{shard} {number}.mp4"
            transcript = Transcript(video, f"Title {number}", "Sports", words, starts, ends)
            stream.write(transcript.to_json() + b"\n")
            for n in range(clips):
                first = n * WORDS_PER_CLIP
                end = float(first) if rng.random() < 0.1 else float(first + WORDS_PER_CLIP)
                row = clip_row(video, first, first + WORDS_PER_CLIP, float(first), end)
                if row["status"] == "ok":
                    row["words_per_second"] = float(rng.choice(NUMBERS))
                rows.append(row)
    clip_table = folder / "clips" / f"{shard}.parquet"
    write_table(clip_table, schema("clips"), rows)
    scores: dict[TableStage, Path] = {}
    others = rng
    for stage in TRACK_STAGES[track]:
        # Facts have chances of their own.
        rng = others.spawn(1)[0] if stage is DESCRIBE_VIDEO else others
        ids = dict.fromkeys(row[stage.item] for row in rows if row["status"] == "ok")
        share = rng.choice([0.0, 0.3])
        reached = [item for item in ids if rng.random() >= share]
        scores[stage] = folder / "scores" / stage.name / f"{shard}.parquet"
        made = ({stage.item: item, **_score(stage.name, rng)} for item in reached)
        write_table(scores[stage], stage.schema, made)
    return clip_table, scores


def _score(stage: str, rng: np.random.Generator) -> dict[str, Any]:
    if rng.random() < 0.15:
        return {"status": "failed", "reason": "broken"}
    number = float(rng.choice(NUMBERS))

    def or_unknown(value: Any) -> Any:
        return None if rng.random() < 0.2 else value

    values: dict[str, dict[str, Any]] = {
        "describe_video": {
            "video_id": str(rng.choice(IDS)),
            "category": or_unknown(str(rng.choice(LABELS))),
            "duration": or_unknown(number),
            "height": or_unknown(int(number)),
            "caption_language": or_unknown(str(rng.choice(LABELS))),
            "captions": or_unknown(str(rng.choice(LABELS))),
            "file": str(rng.choice(LABELS)),
            "file_seconds": or_unknown(number),
            "distinct_words": or_unknown(int(10 * number)),
            "video_language": str(rng.choice(["en", "de", "fr"])),
            "video_language_confidence": min(1.0, number),
        },
        "identify_language": {
            "language": str(rng.choice(["en", "de", "fr"])),
            "language_confidence": min(1.0, number),
        },
        "score_lm_loss": {"lm_loss": number},
        "probe_videos": {"video_seconds": 4 * number, "video_frames": 100},
        "score_talking_head": {"talking_head": min(1.0, number)},
        "score_active_speaker": {"active_speaker": min(1.0, number)},
        "make_prompts": {"answer": str(rng.choice(["YES", "NO"])), "query": "What is it?"},
    }
    return {"status": "ok", "reason": None, **values[stage]}


def random_thresholds(
    rng: np.random.Generator, names: tuple[str, ...], excluded: Path | None = None
) -> dict[str, Any]:
    """Bounds for some of the rules in `names`; `excluded` is a list of videos."""
    thresholds: dict[str, Any] = {}
    others, facts = rng, rng.spawn(1)[0]
    for name in names:
        rng = facts if name in FACTS else others
        # Of many facts few have bounds, or nothing would be kept.
        if rng.random() < (0.8 if name in FACTS else 0.3):
            continue
        if name == "excluded":
            if excluded is not None:
                thresholds[name] = {"lists": [str(excluded)]}
        elif name in ("category", "caption_language", "captions", "file"):
            labels = rng.choice(LABELS, size=2, replace=False).tolist()
            thresholds[name] = {"labels": labels}
        elif name in ("language", "video_language"):
            labels = rng.choice(["en", "de", "fr"], size=2, replace=False).tolist()
            thresholds[name] = {"labels": labels, "min_confidence": float(rng.choice(NUMBERS[:6]))}
        elif name == "prompt":
            thresholds[name] = {"answers": [["YES"], ["NO"], ["YES", "NO"]][rng.integers(3)]}
        elif name == "inside_video":
            thresholds[name] = {"max_seconds_beyond": float(rng.choice(NUMBERS))}
        else:
            low, high = sorted(rng.choice(NUMBERS, size=2).tolist())
            bounds = {"min": low, ["max", "below"][rng.integers(2)]: high}
            kept = [bound for bound in bounds if rng.random() < 0.7]
            thresholds[name] = {bound: bounds[bound] for bound in kept}
    return thresholds

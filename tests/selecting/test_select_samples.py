"""Decisions, reasons, samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from livecc.errors import LiveccError
from livecc.files.atomic import open_atomic, read_json
from livecc.files.parquet import read_rows, write_table
from livecc.formats.records import Transcript, clip_id
from livecc.formats.samples import AS_RECORDED, SampleForm
from livecc.formats.tables import schema
from livecc.scores.job import failed, ok
from livecc.selecting.select_samples import select_shard
from tests.support.built_in import SCORE_STAGES, TRACKS

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
THRESHOLDS = {
    "words_per_second": {"min": 1, "max": 4},
    "language": {"labels": ["en"], "min_confidence": 0.9},
    "lm_loss": {"min": 1.5, "max": 6.5},
    "talking_head": {"below": 0.3},
}
GOOD = {
    "identify_language": ok(language="en", language_confidence=0.99),
    "score_lm_loss": ok(lm_loss=3.0),
    "score_talking_head": ok(talking_head=0.0),
}


class Shard:
    """A made-up shard: videos of ten words, one second each, with clips and scores."""

    def __init__(
        self, folder: Path, clips: list[dict[str, Any]], first_word: str = WORDS[0]
    ) -> None:
        self.folder = folder
        words = [first_word, *WORDS[1:]]
        videos = list(dict.fromkeys(clip["video"] for clip in clips))
        with open_atomic(folder / "t.jsonl.zst") as stream:
            for video in videos:
                times = [float(n) for n in range(11)]
                transcript = Transcript(
                    video, f"Title of {video} é😀", "Education", words, times[:-1], times[1:]
                )
                stream.write(transcript.to_json() + b"\n")
        rows = []
        tables: dict[str, dict[str, dict[str, Any]]] = {stage: {} for stage in GOOD}
        for clip in clips:
            first, last = clip["span"]
            name = clip_id(clip["video"], first, last)
            rows.append(
                {
                    "clip": name,
                    "video": clip["video"],
                    "first_word": first,
                    "last_word": last,
                    "start": float(first),
                    "end": float(last),
                    "video_start": float(first),
                    "video_end": last + 0.35,
                    "words_per_second": clip.get("words_per_second", 2.0),
                    "status": clip.get("status", "ok"),
                    "reason": clip.get("reason"),
                }
            )
            for stage, good in GOOD.items():
                row = clip.get(stage, good)
                item = clip["video"] if stage == "score_talking_head" else name
                if row is not None:
                    tables[stage][item] = row
        write_table(folder / "clips.parquet", schema("clips"), rows)
        self.scores = {}
        for stage, table in tables.items():
            path = folder / f"{stage}.parquet"
            declared = SCORE_STAGES[stage]
            rows = [{declared.item: k, **v} for k, v in table.items()]
            write_table(path, declared.schema, rows)
            self.scores[stage] = path

    def select(
        self,
        thresholds: dict[str, Any],
        gates: dict[str, dict[str, Any]] | None = None,
        form: SampleForm = AS_RECORDED,
        track: str = "pretrain",
        **scores: Path,
    ) -> dict[str, Any]:
        return select_shard(
            track=TRACKS[track],
            thresholds=thresholds,
            gates=gates or {},
            transcripts=self.folder / "t.jsonl.zst",
            clips=self.folder / "clips.parquet",
            scores={SCORE_STAGES[name]: path for name, path in (scores or self.scores).items()},
            decisions=self.folder / "decisions.parquet",
            samples=self.folder / "samples.jsonl",
            counts=self.folder / "counts.json",
            form=form,
        )

    def decisions(self) -> list[tuple[bool, str | None, str | None]]:
        rows = read_rows(self.folder / "decisions.parquet")
        return [(row["kept"], row["rule"], row["why"]) for row in rows]

    def samples(self) -> list[Any]:
        return [json.loads(line) for line in (self.folder / "samples.jsonl").open()]


def test_every_rule_and_its_reason(tmp_path: Path) -> None:
    shard = Shard(
        tmp_path,
        [
            {"video": "a", "span": (0, 5)},
            {"video": "b", "span": (0, 5), "words_per_second": 4.5},
            {
                "video": "c",
                "span": (0, 5),
                "identify_language": ok(language="fr", language_confidence=1.0),
            },
            {"video": "d", "span": (0, 5), "score_lm_loss": ok(lm_loss=6.5001)},
            {"video": "e", "span": (0, 5), "score_talking_head": ok(talking_head=0.3)},
            {"video": "f", "span": (0, 5), "score_talking_head": failed("f.mp4: no such file")},
            {"video": "g", "span": (0, 5), "score_lm_loss": None},
            {"video": "h", "span": (0, 5), "status": "failed", "reason": "zero length"},
        ],
    )
    counts = shard.select(THRESHOLDS)
    assert shard.decisions() == [
        (True, None, None),
        (False, "words_per_second", "words_per_second 4.5 > 4"),
        (False, "language", "language fr is not en"),
        (False, "lm_loss", "lm_loss 6.5001 > 6.5"),
        (False, "talking_head", "talking_head 0.3 >= 0.3"),
        (False, "talking_head", "not scored: f.mp4: no such file"),
        (False, "lm_loss", "not scored: outside the gate"),
        (False, "clip", "zero length"),
    ]
    assert counts["kept"] == 1
    assert counts["dropped"] == {
        "clip": 1,
        "words_per_second": 1,
        "language": 1,
        "lm_loss": 2,
        "talking_head": 2,
    }
    assert counts["unscored"] == {"lm_loss": 1, "talking_head": 1}
    assert counts == read_json(tmp_path / "counts.json")


def test_unscored_clips_may_be_kept_or_fail_the_run(tmp_path: Path) -> None:
    shard = Shard(
        tmp_path, [{"video": "f", "span": (0, 5), "score_talking_head": failed("broken")}]
    )
    assert shard.select({**THRESHOLDS, "on_unscored": "keep"})["kept"] == 1
    with pytest.raises(LiveccError, match=r"f#0-5 has no talking_head \(broken\)"):
        shard.select({**THRESHOLDS, "on_unscored": "fail"})


def test_samples_of_the_paper_tell_no_category(tmp_path: Path) -> None:
    shard = Shard(tmp_path, [{"video": "a", "span": (0, 5)}])
    shard.select(THRESHOLDS, form=SampleForm(with_category=False))
    ((user, _),) = shard.samples()
    assert set(user["content"][1]) == {"type", "text", "previous", "title"}


def test_rules_of_switched_off_stages_do_not_apply(tmp_path: Path) -> None:
    shard = Shard(tmp_path, [{"video": "a", "span": (0, 5), "score_lm_loss": ok(lm_loss=99.0)}])
    language = {"identify_language": shard.scores["identify_language"]}
    assert shard.select(THRESHOLDS, **language)["kept"] == 1


def test_samples_have_the_trainers_shape_and_order(tmp_path: Path) -> None:
    shard = Shard(
        tmp_path,
        [
            {"video": "z", "span": (2, 5)},
            {"video": "a", "span": (5, 10)},
            {"video": "a", "span": (0, 5)},
        ],
    )
    shard.select(THRESHOLDS)
    samples = shard.samples()
    assert [(s[0]["content"][0]["video"], s[0]["content"][0]["video_start"]) for s in samples] == [
        ("a", 0.0),
        ("a", 5.0),
        ("z", 2.0),
    ]
    assert samples[2] == [
        {
            "role": "user",
            "content": [
                {"type": "video", "video": "z", "video_start": 2.0, "video_end": 5.35},
                {
                    "type": "text",
                    "text": "",
                    "previous": "one two",
                    "title": "Title of z é😀",
                    "category": "Education",
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {
                    "type": "text_stream",
                    "text_stream": [[2.0, 3.0, "three"], [3.0, 4.0, "four"], [4.0, 5.0, "five"]],
                }
            ],
        },
    ]
    assert (tmp_path / "samples.jsonl").read_bytes().isascii()


@pytest.mark.parametrize(("track", "previous"), [("pretrain", " one two"), ("sft", "one two")])
def test_words_before_an_sft_clip_are_stripped(tmp_path: Path, track: str, previous: str) -> None:
    """As in the original. Only words that paper mode takes from the input need it."""
    shard = Shard(tmp_path, [{"video": "a", "span": (2, 5)}], first_word=" one")
    shard.select({}, track=track)
    ((user, _),) = shard.samples()
    assert user["content"][1]["previous"] == previous


def test_a_prefix_is_written_before_each_video(tmp_path: Path) -> None:
    clips = [{"video": "z", "span": (0, 5)}, {"video": "a/b", "span": (0, 5)}]
    shard = Shard(tmp_path, clips)
    shard.select(THRESHOLDS)
    plain = (tmp_path / "samples.jsonl").read_bytes()
    assert shard.select(THRESHOLDS, form=SampleForm("/données/"))["kept"] == 2
    videos = [sample[0]["content"][0]["video"] for sample in shard.samples()]
    assert videos == ["/données/a/b", "/données/z"]
    written = (tmp_path / "samples.jsonl").read_bytes()
    assert written.isascii()
    # Nothing else changes: decisions and titles have the paths of the records.
    assert written.replace(b'"video": "/donn\\u00e9es/', b'"video": "') == plain


def test_nothing_kept(tmp_path: Path) -> None:
    shard = Shard(tmp_path, [{"video": "a", "span": (0, 5), "words_per_second": 9.0}])
    assert shard.select(THRESHOLDS)["kept"] == 0
    assert shard.samples() == []


def test_a_score_outside_an_explicit_gate_is_passed_over(tmp_path: Path) -> None:
    """Whatever an earlier run with a wider gate left in the tables, the decisions are the same."""
    clips = [
        {"video": "a", "span": (0, 5)},
        # The other clip of its video is inside, and so the video is.
        {"video": "a", "span": (5, 10), "words_per_second": 3.5},
        {"video": "b", "span": (0, 5), "words_per_second": 3.5},
        # Outside the gate of the loss; then the next gate, on the loss, has nothing to look at.
        {"video": "c", "span": (0, 5), "words_per_second": 3.9},
    ]
    gates = {
        "score_lm_loss": {"words_per_second": {"max": 3.7}},
        "score_talking_head": {"words_per_second": {"max": 3}, "lm_loss": {"max": 9}},
    }
    left_by_a_wider_run = Shard(tmp_path / "wider", clips)
    counts = left_by_a_wider_run.select(THRESHOLDS, gates)
    assert left_by_a_wider_run.decisions() == [
        (True, None, None),
        (True, None, None),
        (False, "talking_head", "not scored: outside the gate"),
        (False, "lm_loss", "not scored: outside the gate"),
    ]
    scored = read_rows(tmp_path / "wider" / "decisions.parquet")
    assert [row["talking_head"] for row in scored] == [0.0, 0.0, None, None]
    assert [row["lm_loss"] for row in scored] == [3.0, 3.0, 3.0, None]
    clips[2]["score_talking_head"] = None
    clips[3] |= {"score_lm_loss": None, "score_talking_head": None}
    fresh = Shard(tmp_path / "fresh", clips)
    assert fresh.select(THRESHOLDS, gates) == counts
    for file in ("decisions.parquet", "samples.jsonl"):
        assert (fresh.folder / file).read_bytes() == (
            left_by_a_wider_run.folder / file
        ).read_bytes()
    keep = {**THRESHOLDS, "on_unscored": "keep"}
    assert fresh.select(keep, gates) == left_by_a_wider_run.select(keep, gates)
    # Without a gate of its own, a stage's scores count.
    assert left_by_a_wider_run.select(THRESHOLDS)["kept"] == 4

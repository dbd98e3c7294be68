"""A what-if tells what select_samples then decides."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from livecc import configuration
from livecc.declaration import rules_of
from livecc.errors import LiveccError
from livecc.files.atomic import read_json
from livecc.files.parquet import read_rows, read_table
from livecc.formats.layout import Layout
from livecc.selecting.select_samples import select_pack
from livecc.selecting.what_if.answer import (
    ENTERS,
    LEAVES,
    Answer,
    Question,
    answer,
    changed_clips,
    spread,
)
from livecc.selecting.what_if.question import ask, changed_thresholds
from tests.support.built_in import TRACK_STAGES, TRACKS
from tests.support.places import LIVECC
from tests.support.random_results import random_thresholds, write_shard

SHARDS = ["a", "b", "c"]


class Results:
    """Three made-up shards of a track, and selecting as the workflow does it."""

    def __init__(self, folder: Path, track: str, rng: np.random.Generator) -> None:
        self.layout, self.track, self.rng = Layout(str(folder)), track, rng
        self.stages = TRACK_STAGES[track]
        self.rules = tuple(rules_of(self.stages))
        for shard in SHARDS:
            write_shard(folder, track, shard, rng)

    def gates(self, share: float) -> dict[str, dict[str, Any]]:
        return {
            stage.name: random_thresholds(self.rng, tuple(rules_of(self.stages[:n])))
            for n, stage in enumerate(self.stages)
            if n and self.rng.random() < share
        }

    def select(
        self, name: str, thresholds: dict[str, Any], gates: dict[str, dict[str, Any]]
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """(sums of the counts, decision rows by clip)."""
        output = Path(self.layout.pack(self.track, name, "0000"))
        track = TRACKS[self.track]
        select_pack(track, thresholds, gates, self.stages, self.layout, name, SHARDS, output)
        files = [self.layout.shard(self.track, shard) for shard in SHARDS]
        counts = [read_json(Path(shard.counts(name))) for shard in files]
        totals = {
            key: sum(count[key] for count in counts)
            for key in ("clips", "kept", "seconds", "kept_seconds", "kept_videos")
        }
        for key in ("dropped", "unscored"):
            rules = {rule for count in counts for rule in count[key]}
            totals[key] = {r: sum(count[key].get(r, 0) for count in counts) for r in rules}
        rows = [row for shard in files for row in read_rows(Path(shard.decisions(name)))]
        return totals, {row["clip"]: row for row in rows}

    def question(self, **more: Any) -> Question:
        return Question(
            layout=self.layout,
            track=self.track,
            selection="new",
            shards=SHARDS,
            stages=self.stages,
            **more,
        )


def thresholds(rng: np.random.Generator, rules: tuple[str, ...]) -> dict[str, Any]:
    return {**random_thresholds(rng, rules), "on_unscored": ["drop", "keep"][rng.integers(2)]}


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("track", TRACK_STAGES)
def test_the_answer_is_what_select_samples_decides(tmp_path: Path, track: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    results = Results(tmp_path, track, rng)
    old, new = thresholds(rng, results.rules), thresholds(rng, results.rules)
    gates = results.gates(share=0.3)
    question = results.question(thresholds=new, before=old, gates=gates, explicit_gates=gates)
    found = answer(question, threads=2)
    old_counts, old_rows = results.select("old", old, gates)
    new_counts, new_rows = results.select("new", new, gates)
    assert found.clips == new_counts["clips"]
    assert found.seconds == pytest.approx(new_counts["seconds"])
    for side, counts in ((found.after, new_counts), (found.before, old_counts)):
        assert side.clips == counts["kept"]
        assert side.videos == counts["kept_videos"]
        assert side.seconds == pytest.approx(counts["kept_seconds"])
        assert side.dropped == counts["dropped"]
        assert side.unscored == counts["unscored"]

    rows = list(changed_clips(question, found.changed))
    kept = [{clip for clip, row in rows.items() if row["kept"]} for rows in (old_rows, new_rows)]
    assert {row["clip"] for row in rows if row["change"] == ENTERS} == kept[1] - kept[0]
    assert {row["clip"] for row in rows if row["change"] == LEAVES} == kept[0] - kept[1]
    for row in rows:
        decision = (new_rows if row["change"] == LEAVES else old_rows)[row["clip"]]
        names = ["rule", "why", "lm_loss", "language", "words_per_second"]
        assert {name: row[name] for name in names} == {name: decision[name] for name in names}
        number = row["video"].split(" ")[1].removesuffix(".mp4")
        span = range(row["first_word"], row["last_word"])
        assert row["text"] == " ".join(f"w{number}.{n}" for n in span)

    # Held against the files of that selection's last run, nothing changes.
    again = answer(
        results.question(thresholds=new, before=None, gates=gates, explicit_gates=gates), threads=1
    )
    assert again.before == again.after == found.after
    assert again.count(ENTERS) == again.count(LEAVES) == 0


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("track", TRACK_STAGES)
def test_clips_without_a_score(tmp_path: Path, track: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    results = Results(tmp_path, track, rng)
    bounds, gates = thresholds(rng, results.rules), results.gates(share=0.7)
    found = answer(
        results.question(thresholds=bounds, before=bounds, gates=gates, explicit_gates={}), 1
    )
    unscored = found.to_score + found.failed + found.outside
    if bounds["on_unscored"] == "drop":
        expected = {rule: n for rule, n in found.after.unscored.items() if n}
        owners = {rule.name: stage for stage in results.stages for rule in stage.rules}
        by_stage: Counter[str] = Counter()
        for rule, n in expected.items():
            by_stage[owners[rule].name] += n
        assert +unscored == by_stage
    _, rows = results.select("new", bounds, {})
    reasons = [row["why"] for row in rows.values() if (row["why"] or "").startswith("not scored")]
    if bounds["on_unscored"] == "drop":
        assert sum(found.failed.values()) == reasons.count("not scored: broken")
        absent = reasons.count("not scored: outside the gate")
        assert sum((found.to_score + found.outside).values()) == absent
    everything = answer(
        results.question(thresholds=bounds, before=bounds, gates={}, explicit_gates={}), 1
    )
    # A stage without a gate scores whatever it has not scored.
    assert not +everything.outside
    assert everything.to_score == found.to_score + found.outside


def test_shards_that_are_not_scored_are_named(tmp_path: Path) -> None:
    results = Results(tmp_path, "pretrain", np.random.default_rng(0))
    Path(results.layout.shard("pretrain", "b").scores("score_lm_loss")).unlink()
    question = results.question(thresholds={}, before={}, gates={}, explicit_gates={})
    found = answer(question, 2)
    assert found.missing == ["b"]
    clips = sum(
        len(read_rows(Path(results.layout.shard("pretrain", name).clips))) for name in ("a", "c")
    )
    assert found.clips == clips


def test_shown_clips_are_spread_over_all() -> None:
    found = Answer(changed={s: {ENTERS: list(range(10)), LEAVES: [1]} for s in SHARDS})
    assert {s: n[ENTERS] for s, n in spread(found, ENTERS, 3).items()} == {s: [0] for s in SHARDS}
    assert sum(len(n[LEAVES]) for n in spread(found, LEAVES, 10).values()) == 3
    assert spread(found, ENTERS, 0) == {}


# --- the command line ----------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A configuration over made-up results of both tracks, with a second selection."""
    rng = np.random.default_rng(3)
    settings: dict[str, Any] = {"results": str(tmp_path / "results"), "tracks": {}}
    for track in TRACK_STAGES:
        Results(tmp_path / "results", track, rng)
        folder = tmp_path / track
        folder.mkdir()
        for shard in SHARDS:
            (folder / f"{shard}.jsonl").touch()
        settings["tracks"][track] = {"inputs": [f"{folder}/*.jsonl"], "videos": str(folder)}
    settings["selections"] = {"wide": {"pretrain": {"lm_loss": {"max": 100}}}}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path


def run(project: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [*LIVECC, "what-if", "--configfile", str(project / "my.yaml"), *flags]
    return subprocess.run(command, capture_output=True, text=True, cwd=project, check=False)


def test_the_command(project: Path) -> None:
    flags = ("--track", "pretrain", "--against", "wide", "--set", "lm_loss.max=1.4")
    flags = (*flags, "--set", "lm_loss.min=none", "--set", "talking_head=none")
    told = run(project, *flags, "--output", "changes.parquet")
    assert told.returncode == 0, told.stderr
    assert "what if  pretrain, selection default with lm_loss.max=1.4" in told.stdout
    assert "against  selection wide" in told.stdout
    table = read_table(project / "changes.parquet")
    assert set(table["change"].to_pylist()) == {LEAVES}
    assert f"{table.num_rows} clips leave; 3 of them" in told.stdout
    assert table["text"][0].as_py().split()[0] in told.stdout
    assert run(project, *flags, "--output", "changes.jsonl.gz").returncode == 0
    told = run(project, *flags, "--output", "changes.jsonl")
    lines = [json.loads(line) for line in (project / "changes.jsonl").open()]
    assert [line["clip"] for line in lines] == table["clip"].to_pylist()


def test_both_tracks_are_answered_where_they_can_be(project: Path) -> None:
    told = run(project, "--set", "lm_loss.max=4", "--set", "language.min_confidence=0.7")
    assert told.returncode == 0, told.stderr
    assert "what if  pretrain, selection default with lm_loss.max=4" in told.stdout
    assert "what if  sft, selection default with lm_loss.max=4" in told.stdout
    for flags in (("--set", "talking_head=none"), ("--selection", "wide", "--set", "lm_loss=none")):
        told = run(project, *flags)
        assert told.returncode == 0, told.stderr
        assert "what if  pretrain" in told.stdout
        assert "what if  sft" not in told.stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "no decisions of a last run"),
        (
            ("--set", "lm_loss.max=4", "--output", "x.jsonl"),
            "give --track with one of pretrain, sft",
        ),
        (("--set", "lm_los.max=3"), "(did you mean 'lm_loss'?)"),
        (("--track", "sftt"), "there is no track 'sftt' (did you mean 'sft'?)"),
        (("--track", "sft", "--selection", "wide"), "there is no selection 'wide'"),
        (("--track", "sft"), "no decisions of a last run"),
        (("--track", "sft", "--set", "lm_los.max=3"), "(did you mean 'lm_loss'?)"),
        (("--track", "sft", "--output", "x.csv", "--set", "lm_loss.max=3"), "must end in .jsonl"),
        (("--track", "sft", "--set", "lm_loss.max=0.1"), "1.5 is greater than max 0.1"),
    ],
)
def test_wrong_use_gets_one_message(project: Path, flags: tuple[str, ...], message: str) -> None:
    told = run(project, *flags)
    assert told.returncode == 1
    assert message in told.stderr
    assert "Traceback" not in told.stderr


BASE = {"lm_loss": {"min": 1.5, "max": 5}, "language": {"labels": ["en"]}}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["lm_loss.max=3"], {**BASE, "lm_loss": {"min": 1.5, "max": 3.0}}),
        (["lm_loss.max=none", "lm_loss.below=4"], {**BASE, "lm_loss": {"min": 1.5, "below": 4.0}}),
        (["lm_loss=none"], {**BASE, "lm_loss": None}),
        (["language.labels=en,de"], {**BASE, "language": {"labels": ["en", "de"]}}),
        (["prompt.answers=YES"], {**BASE, "prompt": {"answers": ["YES"]}}),
        (["on_unscored=keep"], {**BASE, "on_unscored": "keep"}),
    ],
)
def test_settings(project: Path, settings: list[str], expected: dict[str, Any]) -> None:
    config = configuration.load([project / "my.yaml"])
    assert changed_thresholds(config, "sft", BASE, settings) == expected


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("lm_loss", "must be RULE.BOUND=VALUE"),
        ("lm_loss.maximum=3", "no bound 'maximum' (did you mean 'max'?)"),
        ("lm_loss.max=three", "'three' is not a number"),
        ("talking_head.below=0.3", "sft has no rule 'talking_head'"),
        ("onunscored=keep", "(did you mean 'on_unscored'?)"),
        ("on_unscored.x=keep", "no bound 'x'"),
        ("on_unscored=kep", "(did you mean 'keep'?)"),
        ("language.min_confidence=x", "is not a number"),
        ("language.labels=english", "language code"),
    ],
)
def test_wrong_settings(project: Path, setting: str, message: str) -> None:
    config = configuration.load([project / "my.yaml"])
    with pytest.raises(LiveccError) as error:
        ask(config, "sft", None, [setting], None)
    assert message in str(error.value)


def test_auto_gates_follow_the_thresholds_in_question(project: Path) -> None:
    config = configuration.load([project / "my.yaml"])
    question = ask(config, "sft", None, ["lm_loss.max=7"], None)
    assert question.gates["score_active_speaker"]["lm_loss"] == {"min": 1.5, "max": 7.0}
    assert question.explicit_gates == {}
    assert question.before == configuration.selections(config, "sft")["default"]
    assert ask(config, "pretrain", "wide", [], None).before is None


def test_the_command_imports_no_pandas(project: Path) -> None:
    code = (
        "import sys\n"
        "from livecc.commands import main\n"
        "try: main(['what-if', *sys.argv[1:]])\n"
        "except SystemExit as end: status = end.code\n"
        "assert not status and not any(name.startswith('pandas.') for name in sys.modules)"
    )
    flags = ["--configfile", "my.yaml", "--track", "sft", "--set", "lm_loss.max=4"]
    subprocess.run([sys.executable, "-c", code, *flags], cwd=project, check=True)

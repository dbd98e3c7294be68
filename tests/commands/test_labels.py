"""`livecc sample-for-labels` and `livecc labels`, from scored shards to proposals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from livecc import configuration
from livecc.errors import LiveccError
from livecc.labels.command import Goals, Inspection, inspect
from livecc.labels.population import read_population
from livecc.selecting.decisions import decide
from livecc.selecting.what_if.question import ask
from livecc.thresholds.sets import ON_UNSCORED, parse_rules
from tests.support.scored_project import run, write_project

KEEPS = "pretrain", "wide"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("labels"), videos=60)


def judge(project: Path, name: str, clips: list[str], **more: Any) -> Path:
    """A file of labels by a judge who likes clips with a loss between 1 and 3."""
    config = configuration.load([project / "my.yaml"])
    population = read_population(ask(config, *KEEPS, [], None), clips)
    losses = next(one.values for one in population.numeric if one.rule == "lm_loss")
    labels = [
        {"clip": clip, "label": "good" if 1 <= losses[population.places[clip]] <= 3 else "bad"}
        for clip in clips
        if clip in population.places
    ]
    path = project / name
    made = {"version": 1, "track": KEEPS[0], "selection": KEEPS[1], "labels": labels, **more}
    path.write_text(json.dumps(made))
    return path


def sampled(path: Path) -> list[str]:
    return [clip["clip"] for clip in json.loads(path.read_text())["clips"]]


def inspected(project: Path, *files: Path, sample: Path | None = None, **goals: Any) -> Inspection:
    config = configuration.load([project / "my.yaml"])
    return inspect(config, files, sample, None, None, Goals(**goals), threads=1)


def test_from_a_sample_to_yaml(project: Path) -> None:
    told = run(
        *(project, "sample-for-labels", "--track", "pretrain", "--selection", "wide"),
        *("--count", "100", "--output", "sample.json", "--seed", "3"),
    )
    assert told.returncode == 0, told.stderr
    assert "sample.json: 100 clips" in told.stdout
    first = (project / "sample.json").read_bytes()
    labels = judge(project, "labels.json", sampled(project / "sample.json"))
    told = run(project, "labels", labels, "--sample", "sample.json", "--json", "out.json")
    assert told.returncode == 0, told.stderr
    out = json.loads((project / "out.json").read_text())
    assert out["labels"]["used"] == 100
    assert out["precision"]["low"] <= out["precision"]["value"] <= out["precision"]["high"]
    assert {one["goal"] for one in out["proposals"]["together"]} == {"yield", "precision"}
    # The YAML can be pasted, and names what the what-if line names.
    start = told.stdout.index("selections:\n")
    pasted = yaml.safe_load(told.stdout[start : told.stdout.index("# after each rule", start)])
    assert pasted["selections"]["wide"]["pretrain"].keys() == {"lm_loss", "talking_head"}
    line = next(one for one in told.stdout.splitlines() if one.startswith("# livecc what-if"))
    flags = line.removeprefix("# livecc what-if ").split()
    what_if = run(project, "what-if", *flags, "--show", "0")
    assert what_if.returncode == 0, what_if.stderr
    kept = out["proposals"]["together"][0]["keeps"]["clips"]
    assert f"\nclips  {kept:>9,}" in what_if.stdout or f" {kept:,} " in what_if.stdout
    again = run(
        *(project, "sample-for-labels", "--track", "pretrain", "--selection", "wide"),
        *("--count", "100", "--output", "sample.json", "--seed", "3"),
    )
    assert again.returncode == 0
    assert (project / "sample.json").read_bytes() == first


@pytest.mark.parametrize(("track", "selection"), [("pretrain", "wide"), ("sft", "default")])
def test_a_population_is_what_is_decided(project: Path, track: str, selection: str) -> None:
    config = configuration.load([project / "my.yaml"])
    question = ask(config, track, selection, ["words_per_second.max=6.5"], None)
    population = read_population(question, seed=0)
    dropped, ids = [], []
    for shard in question.shards:
        columns = question.columns(shard)
        rules = parse_rules(question.thresholds, columns.rules)
        decided = decide(columns, rules, question.thresholds.get(ON_UNSCORED, "drop"))
        dropped += decided.dropped_by[columns.ok].tolist()
        ids += [
            clip
            for clip, ok in zip(columns.clips["clip"].to_pylist(), columns.ok, strict=True)
            if ok
        ]
    assert population.clips.to_pylist() == ids
    assert population.dropped_by.tolist() == dropped
    passes = population.fixed.copy()
    for one in population.numeric:
        passes &= one.passes()
    assert (passes == population.kept).all()
    assert population.kept.any() or track == "sft"


def test_goals(project: Path) -> None:
    clips = read_all(project)
    labels = judge(project, "all.json", clips)
    found = inspected(project, labels, least=0.1, precision=0.9)
    by_goal = {exact.proposal.goal: exact for exact in found.joint}
    assert by_goal["yield"].proposal.share_kept >= 0.1
    exact = by_goal["yield"].answer.after.clips
    usable = len(found.population)
    assert exact / usable == pytest.approx(by_goal["yield"].proposal.share_kept, abs=1e-9)
    as_number = inspected(project, labels, least=round(0.1 * usable) or 2)
    assert as_number.joint[0].proposal.wanted == pytest.approx(0.1, abs=0.01)
    with pytest.raises(LiveccError, match="--yield 1e"):
        inspected(project, labels, least=1e9)


def read_all(project: Path) -> list[str]:
    config = configuration.load([project / "my.yaml"])
    return read_population(ask(config, *KEEPS, [], None), seed=0).clips.to_pylist()


def test_left_out_labels_are_counted(project: Path) -> None:
    clips = read_all(project)
    sample = project / "small.json"
    run(
        *(project, "sample-for-labels", "--track", "pretrain", "--selection", "wide"),
        *("--count", "40", "--output", sample),
    )
    inside = sampled(sample)
    other = next(clip for clip in clips if clip not in inside)
    labels = judge(project, "some.json", [*inside[:30], other])
    made = json.loads(labels.read_text())
    made["labels"].append({"clip": "gone.mp4#0-5", "label": "good"})
    labels.write_text(json.dumps(made))
    found = inspected(project, labels, sample=sample)
    assert (found.judged.outside, found.judged.unknown, found.judged.waiting) == (1, 1, 10)
    assert len(found.judged.rows) == 30


def test_few_labels_say_something_but_propose_nothing(project: Path) -> None:
    labels = judge(project, "few.json", read_all(project)[:10])
    told = run(project, "labels", labels)
    assert told.returncode == 0, told.stderr
    assert "no thresholds are proposed with fewer than 20 labels" in told.stdout
    assert "no sample given" in told.stdout
    assert inspected(project, labels).to_json()["proposals"] == {"together": [], "one_rule": []}


def test_hostile_names_do_not_reach_the_terminal(project: Path) -> None:
    clips = read_all(project)[:30]
    one, other = (
        judge(project, f"{name}.json", clips[: 20 + 5 * n]) for n, name in enumerate(("x", "y"))
    )
    made = json.loads(other.read_text())
    for label in made["labels"]:
        label["by"] = "\x1b]0;title\x07\nprecision 100 %"
    made["labels"].append({"clip": "\x1b[31mgone", "label": "bad"})
    other.write_text(json.dumps(made))
    told = run(project, "labels", one, other)
    assert told.returncode == 0, told.stderr
    assert "\x1b" not in told.stdout
    assert "\nprecision 100 %" not in told.stdout


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        ("{", (), "not valid JSON"),
        ('{"version": 1, "labels": []}', (), "has no label that counts"),
        (
            '{"version": 1, "labels": [{"clip": "x", "label": "good"}]}',
            (),
            "none of the labelled clips, such as 'x'",
        ),
        ('{"version": 1, "track": "prtrain", "labels": []}', (), "did you mean 'pretrain'?"),
        ('{"version": 1, "labels": []}', ("--sample", "none.json"), "no such file"),
    ],
)
def test_bad_files_get_one_message(
    project: Path, content: str, words: tuple[str, ...], message: str
) -> None:
    (project / "bad.json").write_text(content)
    track = () if "prtrain" in content else ("--track", "pretrain", "--selection", "wide")
    told = run(project, "labels", "bad.json", *track, *words)
    assert told.returncode == 1
    assert message in told.stderr
    assert told.stderr.count("\n") == 1


def test_files_of_two_tracks_do_not_go_together(project: Path) -> None:
    clips = read_all(project)[:5]
    one = judge(project, "one.json", clips)
    other = judge(project, "other.json", clips, track="sft", selection="default")
    with pytest.raises(LiveccError, match=r"labels of the track 'pretrain' and .* of 'sft'"):
        inspected(project, one, other)


def test_a_sample_of_another_track_is_refused(project: Path) -> None:
    sample = project / "sft.json"
    run(project, "sample-for-labels", "--track", "sft", "--count", "30", "--output", sample)
    labels = judge(project, "pre.json", read_all(project)[:5])
    with pytest.raises(LiveccError, match="is a sample of the track sft, not pretrain"):
        inspected(project, labels, sample=sample)


def test_labels_are_read_only(project: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in (project / "results").rglob("*"))
    labels = judge(project, "ro.json", read_all(project)[:30])
    inspected(project, labels)
    after = sorted((path, path.stat().st_mtime_ns) for path in (project / "results").rglob("*"))
    assert before == after


def test_figures_are_plain_json(project: Path) -> None:
    labels = judge(project, "json.json", read_all(project)[:40])
    out = inspected(project, labels).to_json()
    assert json.loads(json.dumps(out)) == out
    assert not any(isinstance(value, np.generic) for value in out["precision"].values())

"""What other people add without a change of the workflow: a stage, an engine, scores of their own.

One project has all of them, so that few runs are needed.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from livecc.formats.samples import read_offsets
from livecc.selecting.verify import verify
from tests.support.places import LIVECC
from tests.workflow.page import FILES, install_page
from tests.workflow.running import BOAT_FR, FOLD, SUN, Project, Run, record

pytestmark = pytest.mark.workflow

SELECTING = {
    **{"select_samples": 1, "merge_samples": 1, "check_samples": 1, "summarize": 1},
    **{"export_parquet": 1, "export_card": 1},
}
MERGED = ("pretrain", "default", "livecc_pretrain_default_with_seeks.jsonl")


class Extended(Project):
    """A project whose runs find the packages of `packages`."""

    environment: dict[str, str]

    def run(self, *flags: str, environment: dict[str, str] | None = None) -> Run:
        return super().run(*flags, environment={**self.environment, **(environment or {})})

    def livecc(self, *arguments: str) -> str:
        """What the program prints."""
        (self.folder / "my.json").write_text(json.dumps(self.settings()))
        result = subprocess.run(
            [*LIVECC, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env={**os.environ, **self.environment},
            check=False,
        )
        assert result.returncode == 0, result.stderr[-3000:]
        return result.stdout

    def thresholds(self) -> dict[str, Any]:
        rules: dict[str, Any] = self.config["selections"]["default"]["pretrain"]
        return rules

    def decisions(self) -> pd.DataFrame:
        return pd.read_parquet(self.results("pretrain", "default", "decisions")).set_index("video")

    def manifest(self) -> dict[str, Any]:
        path = self.results(*MERGED[:-1], f"{MERGED[-1]}.manifest.json")
        assert verify(path) == []
        told: dict[str, Any] = json.loads(path.read_text())
        assert str(self.folder) not in path.read_text()
        return told


def write_quality(project: Project, **scores: float | None) -> None:
    rows = [(f"{name}.mp4#0-150", score) for name, score in scores.items()]
    pd.DataFrame(rows, columns=["clip", "mark"]).to_parquet(project.folder / "quality.parquet")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the package of docs/extending.md is installed."""
    site = install_page(tmp_path_factory.mktemp("page"))
    return {"PYTHONPATH": os.pathsep.join([str(site), os.environ["PYTHONPATH"]])}


@pytest.fixture(scope="module")
def first(
    tmp_path_factory: pytest.TempPathFactory, tiny_lm: Path, page: dict[str, str]
) -> Extended:
    folder = tmp_path_factory.mktemp("extending")
    project = Extended(folder / "p")
    project.folder.mkdir()
    project.environment = page
    again = ["to", "and", "fro"]
    good = [record("boat.mp4", FOLD), record("again.mp4", again), record("poor.mp4", FOLD[3:])]
    more = [record("sun.mp4", SUN), record("empty.mp4", SUN[5:]), record("advert.mp4", SUN[9:])]
    project.write_input(
        "one", [*good, *more, record("bateau.mp4", BOAT_FR), record("nobody.mp4", FOLD[7:])]
    )
    write_quality(project, boat=4, again=5, poor=1, bateau=4, sun=5, empty=None, advert=3, gone=2)
    names = ("boat", "again", "poor", "bateau", "sun", "empty", "nobody")
    (project.folder / "sources.csv").write_text(
        "".join(["file,source\n", *(f"{n}.mp4,lesson\n" for n in names), "advert.mp4,advert\n"])
    )
    project.config = {
        "device": "cpu",
        # Its videos are no recordings of what is said.
        "probe_videos": {"enabled": False},
        "tracks": {"pretrain": {"inputs": ["input/*.jsonl"]}},
        "identify_language": {"engine": "telling_words", "telling_words": {"word": "avec"}},
        "score_lm_loss": {
            "model": str(tiny_lm),
            "gate": {"repeated_words": {"max": 0.9}, "source": {"labels": ["lesson"]}},
        },
        "score_talking_head": {"enabled": False},
        "repeated_words": {"least_letters": 2, "gate": "none"},
        "external_scores": {
            "quality": {"table": "quality.parquet", "key": "clip", "column": "mark"},
            "source": {
                "table": "sources.csv",
                "key": "video",
                "key_column": "file",
                "column": "source",
                "kind": "labels",
            },
        },
        "selections": {
            "default": {
                "pretrain": {
                    "lm_loss": {"min": 0.0, "max": 50.0},
                    "repeated_words": {"max": 0.9},
                    "quality": {"min": 2},
                    "source": {"labels": ["lesson"]},
                }
            }
        },
    }
    run = project.run()
    assert run.status == 0, run.output[-5000:]
    return project


@pytest.fixture
def project(tmp_path: Path, first: Extended) -> Extended:
    other = Extended(first.copy(tmp_path / "p").folder)
    other.config = json.loads(json.dumps(first.config))
    other.environment = first.environment
    return other


def test_decisions(first: Extended) -> None:
    table = first.decisions()
    assert table.rule.fillna("kept").to_dict() == {
        "boat.mp4": "kept",
        "sun.mp4": "kept",
        "again.mp4": "repeated_words",
        "poor.mp4": "quality",
        "bateau.mp4": "language",
        "empty.mp4": "quality",
        "nobody.mp4": "quality",
        "advert.mp4": "source",
    }
    assert table.why["poor.mp4"] == "quality 1 < 2"
    assert table.why["empty.mp4"] == "not scored: no value in the table"
    assert table.why["nobody.mp4"] == "not scored: not in the table"
    assert table.why["advert.mp4"] == "source advert"
    assert table.why["again.mp4"].startswith("repeated_words 0.9")
    assert table.quality["boat.mp4"] == 4
    assert table.repeated_words.notna().all()
    assert len(read_offsets(first.results(*MERGED))) == 2


def test_gate_on_added_scores(first: Extended) -> None:
    """again.mp4 repeats itself, and advert.mp4 is no lesson."""
    scored = pd.read_parquet(first.results("pretrain", "scores", "score_lm_loss"))
    videos = {clip.split("#")[0] for clip in scored["clip"]}
    assert videos == set(first.decisions().index) - {"again.mp4", "advert.mp4"}


def test_summary(first: Extended) -> None:
    summary = json.loads(first.results("summary.json").read_text())["pretrain"]
    names = ["quality", "source", "identify_language", "repeated_words", "score_lm_loss"]
    assert list(summary["stages"]) == names
    assert summary["selections"]["default"]["unscored"] == {"quality": 2}
    assert summary["external_scores"]["quality"]["unknown"] == 1
    text = first.results("summary.txt").read_text()
    assert "quality: 1 of 8 keys of quality.parquet matches no clip" in text
    assert "source: " not in text
    assert "too many repeated words 1" in text


def test_manifest(first: Extended) -> None:
    told = first.manifest()
    scores = told["scores"]
    (quality,) = scores["quality"]
    assert quality.pop("sha256")
    assert quality == {
        "table": "quality.parquet",
        "rows": 8,
        "kind": "band",
        "key": "clip",
        "key_column": "clip",
        "column": "mark",
    }
    (words,) = scores["repeated_words"]
    assert words["settings"]["least_letters"] == 2
    assert words["software"]["livecc-lectures"] == ["1.0"]
    (language,) = scores["identify_language"]
    assert language["settings"]["engine_version"] == "1"
    assert language["settings"]["engine_options"] == {"word": "avec"}
    assert language["software"]["livecc-lectures"] == ["1.0"]
    assert told["configuration"]["thresholds"]["source"] == {"labels": ["lesson"]}


def test_plan(project: Extended) -> None:
    """Of a changed option of the engine, and of a threshold."""
    project.thresholds()["quality"] = {"min": 3}
    project.config["identify_language"]["telling_words"]["word"] = "nous"
    lines = project.livecc("plan", "--configfile", "my.json").splitlines()
    why = {line.split()[1]: line for line in lines if line.startswith("pretrain")}
    assert "changed: engine_options" in why["identify_language"]
    assert "an earlier stage runs" in why["repeated_words"]
    assert "select_samples" in why
    assert not {"quality", "source"} & why.keys()


def test_what_if(project: Extended) -> None:
    arguments = ("--configfile", "my.json", "--output", "changed.parquet")
    text = project.livecc("what-if", *arguments, "--set", "quality.min=0.5")
    said = "2 clips permanently without a score of quality: 1 because scoring failed, 1 not in its"
    assert said in " ".join(text.split())
    changed = pd.read_parquet(project.folder / "changed.parquet")
    assert changed[["change", "video", "quality"]].values.tolist() == [["enters", "poor.mp4", 1]]
    project.livecc("what-if", *arguments, "--set", "source.labels=lesson,advert")
    changed = pd.read_parquet(project.folder / "changed.parquet")
    assert changed.empty  # advert.mp4 has no loss: it was outside the gate
    project.livecc("what-if", *arguments, "--set", "repeated_words=none", "--set", "lm_loss=none")
    changed = pd.read_parquet(project.folder / "changed.parquet")
    assert changed.video.tolist() == ["again.mp4"]
    assert 0.9 < changed.repeated_words[0] < 1


def test_changed_thresholds_score_nothing(project: Extended) -> None:
    rules = project.thresholds()
    rules["quality"] = {"min": 4.5}
    rules["repeated_words"] = {"max": 0.8}
    rules["on_unscored"] = "keep"
    run = project.run()
    assert run.jobs() == SELECTING, run.output[-3000:]
    kept = project.decisions()
    assert set(kept.index[kept.kept]) == {"sun.mp4", "empty.mp4", "nobody.mp4"}


def test_changed_table_scores_nothing_again(project: Extended) -> None:
    """The model's loss has a gate that looks at tables, so its jobs look again; all is cached."""
    write_quality(project, boat=1, sun=5, poor=3)
    before = project.manifest()["scores"]["quality"]
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    jobs = {"quality": 1, "score_lm_loss": 1, "repeated_words": 1}
    assert run.jobs() == {**jobs, **SELECTING}
    assert project.stats("score_lm_loss", "one")["scored"] == 0
    kept = project.decisions()
    assert set(kept.index[kept.kept]) == {"sun.mp4", "poor.mp4"}
    assert project.manifest()["scores"]["quality"] != before
    assert "Nothing to be done" in project.run().output


# --- the page itself: a stage, an engine, a kind of threshold and a track ------------------------


@pytest.fixture(scope="module")
def lectures(tmp_path_factory: pytest.TempPathFactory, page: dict[str, str]) -> Extended:
    """A run with the configuration of the page."""
    project = Extended(tmp_path_factory.mktemp("lectures"))
    project.environment = page
    again = ["to", "and", "fro"]
    advert = [word for pair in zip(SUN, ["subscribe"] * len(SUN), strict=True) for word in pair]
    for shard, lines in {
        "one": [record("boat.mp4", FOLD), record("again.mp4", again)],
        "two": [record("advert.mp4", advert), record("bateau.mp4", BOAT_FR)],
    }.items():
        project.write_input(shard, lines)
    project.config = yaml.safe_load(FILES["my.yaml"])
    run = project.run()
    assert run.status == 0, run.output[-5000:]
    return project


def decisions_of(project: Project) -> pd.DataFrame:
    table = pd.read_parquet(project.results("lectures", "default", "decisions"))
    return table.set_index("video")


def test_the_page_has_complete_examples() -> None:
    assert set(FILES) == {
        *("pyproject.toml", "my.yaml", "livecc_lectures/repeated_words.py"),
        *("livecc_lectures/count_words.py", "livecc_lectures/telling_words.py"),
        *("livecc_lectures/none_of.py", "livecc_lectures/lectures.py"),
    }


def test_everything_on_the_page_works_together(lectures: Extended) -> None:
    table = decisions_of(lectures)
    assert table.rule.fillna("kept").to_dict() == {
        "boat.mp4": "kept",
        "again.mp4": "repeated_words",
        "advert.mp4": "most_repeated",
        "bateau.mp4": "language",
    }
    assert table.why["advert.mp4"] == "most_repeated subscribe"
    released = lectures.results("lectures", "default", "livecc_lectures_default_with_seeks.jsonl")
    assert len(read_offsets(released)) == 1
    told = json.loads(Path(f"{released}.manifest.json").read_text())
    assert "livecc-lectures" in json.dumps(told["scores"]["repeated_words"])
    assert set(told["scores"]) == {"identify_language", "repeated_words"}


def test_a_threshold_of_the_new_kind_scores_nothing(lectures: Extended, tmp_path: Path) -> None:
    project = Extended(lectures.copy(tmp_path / "p").folder)
    project.config = yaml.safe_load(FILES["my.yaml"])
    project.environment = lectures.environment
    flags = ("--configfile", "my.json", "--track", "lectures")
    answer = project.livecc("what-if", *flags, "--set", "most_repeated.unwanted=sail")
    assert "advert.mp4" in answer
    project.config["selections"]["default"]["lectures"]["most_repeated"] = {"unwanted": ["sail"]}
    run = project.run()
    assert run.jobs() == SELECTING, run.output[-3000:]
    assert decisions_of(project).kept["advert.mp4"]
    assert "Nothing to do" in project.livecc("plan", "--configfile", "my.json")
    project.config["selections"]["default"]["lectures"]["most_repeated"] = {"unwantd": ["sail"]}
    run = project.run()
    assert "most_repeated.unwantd: unknown key" in run.output

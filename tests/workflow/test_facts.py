"""Facts of videos, lists of excluded ones and the best N, in runs without any model weights."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from livecc import configuration
from livecc.files.parquet import read_rows
from livecc.formats.shard_input import shard_input
from livecc.selecting.what_if.answer import answer
from livecc.selecting.what_if.question import ask
from tests.support.videos import write_video
from tests.workflow.running import BOAT_FR, FOLD, SUN, Project, record

pytestmark = pytest.mark.workflow

SELECTED = {
    **{"select_samples": 1, "merge_samples": 1, "check_samples": 1, "summarize": 1},
    **{"export_parquet": 1, "export_card": 1},
}
FITS = {"duration": 60, "height": 480, "captions": "manual", "caption_language": "en"}
#: Video -> what its line says, and the rule that drops its clips.
VIDEOS: dict[str, tuple[dict[str, Any], str | None]] = {
    "fits.mp4": ({"about": FITS}, None),
    "listed.mp4": ({"id": "-9abc", "about": {**FITS, "duration": 1}}, "excluded"),
    "named.mp4": ({"about": FITS}, "excluded"),
    "long.mp4": ({"about": {**FITS, "duration": 601, "height": 100}}, "duration"),
    "low.mp4": ({"about": {**FITS, "height": 360}}, "height"),
    "unknown.mp4": ({"about": {**FITS, "height": None}}, "height"),
    "nothing.mp4": ({}, "duration"),
    "translated.mp4": ({"about": {**FITS, "captions": "translated"}}, "captions"),
    "french.mp4": ({"about": FITS}, "video_language"),
    "few.mp4": ({"about": FITS}, "distinct_words"),
}
WORDS = {"french.mp4": BOAT_FR, "few.mp4": FOLD[:12]}
BOUNDS: dict[str, Any] = {
    "duration": {"min": 30, "max": 600},
    "height": {"min": 480},
    "captions": {"labels": ["manual", "automatic"]},
    "distinct_words": {"min": 20},
    "video_language": {"labels": ["en"], "min_confidence": 0.6},
    "inside_video": {"max_seconds_beyond": 1000},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("facts") / "p")
    (project.folder / "videos").mkdir(parents=True)
    for video in ("fits.mp4", "long.mp4", "unknown.mp4"):
        write_video(project.folder / "videos" / video, 30)
    (project.folder / "excluded.txt").write_text("# Not for training.\n-9abc\nnamed\n")
    project.write_input(
        "s", [record(video, WORDS.get(video, SUN), **told) for video, (told, _) in VIDEOS.items()]
    )
    project.config = {
        "device": "cpu",
        "tracks": {"pretrain": {"inputs": ["input/*.jsonl"], "videos": "videos"}},
        "exclude": ["excluded.txt"],
        **{name: {"enabled": False} for name in ("score_lm_loss", "score_talking_head")},
        "identify_language": {"enabled": False},
        "selections": {"default": {"pretrain": BOUNDS}},
    }
    run = project.run()
    assert run.status == 0, run.output[-5000:]
    return project


@pytest.fixture
def project(tmp_path: Path, finished: Project) -> Project:
    return finished.copy(tmp_path / "p")


def decisions(project: Project) -> dict[str, tuple[str | None, str | None]]:
    """Video -> what dropped its only clip, and why."""
    rows = read_rows(project.results("pretrain", "default", "decisions", "s.parquet"))
    assert len(rows) == len(VIDEOS)
    return {row["video"]: (row["rule"], row["why"]) for row in rows}


def run_again(project: Project, jobs: dict[str, int]) -> None:
    run = project.run()
    assert run.status == 0, run.output[-5000:]
    assert run.jobs() == jobs


def test_the_first_rule_that_a_video_fails_is_recorded(finished: Project) -> None:
    found = decisions(finished)
    assert {video: rule for video, (rule, _) in found.items()} == {
        video: rule for video, (_, rule) in VIDEOS.items()
    }
    assert found["listed.mp4"][1] == "video_id -9abc is in excluded.txt"
    assert found["unknown.mp4"][1] == "unknown: height"
    assert found["low.mp4"][1] == "height 360 < 480"
    summary = finished.results("summary.txt").read_text()
    assert "picture too low or too high 1, unknown 1" in summary
    manifest = next(finished.results().rglob("*.manifest.json")).read_text()
    assert str(finished.folder) not in manifest


def test_what_is_outside_costs_later_stages_nothing(finished: Project) -> None:
    assert finished.stats("describe_video", "s")["items"] == len(VIDEOS)
    assert finished.stats("probe_videos", "s")["items"] == 1


def test_a_changed_bound_runs_no_model(project: Project) -> None:
    project.config["selections"]["default"]["pretrain"] = {**BOUNDS, "duration": {"max": 60}}
    run_again(project, SELECTED)
    project.config["selections"]["default"]["pretrain"] = {**BOUNDS, "height": {"min": 500}}
    run_again(project, SELECTED)
    assert decisions(project)["fits.mp4"] == ("height", "height 480 < 500")


def test_unknown_values_may_be_kept(project: Project) -> None:
    project.config["selections"]["default"]["pretrain"] = {**BOUNDS, "on_unknown": "keep"}
    # The gate lets in one more, whose file is then looked at.
    run_again(project, {**SELECTED, "probe_videos": 1})
    found = decisions(project)
    assert found["unknown.mp4"] == (None, None)
    assert found["nothing.mp4"][0] == "inside_video"
    assert project.stats("probe_videos", "s")["items"] == 3


def test_a_changed_list_runs_no_model(project: Project) -> None:
    (project.folder / "excluded.txt").write_text("-9abc\nnamed\nfits\n")
    # Whom the old list kept out nobody knows, so the gated stage looks, and scores nothing.
    run_again(project, {**SELECTED, "probe_videos": 1})
    assert project.stats("probe_videos", "s")["scored"] == 0
    assert decisions(project)["fits.mp4"][0] == "excluded"


def test_a_list_that_is_none_is_said_before_any_job(project: Project) -> None:
    project.config["exclude"] = ["excluded.text"]
    run = project.run()
    assert run.status != 0
    assert "exclude: excluded.text: cannot be read as a list of ids" in run.output
    assert "Traceback" not in run.output


# --- before transcription ------------------------------------------------------------------------


def test_no_video_outside_of_every_selection_is_transcribed(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    model = project.folder / "whisper"
    model.mkdir(parents=True)
    # A job that loaded it would fail.
    (model / "config.json").write_text("{}")
    (project.folder / "videos").mkdir()
    lines = [{"video": "long.mp4", "category": "Sports", "about": {"duration": 601}}]
    lines += [{"video": "livesports.mp4", "category": "Sports", "id": "-AhuH-XVacE"}]
    lines += [{"video": "blog.mp4", "category": "People & Blogs"}]
    project.write_input("s", lines)
    off = ("identify_language", "score_lm_loss", "probe_videos", "score_active_speaker")
    project.config = {
        "device": "cpu",
        "tracks": {"sft": {"inputs": ["input/*.jsonl"], "videos": "videos"}},
        "exclude": ["presets/livesports3k.txt"],
        "transcribe": {"model": str(model)},
        **{name: {"enabled": False} for name in (*off, "make_prompts")},
        "selections": {
            "default": {"sft": {"duration": {"max": 600}, "on_unknown": "keep"}},
            "short": {"sft": {"duration": {"max": 60}}},
        },
    }
    run = project.run()
    assert run.status == 0, run.output[-5000:]
    videos = pd.read_parquet(project.results("sft", "videos"))
    assert dict(zip(videos["video"], videos["reason"], strict=True)) == {
        "long.mp4": "no selection keeps it: duration 601 > 600",
        "livesports.mp4": "no selection keeps it: video_id -AhuH-XVacE is in livesports3k.txt",
        "blog.mp4": "category: People & Blogs",
    }
    assert set(videos["status"]) == {"dropped"}
    stats = project.stats("transcribe", "s", "sft")
    assert (stats["items"], stats["scored"], stats["failed"]) == (2, 0, 0)
    summary = project.results("summary.txt").read_text()
    assert "1 of other categories, 2 outside of every selection, 0 unusable" in summary
    # Narrower bounds let in nobody new.
    project.config["selections"]["default"]["sft"]["duration"] = {"max": 100}
    assert "transcribe" not in project.run().jobs()


# --- the best N ----------------------------------------------------------------------------------

N_VIDEOS = 24


def lines_to_rank() -> list[dict[str, Any]]:
    """Videos with few different numbers of distinct words, so that many are tied."""
    words = [*dict.fromkeys(word for word in (*SUN, *FOLD) if word != ".")]
    return [
        record(f"v{n:02d}.mp4", words[: 20 + n % 4], 400, about={"duration": 60 + n % 3})
        | {"category": "Sports" if n % 3 else "Gaming"}
        for n in range(N_VIDEOS)
    ]


def best(rows: pd.DataFrame, keep: int) -> set[str]:
    """The clips with the most distinct words, those with the smaller ids first."""
    ordered = sorted(zip(-rows["distinct_words"], rows["clip"], strict=True))
    return {clip for _, clip in ordered[:keep]}


def ranked_project(folder: Path, shards: int, **top: Any) -> Project:
    project = Project(folder)
    (folder / "videos").mkdir(parents=True)
    source = folder / "all.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines_to_rank()))
    shard_input([source], folder / "input", shards, "part")
    off = ("identify_language", "score_lm_loss", "probe_videos", "score_talking_head")
    project.config = {
        "device": "cpu",
        "tracks": {"pretrain": {"inputs": ["input/*.jsonl"], "videos": "videos"}},
        **{name: {"enabled": False} for name in off},
        "describe_video": {"open_files": False},
        "selections": {"default": {"pretrain": {"duration": {"max": 61}, "top": top}}},
    }
    run = project.run()
    assert run.status == 0, run.output[-5000:]
    return project


def kept(project: Project) -> pd.DataFrame:
    return pd.read_parquet(project.results("pretrain", "default", "decisions"))


def asked(project: Project, *settings: str) -> Any:
    with contextlib.chdir(project.folder):
        config = configuration.load([Path("my.yaml")])
        return answer(ask(config, "pretrain", "default", settings, None), 2)


def merged(project: Project) -> bytes:
    (path,) = project.results("pretrain", "default").glob("*_with_seeks.jsonl")
    return path.read_bytes()


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return ranked_project(tmp_path_factory.mktemp("three") / "p", 3, by="distinct_words", keep=7)


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return ranked_project(tmp_path_factory.mktemp("seven") / "p", 7, by="distinct_words", keep=7)


def test_the_best_n_are_the_same_for_any_sharding(three: Project, seven: Project) -> None:
    rows = kept(three)
    passing = rows[rows["duration"] <= 61]
    assert len(passing) > 14
    expected = best(passing, 7)
    # Some of those with the value of the last one are not kept.
    is_best = passing["clip"].isin(expected)
    is_last = passing["distinct_words"] == passing[is_best]["distinct_words"].min()
    assert is_last.sum() > (is_last & is_best).sum() > 0
    for project in (three, seven):
        table = kept(project)
        assert set(table[table["kept"]]["clip"]) == expected
        assert (table[table["rule"] == "top"]["why"].str.startswith("below the top N: ")).all()
    assert merged(three) == merged(seven)
    assert "below the top N" in three.results("summary.txt").read_text()
    assert asked(three).after.clips == asked(seven).after.clips == 7


def test_a_changed_number_ranks_nothing_anew(tmp_path: Path, three: Project) -> None:
    project = three.copy(tmp_path / "p")
    (told,) = {asked(project, "top.keep=11").after.clips}
    project.config["selections"]["default"]["pretrain"]["top"]["keep"] = 11
    run_again(project, {"cut_top": 1, **SELECTED})
    table = kept(project)
    assert table["kept"].sum() == told == 11
    assert set(table[table["kept"]]["clip"]) == best(table[table["duration"] <= 61], 11)


def test_a_changed_threshold_moves_the_cut(tmp_path: Path, seven: Project) -> None:
    project = seven.copy(tmp_path / "p")
    project.config["selections"]["default"]["pretrain"]["duration"] = {"max": 60}
    told = asked(project, "duration.max=60").after.clips
    run_again(project, {"rank_clips": 1, "cut_top": 1, **SELECTED})
    table = kept(project)
    assert set(table[table["kept"]]["clip"]) == best(table[table["duration"] <= 60], 7)
    assert table["kept"].sum() == told == 7
    per = asked(project, "top.per=category", "top.keep=2")
    assert per.after.clips == sum(min(2, n) for n in categories(project).values())
    assert "Nothing to be done" in project.run().output


def categories(project: Project) -> dict[str, int]:
    """The clips of each category that pass all rules."""
    table = kept(project)
    passing = table[table["duration"] <= 60]["video"]
    facts = pd.read_parquet(project.results("pretrain", "scores", "describe_video"))
    found = facts[facts["video"].isin(passing)]["category"].value_counts()
    return {str(name): int(n) for name, n in found.items()}


def test_without_top_nothing_is_ranked(tmp_path: Path, three: Project) -> None:
    project = three.copy(tmp_path / "p")
    project.config["selections"]["default"]["pretrain"]["top"] = None
    told = asked(project, "top=none").after.clips
    run_again(project, SELECTED)
    table = kept(project)
    assert table["kept"].sum() == told == (table["duration"] <= 61).sum()

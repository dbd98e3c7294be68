"""`livecc show`: kept, dropped and unscored clips, videos, and names that are not there."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from livecc import configuration
from livecc.errors import LiveccError
from livecc.files.parquet import read_rows
from livecc.formats.layout import Layout
from livecc.selecting.select_samples import select_pack
from livecc.showing.command import show
from livecc.terminal import new_console
from tests.support.built_in import TRACK_STAGES, TRACKS
from tests.support.scored_project import SHARDS, run, write_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("show"))


@pytest.fixture(scope="module")
def decisions(project: Path) -> dict[str, dict[str, Any]]:
    """Clip -> its row in the decisions of the selection "wide", as a run writes them."""
    config = configuration.load([project / "my.yaml"])
    thresholds = configuration.selections(config, "pretrain")["wide"]
    layout = Layout.of(config)
    track = TRACKS["pretrain"]
    output = Path(layout.pack("pretrain", "wide", "0000"))
    select_pack(track, thresholds, {}, TRACK_STAGES["pretrain"], layout, "wide", SHARDS, output)
    files = [layout.shard("pretrain", shard) for shard in SHARDS]
    return {row["clip"]: row for one in files for row in read_rows(Path(one.decisions("wide")))}


def shown(project: Path, name: str, track: str | None = "pretrain", **more: Any) -> str:
    out = io.StringIO()
    config = configuration.load([project / "my.yaml"])
    console = new_console(out, width=200)
    wanted = {"selection": "wide", "play": None, "font": None, **more}
    show(console, config, name, track, **wanted)
    return out.getvalue()


def test_every_clip_has_the_verdict_of_its_decision(
    project: Path, decisions: dict[str, dict[str, Any]]
) -> None:
    kinds = set()
    for clip, row in decisions.items():
        text = shown(project, clip)
        line = next(one for one in text.splitlines() if one.startswith("selection wide"))
        if row["kept"]:
            kinds.add("kept")
            assert line.split()[-1] == "kept"
            assert "drops the clip" not in text
        elif row["rule"] == "clip":
            kinds.add("no clip")
            assert f"dropped: {row['why']}" in line
        else:
            kinds.add("unscored" if row["why"].startswith("not scored") else "dropped")
            assert f"dropped by {row['rule']}: {row['why']}" in line
            (own,) = [one for one in text.splitlines() if "drops the clip: " in one]
            assert own.startswith(row["rule"])
        if len(kinds) == 4:
            break
    assert kinds == {"kept", "no clip", "dropped", "unscored"}


def test_a_clip_has_its_text_scores_and_source(
    project: Path, decisions: dict[str, dict[str, Any]]
) -> None:
    clip = next(clip for clip, row in decisions.items() if row["kept"] and "#6-12" in clip)
    text = shown(project, clip)
    shard, number = clip.partition(".mp4")[0].split()
    assert f"pretrain/{shard}.jsonl, line {int(number) + 1}" in text
    assert f"Title {number}" in text
    words = " ".join(f"w{number}.{n}" for n in range(6, 12))
    assert f"6.00  {words}" in text
    before = " ".join(f"w{number}.{n}" for n in range(6))
    assert f"before   ... {before}" in text
    row = decisions[clip]
    (loss,) = [line for line in text.splitlines() if line.startswith("lm_loss")]
    assert loss.split() == [
        "lm_loss",
        f"{row['lm_loss']:.6g}",
        "min",
        "0.3,",
        "max",
        "6.5",
        "passes",
    ]
    (language,) = [line for line in text.splitlines() if line.startswith("language ")]
    assert language.endswith("no bounds") or "not scored" in language


def test_a_video_lists_its_clips(project: Path, decisions: dict[str, dict[str, Any]]) -> None:
    videos: dict[str, list[str]] = {}
    for clip in decisions:
        videos.setdefault(clip.partition("#")[0], []).append(clip)
    video, clips = next((video, clips) for video, clips in videos.items() if len(clips) > 1)
    text = shown(project, video)
    assert f"{len(clips)} clips in pretrain, selection wide" in text
    for clip in clips:
        (line,) = [one for one in text.splitlines() if one.startswith(clip)]
        row = decisions[clip]
        assert (row["rule"] or "kept") in line or row["why"] in line


def test_a_video_that_was_not_used_says_why(project: Path) -> None:
    text = shown(project, "b bad.mp4")
    assert "line 13 not used: no words" in text
    assert "0 clips" in text


def test_stages_that_have_not_run_are_named(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    for shard in SHARDS:
        Path(
            Layout(f"{tmp_path}/results").shard("pretrain", shard).scores("score_talking_head")
        ).unlink()
    clip = read_rows(Path(Layout(f"{tmp_path}/results").shard("pretrain", "a").clips))[0]["clip"]
    assert "not run yet: score_talking_head" in shown(project, clip)


def test_both_tracks_are_looked_through(project: Path) -> None:
    config = configuration.load([project / "my.yaml"])
    clip = read_rows(Path(Layout.of(config).shard("sft", "a").clips))[0]["clip"]
    text = shown(project, clip, track=None, selection=None)
    assert "selection default" in text


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a 1.mp4#0-7", "similar ones: 'a 1.mp4#0-6'"),
        ("a 1.mp3", "similar ones: 'a 1"),
        ("nothing like it at all", "no clip or video"),
    ],
)
def test_unknown_names_get_one_message(project: Path, name: str, told: str) -> None:
    with pytest.raises(LiveccError) as error:
        shown(project, name)
    assert told in str(error.value)
    assert len(str(error.value)) < 400


def test_hostile_names_and_other_wrong_use(project: Path) -> None:
    said = run(project, "show", "\x1b]0;x\x07", "--track", "pretrain")
    assert said.returncode == 1
    assert "\x1b" not in said.stderr
    assert said.stderr.count("\n") == 1
    said = run(project, "show", "a 0.mp4#0-6", "--track", "pretrain", "--play", "x.avi")
    assert (said.returncode, said.stdout) == (1, "")
    assert "must end in .mp4" in said.stderr
    said = run(project, "show", "a 0.mp4#0-6", "--track", "pretrain", "--play", "x.mp4")
    assert said.returncode == 1
    assert "a 0.mp4: cannot be played: no such file" in said.stderr
    assert not (project / "x.mp4").exists()


def test_results_are_only_read(project: Path, decisions: dict[str, dict[str, Any]]) -> None:
    """Not even a folder that may not be written to is tried."""
    before = sorted((path, path.stat().st_mtime_ns) for path in (project / "results").rglob("*"))
    shown(project, next(iter(decisions)))
    after = sorted((path, path.stat().st_mtime_ns) for path in (project / "results").rglob("*"))
    assert before == after

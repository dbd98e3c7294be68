"""`livecc check` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from livecc import commands
from tests.stages.check_samples.training_files import sample, words_until, write_training_file
from tests.support.videos import write_video

GOOD = words_until(1.0, 9.3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "a.mp4", 300)
    return folder


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_training_file(tmp_path / "good.jsonl", [sample("a.mp4", GOOD)])


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    samples = [sample("a.mp4", GOOD), sample("a.mp4", GOOD, 1.0, 9.3), sample("b.mp4", GOOD)]
    return write_training_file(tmp_path / "bad.jsonl", samples)


def check(*words: Any) -> tuple[int, str]:
    result = CliRunner().invoke(commands.app, ["check", *map(str, words)], prog_name="livecc")
    return result.exit_code, result.output


def test_complete(good: Path, folder: Path) -> None:
    status, output = check(good, "--videos", folder)
    assert status == 0
    assert "the trainer's reader delivers 1 of 1 sample complete\n" in output
    status, output = check(good, "--text-only", "--fps", 24, "--fps", 59.94)
    assert status == 0
    assert output.endswith("1 of 1 sample complete, computed for 24 fps, 59.94 fps\n")
    assert [line.split()[:3] for line in output.splitlines() if "fps  " in line] == [
        ["24", "fps", "1"],
        ["59.94", "fps", "1"],
    ]


def test_incomplete(bad: Path, folder: Path, tmp_path: Path) -> None:
    report, lines = tmp_path / "report.json", tmp_path / "incomplete.jsonl"
    status, output = check(bad, "--videos", folder, "--json", report, "--incomplete", lines)
    assert status == 1
    assert "the trainer's reader delivers 1 of 3 samples complete\n" in output
    assert "  b.mp4 (1 sample): no such file\n" in output
    assert "  sample 2, a.mp4, 1.00 to 9.30 s: lost: 1 (w7)\n" in output
    [told] = json.loads(report.read_text())
    assert (told["samples"], told["counts"][0]["complete"], told["unopened"]) == (3, 1, 1)
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [(row["sample"], row["lost"]) for row in rows] == [(2, [[7, "w7"]]), (3, [])]
    assert {row["file"] for row in rows} == {str(bad)}


def test_the_worst_rate_is_said(tmp_path: Path) -> None:
    # At 1 frame a second, a chunk comes later than the window allows for.
    file = write_training_file(tmp_path / "a.jsonl", [sample("a.mp4", GOOD)])
    status, output = check(file, "--text-only", "--fps", 25, "--fps", 1)
    assert status == 1
    assert "0 of 1 sample complete, computed for 1 fps, the worst of 2 rates" in output


def test_several_files_and_one_that_is_none(
    good: Path, bad: Path, folder: Path, tmp_path: Path
) -> None:
    empty = write_training_file(tmp_path / "empty.jsonl", [])
    status, output = check(good, tmp_path / "gone.jsonl", empty, bad, "--videos", folder)
    assert status == 1
    for told in ("1 of 1 sample", "gone.jsonl: no such file", "stops on an empty", "1 of 3"):
        assert told in output
    assert check(good, empty, "--text-only")[0] == 1


def test_some_samples(tmp_path: Path, folder: Path) -> None:
    file = write_training_file(tmp_path / "many.jsonl", [sample("a.mp4", GOOD)] * 50)
    status, output = check(file, "--videos", folder, "--sample", 5)
    assert status == 0
    assert "delivers 5 of 5 samples complete (5 of 50 checked)" in output


def test_a_prefix(tmp_path: Path, folder: Path) -> None:
    file = write_training_file(tmp_path / "p.jsonl", [sample("/far/videos/a.mp4", GOOD)])
    assert check(file, "--videos", folder)[0] == 1
    assert check(file, "--videos", folder, "--prefix", "/far/videos/")[0] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "give either --videos FOLDER or --text-only"),
        (["--videos", ".", "--text-only"], "give either --videos FOLDER or --text-only"),
        (["--text-only", "--fps", "0"], "--fps must be above 0"),
        (["--videos", ".", "--sample", "0"], "'--sample'"),
    ],
)
def test_wrong_usage(good: Path, words: list[str], told: str) -> None:
    status, output = check(good, *words)
    assert status == 2
    assert told in output


def test_no_such_folder(good: Path, tmp_path: Path) -> None:
    status, output = check(good, "--videos", tmp_path / "gone")
    assert status == 1
    assert "no such folder" in output

"""What `make` removes, and what the demo says at its end."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.places import REPOSITORY


def clean(folder: Path, *settings: str) -> str:
    shutil.copy(REPOSITORY / "Makefile", folder)
    shutil.copytree(REPOSITORY / "envs", folder / "envs", dirs_exist_ok=True)
    command = ["make", "clean", *settings]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("something\n")


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if path.parts[0] not in ("envs", "Makefile")}


def test_clean_removes_what_costs_nothing_to_make_again(tmp_path: Path) -> None:
    kept = {
        *("results/cache/score_lm_loss/1/a.jsonl", "results/cache/make_prompts/1/spending/a.jsonl"),
        *("results/summary.txt", "models/mine/model.bin", "wheels/a.whl", ".venv-mine/pyvenv.cfg"),
    }
    put(tmp_path, *kept, ".venv/pyvenv.cfg", ".venv-lm/pyvenv.cfg", ".venv-whisperx/pyvenv.cfg")
    put(tmp_path, "results/demo/summary.txt", "results/demo/cache/score_lm_loss/1/a.jsonl")
    clean(tmp_path)
    assert files(tmp_path) == kept


def test_clean_keeps_paid_answers_and_folders_that_are_no_environment(tmp_path: Path) -> None:
    kept = {"mine/notes.txt", "results/demo/cache/make_prompts/1/spending/sft.a.jsonl"}
    put(tmp_path, *kept)
    assert "Keeping results/demo" in clean(tmp_path, "VENV=mine")
    assert files(tmp_path) == kept


def test_clean_leaves_what_a_link_leads_to(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/pyvenv.cfg", "scratch/summary.txt")
    (tmp_path / ".venv").symlink_to("elsewhere")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "demo").symlink_to("../scratch")
    clean(tmp_path)
    assert files(tmp_path) == {"elsewhere/pyvenv.cfg", "scratch/summary.txt"}
    assert not (tmp_path / ".venv").is_symlink()
    assert not (tmp_path / "results" / "demo").is_symlink()


def test_the_demo_ends_with_what_to_open_next() -> None:
    command = ["make", "--dry-run", "demo", "VENV=there"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "Next: open results/demo/report.html in a browser" in done.stdout.splitlines()[-1]

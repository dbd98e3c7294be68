"""Every rule runs in the interpreter of its kind of work, however packages are installed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from livecc.stages.catalogue import catalogue_for
from tests.support.places import REPOSITORY
from tests.workflow.environments import make_apptainer, make_conda, make_environment
from tests.workflow.running import FOLD, Project, record

pytestmark = pytest.mark.workflow

#: Script -> the kind of work that its packages are for.
KINDS = {
    "clip_captions": "workflow",
    "filter_categories": "workflow",
    "clip_transcripts": "workflow",
    "list_shards": "workflow",
    "select_samples": "workflow",
    "merge_samples": "workflow",
    "check_samples": "workflow",
    "export_samples": "workflow",
    "summarize": "workflow",
    "report": "workflow",
    "fetch_model": "lm",
    "identify_language": "lm",
    "score_lm_loss": "lm",
    "make_prompts": "lm",
    "probe_videos": "workflow",
    "score_talking_head": "vlm",
    "transcribe": "asr",
    "score_active_speaker": "asd",
}
#: Those that only some configurations run.
MORE_KINDS = {
    **{"import_transcripts": "workflow", "plan": "workflow", "describe_video": "lm"},
    **{"split_dump": "workflow", "ingest": "workflow"},
    **{"take_videos": "workflow", "copy_taken_lines": "workflow"},
    **{"rank_clips": "workflow", "cut_top": "workflow"},
}
_COMMAND = r"^(?:Shell command:)?\s*(\S+) \S*/scripts/(\w+)\.py"
#: Nothing but the workflow tells jobs where the library is; their interpreters have none.
NO_PATH = {"PYTHONPATH": ""}
#: What a run of the small project below runs.
SMALL = {
    *("clip_captions", "identify_language", "list_shards", "select_samples", "merge_samples"),
    *("check_samples", "export_samples", "summarize"),
}


@pytest.fixture
def small(tmp_path: Path) -> Project:
    """One shard with one video, scored with langid alone: no model is fetched."""
    project = Project(tmp_path / "project")
    project.warm = False
    (project.folder / "videos").mkdir(parents=True)
    project.write_input("one", [record("boat.mp4", FOLD)])
    project.config = {
        "device": "cpu",
        # Its videos are no recordings of what is said.
        "probe_videos": {"enabled": False},
        "tracks": {"pretrain": {"inputs": ["input/*.jsonl"], "videos": "videos"}},
        "score_lm_loss": {"enabled": False},
        "score_talking_head": {"enabled": False},
    }
    return project


@pytest.fixture
def whole(small: Project) -> Project:
    """Both tracks with all stages; for dry runs."""
    small.config["tracks"]["sft"] = {"inputs": ["input/*.jsonl"], "videos": "videos"}
    small.config["report"] = {"enabled": True}
    for stage in ("score_lm_loss", "probe_videos", "score_talking_head"):
        small.config[stage] = {"enabled": True}
    return small


def interpreters(output: str) -> dict[str, set[str]]:
    """Script -> the interpreters that the printed shell commands run it with."""
    found: dict[str, set[str]] = {}
    for python, script in re.findall(_COMMAND, output, re.MULTILINE):
        found.setdefault(script, set()).add(shlex.split(python)[0])
    return found


def recorded(file: Path) -> dict[str, set[str]]:
    """Script -> the environments that ran it, by name."""
    found: dict[str, set[str]] = {}
    for line in file.read_text().splitlines():
        prefix, _, script = line.partition(" ")
        if script:
            found.setdefault(Path(script).stem, set()).add(Path(prefix).name)
    return found


def test_plain_pip(whole: Project) -> None:
    run = whole.run("--dry-run", "--printshellcmds")
    assert run.status == 0, run.output[-3000:]
    assert interpreters(run.output) == {script: {sys.executable} for script in KINDS}


def test_an_environment_for_each_kind(whole: Project, tmp_path: Path) -> None:
    """In the printed commands of all rules."""
    pythons = {}
    for kind in sorted(set(KINDS.values())):
        pythons[kind] = str(tmp_path / kind)
        Path(pythons[kind]).symlink_to(sys.executable)
    whole.config["environments"] = pythons
    run = whole.run("--dry-run", "--printshellcmds")
    assert run.status == 0, run.output[-3000:]
    assert interpreters(run.output) == {script: {pythons[kind]} for script, kind in KINDS.items()}


def test_environments_that_were_given_are_used(small: Project, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    small.config["environments"] = {
        kind: str(make_environment(tmp_path / kind, notes)) for kind in ("workflow", "lm")
    }
    run = small.run(environment=NO_PATH)
    assert run.status == 0, run.output[-3000:]
    assert recorded(notes) == {script: {KINDS[script]} for script in SMALL}
    # No job can ask the terminal.
    assert set(Path(f"{notes}.input").read_text().split()) == {"True"}


def test_conda(small: Project, tmp_path: Path) -> None:
    """Each rule asks for the environment file of its kind, and runs in what comes of it."""
    notes = tmp_path / "notes"
    make_conda(tmp_path / "conda", notes)
    path = f"{tmp_path / 'conda' / 'bin'}:{os.environ['PATH']}"
    # What the configuration says of interpreters here means nothing there.
    small.config["environments"] = {"lm": shutil.which("false")}
    run = small.run(
        *("--sdm", "conda", "--conda-prefix", str(tmp_path / "envs")),
        environment={"PATH": path, **NO_PATH},
    )
    assert run.status == 0, run.output[-3000:]
    asked = {
        path.parent.name: path.read_text() for path in (tmp_path / "envs").glob("*/asked-for.yaml")
    }
    used = recorded(notes)
    assert set(used) == SMALL
    for script in SMALL:
        [name] = used[script]
        assert asked[name] == (REPOSITORY / "envs" / f"{KINDS[script]}.yaml").read_text()


def test_apptainer(small: Project, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    make_environment(tmp_path / "image", notes)
    make_apptainer(tmp_path / "programs")
    path = f"{tmp_path / 'programs'}:{os.environ['PATH']}"
    small.config["environments"] = {"lm": shutil.which("false")}
    small.config["container"] = str(tmp_path / "image")
    run = small.run("--sdm", "apptainer", environment={"PATH": path, **NO_PATH})
    assert run.status == 0, run.output[-3000:]
    assert recorded(notes) == {script: {"image"} for script in SMALL}
    bound = (tmp_path / "programs" / "bound").read_text().splitlines()[0].split(",")
    assert sorted(bound) == sorted([str(small.folder), str(REPOSITORY)])


def test_apptainer_without_an_image(small: Project) -> None:
    run = small.run("--sdm", "apptainer", "--dry-run")
    assert run.status != 0
    assert "container/livecc.def" in run.output


@pytest.mark.parametrize("engine", ["faster_whisper", "whisperx"])
def test_whisperx_has_an_environment_of_its_own(
    whole: Project, tmp_path: Path, engine: str
) -> None:
    make_apptainer(tmp_path / "programs")
    (tmp_path / "image").mkdir()
    path = f"{tmp_path / 'programs'}:{os.environ['PATH']}"
    whole.config |= {"container": str(tmp_path / "image"), "transcribe": {"engine": engine}}
    run = whole.run(
        *("--sdm", "apptainer", "--dry-run", "--printshellcmds"), environment={"PATH": path}
    )
    assert run.status == 0, run.output[-3000:]
    expected = {script: {"python"} for script in KINDS}
    if engine == "whisperx":
        definition = (REPOSITORY / "container" / "livecc.def").read_text()
        [python] = re.findall(r"^\s*(\S+) -c \"import whisperx", definition, re.MULTILINE)
        expected["transcribe"] = {python}
    assert interpreters(run.output) == expected


def test_conda_environment_of_every_rule_is_that_of_its_interpreter() -> None:
    """What runs with the interpreter of a kind declares the conda environment of that kind."""
    seen = {}
    for file in (REPOSITORY / "rules").glob("*.smk"):
        for rule in re.split(r"^ *(?:rule|checkpoint)\b", file.read_text(), flags=re.MULTILINE)[1:]:
            called = re.search(r"script\('(\w+)'(?:, '(\w+)')?\)", rule)
            if called is None:
                continue
            conda = re.search(r"conda:\s+f?\"\.\./envs/(.+)\.yaml\"", rule)
            assert conda, f"{file.name}: {called[1]} has no conda environment"
            seen[called[1]] = called[2] or "workflow"
            kind = re.sub(r"\{.*\belse '(\w+)'\}", r"\1", conda[1])
            assert kind == seen[called[1]], file.name
    # Those with a score cache declare their kind, and an engine may have an environment of its own.
    for stage in catalogue_for({}).cached_stages:
        seen[stage.name] = stage.kind
        for environment in (stage.kind, *(e.environment for e in stage.engines.values())):
            if environment is not None:
                assert (REPOSITORY / "envs" / f"{environment}.yaml").is_file()
    assert seen == KINDS | MORE_KINDS


def test_container_installs_what_there_is() -> None:
    """The files that it copies exist, and its commands are targets of the Makefile."""
    definition = (REPOSITORY / "container" / "livecc.def").read_text()
    sections = dict(re.findall(r"^%(\w+)\n(.*?)(?=^%|\Z)", definition, re.MULTILINE | re.DOTALL))
    for line in sections["files"].split("\n"):
        if line.strip():
            assert (REPOSITORY / line.split()[0]).exists(), line
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = re.findall(r"^\s*make (\S+)", sections["post"], re.MULTILINE)
    assert targets
    for target in targets:
        kind = target.removeprefix("env-")
        if kind != target:
            assert (REPOSITORY / "envs" / f"{kind}.txt").is_file()
            target = "env-%"
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_kind_is_installed_and_has_both_files() -> None:
    """By `make setup`, or by a target of its own; and with pip or conda."""
    folder = REPOSITORY / "envs"
    pip = {file.stem for file in folder.glob("*.txt")} - {"base", "dev"}
    assert pip == {file.stem for file in folder.glob("*.yaml")} == {*KINDS.values(), "whisperx"}
    makefile = (REPOSITORY / "Makefile").read_text()
    listed = set(re.findall(r"envs/(\w+)\.txt", re.findall(r"^REQUIREMENTS.*", makefile, re.M)[0]))
    assert listed == pip - {"whisperx"}
    for file in folder.glob("*.yaml"):
        conda: dict[str, Any] = yaml.safe_load(file.read_text())
        assert conda["channels"] == ["conda-forge"]
        assert "pip" in conda["dependencies"]

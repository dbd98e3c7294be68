"""Every command and every configuration of the documents, as it stands there.

What is cheap is run as it is, or as near as that goes: `make` prints what it would do, programs
read their arguments, Snakemake reads its command line and its configuration is checked.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from packaging.requirements import Requirement

from livecc import commands as program
from livecc import configuration
from livecc.configuration.messages import schema_problems
from livecc.configuration.options import json_schema
from livecc.selecting.what_if.question import changed_thresholds
from livecc.stages.catalogue import catalogue_of
from tests.support.documents import Command, blocks, commands, named, scripts
from tests.support.places import REPOSITORY

COMMANDS = commands()


def of(*programs: str) -> list[Command]:
    return [command for command in COMMANDS if command.program in programs]


# --- each program ----------------------------------------------------------------------------


def check_make(command: Command) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for word in command.arguments:
        name, equals, _ = word.partition("=")
        assert not equals or re.search(rf"^{name} \?=", makefile, re.MULTILINE), word
    words = ["make", "--dry-run", *command.arguments]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def check_livecc(command: Command) -> None:
    """Read the arguments, without doing what they say."""
    words = command.arguments
    found: Any = typer.main.get_command(program.app)
    context = found.make_context("livecc", [], resilient_parsing=True)
    while hasattr(found, "resolve_command"):
        name, found, words = found.resolve_command(context, list(words))
        if hasattr(found, "resolve_command"):
            context = found.make_context(name, [], parent=context, resilient_parsing=True)
    read = found.make_context(name, list(words), parent=context)
    for setting in read.params.get("changes") or ():
        config = configuration.complete({})
        # It is asked of both tracks, or of the one that it names.
        if read.params["track"] in (None, "pretrain", "sft"):
            for track in ("pretrain", "sft"):
                changed_thresholds(config, track, {}, [setting])


def check_python(command: Command) -> None:
    match command.arguments:
        case ["-m", "venv", _]:
            pass
        case ["-m", module, *words]:
            check_flags(REPOSITORY.joinpath(*module.split(".")).with_suffix(".py"), words)
        case _:
            pytest.fail(f"no check for {command}")


def check_pip(command: Command) -> None:
    words = command.arguments
    assert words.pop(0) == "install"
    while words:
        word = words.pop(0)
        if word == "-r":
            assert (REPOSITORY / words.pop(0)).is_file()
        elif not word.startswith("./"):
            Requirement(word)


def check_apptainer(command: Command) -> None:
    build, image, definition = command.arguments
    assert (build, Path(image).suffix) == ("build", ".sif")
    assert (REPOSITORY / definition).is_file()


def nothing_to_check(_command: Command) -> None:
    """Of the shell, or (snakemake) checked all together below."""


CHECKS: dict[str, Callable[[Command], None]] = {
    "make": check_make,
    "livecc": check_livecc,
    "python": check_python,
    "python3": check_python,
    "pip": check_pip,
    "apptainer": check_apptainer,
    **dict.fromkeys(("snakemake", "sbatch", "export", "$EDITOR"), nothing_to_check),
    **dict.fromkeys(("chgrp", "umask", "ssh"), nothing_to_check),
}


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command_of_a_document(command: Command) -> None:
    assert command.program in CHECKS, "say in CHECKS how to check this program"
    CHECKS[command.program](command)


@pytest.mark.parametrize(("document", "text"), scripts())
def test_block_is_a_shell_script(document: str, text: str) -> None:
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{document}: {done.stderr}"


@pytest.mark.parametrize("command", sorted(set(named("make")), key=str), ids=str)
def test_target_that_a_text_names(command: Command) -> None:
    check_make(command)


@pytest.mark.parametrize("command", sorted(set(named("livecc")), key=str), ids=str)
def test_sub_command_that_a_text_names(command: Command) -> None:
    found: Any = typer.main.get_command(program.app)
    for word in command.arguments:
        if hasattr(found, "commands") and not word.startswith("-"):
            assert word in found.commands
            found = found.commands[word]
        elif word.startswith("--") and word != "--help":
            assert word in {name for param in found.params for name in param.opts}


# --- snakemake -----------------------------------------------------------------------------------

#: Reads command lines as Snakemake does; prints for each what matters of it.
READ = """
import json, sys
from snakemake.cli import parse_args, parse_config
for words in json.load(sys.stdin):
    _, args = parse_args(words)
    print(json.dumps({
        "targets": list(args.targets),
        "configfiles": [str(file) for file in args.configfile or ()],
        "config": parse_config(args.config),
        "executor": args.executor,
    }))
"""
TARGETS = {"plan", "fetch_models"}


def my_yaml(folder: Path) -> Path:
    """The configuration of the README, and the folder of its source."""
    [text] = [text for name, text in blocks("yaml") if name == "README.md" and "# my.yaml" in text]
    config = yaml.safe_load(text.replace("/data", str(folder / "data")))
    (folder / "data" / "downloads").mkdir(parents=True)
    assert set(config["tracks"]) == {"pretrain", "sft"}
    (folder / "my.yaml").write_text(yaml.safe_dump(config))
    return folder / "my.yaml"


def test_command_lines_of_snakemake(tmp_path: Path) -> None:
    """All are read by Snakemake itself, and what they configure is checked."""
    mine = my_yaml(tmp_path)
    asked = of("snakemake")
    assert len(asked) > 5
    # As `livecc install-profile` makes it known.
    words = [
        ["profiles/slurm" if word == "slurm" else word for word in command.arguments]
        for command in asked
    ]
    paths = [str(REPOSITORY), str(REPOSITORY / "plugins"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", READ],
        input=json.dumps(words),
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    read = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(read) == len(asked)
    for command, told in zip(asked, read, strict=True):
        assert set(told["targets"]) <= TARGETS, command
        config = configuration.read_yaml(configuration.DEFAULTS_FILE)
        for file in told["configfiles"]:
            # That of docs/extending.md is for its own package, and is run with it elsewhere.
            path = mine if Path(file).name == "my.yaml" else REPOSITORY / file
            configuration.overlay(config, configuration.read_yaml(path))
        configuration.overlay(config, told["config"])
        if told["executor"] != "livecc-slurm":
            configuration.check(configuration.complete(config))


@pytest.mark.workflow
def test_retry_as_the_documents_say(tmp_path: Path) -> None:
    [command] = [one for one in of("snakemake") if "retry_failed=true" in one.words]
    mine = my_yaml(tmp_path)
    words = [str(mine) if word == "my.yaml" else word for word in command.arguments]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words, "--dry-run", "--directory", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "This was a dry-run" in done.stdout + done.stderr


# --- configurations ------------------------------------------------------------------------------


@pytest.mark.parametrize(("document", "text"), blocks("yaml"))
def test_configuration_of_a_document(document: str, text: str) -> None:
    config = configuration.read_yaml(configuration.DEFAULTS_FILE)
    configuration.overlay(config, yaml.safe_load(text))
    if document == "docs/extending.md":
        # For the page's own package, with which tests/workflow/test_extending.py runs it.
        return
    whole = configuration.complete(config)
    assert list(schema_problems(whole, json_schema(catalogue_of(whole), whole))) == []


# --- benchmarks ----------------------------------------------------------------------------------


def check_flags(script: Path, words: list[str]) -> None:
    """The script, or what it imports of the benchmarks, has every option of a command line."""
    known = known_flags(script)
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in {*known, "--help"}, f"{script.name} has no {word}"


def known_flags(script: Path) -> set[str]:
    flags: set[str] = set()
    waiting, seen = [script], set()
    while waiting:
        path = waiting.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and str(node.value).startswith("--"):
                flags.add(str(node.value))
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("benchmarks"):
                names = [str(node.module), *(f"{node.module}.{one.name}" for one in node.names)]
                waiting += [REPOSITORY / f"{name.replace('.', '/')}.py" for name in names]
    return flags


def test_commands_in_the_tables_of_benchmarks() -> None:
    text = (REPOSITORY / "benchmarks" / "README.md").read_text(encoding="utf-8")
    script = None
    checked = 0
    for span in re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE):
        first, *words = span.split()
        if first != "...":
            script = REPOSITORY / "benchmarks" / first
        assert script is not None
        assert script.is_file(), span
        check_flags(script, words)
        checked += 1
    assert checked > 20

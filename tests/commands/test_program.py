"""`livecc` as a whole: help, start, completion, how commands end, names of earlier scripts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from livecc import __version__, commands
from livecc.commands.arguments import files_of, gathered
from livecc.stages.tracks import TRACKS
from tests.support.places import LIVECC, REPOSITORY, SCRIPTS

#: Every sub-command, in the order of the help.
COMMANDS = (
    *("init", "ingest", "validate", "shard", "models", "plan", "follow", "what-if"),
    *("report", "browse", "show", "sample-for-labels", "labels", "check", "verify", "draw"),
    *("paper-counts", "cache", "install-profile"),
)
LEAVES = [
    *([name] for name in COMMANDS if name not in ("cache", "models")),
    *(["cache", name] for name in ("show", "prune", "export", "import")),
    *(["models", name] for name in ("list", "fetch")),
]
RENAMED = {
    "validate_input": "validate",
    "shard_input": "shard",
    "what_if": "what-if",
    "cache": "cache",
    "follow": "follow",
    "verify_release": "verify",
    "draw_active_speaker": "draw",
    "install_profile": "install-profile",
}
#: What takes long to import, and no help needs.
HEAVY = ("numpy", "pyarrow", "pandas", "torch", "onnxruntime", "transformers", "snakemake", "rich")


def livecc(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LIVECC, *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        check=False,
    )


def help_of(*words: str, columns: int = 80) -> str:
    result = CliRunner().invoke(
        commands.app, [*words, "--help"], prog_name="livecc", env={"COLUMNS": str(columns)}
    )
    assert result.exit_code == 0, result.output
    return result.output


def test_help_lists_every_command_with_a_whole_sentence() -> None:
    text = help_of()
    listed = re.findall(r"^  ([a-z][a-z-]+)  ", text.partition("Commands:")[2], re.MULTILINE)
    assert tuple(listed) == COMMANDS
    assert "..." not in text.partition("Commands:")[2]


def test_version() -> None:
    result = livecc("--version")
    assert re.fullmatch(
        rf"livecc {re.escape(__version__)}( \([0-9a-f]{{12}}(, changed)?\))?\n", result.stdout
    )
    assert result.returncode == 0


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
@pytest.mark.parametrize("columns", [80, 120])
def test_help_of_a_command(words: list[str], columns: int) -> None:
    text = help_of(*words, columns=columns)
    assert text.startswith(f"Usage: livecc {' '.join(words)} ")
    assert f"\n    livecc {' '.join(words)}" in text, "an example"
    # An example is a line of its own, so that it can be copied.
    prose = [line for line in text.splitlines() if not line.startswith("    livecc ")]
    assert max(map(len, prose)) <= min(columns, 100)
    for track in TRACKS:
        assert "--track" not in text or track.name in text


def test_help_starts_fast() -> None:
    code = (
        "import sys\nfrom livecc.commands import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print(*sorted(name for name in sys.modules if '.' not in name), file=sys.stderr)"
    )
    for words in ([], *LEAVES):
        child = subprocess.run(
            [sys.executable, "-c", code, *words, "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert set(HEAVY) & set(child.stderr.split()) == set(), words


def test_a_configuration_is_read_without_heavy_packages() -> None:
    """Every command and every start of Snakemake does so."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom livecc import configuration\n"
        "configuration.load([Path(sys.argv[1])])\n"
        "print(*sorted(name for name in sys.modules if '.' not in name))"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(REPOSITORY / "presets" / "demo.yaml")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(HEAVY) & set(child.stdout.split()) == set()


def test_completion() -> None:
    """As bash asks for it."""

    def completed(line: str) -> list[str]:
        words = line.split(" ")
        asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        return livecc(_LIVECC_COMPLETE="complete_bash", **asked).stdout.split()

    assert completed("livecc what") == ["what-if"]
    assert completed("livecc cache p") == ["prune"]
    assert "--videos" in completed("livecc validate --v")
    assert completed("livecc validate --track s") == ["sft"]
    assert completed("livecc models fetch center") == ["centerface"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["wat-if"], "Did you mean 'what-if'?"),
        (["validate", "x.jsonl", "--track", "pre"], "'pre' is not one of pretrain, sft"),
        (["shard", "x", "--shards", "2", "--output", "o", "--prefix", "-x"], "no - first"),
        (["shard", "x", "--shards", "2", "--output", "o", "--suffix", ".csv"], ".jsonl.zst"),
        (["cache", "prune", "c", "--older-than", "nan"], "must be a number"),
        (["cache", "prune", "c", "--older-than", "-1"], "must be a number"),
        (["what-if", "--show", "-1"], "'--show'"),
        (["draw", "x#0-1", "--videos", "v", "--output", "o", "--device", "gpu"], "cuda"),
    ],
)
def test_wrong_usage(words: list[str], told: str) -> None:
    result = CliRunner().invoke(commands.app, words, prog_name="livecc")
    assert result.exit_code == 2
    assert told in result.output


def test_an_error_is_one_line(tmp_path: Path) -> None:
    done = livecc("follow", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {tmp_path}")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("[]\n" * 50_000)
    process = subprocess.Popen(
        [*LIVECC, "validate", str(tmp_path / "a.jsonl")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "error" in process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait() == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals(tmp_path: Path, number: int, status: int) -> None:
    """In the middle of its work: the input is a pipe that gives nothing."""
    os.mkfifo(tmp_path / "slow.jsonl")
    process = subprocess.Popen(
        [*LIVECC, "validate", str(tmp_path / "slow.jsonl")], stderr=subprocess.PIPE, text=True
    )
    with (tmp_path / "slow.jsonl").open("w"):
        time.sleep(0.5)
        process.send_signal(number)
        _, told = process.communicate(timeout=30)
    assert process.returncode == status
    assert "Traceback" not in told


@pytest.mark.parametrize("script", RENAMED)
def test_names_of_earlier_scripts(script: str) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / f"{script}.py", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == livecc(RENAMED[script], "--help").stdout
    assert done.stderr == (
        f"scripts/{script}.py is now `livecc {RENAMED[script]}`; the next release has no such "
        "script\n"
    )


def test_an_earlier_script_does_its_work(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{\n")
    words = [str(tmp_path / "a.jsonl"), "--track", "sft"]
    script = [sys.executable, str(SCRIPTS / "validate_input.py"), *words]
    old = subprocess.run(script, capture_output=True, text=True, check=False)
    new = livecc("validate", *words)
    assert (old.returncode, old.stdout) == (new.returncode, new.stdout)
    assert "1 error" in new.stdout


def test_plan_by_its_earlier_name(tmp_path: Path) -> None:
    """Rules say --config; people said --configfile."""
    (tmp_path / "my.yaml").write_text(json.dumps({"mode": "papr"}))
    script = [sys.executable, str(SCRIPTS / "plan.py"), "--configfile", str(tmp_path / "my.yaml")]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("scripts/plan.py is now `livecc plan`")
    assert "mode: 'papr'" in done.stderr


def test_options_of_several_values() -> None:
    """`--configfile a b` as for Snakemake, wherever it stands, and each time by itself."""

    def given(line: str) -> list[str]:
        return gathered(line.split(), {"--configfile"})

    assert given("--configfile a b --set x=1 c") == ["--configfile", "a\0b", "--set", "x=1", "c"]
    assert given("x --configfile a --configfile b c") == [
        *("x", "--configfile", "a", "--configfile", "b\0c")
    ]
    assert given("--configfile a -- b --configfile c d") == [
        *("--configfile", "a", "--", "b", "--configfile", "c", "d")
    ]
    assert files_of(["a\0b", "c"]) == [[Path("a"), Path("b")], [Path("c")]]


def test_no_code_changes_the_path_of_imports() -> None:
    """The project is installed, or first on PYTHONPATH; the Snakefile's rules alone add it."""
    for folder in ("scripts", "benchmarks", "livecc", "plugins", "rules"):
        for file in (REPOSITORY / folder).rglob("*.*"):
            if file.suffix in (".py", ".smk") and file.name != "common.smk":
                assert "sys.path" not in file.read_text(), file

"""`livecc install-profile`; tests/slurm uses what it makes."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from typer.testing import CliRunner

from livecc import commands
from livecc.commands.install_profile import PATH_FILE
from tests.support.places import REPOSITORY


def run(*flags: str) -> str:
    result = CliRunner().invoke(commands.app, ["install-profile", *flags], prog_name="livecc")
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of Python's packages, and a home, of this test alone."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"purelib": str(folder)})
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return folder


def test_profile_and_executor(tmp_path: Path, packages: Path) -> None:
    run()
    assert (packages / PATH_FILE).read_text() == f"{REPOSITORY / 'plugins'}\n"
    (profile,) = tmp_path.rglob("slurm/config.yaml")
    source = (REPOSITORY / "profiles" / "slurm" / "config.yaml").read_text()
    assert profile.read_text() == source
    profile.write_text("mine: 1\n")
    assert "was not replaced" in run()
    assert profile.read_text() == "mine: 1\n"
    assert "config.yaml.before-1" in run("--force")
    assert profile.read_text() == source
    assert profile.with_name("config.yaml.before-1").read_text() == "mine: 1\n"


@pytest.mark.usefixtures("packages")
def test_a_profile_that_snakemake_prefers_is_seen_and_kept(tmp_path: Path) -> None:
    run()
    (profile,) = tmp_path.rglob("slurm/config.yaml")
    preferred = profile.with_name("config.v8+.yaml")
    for number in (1, 2):
        preferred.write_text(f"mine: {number}\n")
        assert f"{preferred} was not replaced" in run()
        run("--force")
        assert not preferred.exists()
        kept = profile.with_name(f"config.v8+.yaml.before-{number}")
        assert kept.read_text() == f"mine: {number}\n"

"""Exports and their manifests: damage, and files of two runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from livecc import commands
from livecc.errors import LiveccError
from livecc.exports.export import export
from livecc.exports.formats import FORMATS
from livecc.selecting.verify import manifests, verify
from tests.support.releases import make_release

SPLIT = {"validation": 0.3}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A selection with every format."""
    release = make_release(tmp_path, split=SPLIT)
    for one in FORMATS.values():
        export(one, release, {})
    return release.merged("train").parent


def problems(folder: Path) -> list[str]:
    return [problem for path in manifests([folder]) for problem in verify(path)]


def test_all_that_is_released_is_verified(folder: Path) -> None:
    assert len(manifests([folder])) == 2 + len(FORMATS)
    named = {name for path in manifests([folder]) for name in json.loads(path.read_text())["files"]}
    released = {
        path.name
        for path in folder.iterdir()
        if path.is_file()
        and path.suffixes[-2:] not in ([".manifest", ".json"], [".check", ".json"])
    }
    assert named == released
    assert len(named) == 7
    assert problems(folder) == []


@pytest.mark.parametrize(
    "name",
    [
        *("samples.parquet", "samples-validation.parquet", "README.md"),
        "livecc_pretrain_default_validation_seeks.jsonl",
        "livecc_pretrain_default_validation_with_seeks.jsonl",
    ],
)
def test_damage_to_any_file_is_told(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert problems(folder) == [f"{folder / name}: the sha256 does not match the manifest"]
    (folder / name).unlink()
    assert problems(folder) == [f"{folder / name}: missing"]


def test_files_of_two_runs_are_told(folder: Path) -> None:
    """A format that was turned off stays as it was."""
    make_release(folder.parents[1], split=SPLIT, video_prefix="/other/")
    told = problems(folder)
    assert len(told) == 2 * len(FORMATS)
    assert all("made of another version of it" in problem for problem in told)
    assert any("samples.parquet" in problem for problem in told)


def test_an_export_may_be_copied_alone(folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    for path in folder.glob("samples*"):
        if path.is_file():
            (alone / path.name).write_bytes(path.read_bytes())
    assert problems(alone) == []
    manifest = alone / "samples.parquet.manifest.json"
    # The manifest of a format with several files is found from each of them.
    assert manifests([alone / "samples-validation.parquet"]) == [manifest]
    assert manifests([alone / "samples.parquet", alone]) == [manifest]
    (alone / "other.parquet").touch()
    with pytest.raises(LiveccError, match=r"its manifest other\.parquet\.manifest\.json is miss"):
        manifests([alone / "other.parquet"])


@pytest.mark.parametrize("of", [None, [], {"../x.jsonl": "a"}])
def test_a_manifest_from_anywhere(folder: Path, of: object) -> None:
    path = folder / "samples.parquet.manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"of": of}))
    with pytest.raises(LiveccError, match="not a manifest of a released file"):
        verify(path)


def test_a_manifest_that_is_no_file_hides_no_other(folder: Path) -> None:
    """A folder may come from an archive, which holds pipes and links, too."""
    os.mkfifo(folder / "a.manifest.json")
    (folder / "b.manifest.json").symlink_to("/dev/zero")
    (folder / "c.manifest.json").write_text("[" * 10_000)
    (folder / "README.md").unlink()
    status = CliRunner().invoke(commands.app, ["verify", str(folder)])
    assert status.exit_code == 1
    told = status.output.replace("\n", " ")
    for problem in (
        *("a.manifest.json: no regular file", "b.manifest.json: no regular file"),
        *("c.manifest.json: not valid JSON", "README.md: missing", "problems: 4"),
    ):
        assert problem in told

"""What killed writers leave behind, and who removes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from livecc.files import leftovers
from livecc.files.atomic import open_atomic, write_bytes
from tests.support.places import REPOSITORY

#: Writes half of a file and a scratch folder, says so, and waits to be killed.
WRITER = """
import sys, time
from pathlib import Path
from livecc.files.atomic import open_atomic
from livecc.files.leftovers import scratch_folder
from tests.support.places import REPOSITORY

folder = Path(sys.argv[1])
with scratch_folder(folder / "many") as scratch, open_atomic(folder / "one.json") as stream:
    (scratch / "part").write_text("x")
    stream.write(b"[1, ")
    stream.flush()
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _nothing_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_swept", set())


def start_writer(folder: Path) -> subprocess.Popen[str]:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    return writer


def end(writer: subprocess.Popen[str], how: signal.Signals) -> None:
    writer.send_signal(how)
    writer.communicate()


def test_next_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    end(start_writer(tmp_path), signal.SIGKILL)
    assert len(list(tmp_path.iterdir())) == 2
    write_bytes(tmp_path / "other.json", b"[]")
    assert [path.name for path in tmp_path.iterdir()] == ["other.json"]


def test_writer_that_nobody_waited_for_is_gone(tmp_path: Path) -> None:
    writer = start_writer(tmp_path)
    writer.kill()
    # Until then it is a zombie, which still has its number.
    os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)
    leftovers.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
    writer.communicate()


def test_number_of_a_writer_that_another_process_has_now(tmp_path: Path) -> None:
    path = leftovers.temporary_path(tmp_path / "one")
    path.touch()
    leftovers.sweep(tmp_path)
    assert path.exists()
    host, pid, begin, token = path.name.split(".")[2].split("-")
    path.rename(tmp_path / f".one.{host}-{pid}-{int(begin) - 1}-{token}.tmp")
    leftovers.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_interrupted_writer_leaves_nothing(tmp_path: Path) -> None:
    end(start_writer(tmp_path), signal.SIGINT)
    assert list(tmp_path.iterdir()) == []


def test_what_a_living_writer_needs_stays(tmp_path: Path) -> None:
    writer = start_writer(tmp_path)
    before = set(tmp_path.iterdir())
    leftovers.sweep(tmp_path)
    with open_atomic(tmp_path / "mine") as stream:
        stream.write(b"x")
        leftovers.sweep(tmp_path)
    assert set(tmp_path.iterdir()) == {*before, tmp_path / "mine"}
    end(writer, signal.SIGKILL)


def test_another_machines_writer_has_six_hours(tmp_path: Path) -> None:
    file = tmp_path / ".one.json.0123ab-1-77-89abcdef.tmp"
    folder = tmp_path / ".many.0123ab-1-77-89abcdef.tmp"
    file.touch()
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "part").touch()
    old = leftovers.time.time() - leftovers.FOREIGN_SECONDS - 60
    leftovers.sweep(tmp_path)
    assert file.exists()
    os.utime(file, (old, old))
    # A download goes on in the folder, which itself is not touched any more.
    for path in (folder, folder / "deep"):
        os.utime(path, (old, old))
    leftovers.sweep(tmp_path)
    assert not file.exists()
    assert folder.exists()
    os.utime(folder / "deep" / "part", (old, old))
    leftovers.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_other_hidden_files_are_not_ours(tmp_path: Path) -> None:
    for name in (".one.tmp", ".one.123-89abcdef.tmp", "one.0123ab-1-7-89abcdef.tmp", ".git"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    leftovers.sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_folder_is_looked_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []
    monkeypatch.setattr(leftovers, "sweep", looked.append)
    for name in ("a", "b", "c"):
        write_bytes(tmp_path / name, b"")
    assert looked == [tmp_path]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", "{}: No such file"),
        ("x.json", "error: cannot open '{}' (13)"),
        ("two words.tmp.mp4", "/a.b/c.d/{}/frames/7: gone"),
        ("x", "see. it: ({})"),
    ],
)
def test_texts_name_the_file_that_people_know(name: str, text: str) -> None:
    told = leftovers.without_temporary_names(text.format(leftovers.temporary_path(Path(name))))
    assert told == text.format(name)


def test_other_hidden_names_stay_in_texts() -> None:
    text = "/a/.hidden.tmp: no; ./x.tmp; .x.abc-1-2-3.tmp"
    assert leftovers.without_temporary_names(text) == text


def test_errors_are_about_the_file_that_is_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="Is a directory") as raised:
        write_bytes(tmp_path / "folder", b"x")
    assert raised.value.filename == str(tmp_path / "folder")
    assert ".tmp" not in str(raised.value)
    with (
        pytest.raises(FileNotFoundError) as missing,
        leftovers.scratch_folder(tmp_path / "many") as scratch,
    ):
        (scratch / "a" / "b").write_bytes(b"")
    assert str(missing.value).endswith(f"{tmp_path / 'many'}'")
    with pytest.raises(FileNotFoundError, match="elsewhere"), open_atomic(tmp_path / "x"):
        Path("/elsewhere/y").read_bytes()


@pytest.mark.parametrize("name", ["x" * 250 + ".json", "é" * 127])
def test_a_file_may_have_any_name_that_the_system_takes(tmp_path: Path, name: str) -> None:
    write_bytes(tmp_path / name, b"x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_no_command_names_a_temporary_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from livecc import cli
    from livecc.errors import LiveccError

    temporary = leftovers.temporary_path(tmp_path / "a.parquet")

    def fails(error: Exception) -> str:
        def work() -> None:
            raise error

        with pytest.raises(SystemExit) as ended:
            cli.finish(work)
        assert ended.value.code == 1
        return capsys.readouterr().err

    known = tmp_path / "a.parquet"
    assert fails(LiveccError(f"{temporary}: no video")) == f"error: {known}: no video\n"
    told = f"Failed to open local file '{temporary}'"
    assert fails(OSError(13, told)) == f"error: [Errno 13] Failed to open local file '{known}'\n"
    assert fails(OSError(2, "?", str(temporary))) == f"error: {known}: No such file or directory\n"

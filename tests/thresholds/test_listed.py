"""Lists of ids: what they hold, and when a threshold on them is another one."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow
import pytest

from livecc.errors import LiveccError
from livecc.files.yaml_files import REPOSITORY
from livecc.thresholds.listed import (
    ChangedListError,
    NotListed,
    list_problems,
    read_list,
    without_folders,
)


def listed(*paths: Path) -> NotListed:
    return NotListed.parse(("video_id",), {"lists": [str(path) for path in paths]})


@pytest.fixture
def some(tmp_path: Path) -> Path:
    path = tmp_path / "some.txt"
    path.write_text("# Not these.\n-a\n\n  _b  \r\n")
    return path


@pytest.fixture
def more(tmp_path: Path) -> Path:
    path = tmp_path / "more.txt"
    path.write_text("c\n")
    return path


def test_the_ids_of_a_list_are_outside(some: Path, more: Path) -> None:
    threshold = listed(some, more)
    values = ["-a", "a", "_b", "c", None, "# Not these."]
    column = pyarrow.chunked_array([values], pyarrow.string())
    inside = threshold.mask({"video_id": column}).tolist()
    assert inside == [False, True, False, False, False, True]
    told = [threshold.failure({"video_id": value}) for value in values]
    assert told[0] == "video_id -a is in some.txt"
    assert told[3] == "video_id c is in more.txt"
    assert [one is None for one in told] == inside


def test_a_union_keeps_what_any_keeps(some: Path, more: Path) -> None:
    both = NotListed.union([listed(some, more), listed(more)])
    assert both == listed(more)
    assert NotListed.union([listed(some), listed(more)]) is None
    assert listed(some).covers(listed(some, more))
    assert not listed(some, more).covers(listed(some))


def test_a_changed_list_is_another_threshold(some: Path) -> None:
    before = listed(some)
    recorded = before.to_json()
    assert NotListed.parse(("video_id",), recorded) == before
    some.write_text("_b\n# Reordered.\n-a\n")
    assert listed(some) == before
    some.write_text("_b\n-a\nd\n")
    assert not listed(some).covers(before)
    old = NotListed.parse(("video_id",), recorded)
    with pytest.raises(ChangedListError, match="has changed"):
        old.failure({"video_id": "x"})
    some.unlink()
    with pytest.raises(ChangedListError, match="cannot be read"):
        old.mask({"video_id": pyarrow.chunked_array([["x"]])})


def test_nothing_published_has_a_folder(some: Path) -> None:
    recorded = listed(some).to_json()
    (name,) = without_folders(recorded)["lists"]
    assert name.startswith("some.txt#")
    assert len(name) == len("some.txt#") + 16


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "holds no id"),
        (b"# nothing\n", "holds no id"),
        (b"a b\n", "line 1: not one id"),
        (b"ok\nid,title\nx y\n", "line 3: not one id"),
        (b"\xff\xfe", "it is not UTF-8"),
        (b"ok\n#" + b"x" * 10**6, "line 2: is too long"),
    ],
)
def test_what_is_no_list_is_said(tmp_path: Path, text: bytes, problem: str) -> None:
    path = tmp_path / "ids.txt"
    path.write_bytes(text)
    (told,) = list_problems("exclude", [str(path)])
    assert told.startswith(f"exclude: {path}")
    assert problem in told
    with pytest.raises(LiveccError):
        read_list(str(tmp_path / "gone.txt"))


def test_a_list_without_an_end_is_not_read(tmp_path: Path) -> None:
    for endless in (Path("/dev/zero"), tmp_path / "pipe"):
        if not endless.exists():
            os.mkfifo(endless)
        (told,) = list_problems("exclude", [str(endless)])
        assert "no regular file" in told


def test_a_list_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_bytes(b"\xef\xbb\xbf# Not these.\na\n")
    assert read_list(str(tmp_path / "ids.txt")).ids == {"a"}


def test_the_evaluation_videos_ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ids = read_list("presets/livesports3k.txt").ids
    assert len(ids) == 416
    assert {len(one) for one in ids} == {11}
    assert "source" in (REPOSITORY / "presets" / "livesports3k.txt").read_text().lower()

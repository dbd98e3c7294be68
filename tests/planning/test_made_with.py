"""What results were made with, wherever they and a run are."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from livecc.errors import LiveccError
from livecc.files.atomic import write_json
from livecc.planning.made_with import (
    CHANGED,
    MOST_READ,
    ChangedSettings,
    is_same,
    made_with,
    record,
    recorded,
)

SETTINGS = {"mode": "default", "min": 5}


def test_settings_count_in_any_order_and_places_do_not_matter_without_places() -> None:
    first = made_with(SETTINGS)
    assert is_same(first, made_with({"min": 5, "mode": "default"}, results="/elsewhere"))
    assert not is_same(first, made_with({**SETTINGS, "min": 6}))
    assert is_same(made_with(SETTINGS, None), first)


def test_places_are_the_same_from_any_directory_and_through_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "videos").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    absolute = made_with(SETTINGS, tmp_path / "a/videos", results=tmp_path / "a/results")
    assert is_same(absolute, made_with(SETTINGS, tmp_path / "link/videos", results=tmp_path / "r"))
    monkeypatch.chdir(tmp_path / "a")
    assert made_with(SETTINGS, "videos", results="results") == absolute
    monkeypatch.setenv("HOME", str(tmp_path))
    assert made_with(SETTINGS, "~/a/videos", results="results") == absolute


def test_results_may_be_copied_alone_or_with_what_they_are_made_of(tmp_path: Path) -> None:
    before = made_with(SETTINGS, tmp_path / "a/videos", results=tmp_path / "a/results")
    alone = made_with(SETTINGS, tmp_path / "a/videos", results=tmp_path / "b/results")
    together = made_with(SETTINGS, tmp_path / "b/videos", results=tmp_path / "b/results")
    assert is_same(before, alone)
    assert is_same(before, together)
    other = made_with(SETTINGS, tmp_path / "a/films", results=tmp_path / "a/results")
    assert not is_same(before, other)
    # What is absolute in one is never taken for what is relative in the other.
    assert not is_same("a-b", "b-a")


def test_a_file_that_was_replaced_by_an_older_one_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "shard.jsonl"
    path.write_text("today")
    before = made_with(SETTINGS, path, results=tmp_path / "results")
    path.touch()
    assert made_with(SETTINGS, path, results=tmp_path / "results") == before
    path.write_text("TODAY")
    os.utime(path, (1e9, 1e9))
    assert not is_same(before, made_with(SETTINGS, path, results=tmp_path / "results"))


def test_a_large_file_counts_with_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "shard.jsonl"
    path.write_bytes(bytes(MOST_READ + 1))
    os.utime(path, (1e9, 1e9))
    before = made_with(SETTINGS, path, results=tmp_path / "results")
    assert made_with(SETTINGS, path, results=tmp_path / "results") == before
    os.utime(path, (9e8, 9e8))
    assert not is_same(before, made_with(SETTINGS, path, results=tmp_path / "results"))


@pytest.mark.parametrize("content", ["", "half a rec", "[1]", "{}", '{"made_with": null}'])
def test_without_a_record_nothing_is_the_same(tmp_path: Path, content: str) -> None:
    path = tmp_path / "stats.json"
    assert recorded(path) is None
    path.write_text(content)
    assert recorded(path) is None
    assert not is_same(recorded(path), made_with(SETTINGS))
    assert not is_same("", made_with(SETTINGS))


def test_a_record_is_added_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    write_json(path, {"items": 3})
    record(path, "digest")
    assert recorded(path) == "digest"
    assert '"items": 3' in path.read_text()
    path.write_text("[1]")
    with pytest.raises(LiveccError, match="not a JSON object"):
        record(path, "digest")


def test_the_file_of_changed_settings_is_newer_than_any_output(tmp_path: Path) -> None:
    changed = ChangedSettings()
    output = tmp_path / "output"
    assert Path(changed.newer_than(output)).name == CHANGED
    output.touch()
    # The clock of a file server is ahead.
    ahead = time.time() + 1000
    os.utime(output, (ahead, ahead))
    newer = changed.newer_than(output)
    assert Path(newer).stat().st_mtime > ahead
    # And stays newer.
    older = tmp_path / "older"
    older.touch()
    assert changed.newer_than(older) == newer
    assert Path(newer).stat().st_mtime > ahead

"""Cutting input into shards."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from livecc.errors import LiveccError
from livecc.files.lines import read_lines
from livecc.formats.shard_input import shard_input, shard_of


def record(video: str, text: str = "x") -> bytes:
    return json.dumps({"video": video, "subtitles": [[0, 1, text]]}).encode() + b"\n"


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(folder.iterdir())}


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
def test_appending_touches_only_the_shards_that_change(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "all.jsonl"
    videos = [f"video {n}.mp4" for n in range(100)]
    source.write_bytes(b"".join(map(record, videos)))
    out = tmp_path / "shards"
    report = shard_input([source], out, 8, "part", suffix)
    assert report.videos == 100
    assert len(report.written) == 8
    before = state(out)
    assert shard_input([source], out, 8, "part", suffix).written == []
    assert state(out) == before

    with source.open("ab") as stream:
        stream.write(record("new.mp4"))
    report = shard_input([source], out, 8, "part", suffix)
    (changed,) = report.written
    after = state(out)
    assert {name for name in before if before[name] != after[name]} == {changed}
    assert shard_of("new.mp4", 8) == sorted(before).index(changed)


def test_every_line_is_in_its_shard_once_with_its_bytes(tmp_path: Path) -> None:
    lines = [record(f"v{n}", "é 😀" * n) for n in range(50)]
    with gzip.open(tmp_path / "in.jsonl.gz", "wb") as stream:
        stream.write(b"".join(lines))
    shard_input([tmp_path / "in.jsonl.gz"], tmp_path / "out", 5, "s")
    found = []
    for index, path in enumerate(sorted((tmp_path / "out").iterdir())):
        for _, line in read_lines(path):
            assert line is not None
            assert shard_of(json.loads(line)["video"], 5) == index
            found.append(line + b"\n")
    assert sorted(found) == sorted(lines)


def test_lines_without_a_video_are_reported_and_left_out(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(b'{"video": 3}\n\n' + record("a") + b"[1]\n{half\n" + b'{"video": ""}\n')
    report = shard_input([source], tmp_path / "out", 2, "s")
    assert report.videos == 1
    assert [line for _, line, _ in report.bad] == [1, 4, 5, 6]


def test_lines_that_are_too_long_or_too_deep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livecc.files.lines.MAX_INPUT_LINE_BYTES", 10_000)
    source = tmp_path / "in.jsonl"
    deep = b'{"video": "a", "x": ' + b"[" * 2_000 + b"]" * 2_000 + b"}\n"
    source.write_bytes(record("b" * 20_000) + deep + record("c"))
    report = shard_input([source], tmp_path / "out", 1, "s")
    assert report.videos == 1
    assert [(line, reason[:24]) for _, line, reason in report.bad] == [
        (1, "the line is longer than "),
        (2, "not a JSON object with a"),
    ]


def test_no_newline_at_the_end_is_the_same_content(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(record("a") + record("b"))
    shard_input([source], tmp_path / "out", 1, "s")
    source.write_bytes((record("a") + record("b"))[:-1])
    assert shard_input([source], tmp_path / "out", 1, "s").written == []


def test_another_cut_in_the_folder_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(record("a"))
    shard_input([source], tmp_path / "out", 2, "s")
    with pytest.raises(LiveccError, match="another split"):
        shard_input([source], tmp_path / "out", 3, "s")
    with pytest.raises(LiveccError, match="another split"):
        shard_input([source], tmp_path / "out", 2, "s", ".jsonl.gz")


def test_missing_input(tmp_path: Path) -> None:
    with pytest.raises(LiveccError, match="cannot be read"):
        shard_input([tmp_path / "no.jsonl"], tmp_path / "out", 2, "s")


def test_shards_are_even() -> None:
    sizes = [0] * 10
    for n in range(10_000):
        sizes[shard_of(f"video {n}", 10)] += 1
    assert min(sizes) > 900
    assert max(sizes) < 1100


def test_a_video_has_the_same_shard_for_ever() -> None:
    assert [shard_of(v, 1000) for v in ("a.mp4", "é", "v0YEaeIClKY.mp4")] == [*(515, 793, 320)]

"""What the input comes to, against what cutting all of it gives."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest
import zstandard

from livecc import configuration
from livecc.planning import input_amounts, samples
from livecc.planning.input_amounts import TrackInput
from livecc.planning.ranges import Range
from livecc.planning.samples import read_sample, spread
from tests.workflow.running import FOLD, SUN, record


def write(path: Path, records: list[dict[str, Any]]) -> None:
    data = "".join(f"{json.dumps(one)}\n" for one in records).encode()
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = zstandard.compress(data)
    path.write_bytes(data)


def config_of(folder: Path, track: str, **over: Any) -> dict[str, Any]:
    config = configuration.read_yaml(configuration.DEFAULTS_FILE)
    config["results"] = str(folder / "results")
    config["tracks"][track] = {"inputs": [f"{folder}/*.jsonl*"], "videos": str(folder)}
    configuration.overlay(config, over)
    return configuration.complete(config)


def captioned(count: int) -> list[dict[str, Any]]:
    """Records with a clip of 150 words each."""
    return [record(f"{n}.mp4", FOLD if n % 2 else SUN, 150) for n in range(count)]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_small_input_is_counted(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"a.jsonl{suffix}", [*captioned(3), record("short.mp4", SUN, 20)])
    amount = TrackInput(config_of(tmp_path, "pretrain"), "pretrain").shard("a")
    assert amount is not None
    assert amount.clips == amount.videos == Range.of(3)
    assert amount.words == Range.of(450)
    assert amount.seconds.low == pytest.approx(3 * 60, rel=0.1)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_large_input_is_estimated_by_its_size(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "SAMPLED_BYTES", 2**19)
    path = tmp_path / f"a.jsonl{suffix}"
    # Bytes by chance do not compress.
    write(path, [{**one, "note": random.randbytes(3000).hex()} for one in captioned(400)])
    amount = TrackInput(config_of(tmp_path, "pretrain"), "pretrain").shard("a")
    assert amount is not None
    assert amount.clips.low == pytest.approx(400, rel=0.2)
    assert amount.clips != Range.of(400)
    lines, share = read_sample(path)
    assert 0 < share < 0.5
    assert all(json.loads(line) for _, line in lines)


def test_shards_that_are_not_read_are_estimated_by_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_amounts, "SAMPLED_SHARDS", 2)
    for n in range(4):
        write(tmp_path / f"s{n}.jsonl", captioned(5))
    write(tmp_path / "s9.jsonl", captioned(10))
    inputs = TrackInput(config_of(tmp_path, "pretrain"), "pretrain")
    amount = inputs.shard("s9")
    assert amount is not None
    assert amount.clips.low == pytest.approx(10, rel=0.05)


def test_unreadable_shard_has_no_estimate(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(b"this is not gzip")
    assert TrackInput(config_of(tmp_path, "pretrain"), "pretrain").shard("a") is None
    (tmp_path / "a.jsonl.gz").unlink()
    (tmp_path / "a.jsonl").write_bytes(b"")
    amount = TrackInput(config_of(tmp_path, "pretrain"), "pretrain").shard("a")
    assert amount is not None
    assert amount.clips == Range.of(0)


def spoken(count: int) -> list[dict[str, Any]]:
    content = [[0.4 * n, 0.4 * n + 0.3, SUN[n % len(SUN)]] for n in range(150)]
    content[0][2] = "The"
    line = {"title": "t", "category": "Sports", "content": content}
    music = {**line, "category": "Music", "video": "music.mp4"}
    return [music, *({**line, "video": f"{n}.mp4"} for n in range(count))]


def test_transcripts_of_the_input_are_cut(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", spoken(4))
    config = config_of(tmp_path, "sft", transcribe={"enabled": False})
    amount = TrackInput(config, "sft").shard("a")
    assert amount is not None
    assert amount.clips == Range.of(4)
    assert amount.words.high <= 4 * 150


def test_videos_to_transcribe_are_counted_by_category(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_amounts, "lengths_of", lambda videos: [100.0 for _ in videos])
    write(tmp_path / "a.jsonl", spoken(4))
    amount = TrackInput(config_of(tmp_path, "sft"), "sft").shard("a")
    assert amount is not None
    assert amount.videos == Range.of(4)
    assert amount.media == Range.of(400)
    # Clips last from 30 to 240 seconds.
    assert amount.clips == Range(400 / 240, 400 / 30)
    monkeypatch.setattr(input_amounts, "lengths_of", lambda _videos: [])
    amount = TrackInput(config_of(tmp_path, "sft"), "sft").shard("a")
    assert amount is not None
    assert amount.media == input_amounts.UNKNOWN_SECONDS * 4


def test_earlier_shards_say_what_a_video_comes_to(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", spoken(4))
    write(tmp_path / "b.jsonl", spoken(8))
    stats = tmp_path / "results" / "sft" / "stats" / "clip_transcripts"
    stats.mkdir(parents=True)
    counts = {"videos": 4, "clips": 12, "words": 2000, "seconds": 900.0}
    (stats / "a.json").write_text(json.dumps(counts))
    amount = TrackInput(config_of(tmp_path, "sft"), "sft").shard("b")
    assert amount is not None
    assert (amount.videos, amount.clips, amount.words) == (
        Range.of(8),
        Range.of(24),
        Range.of(4000),
    )


def test_no_video_outside_of_its_folder_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def lengths_of(videos: Any) -> list[float]:
        asked.extend(videos)
        return []

    monkeypatch.setattr(input_amounts, "lengths_of", lengths_of)
    outside = tmp_path / "secret.mp4"
    outside.touch()
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "link.mp4").symlink_to(outside)
    line = spoken(1)[1]
    names = ["../secret.mp4", str(outside), "link.mp4", "mine.mp4"]
    write(tmp_path / "a.jsonl", [{**line, "video": name} for name in names])
    config = config_of(tmp_path, "sft", tracks={"sft": {"videos": str(folder)}})
    TrackInput(config, "sft").shard("a")
    assert asked == [folder / "mine.mp4"]


def test_values_are_spread_evenly() -> None:
    assert spread(list(range(10)), 3) == [0, 3, 6]
    assert spread([1, 2], 5) == [1, 2]
    assert spread([], 5) == []

"""What sources come to before any of their shards is made."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from livecc import configuration
from livecc.formats.layout import SourceFiles
from livecc.planning import input_amounts, source_amounts
from livecc.planning.input_amounts import InputAmount, TrackInput
from livecc.planning.ranges import Range
from livecc.planning.source_amounts import PlannedSource
from livecc.sources.assigned import ListedSource
from tests.planning.test_input_amounts import captioned, config_of, spoken
from tests.planning.test_input_amounts import write as write_lines
from tests.workflow.running import FOLD, SUN
from tests.workflow.test_sources import age, download

SHARDS = 4


def config_with(folder: Path, track: str, *parts: dict[str, Any], **over: Any) -> dict[str, Any]:
    source = {"shards": SHARDS, "from": list(parts)}
    given = {"sources": ["s"], "inputs": [], "videos": str(folder)}
    return config_of(folder, track, sources={"s": source}, tracks={track: given}, **over)


def amounts(config: dict[str, Any], track: str, most: int = 32) -> list[InputAmount | None]:
    """What each shard comes to, planned before anything is made."""
    files = SourceFiles(config["results"], "s")
    videos = config["tracks"][track]["videos"]
    listed = ListedSource(files, config["sources"]["s"], videos, config["mode"], keep=False)
    planned = PlannedSource(config, "s", listed.sample(most))
    listed.close()
    inputs = TrackInput(config, track, {"s": planned})
    found = [inputs.shard(name) for name in configuration.shards(config, track)]
    assert not Path(config["results"]).exists()
    return found


def total(found: list[InputAmount | None]) -> InputAmount:
    return sum((one for one in found if one is not None), InputAmount())


def test_videos_in_folders_are_counted_by_shard(tmp_path: Path) -> None:
    for number in range(12):
        download(tmp_path / "down", f"video{number}", FOLD if number % 2 else SUN)
    config = config_with(tmp_path, "pretrain", {"format": "ytdlp", "paths": [str(tmp_path)]})
    found = amounts(config, "pretrain")
    assert None not in found
    assert total(found).clips == Range.of(12)
    assert total(found).words == Range.of(12 * 150)
    assert total(found).seconds.low == pytest.approx(12 * 60, rel=0.1)
    # Of few, all are estimated.
    assert total(amounts(config, "pretrain", 3)).clips.low == pytest.approx(12)


def test_a_shard_without_videos_costs_nothing(tmp_path: Path) -> None:
    download(tmp_path / "down", "video1", FOLD)
    config = config_with(tmp_path, "pretrain", {"format": "ytdlp", "paths": [str(tmp_path)]})
    clips = sorted(one.clips.high for one in amounts(config, "pretrain") if one is not None)
    assert clips == [0, 0, 0, 1]


def test_seconds_to_transcribe_are_those_of_the_info_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_amounts, "lengths_of", lambda _videos: [])
    for number in range(6):
        download(tmp_path / "down", f"video{number}", FOLD)
    part = {"format": "ytdlp", "paths": [str(tmp_path / "down")]}
    amount = total(amounts(config_with(tmp_path, "sft", part), "sft"))
    assert (amount.videos, amount.media) == (Range.of(6), Range.of(6 * 70))
    for path in (tmp_path / "down").glob("*.info.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "duration": None}))
    age(tmp_path / "down")
    amount = total(amounts(config_with(tmp_path, "sft", part), "sft"))
    assert amount.media.low == pytest.approx(6 * input_amounts.UNKNOWN_SECONDS.low)
    assert amount.media.high == pytest.approx(6 * input_amounts.UNKNOWN_SECONDS.high)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_lines_of_a_dump_are_counted(tmp_path: Path, suffix: str) -> None:
    records = [{**one, "id": one["video"][:-4]} for one in captioned(60)]
    write_lines(tmp_path / f"dump.jsonl{suffix}", records)
    part = {"format": "jsonl", "paths": [str(tmp_path / f"dump.jsonl{suffix}")]}
    found = amounts(config_with(tmp_path, "pretrain", part), "pretrain")
    assert total(found).clips.low == pytest.approx(60)
    assert total(found).words.high == pytest.approx(60 * 150)
    assert found[0] == found[3]


@pytest.mark.parametrize(("kind", "exact"), [("csv", False), ("parquet", True)])
def test_other_dumps_are_judged_by_their_size(tmp_path: Path, kind: str, exact: bool) -> None:
    records = [{**one, "id": one["video"][:-4]} for one in captioned(60)]
    path = tmp_path / f"dump.{kind}"
    rows = [{**one, "subtitles": json.dumps(one["subtitles"])} for one in records]
    if kind == "csv":
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    config = config_with(tmp_path, "pretrain", {"format": "table", "paths": [str(path)]})
    clips = total(amounts(config, "pretrain")).clips
    assert clips.low <= 60.001
    assert clips.high >= 59.999
    assert (clips.high - clips.low < 1) == exact
    assert clips.high < 4.1 * clips.low


def test_of_many_dumps_some_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_amounts, "SAMPLED_DUMPS", 2)
    for number in range(6):
        records = [{**one, "video": f"{number}-{one['video']}"} for one in captioned(5)]
        write_lines(tmp_path / f"dump{number}.jsonl", records)
    part = {"format": "jsonl", "paths": [str(tmp_path)]}
    found = total(amounts(config_with(tmp_path, "pretrain", part), "pretrain"))
    assert found.clips.low == pytest.approx(30, rel=0.05)


def test_what_cannot_be_read_is_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "dump.jsonl.gz").write_bytes(b"this is not gzip")
    part = {"format": "jsonl", "paths": [str(tmp_path / "dump.jsonl.gz")]}
    assert amounts(config_with(tmp_path, "pretrain", part), "pretrain") == [None] * SHARDS


def test_words_of_a_dump_are_cut(tmp_path: Path) -> None:
    records = [{**one, "id": one["video"]} for one in spoken(4)]
    write_lines(tmp_path / "dump.jsonl", records)
    part = {"format": "jsonl", "paths": [str(tmp_path / "dump.jsonl")]}
    config = config_with(tmp_path, "sft", part, transcribe={"enabled": False})
    assert total(amounts(config, "sft")).clips.low == pytest.approx(4)

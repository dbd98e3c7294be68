"""Merged files of splits: whole samples of whole videos, which never change sides."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from livecc.formats.samples import read_offsets, read_sample, sample_line
from livecc.formats.splits import Split
from livecc.selecting.merge_samples import merge, merge_splits, remove_other_splits

SPLIT = Split(validation=0.3, test=0.2)

_videos = st.lists(st.integers(0, 400).map(lambda n: f"{n}.mp4"), unique=True, max_size=25)


def line(video: str, start: float) -> bytes:
    query = {"type": "text", "text": "", "previous": "", "title": video, "category": ""}
    return sample_line(video, start, start + 1, query, [[start, start + 1, "hi"]])


def write_shards(folder: Path, videos: list[str], shards: int, prefix: str = "") -> list[Path]:
    """Two samples of each video, in so many shards."""
    paths = []
    for shard in range(shards):
        paths.append(folder / f"s{shard}.jsonl")
        mine = sorted(videos[shard::shards])
        data = [line(f"{prefix}{video}", start) for video in mine for start in (0.0, 5.0)]
        paths[-1].write_bytes(b"".join(data))
    return paths


def sides(videos: list[str], shards: int, prefix: str = "") -> dict[str, str]:
    """Video -> the split in whose merged file it is found, as the trainer reads it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outputs = {split: folder / f"{split}_with_seeks.jsonl" for split in SPLIT.names}
        merged = merge_splits(write_shards(folder, videos, shards, prefix), outputs, SPLIT, prefix)
        found: dict[str, str] = {}
        for split, path in outputs.items():
            samples = [read_sample(path, offset) for offset in read_offsets(path)]
            names = [sample[0]["content"][0]["video"] for sample in samples]
            assert names == sorted(names)
            assert (merged[split].samples, merged[split].videos) == (len(names), len(set(names)))
            assert merged[split].bytes == path.stat().st_size
            for video in names:
                assert found.setdefault(video.removeprefix(prefix), split) == split
        assert sum(one.samples for one in merged.values()) == 2 * len(videos)
        return found


@settings(deadline=None, max_examples=60)
@given(_videos, _videos, st.integers(1, 4), st.integers(1, 4), st.sampled_from(["", "/v/", "x/"]))
def test_a_video_stays_when_videos_and_shards_are_added(
    videos: list[str], added: list[str], before: int, after: int, prefix: str
) -> None:
    first = sides(videos, before)
    assert set(first) == set(videos)
    more = list(dict.fromkeys([*added, *videos]))
    assert first.items() <= sides(more, after, prefix).items()


def test_nothing_held_out_is_one_file(tmp_path: Path) -> None:
    shards = write_shards(tmp_path, [f"{n}.mp4" for n in range(30)], 3)
    one = merge(shards, tmp_path / "one.jsonl")
    assert merge_splits(shards, {"train": tmp_path / "two.jsonl"}, Split()) == {"train": one}
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


def test_splits_together_are_the_one_file(tmp_path: Path) -> None:
    shards = write_shards(tmp_path, [f"{n}.mp4" for n in range(60)], 3)
    merge(shards, tmp_path / "one.jsonl")
    outputs = {split: tmp_path / f"{split}.jsonl" for split in SPLIT.names}
    merged = merge_splits(shards, outputs, SPLIT)
    assert all(one.samples for one in merged.values())
    lines = [line for path in outputs.values() for line in path.read_bytes().splitlines()[:-1]]
    assert sorted(lines) == sorted((tmp_path / "one.jsonl").read_bytes().splitlines()[:-1])


def test_a_split_without_videos_is_an_empty_list(tmp_path: Path) -> None:
    outputs = {split: tmp_path / f"{split}.jsonl" for split in SPLIT.names}
    merge_splits(write_shards(tmp_path, [], 1), outputs, SPLIT)
    assert [json.loads(path.read_bytes()) for path in outputs.values()] == [[], [], []]


def test_what_is_held_out_no_more_is_removed(tmp_path: Path) -> None:
    merged = tmp_path / "livecc_sft_default_with_seeks.jsonl"
    of_test = tmp_path / "livecc_sft_default_test_with_seeks.jsonl"
    of_validation = tmp_path / "livecc_sft_default_validation_with_seeks.jsonl"
    beside = [Path(f"{of_test}{end}") for end in (".manifest.json", ".check.json")]
    beside.append(tmp_path / "livecc_sft_default_test_seeks.jsonl")
    for path in (merged, of_test, of_validation, *beside):
        path.touch()
    remove_other_splits(merged, {"train", "validation"})
    assert sorted(tmp_path.iterdir()) == sorted([merged, of_validation])
    remove_other_splits(merged, {"train"})
    assert list(tmp_path.iterdir()) == [merged]

"""A video that two sources of one track hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from livecc.errors import LiveccError
from livecc.formats.layout import SourceFiles
from livecc.sources.assigned import ListedSource
from livecc.sources.overlap import check_shard, shared_videos
from livecc.sources.places import place_of, shard_at, shards_beside
from livecc.sources.split import split_file
from tests.sources.downloads import add_video, listed, part, write


def folder(path: Path, *names: str) -> Path:
    for name in names:
        add_video(path, f"V {name}", name)
    return path


def test_shared_videos_are_found_whatever_the_shards(tmp_path: Path) -> None:
    names = [f"id{number}" for number in range(40)]
    one = part("ytdlp", folder(tmp_path / "one", *names[:25]))
    two = part("ytdlp", folder(tmp_path / "two", *names[20:]))
    three = part("ytdlp", folder(tmp_path / "three", "another"))
    with (
        listed(one, shards=3) as first,
        listed(two, shards=7) as second,
        listed(three, shards=2) as third,
    ):
        streams = {"one": first, "two": second, "three": third}
        found = shared_videos({name: listing.lines() for name, listing in streams.items()})
        assert found is not None
        assert (found.number, found.sources) == (5, ("one", "two"))
        assert found.example == min(names[20:25], key=place_of)
        assert shared_videos({"one": first.lines(), "three": third.lines()}) is None


@pytest.mark.parametrize(("shards", "others"), [(1, 1), (3, 7), (7, 3), (5, 5), (20_000, 2)])
def test_shards_beside_hold_all_videos(shards: int, others: int) -> None:
    for number in range(300):
        place = place_of(f"id{number}")
        beside = shards_beside(shard_at(place, shards), shards, others)
        assert shard_at(place, others) in beside
        assert len(beside) <= others // shards + 2


def source(results: Path, name: str, shards: int, *parts: dict[str, Any]) -> SourceFiles:
    """A source, listed and divided below the results."""
    files = SourceFiles(str(results), name)
    told = {"shards": shards, "from": list(parts)}
    listing = ListedSource(files, told, str(results.parent), "default", keep=True)
    listing.write(lambda _shard: False)
    for key, dump in listing.assigned.dumps.items():
        split_file(listing.parts[dump.part], dump.dump(), shards, files.split(key))
    listing.close()
    return files


def dump(path: Path, *names: str) -> dict[str, Any]:
    rows = [{"video": f"{name}.mp4", "id": name, "subtitles": []} for name in names]
    write(path, b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return {"format": "jsonl", "paths": [str(path)]}


def test_a_job_finds_what_dumps_share(tmp_path: Path) -> None:
    results = tmp_path / "results"
    inside = folder(tmp_path / "in", "a", "b", "c")
    in_folder = {"format": "ytdlp", "paths": [str(inside)]}
    one = source(results, "one", 4, in_folder, dump(tmp_path / "x.jsonl", "d", "e"))
    source(results, "two", 3, dump(tmp_path / "y.jsonl", "f", "g", "c", "h"))
    source(results, "three", 3, dump(tmp_path / "z.jsonl", "i"))
    holder = shard_at(place_of("c"), 4)
    for number, shard in enumerate(f"one-{n:05d}-of-00004" for n in range(4)):
        check_shard(one, shard, {"three": "sft"})
        if number != holder:
            check_shard(one, shard, {"two": "pretrain"})
            continue
        with pytest.raises(LiveccError) as raised:
            check_shard(one, shard, {"three": "sft", "two": "pretrain"})
        assert str(raised.value).startswith(
            "tracks.pretrain.sources: one and two both hold 1 video (such as c), which would"
        )


def test_facts_of_a_video_are_no_video(tmp_path: Path) -> None:
    results = tmp_path / "results"
    facts = write(tmp_path / "facts.csv", "id,title\nf,T\n")
    one = source(
        *(results, "one", 1),
        {**dump(tmp_path / "x.jsonl", "a"), "metadata": [str(facts)]},
    )
    source(results, "two", 1, dump(tmp_path / "y.jsonl", "f"))
    check_shard(one, "one-00000-of-00001", {"two": "sft"})

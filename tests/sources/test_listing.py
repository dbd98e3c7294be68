"""Listing folders: names, what waits, links, and which shards change."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from livecc.errors import LiveccError
from livecc.sources import ids
from livecc.sources.group import (
    CHAT,
    NO_CAPTIONS_FILE,
    ONE_FORMAT,
    OTHER,
    SECOND,
    UNFINISHED,
    YOUNG,
)
from livecc.sources.listing import UNUSABLE_ID, list_source
from livecc.sources.places import place_of, shard_at
from livecc.sources.scan import OWN
from tests.sources.caption_files import json3, speech
from tests.sources.downloads import NOW, add_video, info, listed, made, part, reasons, write

CAPTIONS = json3(speech(1))


@pytest.mark.parametrize(
    "stem",
    [
        "plain",
        "Dots. In. A title.en [abc.def]",
        "full-width： ｜ ？ ＂signs＂ ⧸ [dQw4w9WgXcQ]",
        "日本語 – émoji 🎉 (1)",
        "[brackets] {braces} 100% $x; 'q' \"p\"",
        "x" * 200,
        "new\nline and\ttab",
    ],
)
def test_files_belong_together_by_the_stem_of_the_info_file(tmp_path: Path, stem: str) -> None:
    folder = tmp_path / "in" / "list" / "2024"
    add_video(folder, stem, "abc")
    (line,), left = made(tmp_path, part("ytdlp", tmp_path / "in"))
    assert left == []
    assert line["video"] == f"list/2024/{stem}.mp4"
    assert (line["id"], line["about"]["captions"]) == ("abc", "automatic")
    assert len(line["subtitles"]) > 50


def test_a_stem_that_ends_like_a_language(tmp_path: Path) -> None:
    """NAME.en.info.json beside NAME.info.json, whose captions are NAME.en.json3."""
    add_video(tmp_path / "in", "talk", "a")
    write(tmp_path / "in" / "talk.en.info.json", info("b"))
    write(tmp_path / "in" / "talk.en.en.json3", CAPTIONS)
    write(tmp_path / "in" / "talk.en.json3", CAPTIONS)
    lines, _ = made(tmp_path, part("ytdlp", tmp_path / "in"))
    assert {line["id"]: line["about"]["caption_language"] for line in lines} == {
        "a": "en-orig",
        "b": "en",
    }


def test_without_info_files_the_stem_is_what_stands_before_the_language(tmp_path: Path) -> None:
    for name in ("a.b.en.json3", "a.b.de.json3", "c d.json3", "part.intro.json3", "x.mp4"):
        write(tmp_path / "in" / name, CAPTIONS)
    write(tmp_path / "in" / "T [dQw4w9WgXcQ].en.vtt", b"WEBVTT\n")
    lines, _ = made(tmp_path, part("ytdlp", tmp_path / "in"))
    assert sorted(line["id"] for line in lines) == ["a.b", "c d", "dQw4w9WgXcQ", "part.intro", "x"]
    lines, _ = made(tmp_path, part("captions", tmp_path / "in"))
    assert sorted(line["id"] for line in lines) == ["a.b", "c d", "dQw4w9WgXcQ", "part.intro"]


def test_what_waits_and_what_is_of_no_use(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    add_video(folder, "good", "good")
    for stem in ("half", "fragments", "merging", "state"):
        add_video(folder, stem, stem)
    write(folder / "half.f137.mp4.part", b"")
    write(folder / "fragments.mp4.part-Frag12.part", b"")
    write(folder / "merging.temp.mp4", b"")
    write(folder / "state.webm.ytdl", b"")
    write(folder / "alone.mp4.part", b"")
    add_video(folder, "young", "young")
    write(folder / "young.en.vtt", b"WEBVTT", age=59)
    add_video(folder, "dated wrongly", "future")
    write(folder / "dated wrongly.mp4", b"", age=-86_400 * 365)
    write(folder / "good.live_chat.json", b"{}")
    write(folder / "good.f251.webm", b"")
    write(folder / "good.webm", b"")
    write(folder / "good.description", b"")
    write(folder / "good.webp", b"")
    write(folder / ".hidden.vtt", b"")
    os.mkfifo(folder / "pipe.vtt")
    with listed(part("ytdlp", folder)) as listing:
        assert reasons(listing) == {
            UNFINISHED: 5,
            YOUNG: 1,
            CHAT: 1,
            ONE_FORMAT: 1,
            SECOND: 1,
            OTHER: 2,
            "no regular file": 1,
        }
        assert listing.videos == 2
        assert listing.left_out[YOUNG].examples == ["young"]
    with list_source([part("ytdlp", folder)], 1, None, NOW + 61) as listing:
        assert YOUNG not in reasons(listing)
        assert listing.videos == 3
    with listed(part("captions", folder)) as listing:
        assert NO_CAPTIONS_FILE not in reasons(listing)


def test_a_video_alone_has_no_captions(tmp_path: Path) -> None:
    write(tmp_path / "in" / "x.mkv", b"")
    (line,), _ = made(tmp_path, part("ytdlp", tmp_path / "in"))
    assert (line["video"], line["about"]["captions"]) == ("x.mkv", "none")
    assert "no caption file" in line["problem"]
    with listed(part("captions", tmp_path / "in")) as listing:
        assert reasons(listing) == {NO_CAPTIONS_FILE: 1}


def test_the_path_of_a_video_is_relative_to_the_folder_of_the_videos(tmp_path: Path) -> None:
    add_video(tmp_path / "in" / "sub", "a", "a")
    write(tmp_path / "in" / "sub" / "b.info.json", info("b"))
    one = part("ytdlp", tmp_path / "in" / "sub", video="later/{id}.webm")
    found = {}
    for root in (tmp_path / "in", tmp_path / "elsewhere", None):
        with list_source([one], 1, root, NOW) as listing:
            listing.write(listing.names[0], tmp_path / "list")
        found[root] = (tmp_path / "list").read_text()
    assert '"video":"sub/a.mp4"' in found[tmp_path / "in"]
    assert f'"video":"{tmp_path}/in/sub/a.mp4"' in found[tmp_path / "elsewhere"]
    assert '"video":"a.mp4"' in found[None]
    assert all('"video":"later/b.webm"' in text for text in found.values())


def test_links(tmp_path: Path) -> None:
    folder, other = tmp_path / "in", tmp_path / "other"
    add_video(folder, "a", "a")
    add_video(other, "secret", "secret")
    (folder / "linked").symlink_to(other)
    (folder / "around").symlink_to(folder)
    (folder / "b.info.json").symlink_to(other / "secret.info.json")
    (folder / "b.en.json3").symlink_to(other / "secret.en-orig.json3")
    (folder / "c.en.json3").symlink_to(folder / "a.en-orig.json3")
    (folder / "nothing.vtt").symlink_to(folder / "not there")
    (folder / "a2.mp4").symlink_to(other / "secret.mp4")
    (folder / "a2.en.json3").symlink_to("a.en-orig.json3")
    with listed(part("ytdlp", folder)) as listing:
        assert reasons(listing) == {
            "a link to a folder, which is not followed": 2,
            "a link that leads out of the folder": 2,
            "a link to nothing": 1,
        }
    lines, _ = made(tmp_path, part("ytdlp", folder))
    found = {line["id"]: line for line in lines}
    assert found.keys() == {"a", "a2", "c"}
    # Whether it may be opened is for `videos_outside` to say.
    assert found["a2"]["video"] == "a2.mp4"
    assert found["c"]["subtitles"] == found["a"]["subtitles"]


def test_a_link_that_comes_after_the_listing(tmp_path: Path) -> None:
    add_video(tmp_path / "in", "a", "a")
    secret = write(tmp_path / "secret.json3", CAPTIONS)
    with listed(part("ytdlp", tmp_path / "in")) as listing:
        listing.write(listing.names[0], tmp_path / "list")
    captions = tmp_path / "in" / "a.en-orig.json3"
    captions.unlink()
    captions.symlink_to(secret)
    (line,), _ = made(tmp_path, part("ytdlp", tmp_path / "in"))
    assert "problem" in line
    from livecc.sources.shard import write_shard

    out = tmp_path / "a.jsonl"
    write_shard(0, tmp_path / "list", [], out, None, [part("ytdlp", tmp_path / "in")])
    assert "a link that leads out of the folder" in out.read_text()


def test_only_shards_of_changed_videos_change(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for number in range(60):
        add_video(folder / str(number % 3), f"v{number}", f"id{number}")
    one = part("ytdlp", folder)

    def digests() -> dict[str, str]:
        with listed(one, shards=16) as listing:
            assert list(listing.digests) == listing.names
            return listing.digests

    def changed(before: dict[str, str]) -> set[int]:
        after = digests()
        return {i for i, name in enumerate(before) if before[name] != after[name]}

    def shard(name: str) -> int:
        return shard_at(place_of(name), 16)

    first = digests()
    assert changed(first) == set()
    write(folder / "0" / "unrelated.txt", b"x")
    assert changed(first) == set()
    add_video(folder, "new", "id new")
    assert changed(first) == {shard("id new")}
    second = digests()
    write(folder / "1" / "v1.en-orig.json3", CAPTIONS)
    assert changed(second) == {shard("id1")}
    third = digests()
    (folder / "2" / "v2.en-orig.json3").unlink()
    write(folder / "2" / "v5.info.json", info("another id"))
    assert changed(third) == {shard("id2"), shard("id5"), shard("another id")}


def test_options_are_in_the_digests_of_shards_that_hold_the_part(tmp_path: Path) -> None:
    add_video(tmp_path / "in", "a", "a")
    found = []
    for languages in ([], ["de"]):
        with listed(part("ytdlp", tmp_path / "in", languages=languages), shards=2) as listing:
            found.append(list(listing.digests.values()))
    changed = [one != other for one, other in zip(*found, strict=True)]
    assert changed == [number == shard_at(place_of("a"), 2) for number in range(2)]


def test_info_files_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "in"
    for number in range(40):
        add_video(folder, f"v{number}", f"id{number}")
    read: list[str] = []
    original = ids.id_in

    def id_in(path: str) -> str | None:
        read.append(path)
        return original(path)

    monkeypatch.setattr(ids, "id_in", id_in)
    state = tmp_path / "state"
    listed(part("ytdlp", folder), state=state).close()
    assert len(read) == 40
    first = sorted((file.name, file.stat().st_mtime_ns) for file in (state / "ids").iterdir())
    read.clear()
    listed(part("ytdlp", folder), state=state).close()
    assert read == []
    assert [(f.name, f.stat().st_mtime_ns) for f in sorted((state / "ids").iterdir())] == first
    write(folder / "v7.info.json", info("seven"))
    with listed(part("ytdlp", folder), state=state, shards=1) as listing:
        listing.write(listing.names[0], tmp_path / "list")
    assert read == [str(folder / "v7.info.json")]
    assert '"id":"seven"' in (tmp_path / "list").read_text()
    for file in (state / "ids").iterdir():
        file.write_bytes(b"broken")
    listed(part("ytdlp", folder), state=state).close()
    assert len(read) == 41
    assert [file.name for file in state.iterdir()] == ["ids"]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('{"id": "a\\u0062c", "title": 1}', "abc"),
        ('\ufeff\n{ "id" :\n"x-_1" }', "x-_1"),
        ('{"title": "%s", "id": "late"}' % ("t" * 5000), "late"),
        ('{"a": {"id": "inner"}, "id": "outer"}', "outer"),
        ('{"id": 5}', None),
        ('{"id": "a\\nb"}', None),
        ('{"id": "%s"}' % ("x" * 500), None),
        ('{"id": ""}', None),
        ("[]", None),
        ("", None),
        ('{"id": "half', None),
        ("[" * 100_000, None),
    ],
)
def test_the_id_in_an_info_file(tmp_path: Path, content: str, name: str | None) -> None:
    assert ids.id_in(str(write(tmp_path / "x.info.json", content))) == name


def test_a_stem_that_can_be_no_id(tmp_path: Path) -> None:
    write(tmp_path / "in" / "bell\a.json3", CAPTIONS)
    write(tmp_path / "in" / ("y" * 230 + ".json3"), CAPTIONS)
    with listed(part("captions", tmp_path / "in")) as listing:
        assert reasons(listing) == {UNUSABLE_ID: 2}


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in (b"\xff.json3", b"caf\xe9.info.json"):
        with open(os.fsencode(tmp_path / "in") + b"/" + name, "wb") as stream:  # noqa: PTH123
            stream.write(b"{}")
    with listed(part("ytdlp", tmp_path / "in")) as listing:
        assert reasons(listing) == {"its name is not UTF-8": 2}


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    add_video(tmp_path / "one", "a", "a")
    add_video(tmp_path / "two", "b", "b")
    for paths in (["~/one", "~/two"], ["~/*"], ["~/one", "~/one/", "~/two"]):
        with listed(part("ytdlp", *map(Path, paths))) as listing:
            assert listing.videos == 2
    with pytest.raises(LiveccError, match=r"nowhere: no such file"):
        listed(part("ytdlp", tmp_path / "nowhere"))
    with pytest.raises(LiveccError, match="no such file"):
        listed(part("ytdlp", tmp_path / "n*"))
    with pytest.raises(LiveccError, match="is no folder"):
        listed(part("ytdlp", tmp_path / "one" / "a.mp4"))


def test_what_is_made_inside_of_a_source_is_no_input(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    add_video(folder, "a", "a")
    add_video(folder / "results" / "deep", "b", "b")
    add_video(folder / "results2", "c", "c")
    row = orjson.dumps({"video": "x.mp4", "subtitles": []})
    for place in ("x.jsonl", "results/y.jsonl", ".hidden/z.jsonl"):
        write(folder / place, row)
    own = [tmp_path / "in" / ".." / "in" / "results", tmp_path / "cache"]
    with listed(part("ytdlp", folder), own=own) as listing:
        assert listing.videos == 2
        assert reasons(listing) == {OWN: 1, OTHER: 1}
        assert listing.left_out[OWN].examples == [str(folder / "results")]
    for path, left in ((folder, 1), (folder / "**" / "*.jsonl", 1), (folder / "results", None)):
        if left is None:
            with pytest.raises(LiveccError, match=r"results: what is made is written into this"):
                listed(part("jsonl", path), own=own)
            with pytest.raises(LiveccError, match=r"results: what is made is written into this"):
                listed(part("ytdlp", path), own=own)
            continue
        with listed(part("jsonl", path), own=own) as listing:
            assert [Path(dump.path).name for dump in listing.dumps] == ["x.jsonl"]
            assert reasons(listing) == {OWN: left}
    # Who names what is inside means it.
    with listed(part("ytdlp", folder / "results" / "deep"), own=own) as listing:
        assert listing.videos == 1
    with listed(part("ytdlp", folder / "r*"), own=own) as listing:
        assert (listing.videos, reasons(listing)) == (1, {OWN: 1})


def test_progress(tmp_path: Path) -> None:
    add_video(tmp_path / "in", "a", "a")
    told: list[int] = []
    listed(part("ytdlp", tmp_path / "in"), progress=told.append).close()
    assert told == [3]


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_video(tmp_path / "in", "a", "a")
    add_video(tmp_path / "in" / "locked", "b", "b")
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with listed(part("ytdlp", tmp_path / "in")) as listing:
        assert reasons(listing) == {"a folder that cannot be listed (Permission denied)": 1}
        assert listing.videos == 1

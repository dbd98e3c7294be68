"""A cache packed and unpacked: the same scores, nothing overwritten, nothing half."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import orjson
import pytest
import zstandard
from cache_makers import LOSS_NEW, LOSS_OLD, contents, make_cache, score
from files_that_end import file_size_limit

from livecc.cache_archive import export_cache, import_cache
from livecc.errors import LiveccError
from livecc.score_keys import known_keys


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return make_cache(tmp_path / "cache")


@pytest.fixture
def archive(tmp_path: Path, cache: Path) -> Path:
    path = tmp_path / "scores.tar.zst"
    export_cache(cache, path)
    return path


def packed(members: dict[str, bytes], *, kind: bytes = tarfile.REGTYPE) -> bytes:
    """An archive of these members, whatever they are."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.type = kind if name != "manifest.json" else tarfile.REGTYPE
            tar.addfile(member, io.BytesIO(content))
    return zstandard.ZstdCompressor().compress(data.getvalue())


def manifest(files: dict[str, tuple[int, str]], name: str = "livecc score cache 1") -> bytes:
    listed = {path: {"bytes": size, "sha256": sha} for path, (size, sha) in files.items()}
    return orjson.dumps({"format": name, "files": listed})


def test_there_and_back(tmp_path: Path, cache: Path, archive: Path) -> None:
    counts = import_cache(archive, tmp_path / "new" / "cache")
    assert contents(tmp_path / "new" / "cache") == contents(cache)
    assert counts.files == len(contents(cache)) == 4 + 1 + 1 + 3
    assert not list((tmp_path / "new" / "cache").glob(".*"))


def test_same_scores_give_the_same_bytes(tmp_path: Path, cache: Path, archive: Path) -> None:
    shutil.copytree(cache, tmp_path / "copy")
    for path in (tmp_path / "copy").rglob("*.jsonl"):
        path.touch()
    export_cache(tmp_path / "copy", tmp_path / "again.tar.zst")
    assert (tmp_path / "again.tar.zst").read_bytes() == archive.read_bytes()


def test_second_import_adds_nothing(tmp_path: Path, archive: Path) -> None:
    import_cache(archive, tmp_path / "new")
    before = contents(tmp_path / "new")
    counts = import_cache(archive, tmp_path / "new")
    assert (counts.files, counts.there) == (0, 9)
    assert contents(tmp_path / "new") == before


def test_torn_record_is_not_packed(tmp_path: Path, cache: Path, archive: Path) -> None:
    segment = min(cache.glob("score_lm_loss/*/*.jsonl"))
    with segment.open("ab") as stream:
        stream.write(b'{"key":"ab')
    export_cache(cache, tmp_path / "torn.tar.zst")
    assert (tmp_path / "torn.tar.zst").read_bytes() == archive.read_bytes()


def test_scores_of_both_are_there_and_none_is_overwritten(tmp_path: Path, cache: Path) -> None:
    """Here the cache went on; there another shard was scored, and a file of one name differs."""
    other = tmp_path / "other"
    shutil.copytree(cache, other)
    score(other, "score_lm_loss", LOSS_NEW, "pretrain.d", {"model": "not this one"}, n=7)
    segments = sorted(cache.glob(f"score_lm_loss/{LOSS_OLD}/*.jsonl"))
    lines = segments[0].read_bytes().splitlines(keepends=True)
    # One is older here than there, the other is older there than here.
    segments[0].write_bytes(b"".join(lines[:3]))
    with (other / segments[1].relative_to(cache)).open("r+b") as stream:
        stream.truncate(len(segments[1].read_bytes().splitlines(keepends=True)[0]))
    export_cache(other, tmp_path / "other.tar.zst")
    before = contents(cache)
    for _ in range(2):
        import_cache(tmp_path / "other.tar.zst", cache)
        after = contents(cache)
        assert {name: after[name] for name in before} == before
        assert len(after) == len(before) + 2
        assert len(known_keys(cache, "score_lm_loss", LOSS_OLD)) == 40
        assert len(known_keys(cache, "score_lm_loss", LOSS_NEW)) == 47


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_cut_archive_leaves_nothing(
    tmp_path: Path, cache: Path, archive: Path, share: float
) -> None:
    data = archive.read_bytes()
    archive.write_bytes(data[: int(share * len(data))])
    shutil.rmtree(cache / "make_prompts")
    before = contents(cache)
    with pytest.raises(LiveccError, match=r"no whole archive .*nothing was imported"):
        import_cache(archive, cache)
    assert contents(cache) == before
    with pytest.raises(LiveccError):
        import_cache(archive, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_any_changed_byte_is_noticed(tmp_path: Path, archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    for place in range(0, len(data), 97):
        data[place] ^= 0x55
        archive.write_bytes(data)
        data[place] ^= 0x55
        with pytest.raises(LiveccError, match="nothing was imported"):
            import_cache(archive, tmp_path / "new")
    assert not (tmp_path / "new").exists()


_NAME = f"score_lm_loss/{LOSS_OLD}/pretrain.a.0123.jsonl"
_SHA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of nothing


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"no archive", "no whole archive"),
        (packed({"x": b""}), "no manifest"),
        (packed({"manifest.json": b"[]"}), "manifest cannot be read"),
        (packed({"manifest.json": manifest({}, "other 2")}), "its format is 'other 2'"),
        (packed({"manifest.json": manifest({_NAME: (0, _SHA)})}), "it lacks score_lm_loss"),
        (packed({"manifest.json": manifest({_NAME: (0, "0")}), _NAME: b""}), "another sha256"),
        (packed({"manifest.json": manifest({_NAME: (9, _SHA)}), _NAME: b""}), "is not what"),
        (packed({"manifest.json": manifest({}), _NAME: b""}), "is not what"),
        (
            packed(
                {"manifest.json": manifest({_NAME: (0, _SHA)}), _NAME: b""}, kind=tarfile.SYMTYPE
            ),
            "is not what",
        ),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "x.tar.zst").write_bytes(data)
    with pytest.raises(LiveccError, match=why):
        import_cache(tmp_path / "x.tar.zst", tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../../outside.a.jsonl",
        "/score_lm_loss/x.jsonl",
        f"score_lm_loss/{LOSS_OLD}/../x.a.jsonl",
        f"score_lm_loss/{LOSS_OLD}/spending/../x.a.jsonl",
        f"score_lm_loss/{LOSS_OLD}/deep/er.a.jsonl",
        f"score_lm_loss/{LOSS_OLD}/.hidden.jsonl",
        f"score_lm_loss/{LOSS_OLD}/program.py",
        "score_lm_loss/nothex/x.a.jsonl",
        "x.jsonl",
    ],
)
def test_archive_cannot_write_elsewhere(tmp_path: Path, name: str) -> None:
    data = packed({"manifest.json": manifest({name: (0, _SHA)}), name: b""})
    (tmp_path / "x.tar.zst").write_bytes(data)
    with pytest.raises(LiveccError, match="is no file of a score cache"):
        import_cache(tmp_path / "x.tar.zst", tmp_path / "deep" / "new")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["x.tar.zst"]


def test_full_disk_leaves_nothing_half(tmp_path: Path, cache: Path, archive: Path) -> None:
    with file_size_limit(300), pytest.raises(OSError, match="File too large"):
        import_cache(archive, tmp_path / "new")
    with file_size_limit(300), pytest.raises(LiveccError, match=r"cannot be written \(File too"):
        export_cache(cache, tmp_path / "other.tar.zst")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "scores.tar.zst"]
    import_cache(archive, tmp_path / "new")
    assert contents(tmp_path / "new") == contents(cache)


def test_other_folders_are_refused(tmp_path: Path, cache: Path, archive: Path) -> None:
    with pytest.raises(LiveccError, match="no score cache, because it holds"):
        import_cache(archive, tmp_path)
    with pytest.raises(LiveccError, match="no score cache, because it holds"):
        export_cache(tmp_path, tmp_path / "x.tar.zst")
    with pytest.raises(LiveccError, match="cannot be inside the cache"):
        export_cache(cache, cache / "x.tar.zst")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LiveccError, match="no scores in it"):
        export_cache(tmp_path / "empty", tmp_path / "x.tar.zst")


def test_name_that_says_another_format(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(LiveccError, match=r"call it \*\.tar\.zst"):
        export_cache(cache, tmp_path / "scores.zip")
    assert not (tmp_path / "scores.zip").exists()

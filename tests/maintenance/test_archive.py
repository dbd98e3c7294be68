"""A cache packed and unpacked: the same scores, nothing overwritten, nothing half."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
import tracemalloc
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard

from livecc.errors import LiveccError
from livecc.maintenance.archive import Limits, export_cache, import_cache
from livecc.scores.folders import cache_folders
from livecc.scores.keys import known_keys
from tests.support.cache_makers import LOSS_NEW, LOSS_OLD, contents, make_cache, score
from tests.support.files_that_end import file_size_limit


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


def test_a_link_in_the_cache_leads_nothing_out_of_it(tmp_path: Path, archive: Path) -> None:
    outside, new = tmp_path / "outside", tmp_path / "new"
    outside.mkdir()
    new.mkdir()
    (new / "score_lm_loss").symlink_to(outside)
    with pytest.raises(LiveccError, match="a symbolic link leads out of the cache"):
        import_cache(archive, new)
    assert list(outside.iterdir()) == []
    assert [path.name for path in new.iterdir()] == ["score_lm_loss"]


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
    with pytest.raises(LiveccError, match=r"not a complete archive .*nothing was imported"):
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
        (b"no archive", "not a complete archive"),
        (packed({"x": b""}), "no manifest"),
        (packed({"manifest.json": b"[]"}), "manifest cannot be read"),
        (packed({"manifest.json": manifest({}, "other 2")}), "its format is 'other 2'"),
        (packed({"manifest.json": manifest({_NAME: (0, _SHA)})}), "it lacks score_lm_loss"),
        (
            packed({"manifest.json": manifest({_NAME: (0, "0")}), _NAME: b""}),
            "sha256 of .* does not match the manifest",
        ),
        (
            packed({"manifest.json": manifest({_NAME: (9, _SHA)}), _NAME: b""}),
            "does not match the manifest",
        ),
        (packed({"manifest.json": manifest({}), _NAME: b""}), "does not match the manifest"),
        (
            packed(
                {"manifest.json": manifest({_NAME: (0, _SHA)}), _NAME: b""}, kind=tarfile.SYMTYPE
            ),
            "does not match the manifest",
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
        f"score_lm_loss/{LOSS_OLD}/red\x1b[31m.a.jsonl",
        f"score_lm_loss/{LOSS_OLD}/a\0b.a.jsonl",
        f"score_lm_loss/{LOSS_OLD}/{'x' * 256}.a.jsonl",
        "score_lm_loss/nothex/x.a.jsonl",
        "x.jsonl",
    ],
)
def test_archive_cannot_write_elsewhere(tmp_path: Path, name: str) -> None:
    data = packed({"manifest.json": manifest({name: (0, _SHA)}), name: b""})
    (tmp_path / "x.tar.zst").write_bytes(data)
    with pytest.raises(LiveccError, match="is not a file of a score cache"):
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
    with pytest.raises(LiveccError, match="not a score cache, because it contains"):
        import_cache(archive, tmp_path)
    with pytest.raises(LiveccError, match="not a score cache, because it contains"):
        export_cache(tmp_path, tmp_path / "x.tar.zst")
    with pytest.raises(LiveccError, match="must not be inside the cache"):
        export_cache(cache, cache / "x.tar.zst")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LiveccError, match="contains no scores"):
        export_cache(tmp_path / "empty", tmp_path / "x.tar.zst")


def test_name_that_says_another_format(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(LiveccError, match=r"name it \*\.tar\.zst"):
        export_cache(cache, tmp_path / "scores.zip")
    assert not (tmp_path / "scores.zip").exists()


# --- sizes ---------------------------------------------------------------------------------------


def made(**files: bytes) -> bytes:
    """An archive whose manifest tells the truth; names are those below _FOLDER."""
    held = {f"{_FOLDER}/{name.replace('__', '.')}": data for name, data in files.items()}
    told = {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in held.items()}
    return packed({"manifest.json": manifest(told), **held})


_FOLDER = f"score_lm_loss/{LOSS_OLD}"
_ROW = b'{"key":"' + b"0" * 32 + b'","status":"ok","reason":null,"lm_loss":2.5}\n'


def refused(folder: Path, data: bytes, limits: Limits | None = None) -> str:
    """What is said of an archive of which nothing is imported."""
    path = folder / "x.tar.zst"
    path.write_bytes(data)
    with pytest.raises(LiveccError, match="nothing was imported") as raised:
        import_cache(path, folder / "new", limits)
    assert not (folder / "new").exists()
    return str(raised.value)


def test_sizes_are_compared_before_anything_is_unpacked(tmp_path: Path) -> None:
    """What the manifest states, of which nothing is there."""
    data = packed({"manifest.json": manifest({_NAME: (6_900_000_000, _SHA)})})
    says = refused(tmp_path, data)
    assert "it unpacks to 6,900,000,000 bytes, more than the 1,073,741,824 that are" in says
    assert "--max-total-mb allows more" in says
    assert "it lacks" in refused(tmp_path, data, Limits(total=7 * 10**9))
    assert "--max-member-mb" in refused(tmp_path, data, Limits(member=10**9, total=10**10))
    assert "--max-manifest-mb" in refused(tmp_path, data, Limits(manifest=20))
    for size in (-1, "9", None, 1e999, True):
        listed = {"format": "livecc score cache 1", "files": {_NAME: {"bytes": size, "sha256": ""}}}
        text = orjson.dumps(listed).replace(b'"bytes":null', b'"bytes":1e999')
        assert "manifest" in refused(tmp_path, packed({"manifest.json": text}))


def test_limits_can_be_raised(tmp_path: Path, cache: Path, archive: Path) -> None:
    limits = Limits(manifest=10**5, member=10**5, total=100)
    with pytest.raises(LiveccError, match="more than the 100 that are allowed"):
        import_cache(archive, tmp_path / "new", limits)
    import_cache(archive, tmp_path / "new", Limits(manifest=10**5, member=10**5, total=10**5))
    assert contents(tmp_path / "new") == contents(cache)


def _tar(*members: tuple[tarfile.TarInfo, bytes], end: bytes = b"") -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member, content in members:
            member.size = member.size or len(content)
            tar.addfile(member, io.BytesIO(content))
    return zstandard.ZstdCompressor().compress(data.getvalue() + end)


def _listing(*names: str) -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo("manifest.json"), manifest(dict.fromkeys(names, (0, _SHA)))


def test_what_the_manifest_does_not_state_is_not_read(tmp_path: Path) -> None:
    """50 MB of a header, of a member and of what follows, of which little comes into memory."""
    many = 50 * 10**6
    header = tarfile.TarInfo(_NAME)
    header.pax_headers = {"comment": "a" * many}
    long_name = tarfile.TarInfo("a" * many)
    longer = tarfile.TarInfo(_NAME)
    bombs = {
        "header": _tar(_listing(_NAME), (header, b"")),
        "first header": _tar((header, b"")),
        "name": _tar(_listing(_NAME), (long_name, b"")),
        "member": _tar(_listing(_NAME), (longer, bytes(many))),
        "end": _tar(_listing(), end=bytes(many)),
    }
    del header, long_name
    for where, data in bombs.items():
        assert len(data) < 200_000
        tracemalloc.start()
        says = refused(tmp_path, data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert "than its manifest states" in says or "not match the manifest" in says, where
        assert peak < 60 * 10**6, where


def test_many_headers_for_one_member(tmp_path: Path) -> None:
    one = io.BytesIO()
    with tarfile.open(fileobj=one, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo(_NAME)
        member.pax_headers = {"comment": "a"}
        tar.addfile(member)
    # A header of headers, each of 512 bytes and its content.
    headers = one.getvalue()[:1024] * 5_000
    assert "than its manifest states" in refused(
        tmp_path, zstandard.ZstdCompressor().compress(headers + one.getvalue())
    )


@pytest.mark.parametrize(
    "kind",
    [
        *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE),
        *(tarfile.DIRTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE),
    ],
)
def test_members_that_are_no_plain_files(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo(_NAME)
    member.type, member.linkname = kind, "/etc/passwd"
    says = refused(tmp_path, _tar(_listing(_NAME), (member, b"")))
    assert "does not match the manifest" in says


def test_members_that_are_not_expected(tmp_path: Path) -> None:
    for name in (f"/{_NAME}", f"./{_NAME}", f"../{_NAME}", "manifest.json", "\x1b[31m"):
        says = refused(tmp_path, _tar(_listing(_NAME), (tarfile.TarInfo(name), b"")))
        assert "does not match the manifest" in says
        assert "\x1b" not in says
    twice = (tarfile.TarInfo(_NAME), b"")
    assert "does not match" in refused(tmp_path, _tar(_listing(_NAME), twice, twice))


# --- lines ---------------------------------------------------------------------------------------


def _row(**changed: Any) -> bytes:
    return orjson.dumps({**orjson.loads(_ROW), **changed}) + b"\n"


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 10**6 + b"\n",
        b"[" * 100_000 + b"\n",
        _ROW + b"\n" + _ROW,
        _ROW + b'{"key":"a"}\n',
        b"[]\n",
        _row(key=1),
        _row(key='a"'),
        _row(status="fine"),
        _row(reason=["a"]),
        _row(lm_loss="2.5"),
        _row(lm_loss=True),
        _row(tokens=2**40),
        _row(tokens=1.5),
        _row(more=orjson.Fragment(b"[" * 200 + b"]" * 200)),
        b'{"software":[]}\n',
        b'{"software":{},"job":{}}\n',
        _ROW[:-1],
    ],
)
def test_lines_that_are_no_scores(tmp_path: Path, data: bytes) -> None:
    says = refused(tmp_path, made(a__0__jsonl=_ROW + data))
    assert "a.0.jsonl" in says
    assert len(says) < 300


def test_lines_are_checked_wherever_pieces_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livecc.maintenance.archive._PIECE", 7)
    (tmp_path / "x.tar.zst").write_bytes(made(a__0__jsonl=_ROW * 3 + _row(tokens=5)))
    assert import_cache(tmp_path / "x.tar.zst", tmp_path / "good").files == 1
    assert "line 4" in refused(tmp_path, made(a__0__jsonl=_ROW * 3 + _row(tokens="5") + _ROW))
    monkeypatch.setattr("livecc.maintenance.archive_lines.MAX_INPUT_LINE_BYTES", 1_000)
    assert "line 2: too long" in refused(tmp_path, made(a__0__jsonl=_ROW + b"a" * 2_000))


@pytest.mark.parametrize(
    "settings",
    [
        b"no JSON",
        b"[1]",
        b'{"stage": "score_lm_loss", "fingerprint": "1", "settings": {}}',
        orjson.dumps({"stage": "make_prompts", "fingerprint": LOSS_OLD, "settings": {}}),
        orjson.dumps({"stage": "score_lm_loss", "fingerprint": LOSS_OLD, "settings": []}),
        b'{"stage": "score_lm_loss", "fingerprint": "%s", "settings": {"a": %s1%s}}'
        % (LOSS_OLD.encode(), b'{"a":' * 500, b"}" * 500),
    ],
)
def test_settings_of_something_else(tmp_path: Path, settings: bytes) -> None:
    assert "settings.json" in refused(tmp_path, made(settings__json=settings))


@pytest.mark.parametrize(
    "record",
    [
        {"request": 1, "reserved": -5},
        {"request": 1, "cost": -1000.0, "input_tokens": 1, "output_tokens": 1},
        {"request": 1, "cost": "1"},
        {"cost": 1.0},
    ],
)
def test_spending_that_would_raise_a_budget(tmp_path: Path, record: dict[str, Any]) -> None:
    name = f"make_prompts/{LOSS_OLD}/spending/sft.a.0.jsonl"
    data = orjson.dumps(record) + b"\n"
    told = {name: (len(data), hashlib.sha256(data).hexdigest())}
    says = refused(tmp_path, packed({"manifest.json": manifest(told), name: data}))
    assert "sft.a.0.jsonl, line 1: not of a score cache" in says


def test_settings_too_deep_to_print_are_left_out(cache: Path) -> None:
    """In a cache that came without an archive."""
    folder = cache_folders(cache)[0]
    assert folder.settings()
    deep = b'{"settings": {"a": %s1%s}}' % (b'{"a":' * 500, b"}" * 500)
    (folder.path / "settings.json").write_bytes(deep)
    assert folder.settings() == {}

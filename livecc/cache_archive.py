"""A score cache as one file, and back: to another machine, another group, or a shelf.

The archive is a tar file compressed with zstd. Its first member, `manifest.json`, names every other
one with its size and sha256. The same scores give the same bytes: members are sorted and have no
times, owners or torn records.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import orjson

from livecc.cache_folders import FINGERPRINT, SPENDING_FOLDER, STAGE_NAME, cache_folders
from livecc.errors import LiveccError
from livecc.files import atomic_path, decompressed
from livecc.score_cache import SETTINGS_FILE

FORMAT = "livecc score cache 1"
_MANIFEST = "manifest.json"
_LEVEL = 3
_PIECE = 2**20


@dataclass
class Counts:
    """Files that were packed or unpacked, and their bytes."""

    files: int = 0
    bytes: int = 0
    #: Files that the cache had already.
    there: int = 0


# --- packing -----------------------------------------------------------------------------------


def export_cache(root: Path, output: Path) -> Counts:
    """Pack the scores of a cache into `output`; what running jobs add meanwhile stays out.

    Raises LiveccError when `root` is no score cache or holds no scores, or the name says another
    format.
    """
    import zstandard

    if output.suffix not in (".zst", ".tzst"):
        raise LiveccError(
            f"{output}: the archive is a tar file packed with zstd; call it *.tar.zst"
        )
    files = {str(path.relative_to(root)): _whole(path) for path in _files(root)}
    if output.resolve().is_relative_to(root.resolve()):
        raise LiveccError(f"{output}: the archive cannot be inside the cache {root}")
    if not files:
        raise LiveccError(f"{root}: no scores in it")
    manifest = {
        "format": FORMAT,
        "files": {
            name: {"bytes": size, "sha256": digest} for name, (size, digest) in files.items()
        },
    }
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    with (
        atomic_path(output) as temporary,
        temporary.open("wb") as raw,
        compressor.stream_writer(raw, closefd=False) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        data = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        archive.addfile(_member(_MANIFEST, len(data)), io.BytesIO(data))
        for name, (size, _) in files.items():
            with (root / name).open("rb") as stream:
                archive.addfile(_member(name, size), stream)
    return Counts(len(files), sum(size for size, _ in files.values()))


def _files(root: Path) -> Iterator[Path]:
    for folder in cache_folders(root):
        paths = [*folder.segments(), folder.path / SETTINGS_FILE]
        paths += (folder.path / SPENDING_FOLDER).glob("*.jsonl")
        yield from sorted(path for path in paths if path.is_file())


def _whole(path: Path) -> tuple[int, str]:
    """Size and sha256 of a file up to its last whole line."""
    size = 0
    with path.open("rb") as stream:
        position = stream.seek(0, 2)
        while position and not size:
            start = max(0, position - _PIECE)
            stream.seek(start)
            end = stream.read(position - start).rfind(b"\n") + 1
            size = start + end if end else 0
            position = start
        stream.seek(0)
        return size, _digest(stream, size)


def _digest(stream: IO[bytes], size: int) -> str:
    digest = hashlib.sha256()
    while size and (piece := stream.read(min(size, _PIECE))):
        digest.update(piece)
        size -= len(piece)
    return digest.hexdigest()


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


# --- unpacking -----------------------------------------------------------------------------------


def import_cache(archive: Path, root: Path) -> Counts:
    """Add what an archive holds to a cache, which is made where there is none.

    Everything is unpacked and checked beside the scores before anything is put among them; no file
    that is there is changed. Raises LiveccError when the archive is broken or is none, or `root` is
    another kind of folder; nothing is added then.
    """
    if root.exists():
        cache_folders(root)
    counts = Counts()
    with _scratch(root) as scratch:
        for name, size, digest in _unpack(archive, scratch):
            target = _place(scratch / name, root / name, size, digest)
            if target is None:
                counts.there += 1
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            (scratch / name).rename(target)
            counts.files += 1
            counts.bytes += size
    return counts


@contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """A hidden folder inside the cache, so that files get into place by renaming."""
    made = not root.exists()
    scratch = root / f".import-{secrets.token_hex(4)}"
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if made and not any(root.iterdir()):
            root.rmdir()


def _place(source: Path, target: Path, size: int, digest: str) -> Path | None:
    """Where a file goes; None when the cache has what it holds.

    A segment of the same name that holds other scores is another state of the same job's: the
    archive's stays beside it. Of settings and spending the cache's own is right.
    """
    if not target.exists():
        return target
    if source.name == SETTINGS_FILE or source.parent.name == SPENDING_FOLDER:
        return None
    with target.open("rb") as stream:
        if _digest(stream, size) == digest:
            return None
    writer, token, _ = target.name.rsplit(".", 2)
    other = target.with_name(f"{writer}.{token[:11]}{digest[:6]}.jsonl")
    return None if other.exists() else other


def _unpack(archive: Path, scratch: Path) -> list[tuple[str, int, str]]:
    """(name, bytes, sha256) of all files, unpacked and checked."""
    try:
        with (
            archive.open("rb") as raw,
            decompressed(Path(".zst"), raw) as stream,
            tarfile.open(fileobj=stream, mode="r|") as members,
        ):
            first = members.next()
            if first is None or first.name != _MANIFEST:
                raise _BrokenError("it has no manifest")
            files = _manifest(members.extractfile(first).read())  # type: ignore[union-attr]
            left = dict(files)
            while (member := members.next()) is not None:
                size, digest = left.pop(member.name, (-1, ""))
                if not member.isreg() or member.size != size:
                    raise _BrokenError(f"{member.name} is not what its manifest says")
                _write(members.extractfile(member), scratch / member.name, digest)
            if left:
                raise _BrokenError(f"it lacks {next(iter(left))}")
            # Reads on to the checksum at the end.
            while stream.read(_PIECE):
                pass
    except (tarfile.TarError, EOFError, _BrokenError) as error:
        raise LiveccError(
            f"{archive}: no whole archive of a score cache ({error}); nothing was imported"
        ) from None
    return [(name, size, digest) for name, (size, digest) in files.items()]


class _BrokenError(Exception):
    """The archive is not what `export_cache` wrote; the message says in what."""


def _manifest(data: bytes) -> dict[str, tuple[int, str]]:
    """Name -> (bytes, sha256); every name is one that a score cache may have."""
    try:
        manifest = orjson.loads(data)
        if manifest["format"] != FORMAT:
            raise _BrokenError(f"its format is {manifest['format']!r}, not {FORMAT!r}")
        files = {
            str(name): (int(file["bytes"]), str(file["sha256"]))
            for name, file in manifest["files"].items()
        }
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise _BrokenError("its manifest cannot be read") from None
    for name in files:
        if not _is_cache_file(name):
            raise _BrokenError(f"{name!r} is no file of a score cache")
    return files


def _is_cache_file(name: str) -> bool:
    stage, _, rest = name.partition("/")
    fingerprint, _, file = rest.partition("/")
    file = file.removeprefix(f"{SPENDING_FOLDER}/")
    return bool(
        STAGE_NAME.fullmatch(stage)
        and FINGERPRINT.fullmatch(fingerprint)
        and (file == SETTINGS_FILE or file.endswith(".jsonl"))
        and file.count(".") >= (1 if file == SETTINGS_FILE else 2)
        and not file.startswith(".")
        and "/" not in file
    )


def _write(source: IO[bytes] | None, target: Path, expected: str) -> None:
    """Write a member durably; raises _BrokenError when it has another sha256."""
    assert source is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("xb") as stream:
        while piece := source.read(_PIECE):
            digest.update(piece)
            stream.write(piece)
        stream.flush()
        os.fsync(stream.fileno())
    if digest.hexdigest() != expected:
        raise _BrokenError(f"{target.name} has another sha256 than its manifest says")

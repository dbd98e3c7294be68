"""Export of a score cache to one file, and import, for transfer or backup.

The archive is a tar file compressed with zstd. Its first member, `manifest.json`, lists all others
with size and sha256. Archives are reproducible: members are sorted and have no times, owners or
truncated records.

An archive may come from anywhere. So no byte is unpacked beyond what its manifest states, the
manifest states no more than the limits allow, and each line is parsed before it counts.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import orjson

from livecc.errors import LiveccError
from livecc.files.atomic import atomic_path
from livecc.files.json_values import shown
from livecc.files.limits import most_unpacked
from livecc.files.lines import decompressed
from livecc.maintenance.archive_lines import LineCheck, UnsoundError
from livecc.scores.cache import SETTINGS_FILE
from livecc.scores.folders import FINGERPRINT, SPENDING_FOLDER, STAGE_NAME, cache_folders
from livecc.terminal import printable

FORMAT = "livecc score cache 1"
_MANIFEST = "manifest.json"
_LEVEL = 3
_PIECE = 2**20
#: Headers and padding between two members: tarfile reads up to 10 kB ahead.
_HEADERS = 64 * 2**10
#: The longest name of a file or folder.
_NAME_BYTES = 255


@dataclass
class Counts:
    """Files that were packed or unpacked, and their bytes."""

    files: int = 0
    bytes: int = 0
    #: Files that the cache already had.
    there: int = 0


# --- packing -----------------------------------------------------------------------------------


def export_cache(root: Path, output: Path) -> Counts:
    """Pack the scores of a cache into `output`; what running jobs add meanwhile is not included.

    Raises LiveccError when `root` is not a score cache or is empty, or `output` has another suffix.
    """
    import zstandard

    if output.suffix not in (".zst", ".tzst"):
        raise LiveccError(
            f"{output}: the archive is a tar file compressed with zstd; name it *.tar.zst"
        )
    files = {str(path.relative_to(root)): _whole(path) for path in _files(root)}
    if output.resolve().is_relative_to(root.resolve()):
        raise LiveccError(f"{output}: the archive must not be inside the cache {root}")
    if not files:
        raise LiveccError(f"{root}: contains no scores")
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
    """Size and sha256 of a file up to its last complete line."""
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


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to, in bytes.

    `total` None: what livecc.files.limits allows an archive of its size.
    """

    manifest: int = 64 * 10**6
    member: int = 16 * 10**9
    total: int | None = None

    def most(self, packed: int) -> int:
        """The total for an archive of `packed` bytes."""
        return most_unpacked(packed) if self.total is None else self.total


def import_cache(archive: Path, root: Path, limits: Limits | None = None) -> Counts:
    """Add the scores of an archive to a cache, which is created if missing.

    Everything is unpacked and verified in a temporary folder first; existing files are never
    changed. Raises LiveccError, without adding anything, when the archive is invalid or exceeds the
    limits, or `root` is not a score cache.
    """
    if root.exists():
        cache_folders(root)
    counts = Counts()
    with _scratch(root) as scratch:
        unpacked = list(_unpack(archive, scratch, limits or Limits()))
        for name, _, _ in unpacked:
            folder = (root / name).parent
            if not folder.resolve().is_relative_to(root.resolve()):
                raise LiveccError(f"{folder}: a symbolic link leads out of the cache; remove it")
        for name, size, digest in unpacked:
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
    """A hidden folder inside the cache, so that files can be renamed into place."""
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
    """The target path of a file; None when the cache already has its content.

    A segment of the same name with other scores is another state of the same job's segment: both
    are kept. For settings and spending the cache's version wins.
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


def _unpack(archive: Path, scratch: Path, limits: Limits) -> list[tuple[str, int, str]]:
    """(name, bytes, sha256) of all files, unpacked and verified."""
    try:
        packed = archive.stat().st_size
        with (
            archive.open("rb") as raw,
            # What may be read is stated before it is read, so the ratio does not matter here.
            decompressed(Path(".zst"), raw, None) as stream,
        ):
            metered = _Metered(stream)
            with tarfile.open(fileobj=cast(Any, metered), mode="r|") as members:
                files = _manifest(_read_manifest(members, metered, limits.manifest))
                _check_sizes(files, packed, limits)
                _write_members(members, metered, files, scratch)
            # Read to the end to verify the checksum.
            metered.allow(_HEADERS)
            while metered.read(_PIECE):
                pass
    # tarfile lets errors of numbers and texts in headers through.
    except (
        *(tarfile.TarError, EOFError, ValueError, OverflowError),
        *(UnsoundError, _BrokenError),
    ) as error:
        raise LiveccError(
            f"{archive}: not a complete archive of a score cache ({error}); nothing was imported"
        ) from None
    return [(name, size, digest) for name, (size, digest) in files.items()]


class _BrokenError(Exception):
    """The archive is not a valid output of `export_cache`; the message says why."""


class _Metered:
    """Reads a stream, and stops when more comes than was allowed.

    tarfile reads headers of any size into memory.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.allow(_HEADERS)

    def allow(self, count: int) -> None:
        """Allow `count` bytes after those read so far."""
        self._left = count

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, _PIECE))
        self._left -= len(data)
        if self._left < 0:
            raise _BrokenError("it holds more than its manifest states")
        return data


def _next(members: tarfile.TarFile, metered: _Metered) -> tarfile.TarInfo | None:
    """The next member, of which the content may be read; None at the end."""
    metered.allow(_HEADERS)
    member = members.next()
    if member is not None:
        plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
        if not plain:
            raise _BrokenError(f"{printable(member.name)} does not match the manifest: no file")
        metered.allow(member.size + _HEADERS)
    return member


def _read_manifest(members: tarfile.TarFile, metered: _Metered, most: int) -> bytes:
    first = _next(members, metered)
    if first is None or first.name != _MANIFEST:
        raise _BrokenError("it has no manifest")
    if first.size > most:
        raise _too_large("its manifest has", first.size, most, "--max-manifest-mb")
    content = members.extractfile(first)
    assert content is not None
    return content.read()


def _check_sizes(files: Mapping[str, tuple[int, str]], packed: int, limits: Limits) -> None:
    """Before anything is written."""
    for name, (size, _) in files.items():
        if size > limits.member:
            raise _too_large(f"{name} has", size, limits.member, "--max-member-mb")
    total, most = sum(size for size, _ in files.values()), limits.most(packed)
    if total > most:
        raise _too_large("it unpacks to", total, most, "--max-total-mb")


def _too_large(what: str, size: int, most: int, flag: str) -> _BrokenError:
    return _BrokenError(
        f"{what} {size:,} bytes, more than the {most:,} that are allowed; {flag} allows more, if "
        "you trust its origin"
    )


def _write_members(
    members: tarfile.TarFile,
    metered: _Metered,
    files: Mapping[str, tuple[int, str]],
    scratch: Path,
) -> None:
    """Write all members; each has to be in `files` (name -> bytes, sha256), and comes once."""
    left = dict(files)
    while (member := _next(members, metered)) is not None:
        size, digest = left.pop(member.name, (-1, ""))
        if member.size != size:
            raise _BrokenError(f"{printable(member.name)} does not match the manifest")
        content = members.extractfile(member)
        assert content is not None
        _write(content, member.name, scratch / member.name, digest)
    if left:
        raise _BrokenError(f"it lacks {next(iter(left))}")


def _manifest(data: bytes) -> dict[str, tuple[int, str]]:
    """Name -> (bytes, sha256); all names are valid in a score cache."""
    try:
        manifest = orjson.loads(data)
        if manifest["format"] != FORMAT:
            raise _BrokenError(f"its format is {shown(manifest['format'])}, not {FORMAT!r}")
        files = {name: (file["bytes"], file["sha256"]) for name, file in manifest["files"].items()}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise _BrokenError("its manifest cannot be read") from None
    for name, (size, digest) in files.items():
        if not _is_cache_file(name):
            raise _BrokenError(f"{shown(name)} is not a file of a score cache")
        if type(size) is not int or size < 0 or type(digest) is not str:
            raise _BrokenError(f"its manifest has no size and sha256 of {name}")
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
        and file.isprintable()
        and all(len(part.encode()) <= _NAME_BYTES for part in (stage, file))
    )


def _write(source: IO[bytes], name: str, target: Path, expected: str) -> None:
    """Write the member `name` durably.

    Raises UnsoundError as soon as a line is not of a score cache, and _BrokenError when the sha256
    does not match.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    check = LineCheck(name)
    digest = hashlib.sha256()
    with target.open("xb") as stream:
        while piece := source.read(_PIECE):
            digest.update(piece)
            check.take(piece)
            stream.write(piece)
        check.end()
        stream.flush()
        os.fsync(stream.fileno())
    if digest.hexdigest() != expected:
        raise _BrokenError(f"the sha256 of {target.name} does not match the manifest")

"""Whether released files are what their manifests say: training files, and their exports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from livecc.errors import LiveccError
from livecc.exports.export import FORMAT as EXPORT_FORMAT
from livecc.files.digests import file_sha256
from livecc.files.limits import MAX_MANIFEST_BYTES
from livecc.formats.layout import MANIFEST_SUFFIX
from livecc.formats.samples import read_offsets
from livecc.selecting.manifest import FORMAT
from livecc.sources.opening import read_file
from livecc.sources.record import UnreadableError


def verify(path: Path) -> list[str]:
    """Mismatches between a manifest and its files; empty if all match.

    An export also has to be of the training files that lie beside it; it may be there without them.
    Raises LiveccError when `path` is not a manifest.
    """
    released = _read(path)
    if not _is_manifest(released):
        raise LiveccError(f"{path}: not a manifest of a released file")
    problems: list[str] = []
    for name, expected in released["files"].items():
        problems += _problems(path.with_name(name), expected, released)
    if released["format"] == EXPORT_FORMAT:
        problems += _mixtures(path, released)
    return problems


def _read(path: Path) -> Any:
    """The JSON of a manifest, which came with files from anywhere. Raises LiveccError."""
    try:
        return orjson.loads(read_file(path, MAX_MANIFEST_BYTES))
    except UnreadableError as error:
        raise LiveccError(f"{path.parent / str(error)}") from None
    except orjson.JSONDecodeError as error:
        raise LiveccError(f"{path}: not valid JSON ({error})") from None


def _problems(
    file: Path, expected: Mapping[str, Any], released: Mapping[str, Any]
) -> Iterator[str]:
    """The first thing that is wrong with a file."""
    if not file.is_file():
        yield f"{file}: missing"
    elif file.stat().st_size != expected["bytes"]:
        yield f"{file}: has {file.stat().st_size:,} bytes, not {expected['bytes']:,}"
    elif file_sha256(file) != expected["sha256"]:
        yield f"{file}: the sha256 does not match the manifest"
    elif released["format"] == FORMAT:
        yield from _offset_problems(file, released["counts"]["samples"])


def _offset_problems(file: Path, samples: int) -> Iterator[str]:
    try:
        offsets = read_offsets(file)
    except LiveccError as error:
        yield str(error)
        return
    if len(offsets) != samples:
        yield f"{file}: the number of samples does not match the manifest"


def _mixtures(path: Path, released: Mapping[str, Any]) -> Iterator[str]:
    """Where an export is not of the training file beside it, by what its manifest says."""
    for name, digest in released["of"].items():
        manifest = path.with_name(name + MANIFEST_SUFFIX)
        if not manifest.is_file():
            continue
        other = _read(manifest)
        if not _is_manifest(other) or other["files"].get(name, {}).get("sha256") != digest:
            files = " and ".join(released["files"])
            yield f"{path.with_name(name)}: {files} beside it: made of another version of it"


def _is_manifest(value: Any) -> bool:
    """Whether a file from anywhere has what `verify` needs; names are of files beside it."""
    if not isinstance(value, dict) or not _are_files(value.get("files")):
        return False
    if value.get("format") == EXPORT_FORMAT:
        of = value.get("of")
        return isinstance(of, dict) and all(_is_beside(name) for name in of)
    counts = value.get("counts")
    return (
        value.get("format") == FORMAT
        and isinstance(counts, dict)
        and isinstance(counts.get("samples"), int)
    )


def _are_files(files: Any) -> bool:
    return isinstance(files, dict) and all(
        _is_beside(name)
        and isinstance(told, dict)
        and isinstance(told.get("bytes"), int)
        and isinstance(told.get("sha256"), str)
        for name, told in files.items()
    )


def _is_beside(name: str) -> bool:
    return Path(name).name == name


def manifests(places: Iterable[Path]) -> list[Path]:
    """The manifests among `places`, those of files, and those below folders.

    Raises LiveccError for a place without any.
    """
    found = []
    for place in places:
        if place.is_dir():
            below = sorted(place.rglob(f"*{MANIFEST_SUFFIX}"))
            if not below:
                raise LiveccError(f"{place}: contains no *{MANIFEST_SUFFIX} file")
            found += below
            continue
        beside = place.with_name(place.name + MANIFEST_SUFFIX)
        if beside.exists():
            found.append(beside)
        elif place.suffix == ".json":
            found.append(place)
        else:
            found.append(_manifest_that_names(place))
    return list(dict.fromkeys(found))


def _manifest_that_names(file: Path) -> Path:
    """The manifest beside a file that lists it: one of a format with several files."""
    for path in sorted(file.parent.glob(f"*{MANIFEST_SUFFIX}")):
        told = _read(path)
        if _is_manifest(told) and file.name in told["files"]:
            return path
    raise LiveccError(f"{file}: its manifest {file.name}{MANIFEST_SUFFIX} is missing")

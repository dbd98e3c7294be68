"""Split JSON-lines files into shards by a stable hash of the video id.

A video always falls into the same shard, so appending videos changes only the shards they fall
into; unchanged shards are not rewritten, so Snakemake does not rerun them.
"""

from __future__ import annotations

import contextlib
import filecmp
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import orjson

from livecc.errors import LiveccError
from livecc.files.atomic import open_atomic
from livecc.files.leftovers import scratch_folder
from livecc.files.lines import JSON_LINES_SUFFIXES, read_lines
from livecc.formats.input_lines import TOO_LONG

_BUFFERED_BYTES = 64 * 2**20


@dataclass(frozen=True)
class ShardReport:
    """Result of a split; `bad` holds (file, line, reason)."""

    videos: int
    written: list[str]
    unchanged: list[str]
    bad: list[tuple[str, int, str]]


def shard_of(video: str, n_shards: int) -> int:
    """The shard of a video, independent of machine and input order."""
    digest = hashlib.blake2b(video.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") * n_shards >> 64


def shard_file(folder: Path, prefix: str, index: int, n_shards: int, suffix: str) -> Path:
    width = len(str(n_shards))
    return folder / f"{prefix}-{index:0{width}d}-of-{n_shards}{suffix}"


def shard_input(
    files: Sequence[Path], folder: Path, n_shards: int, prefix: str, suffix: str = ".jsonl"
) -> ShardReport:
    """Distribute the lines of `files` over `n_shards` files in `folder`.

    Lines keep their bytes and their order. A line without a video id is skipped and reported.
    Memory is bounded: lines go through a 64 MB buffer and scratch files. Raises LiveccError when
    an input cannot be read or `folder` has shards of a split into another number.
    """
    if suffix not in JSON_LINES_SUFFIXES:
        raise LiveccError(f"suffix {suffix!r}: must be one of {', '.join(JSON_LINES_SUFFIXES)}")
    if n_shards < 1:
        raise LiveccError(f"{n_shards} shards: must be at least 1")
    _refuse_other_cuts(folder, prefix, n_shards, suffix)
    bad: list[tuple[str, int, str]] = []
    videos = 0
    with scratch_folder(folder / prefix) as scratch:
        parts = [scratch / str(index) for index in range(n_shards)]
        buffers: dict[int, list[bytes]] = {}
        buffered = 0
        for file in files:
            for number, line in read_lines(file):
                if line is not None and not line.strip():
                    continue
                video = _video_of(line)
                if video is None:
                    reason = "not a JSON object with a string under the key 'video'"
                    bad.append((str(file), number, TOO_LONG if line is None else reason))
                    continue
                assert line is not None
                videos += 1
                buffers.setdefault(shard_of(video, n_shards), []).append(line + b"\n")
                buffered += len(line)
                if buffered > _BUFFERED_BYTES:
                    _spill(buffers, parts)
                    buffered = 0
        _spill(buffers, parts)
        written: list[str] = []
        unchanged: list[str] = []
        for index, part in enumerate(parts):
            target = shard_file(folder, prefix, index, n_shards, suffix)
            part.touch()
            changed = _replace_if_changed(part, target)
            (written if changed else unchanged).append(target.name)
    return ShardReport(videos, written, unchanged, bad)


def _video_of(line: bytes | None) -> str | None:
    try:
        record = orjson.loads(line or b"")
    except orjson.JSONDecodeError:
        return None
    video = record.get("video") if isinstance(record, dict) else None
    return video if isinstance(video, str) and video else None


def _spill(buffers: dict[int, list[bytes]], parts: Sequence[Path]) -> None:
    for index, lines in buffers.items():
        with parts[index].open("ab") as stream:
            stream.writelines(lines)
    buffers.clear()


def _refuse_other_cuts(folder: Path, prefix: str, n_shards: int, suffix: str) -> None:
    """Two splits in one folder would put every video into the input twice."""
    ours = {shard_file(folder, prefix, index, n_shards, suffix) for index in range(n_shards)}
    others = sorted(
        path.name
        for path in folder.glob(f"{prefix}-*-of-*.jsonl*")
        if path not in ours and not path.name.startswith(".")
    )
    if others:
        raise LiveccError(
            f"{folder}: already contains {prefix!r} shards of another split ({others[0]}, "
            f"{len(others)} in all); remove them or choose another folder"
        )


def _replace_if_changed(part: Path, target: Path) -> bool:
    """Compress by the target's suffix into place, unless the target already has this content."""
    if target.exists():
        if target.suffix == ".jsonl":
            if filecmp.cmp(part, target, shallow=False):
                return False
        elif _same_lines(part, target):
            return False
    with part.open("rb") as source, open_atomic(target) as stream:
        _copy(source, stream)
    return True


def _same_lines(part: Path, target: Path) -> bool:
    with contextlib.suppress(LiveccError):
        lines = read_lines(target, own=True)
        same = all(line == next(lines, (0, None))[1] for _, line in read_lines(part, own=True))
        return same and next(lines, None) is None
    return False


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    while chunk := source.read(2**20):
        target.write(chunk)

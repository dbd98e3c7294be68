"""Shards for people who want them alone: the steps of a source one after the other, in one folder.

What was written from what is kept in a hidden folder beside the shards. A shard is written again
only if what belongs to it has changed, and always as a whole, so a killed run leaves good shards
and the next one goes on.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from livecc.errors import LiveccError
from livecc.files.atomic import read_json, write_bytes
from livecc.files.leftovers import scratch_folder
from livecc.sources.listing import Listing, list_source
from livecc.sources.options import Part
from livecc.sources.scan import Reasons
from livecc.sources.shard import write_shard
from livecc.sources.split import read_split, split_file

#: Called with what is done now, how much of it is done, and how much there is (None: unknown).
Told = Callable[[str, int, int | None], None]
# Between two writes of the state while shards are written.
_STATE_SECONDS = 2.0


class _Written(msgspec.Struct):
    """What a shard was made from, and what came of it."""

    digest: str
    counts: dict[str, Any]


class _State(msgspec.Struct):
    """What the shards of a folder were made from."""

    shards: int
    suffix: str
    mode: str
    written: dict[str, _Written] = msgspec.field(default_factory=dict)
    #: Digests of the sections of each dump, by what decides them.
    sections: dict[str, list[str]] = msgspec.field(default_factory=dict)


@dataclass
class Report:
    """What came of an ingest; counts are of all shards, also of those that were left as they are.

    `left_out`: by reason, of files and videos that are in no shard.
    """

    videos: int = 0
    problems: int = 0
    files: int = 0
    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    waiting: Reasons = field(default_factory=Reasons)
    left_out: Counter[str] = field(default_factory=Counter)


def ingest(
    parts: Sequence[Part],
    shards: int,
    output: Path,
    *,
    name: str = "shard",
    suffix: str = ".jsonl.zst",
    mode: str = "default",
    videos_root: Path | None = None,
    now: float | None = None,
    told: Told | None = None,
) -> Report:
    """Write the shards of a source to `output`, those alone whose videos have changed.

    `left_out/SHARD.parquet` there says what is not in a shard, and why. Raises LiveccError when a
    path does not exist, or `output` holds shards of the same name that were cut otherwise.
    """
    if shards < 1:
        raise LiveccError(f"{shards} shards: must be at least 1")
    tell = told or _untold
    folder = output / f".{name}.ingest"
    state = _read_state(folder / "state.json", shards, suffix, mode, output, name)

    def listed(files: int) -> None:
        tell("listing files", files, None)

    with ExitStack() as stack:
        listing = stack.enter_context(
            list_source(
                parts,
                shards,
                videos_root,
                time.time() if now is None else now,
                name=name,
                state=folder,
                progress=listed,
                own=[output],
            )
        )
        keys = {dump.digest(parts[dump.part], shards): dump for dump in listing.dumps}
        splits: list[Path] = []

        def split_all() -> None:
            if not splits and listing.dumps:
                scratch = stack.enter_context(scratch_folder(folder / "splits"))
                splits.extend(_split(listing, parts, shards, scratch, tell))
                for key, path in zip(keys, splits, strict=True):
                    state.sections[key] = read_split(path).digests

        if not keys.keys() <= state.sections.keys():
            split_all()
        state.sections = {key: state.sections[key] for key in keys}
        digests = {
            shard: _digest(listing.digests[shard], [state.sections[key][number] for key in keys])
            for number, shard in enumerate(listing.names)
        }
        changed = [
            shard
            for shard in listing.names
            if shard not in state.written
            or state.written[shard].digest != digests[shard]
            or not (output / f"{shard}{suffix}").exists()
        ]
        if changed:
            split_all()
        lists = stack.enter_context(scratch_folder(folder / "lists"))
        # Before the first shard: a run that is killed leaves shards that the next knows as its own.
        _save(folder, state)
        saved = time.monotonic()
        try:
            for done, shard in enumerate(changed):
                tell("writing shards", done, len(changed))
                listing.write(shard, lists / "list")
                counts = write_shard(
                    listing.names.index(shard),
                    lists / "list",
                    splits,
                    output / f"{shard}{suffix}",
                    output / "left_out" / f"{shard}.parquet",
                    parts,
                    mode,
                )
                state.written[shard] = _Written(digests[shard], counts)
                if time.monotonic() - saved > _STATE_SECONDS:
                    _save(folder, state)
                    saved = time.monotonic()
        finally:
            _save(folder, state)
        tell("writing shards", len(changed), len(changed))
        return _report(listing, state, changed)


def _report(listing: Listing, state: _State, changed: Sequence[str]) -> Report:
    report = Report(files=listing.files, waiting=listing.left_out, written=list(changed))
    written = set(changed)
    report.unchanged = [shard for shard in listing.names if shard not in written]
    for shard in state.written.values():
        report.videos += shard.counts["videos"]
        report.problems += shard.counts["problems"]
        report.left_out.update(shard.counts["left_out"])
    return report


def _untold(_doing: str, _done: int, _of: int | None) -> None:
    pass


def _split(
    listing: Listing, parts: Sequence[Part], shards: int, scratch: Path, tell: Told
) -> Iterator[Path]:
    for number, dump in enumerate(listing.dumps, 1):
        path = scratch / f"{number:06d}"
        doing = f"dividing {Path(dump.path).name} ({number} of {len(listing.dumps)})"

        def entries(count: int, doing: str = doing) -> None:
            tell(doing, count, None)

        split_file(parts[dump.part], dump, shards, path, entries)
        yield path


def _digest(listed: str, sections: Sequence[str]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for one in (listed, *sections):
        digest.update(one.encode())
    return digest.hexdigest()


def _read_state(path: Path, shards: int, suffix: str, mode: str, output: Path, name: str) -> _State:
    """The state of a folder. Raises LiveccError if it holds shards of another cut."""
    state = _State(shards, suffix, mode)
    if path.exists():
        try:
            kept = msgspec.convert(read_json(path), _State)
        except (msgspec.ValidationError, LiveccError):
            # Damaged: everything is written again.
            kept = state
        if (kept.shards, kept.suffix) != (shards, suffix):
            raise LiveccError(
                f"{output}: holds {kept.shards} shards {name!r} with the suffix {kept.suffix}, not "
                f"{shards} with {suffix}; remove them and {path.parent}, or choose another folder"
            )
        return kept if kept.mode == mode else state
    others = sorted(file.name for file in output.glob(f"{name}-*-of-*.jsonl*"))
    if others:
        raise LiveccError(
            f"{output}: already has shards {name!r} of another origin ({others[0]}, {len(others)} "
            "in all); remove them or choose another folder or --name"
        )
    return state


def _save(folder: Path, state: _State) -> None:
    write_bytes(folder / "state.json", msgspec.json.encode(state))

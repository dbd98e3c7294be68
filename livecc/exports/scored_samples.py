"""The samples of a selection's merged files, in their order, each with its clip and its scores.

A training file does not say which clip a sample is of. But the samples of a shard are its kept
clips, in the order of their videos and words; so the clips of all shards, sorted like the samples,
run alongside the merged files. Only the clips of one shard and one sample are in memory.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from livecc.errors import LiveccError
from livecc.exports.release import Release
from livecc.files.leftovers import scratch_folder
from livecc.files.parquet import read_table
from livecc.files.sorted_files import merge_sorted
from livecc.formats.layout import ShardFiles
from livecc.formats.samples import read_samples

#: Snakemake looks at packs, and does not see that a file of a shard is gone or spoilt.
_SELECT_AGAIN = "run again with --forcerun select_samples"
_MERGE_AGAIN = "run again with --forcerun merge_samples"


class ScoredSample(NamedTuple):
    """A line of a split's merged file, its clip's id and scores (as `Release.score_columns`)."""

    split: str
    line: bytes
    clip: str
    scores: list[Any]


class _Scored(NamedTuple):
    """A kept clip: the video and start of its sample, as samples are sorted, and its digest."""

    video: str
    start: float
    digest: str
    clip: str
    scores: list[Any]


def scored_samples(release: Release, scratch_of: Path) -> Iterator[ScoredSample]:
    """The samples of all splits, sorted by video and time.

    Temporary files lie in a folder beside `scratch_of`. Raises LiveccError when the files of the
    results are not of one run.
    """
    with scratch_folder(scratch_of) as scratch, ExitStack() as stack:
        lines = {
            name: _lines(stack.enter_context(release.merged(name).open("rb")))
            for name in release.splits
        }
        for (video, _), group in itertools.groupby(
            _all_scored(release, scratch), key=lambda one: (one.video, one.start)
        ):
            # A video in two shards has each sample twice, but it is written once.
            clips = {one.digest: one for one in group}
            split: str = release.split.name_of(video.removeprefix(release.video_prefix))
            for _ in range(len(clips)):
                line = next(lines[split], b"")
                one = clips.pop(_digest(line), None)
                if one is None:
                    raise _is_other(release.merged(split))
                yield ScoredSample(split, line, one.clip, one.scores)
        for name, rest in lines.items():
            if next(rest, None) is not None:
                raise _is_other(release.merged(name))


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The samples of a merged file; the last line, which has no end, is of offsets."""
    return itertools.takewhile(lambda line: line.endswith(b"\n"), stream)


def _is_other(merged: Path) -> LiveccError:
    return LiveccError(
        f"{merged}: its samples are not those that select_samples wrote; {_MERGE_AGAIN}"
    )


def _all_scored(release: Release, scratch: Path) -> Iterator[_Scored]:
    columns = list(release.score_columns)
    files = []
    for number, shard in enumerate(release.shards):
        files.append(scratch / f"shard-{number}.jsonl")
        with files[-1].open("wb") as stream:
            scored = _scored_of_shard(shard, release.selection, columns)
            stream.writelines(map(_written, sorted(scored, key=_order)))
    return merge_sorted(files, scratch, _read, _written, key=_order)


def _order(one: _Scored) -> tuple[bytes, float, str]:
    return one.video.encode("utf-8", "surrogatepass"), one.start, one.digest


def _written(one: _Scored) -> bytes:
    return orjson.dumps([*one], option=orjson.OPT_APPEND_NEWLINE)


def _read(stream: IO[bytes], _path: Path) -> Iterator[_Scored]:
    return (_Scored(*orjson.loads(line)) for line in stream)


def _scored_of_shard(
    shard: ShardFiles, selection: str, columns: Sequence[str]
) -> Iterator[_Scored]:
    """The kept clips of a shard with the digests of their samples."""
    decisions = read_table(shard.decisions(selection), ["clip", "kept", *columns])
    kept = decisions.filter(decisions["kept"])
    clips = kept["clip"].to_pylist()
    rows = zip(*(kept[name].to_pylist() for name in columns), strict=True)
    by_place = sorted(zip(map(_place, clips), clips, rows, strict=True), key=lambda one: one[0])
    path = Path(shard.samples(selection))
    try:
        with path.open("rb") as stream:
            samples = read_samples(stream, path, _SELECT_AGAIN)
            for sample, (_, clip, scores) in zip(samples, by_place, strict=True):
                video = sample.video.decode("utf-8", "surrogatepass")
                yield _Scored(video, sample.start, _digest(sample.line), clip, list(scores))
    except FileNotFoundError:
        raise LiveccError(f"{path}: no such file; {_SELECT_AGAIN}") from None
    except ValueError:
        raise LiveccError(
            f"{path}: has not a sample for each clip kept in {shard.decisions(selection)}; "
            f"{_SELECT_AGAIN}"
        ) from None


def _place(clip: str) -> tuple[bytes, int]:
    """Where samples sort a clip: video and first word, from its id."""
    video, _, words = clip.rpartition("#")
    return video.encode(), int(words.partition("-")[0])


def _digest(line: bytes) -> str:
    return hashlib.blake2b(line, digest_size=16).hexdigest()

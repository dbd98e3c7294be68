"""Merge the samples of all shards into the file that the trainer reads, or one for each split.

A file holds one sample per line, sorted by video and time, followed by a last line without a
newline: the JSON list of all samples' byte offsets. The trainer reads that line, seeks to an offset
and reads one sample. The order does not depend on the sharding.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from livecc.files.atomic import open_atomic
from livecc.files.leftovers import scratch_folder
from livecc.files.sorted_files import merge_sorted
from livecc.formats.layout import files_of_split, seeks_beside
from livecc.formats.samples import Sample, read_samples
from livecc.formats.splits import SPLITS, TRAIN, Split

#: Files merged at once (livecc.files.sorted_files).
FAN_IN = 256
#: Snakemake looks at packs, and does not see that a file of a shard is gone or spoilt.
AGAIN = "run again with --forcerun select_samples"


@dataclass
class Merged:
    """The content of a merged file, in numbers."""

    samples: int = 0
    videos: int = 0
    seconds: float = 0.0
    words: int = 0
    bytes: int = 0
    sha256: str = ""


def merge(samples: Sequence[Path], output: Path) -> Merged:
    """Merge sorted sample files into `output`.

    A sample that is in several files, because its video is in several shards, is written once.

    Raises LiveccError for a line that `select_samples` did not write.
    """
    return merge_splits(samples, {TRAIN: output}, Split())[TRAIN]


def merge_splits(
    samples: Sequence[Path], outputs: Mapping[str, Path], split: Split, video_prefix: str = ""
) -> dict[str, Merged]:
    """Merge sorted sample files into one file for each split, as `merge` does.

    `outputs` maps the names of `split` to their files. `video_prefix` is what samples have before
    the path of each video, which does not count for its split.
    """
    with (
        scratch_folder(outputs[TRAIN]) as scratch,
        contextlib.ExitStack() as stack,
    ):
        writers = {
            name: _Writer(stack.enter_context(open_atomic(path))) for name, path in outputs.items()
        }
        previous = b""
        video: bytes | None = None
        writer = writers[TRAIN]
        for sample in _merged(list(samples), scratch):
            # The same video in two shards.
            if sample.line == previous:
                continue
            previous = sample.line
            if sample.video != video:
                video = sample.video
                if split.held_out:
                    name = video.decode("utf-8", "surrogatepass").removeprefix(video_prefix)
                    writer = writers[split.name_of(name)]
                writer.merged.videos += 1
            writer.write_sample(sample)
        return {name: writer.finish() for name, writer in writers.items()}


def remove_other_splits(merged: Path, splits: Collection[str]) -> None:
    """Remove what earlier runs wrote beside a training file for splits that are not there now.

    Who trains on all files in a folder would otherwise train on samples twice.
    """
    for name in sorted(set(SPLITS) - set(splits)):
        for path in files_of_split(merged, name):
            path.unlink(missing_ok=True)


def remove_old_offsets(merged: Path) -> None:
    """Remove the side file of offsets, which are those of an earlier file.

    If it is still asked for, the run makes it again.
    """
    for path in seeks_beside(merged):
        path.unlink(missing_ok=True)


class _Writer:
    """Writes samples and then their offsets to a stream, and counts them."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.merged = Merged()
        self._stream = stream
        self._offsets: list[int] = []
        self._digest = hashlib.sha256()

    def write_sample(self, sample: Sample) -> None:
        self._offsets.append(self.merged.bytes)
        self._write(sample.line)
        self.merged.samples += 1
        self.merged.seconds += sample.end - sample.start
        self.merged.words += sample.words

    def finish(self) -> Merged:
        self._write(json.dumps(self._offsets).encode("ascii"))
        self.merged.sha256 = self._digest.hexdigest()
        return self.merged

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._digest.update(data)
        self.merged.bytes += len(data)


def _merged(files: Sequence[Path], scratch: Path) -> Iterator[Sample]:
    """The samples of all files in sorted order."""
    return merge_sorted(
        files,
        scratch,
        lambda stream, path: read_samples(stream, path, AGAIN),
        lambda sample: sample.line,
        again=AGAIN,
        fan_in=FAN_IN,
    )

"""Check the samples of a training file: what of them the trainer's reader delivers.

Samples are read one after the other, and a video is opened once for all its samples that follow
each other, so that memory is bounded by a few videos. A file that decord cannot open, or that hangs
or crashes it, costs its own samples only.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.formats.video_paths import Outside, RefusedVideoError, VideoFolder
from livecc.media.pool import Failure, work_ahead
from livecc.media.trainer_view import import_libraries
from livecc.stages.check_samples.frame_times import OpenVideo, Window, place_of
from livecc.stages.check_samples.samples import BrokenSample, Sample, chosen, read_chosen
from livecc.stages.check_samples.verdict import SHOWN, Counts, Verdict, encodable, judge
from livecc.terminal import count
from livecc.trainer.reader import constant_rate

log = logging.getLogger(__name__)

#: Frame rates of a check without videos.
RATES = (30.0,)
LOG_SECONDS = 15.0
#: Samples of one video that are checked together; a video with more is opened again.
_GROUP = 256


@dataclass(frozen=True)
class Videos:
    """How to open the videos of samples.

    folder: where the trainer is started. prefix, decode: see `OpenVideo`. `workers` processes open
    videos, each within `timeout_seconds`, in which with `decode` one clip is decoded. outside:
    which videos outside of the folder may be opened.
    """

    folder: Path
    prefix: str = ""
    decode: bool = False
    workers: int = 1
    timeout_seconds: float = 60.0
    outside: Outside = "none"

    @property
    def place(self) -> VideoFolder:
        return VideoFolder(self.folder.absolute(), self.outside)

    def has(self, name: str) -> bool:
        """Whether a file is there; none that must not be opened is."""
        try:
            return self.place.file(place_of(name, self.prefix)).exists()
        except RefusedVideoError:
            return False


@dataclass
class Report:
    """What the trainer gets of a file.

    `samples` of it, of which `counts` have those checked, one for each source of frame times.
    `text_only`: whether no videos were opened, and `why`, if that was not asked for. `files`: the
    first SHOWN of the `unopened` files, with the reason and the number of checked samples.
    """

    file: str
    samples: int
    counts: list[Counts]
    text_only: bool = False
    why: str | None = None
    videos: int = 0
    unopened: int = 0
    files: list[dict[str, Any]] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether there are samples, and all that were checked arrive complete."""
        return self.samples > 0 and all(one.complete == one.checked for one in self.counts)

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "counts": [vars(one) for one in self.counts]}


#: Called with each verdict and the label of its counts.
Witness = Callable[[str, Verdict], None]


def check_file(
    path: Path,
    source: Videos | Sequence[float],
    count: int | None = None,
    witness: Witness | None = None,
) -> Report:
    """Check a training file, or `count` samples of it that are chosen by a fixed seed.

    `source`: the videos, or constant frame rates, at each of which all samples are checked without
    any video. Raises LiveccError when the file is not a training file.
    """
    if not path.is_file():
        raise LiveccError(f"{path}: no such file")
    total, places = chosen(path, count)
    samples = _logged(path, read_chosen(path, places), len(places))
    if isinstance(source, Videos):
        report = Report(str(path), total, [Counts("the videos")])
        _with_videos(report, samples, source, witness)
    else:
        rates = [f"{rate:g} fps" for rate in source]
        report = Report(str(path), total, [Counts(rate) for rate in rates], text_only=True)
        for sample in samples:
            for counts, rate in zip(report.counts, source, strict=True):
                _tell(counts, [_at_rate(sample, rate)], witness)
    return report


def check_or_read_text(
    path: Path, videos: Videos, rates: Sequence[float] = RATES, count: int | None = None
) -> Report:
    """`check_file` with the videos or, where none of them can be opened here, without them.

    The report says why.
    """
    why = _why_no_videos(path, videos, count)
    if why is None:
        return check_file(path, videos, count)
    report = check_file(path, rates, count)
    report.why = why
    return report


def _why_no_videos(path: Path, videos: Videos, count: int | None) -> str | None:
    import importlib.util

    for package in ("decord", "pebble"):
        if importlib.util.find_spec(package) is None:
            return f"the package {package} is not installed"
    names = set()
    for sample in read_chosen(path, chosen(path, count)[1]):
        if isinstance(sample, Sample):
            if videos.has(sample.video):
                return None
            names.add(sample.video)
    return f"none of their videos is in {videos.folder}" if names else None


def _with_videos(
    report: Report,
    samples: Iterable[Sample | BrokenSample],
    videos: Videos,
    witness: Witness | None,
) -> None:
    [counts] = report.counts

    def items() -> Iterator[tuple[tuple[Sample, ...], tuple[str, list[Window]]]]:
        # Decoding a clip may take as long as its time limit allows.
        for group in _by_video(samples, 1 if videos.decode else _GROUP):
            if isinstance(group, BrokenSample):
                _tell(counts, [Verdict(group, reason=group.reason)], witness)
            else:
                yield group, (group[0].video, [(one.start, one.end) for one in group])

    waiting = items()
    first = next(waiting, None)
    if first is None:
        return
    opened = work_ahead(
        OpenVideo(videos.place, videos.prefix, videos.decode),
        chain([first], waiting),
        workers=videos.workers,
        timeout_seconds=videos.timeout_seconds,
        ahead=2 * videos.workers,
        warm_up=import_libraries,
    )
    previous = None
    for group, found in opened:
        again = group[0].video == previous
        previous = group[0].video
        report.videos += not again
        if isinstance(found, Failure):
            _note(report, group, found.reason, again)
            reason = f"its video cannot be opened: {found.reason}"
            _tell(counts, [Verdict(one, reason=reason) for one in group], witness)
            continue
        verdicts = [
            judge(one, found.times) if reason is None else Verdict(one, reason=reason)
            for one, reason in zip(group, found.undecodable, strict=True)
        ]
        _tell(counts, verdicts, witness)


def _note(report: Report, group: Sequence[Sample], reason: str, again: bool) -> None:
    """Count a file that cannot be opened."""
    if again and report.files and report.files[-1]["video"] == encodable(group[0].video):
        report.files[-1]["samples"] += len(group)
    elif not again:
        report.unopened += 1
        if len(report.files) < SHOWN:
            told = {"video": encodable(group[0].video), "reason": reason, "samples": len(group)}
            report.files.append(told)


def _by_video(
    samples: Iterable[Sample | BrokenSample], most: int
) -> Iterator[tuple[Sample, ...] | BrokenSample]:
    """Samples that follow each other and have the same video, at most `most` together."""
    group: list[Sample] = []
    for sample in samples:
        if isinstance(sample, BrokenSample):
            yield sample
            continue
        if group and (group[0].video != sample.video or len(group) == most):
            yield tuple(group)
            group = []
        group.append(sample)
    if group:
        yield tuple(group)


def _at_rate(sample: Sample | BrokenSample, rate: float) -> Verdict:
    """The verdict on a sample of a long enough video with a constant frame rate."""
    if isinstance(sample, BrokenSample):
        return Verdict(sample, reason=sample.reason)
    end = sample.end or max(sample.ends, default=0.0) + 1.0
    times = constant_rate(rate, end + 1.0, sample.start or 0.0)
    return judge(sample, times)


def _tell(counts: Counts, verdicts: Sequence[Verdict], witness: Witness | None) -> None:
    counts.add(verdicts)
    if witness is not None:
        for verdict in verdicts:
            witness(counts.label, verdict)


def _logged(
    path: Path, samples: Iterable[Sample | BrokenSample], total: int
) -> Iterator[Sample | BrokenSample]:
    """The samples; says every few seconds how many there were."""
    begin = told = time.monotonic()
    for number, sample in enumerate(samples):
        now = time.monotonic()
        if now - told >= LOG_SECONDS:
            told = now
            rate = number / (now - begin)
            log.info(
                "%s: %d of %s, %.1f samples/s, about %.0f s left",
                *(path.name, number, count(total, "sample"), rate, (total - number) / rate),
            )
        yield sample

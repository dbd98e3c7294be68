"""What the input of a track comes to, before anything is made of it: videos, clips, words, seconds.

Some lines of some shards are cut into clips as a run would cut them, and the rest is estimated by
the size of the files; for small inputs the estimate is exact. Where videos are transcribed, nobody
knows their words yet: how much a video comes to is taken from what earlier shards came to, or from
the lengths of some of the videos.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from livecc import configuration
from livecc.declaration import CachedStage
from livecc.errors import LiveccError
from livecc.files.atomic import read_json
from livecc.formats.layout import Layout
from livecc.formats.video_paths import RefusedVideoError, VideoFolder
from livecc.planning.ranges import NOTHING, Range
from livecc.planning.samples import Lines, read_sample, spread
from livecc.planning.source_amounts import PlannedSource
from livecc.stages.clip_captions.cut import WordOptions, clip_captions
from livecc.stages.clip_captions.declaration import STAGE as CLIP_CAPTIONS
from livecc.stages.clip_transcripts.cut import clip_transcripts
from livecc.stages.clip_transcripts.declaration import STAGE as CLIP_TRANSCRIPTS
from livecc.stages.describe_video.facts import facts_of
from livecc.stages.filter_categories.declaration import STAGE as FILTER_CATEGORIES
from livecc.stages.filter_categories.shard import filter_categories
from livecc.stages.import_transcripts.shard import import_transcripts
from livecc.stages.spans import ClipOptions

log = logging.getLogger(__name__)

#: Samples of so many shards, evenly spread, are read, for so many seconds at most.
SAMPLED_SHARDS = 16
SAMPLE_SECONDS = 8.0
#: So many videos are opened, each with a time limit in seconds.
OPENED_VIDEOS = 8
OPEN_SECONDS = 3.0
#: So many earlier shards are looked at.
EARLIER_SHARDS = 50
#: A video that nobody can open lasts from a minute to 20 minutes.
UNKNOWN_SECONDS = Range(60.0, 1200.0)
#: The words of a second of video, pauses included; how much of it is in clips.
SPOKEN_WORDS = Range(1.0, 3.0)
IN_CLIPS = Range(0.5, 1.0)


@dataclass(frozen=True)
class InputAmount:
    """What a part of the input comes to.

    videos: usable ones, of wanted categories. media: their seconds, if they are to be transcribed.
    words and seconds: those of the clips.
    """

    videos: Range = NOTHING
    media: Range = NOTHING
    clips: Range = NOTHING
    words: Range = NOTHING
    seconds: Range = NOTHING

    def __add__(self, other: InputAmount) -> InputAmount:
        return InputAmount(*(a + b for a, b in zip(self._parts(), other._parts(), strict=True)))

    def __mul__(self, factor: Range | float) -> InputAmount:
        return InputAmount(*(part * factor for part in self._parts()))

    def _parts(self) -> tuple[Range, ...]:
        return (self.videos, self.media, self.clips, self.words, self.seconds)


class TrackInput:
    """The input of a track with inputs, looked at once.

    `sources`: those whose shards may still have to be made.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        track: str,
        sources: Mapping[str, PlannedSource] | None = None,
    ) -> None:
        self._config, self._track = config, track
        self._shards = configuration.shards(config, track)
        self._planned = sources or {}
        self._source_of = {
            shard: source for source, shard in configuration.source_shards(config, track)
        }
        self._stages = configuration.clip_stages(config, track)
        told = config["tracks"][track]
        self._videos = VideoFolder(Path(told["videos"]), told["videos_outside"])
        #: source -> what a line of each of its parts comes to, and how many there are by shard.
        self._by_line: dict[str, list[tuple[InputAmount, Mapping[str, Range]]]] = {}

    def shard(self, name: str) -> InputAmount | None:
        """What a shard comes to; None if it could not be read."""
        if self._is_coming(name):
            return self._of_source(self._source_of[name], name)
        if name in self._sampled:
            return self._sampled[name]
        read = [shard for shard in self._sampled.values() if shard is not None]
        try:
            size = Path(self._shards[name]).stat().st_size
            mean = sum(Path(self._shards[one]).stat().st_size for one in self._read_shards)
        except OSError:
            return None
        return sum(read, InputAmount()) * (size / mean) if read and mean else None

    def _is_coming(self, name: str) -> bool:
        """Whether the run makes the lines of a shard, and its source was listed for the plan."""
        source = self._source_of.get(name)
        return source in self._planned and not Path(self._shards[name]).exists()

    def _of_source(self, source: str, shard: str) -> InputAmount | None:
        """What a shard comes to that is not made yet; None if no line of it can be made."""
        if source not in self._by_line:
            coming = self._planned[source].coming
            self._by_line[source] = [
                (self._amount(part.lines) * (1 / len(part.lines)), part.videos)
                for part in coming
                if part.lines
            ]
        parts = self._by_line[source]
        if not parts and any(part.videos for part in self._planned[source].coming):
            return None
        return sum((each * videos[shard] for each, videos in parts), InputAmount())

    @property
    def _read_shards(self) -> list[str]:
        return [name for name, amount in self._sampled.items() if amount is not None]

    @cached_property
    def _sampled(self) -> dict[str, InputAmount | None]:
        """Amounts of the shards that are read; None for one that cannot be."""
        deadline = time.monotonic() + SAMPLE_SECONDS
        found: dict[str, InputAmount | None] = {}
        there = [name for name in self._shards if not self._is_coming(name)]
        for name in spread(there, SAMPLED_SHARDS):
            if found and time.monotonic() > deadline:
                break
            try:
                lines, share = read_sample(Path(self._shards[name]))
                found[name] = self._amount(lines) * (1 / share) if lines else InputAmount()
            except (LiveccError, OSError, EOFError) as error:
                log.debug("%s: %s", self._shards[name], error)
                found[name] = None
        return found

    def _amount(self, lines: Lines) -> InputAmount:
        if CLIP_CAPTIONS in self._stages:
            return self._of_captions(lines)
        section = self._config[FILTER_CATEGORIES.name]
        wanted = section["categories"] if section["enabled"] else None
        records = [row for row in filter_categories(lines, wanted) if row["status"] == "ok"]
        if any(isinstance(stage, CachedStage) for stage in self._stages):
            # Its words are heard in the files.
            return self._of_videos(records, lines)
        return self._of_transcripts(lines, records)

    def _of_captions(self, lines: Lines) -> InputAmount:
        section = self._config[CLIP_CAPTIONS.name]
        words = WordOptions(section["unit"], section["drop_repeated_words"])
        options = self._clip_options(section, section["max_gap_seconds"])
        return _counted(video.clips for video in clip_captions(lines, options, words))

    def _of_transcripts(self, lines: Lines, records: list[dict[str, Any]]) -> InputAmount:
        section = self._config[CLIP_TRANSCRIPTS.name]
        options = self._clip_options(section, section["max_silence_seconds"])
        transcripts = import_transcripts(lines, records, self._config["mode"])
        cut = clip_transcripts(records, transcripts, options)
        return _counted(clips for _, clips in cut)

    def _clip_options(self, section: Mapping[str, Any], gap: float) -> ClipOptions:
        return ClipOptions(
            section["min_clip_seconds"], section["max_clip_seconds"], gap, self._config["mode"]
        )

    # --- videos that are to be transcribed ---

    def _of_videos(self, records: Sequence[Mapping[str, Any]], lines: Lines) -> InputAmount:
        count = Range.of(len(records))
        earlier = self._of_earlier_video
        if earlier is not None:
            clips, words, seconds = (count * one for one in earlier)
            return InputAmount(count, seconds / IN_CLIPS, clips, words, seconds)
        told = list(_told_seconds(records, lines))
        media = Range.of(sum(told))
        if len(told) < len(records):
            media += self._length * (len(records) - len(told))
        section = self._config[CLIP_TRANSCRIPTS.name]
        longest, shortest = section["max_clip_seconds"], section["min_clip_seconds"]
        clips = media / Range(max(shortest, 1.0), max(longest, 1.0))
        return InputAmount(count, media, clips, media * SPOKEN_WORDS, media * IN_CLIPS)

    @cached_property
    def _of_earlier_video(self) -> tuple[float, float, float] | None:
        """Clips, words and seconds of a video in the shards that have been cut already."""
        layout = Layout.of(self._config)
        total = dict.fromkeys(("videos", "clips", "words", "seconds"), 0.0)
        for name in spread(list(self._shards), EARLIER_SHARDS):
            stats = stats_of(layout.shard(self._track, name).stats(CLIP_TRANSCRIPTS.name))
            for key in total:
                total[key] += stats.get(key, 0)
        videos = total["videos"]
        if not videos:
            return None
        return total["clips"] / videos, total["words"] / videos, total["seconds"] / videos

    @cached_property
    def _length(self) -> Range:
        """Seconds of a video, from some that can be opened."""
        lengths = list(lengths_of(self._some_videos()))
        return Range.of(sum(lengths) / len(lengths)) if lengths else UNKNOWN_SECONDS

    def _some_videos(self) -> Iterator[Path]:
        names = [name for name in self._shards if not self._is_coming(name)]
        coming = {self._source_of[name] for name in self._shards.keys() - set(names)}
        samples = [part.lines for source in sorted(coming) for part in self._planned[source].coming]
        for name in spread(names, OPENED_VIDEOS):
            with suppress(LiveccError, OSError, EOFError):
                samples.append(read_sample(Path(self._shards[name]))[0])
        for lines in samples:
            rows = [row for row in filter_categories(lines, None) if row["status"] == "ok"]
            for row in spread(rows, -(-OPENED_VIDEOS // len(samples))):
                with suppress(RefusedVideoError):
                    yield self._videos.file(row["video"])


def stats_of(path: str) -> Mapping[str, Any]:
    """The stats of a job; empty if there are none."""
    try:
        stats = read_json(path)
    except (LiveccError, OSError):
        return {}
    return stats if isinstance(stats, dict) else {}


def lengths_of(videos: Iterator[Path]) -> Iterator[float]:
    """The lengths in seconds of those videos that say it, read in processes of their own."""
    from livecc.media.audio import container_seconds
    from livecc.media.pool import work_ahead

    there = [(str(path), path) for path in videos if path.is_file()]
    if not there:
        return
    try:
        opened = work_ahead(
            container_seconds,
            there,
            workers=2,
            timeout_seconds=OPEN_SECONDS,
            ahead=len(there),
            warm_up=_import_av,
        )
        for _, seconds in opened:
            if isinstance(seconds, float) and seconds > 0:
                yield seconds
    except (LiveccError, ImportError) as error:
        log.debug("no video can be opened: %s", error)


def _told_seconds(records: Sequence[Mapping[str, Any]], lines: Lines) -> Iterator[float]:
    """The seconds of those videos whose input lines tell them."""
    by_number = dict(lines)
    for record in records:
        facts = facts_of(by_number[record["line"]])
        if facts is not None and facts.duration:
            yield facts.duration


def _import_av() -> str:
    import av

    return str(av.__name__)


def _counted(videos: Iterator[list[dict[str, Any]]]) -> InputAmount:
    """What clips, video by video, come to."""
    with_clips = clips = words = 0
    seconds = 0.0
    for rows in videos:
        usable = [row for row in rows if row["status"] == "ok"]
        with_clips += bool(usable)
        clips += len(usable)
        words += sum(row["last_word"] - row["first_word"] for row in usable)
        seconds += sum(row["end"] - row["start"] for row in usable)
    return InputAmount(
        videos=Range.of(with_clips),
        clips=Range.of(clips),
        words=Range.of(words),
        seconds=Range.of(seconds),
    )

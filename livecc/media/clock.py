"""The clocks of a media file, and how they are mapped onto each other.

A file may begin at any time stamp, and its picture later than its sound or the other way round.
Three clocks follow from that:

- The *trainer's clock* starts at the first time stamp of the picture: so decord counts, and with it
  the trainer. Words, spans of clips, and frames are all on this clock.
- The *sound's clock* starts at the first time stamp of the file, of any track: sample 0 of
  `livecc.media.audio`. Sound before the picture has negative times on the trainer's clock.
- *Time stamps*, in seconds as the file states them.

The scripts of LiveCC took no account of time stamps: their sound starts with its own first sample,
and their picture with its own first frame. Paper mode does the same.

In a file of joined recordings (transport and program streams), time stamps restart. Each part then
follows the one before it in the order of the file, for the sound as for the picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from livecc.media.container import main_picture

#: A time stamp this much before an earlier one begins another recording: more than frames are
#: reordered by, less than any recording lasts.
RESTART_SECONDS = 1.0
#: A difference between a piece's time and the end of the previous piece that counts as a gap: well
#: above the rounding of containers' time stamps (1 ms in Matroska) and below a syllable.
HOLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the clocks of a file start, in seconds of its time stamps.

    `file`: its first time stamp. `picture`: that of the main picture, or of the file without one.
    `sound`: that of the main sound, or of the file. `seconds`: the length of the file according to
    its container, on the sound's clock; None if not stated.
    """

    file: float
    picture: float
    sound: float
    seconds: float | None

    def sound_ahead(self, mode: str) -> float:
        """Seconds by which the sound's clock is ahead of the trainer's clock of a mode.

        Add it to a time on the trainer's clock to get the place in the sound.
        """
        return (self.sound if mode == "paper" else self.picture) - self.file


def clock_of(container: Any) -> Clock:
    """The clock of an open PyAV container; nothing is decoded."""
    start = _seconds(container.start_time)
    file = start or 0.0
    return Clock(
        file=file,
        picture=_start(main_picture(container), file),
        sound=_start(container.streams.best("audio"), file),
        seconds=_length(container, file),
    )


def _start(stream: Any, file: float) -> float:
    if stream is None or stream.start_time is None:
        return file
    # Rounding to microseconds, as for the file, makes equal starts equal.
    return max(file, round(float(stream.start_time * stream.time_base), 6))


def _length(container: Any, start: float) -> float | None:
    duration = _seconds(container.duration)
    # FFmpeg gives the last time stamp of Matroska and WebM files for their length.
    if duration is not None and "matroska" in container.format.name and 0 < start < duration:
        return duration - start
    return duration


def _seconds(microseconds: int | None) -> float | None:
    import av

    return None if microseconds is None else microseconds / int(av.time_base)


class SoundTrack:
    """Where the pieces of a sound track lie on the sound's clock, given in the order of the file.

    Pieces follow each other without a gap unless time stamps jump forward. Time stamps that jump
    back start another recording, which follows the one before it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shifts = [0.0]
        self._latest: float | None = None
        #: Where the next piece is expected, in seconds; None before the first one.
        self.end: float | None = None

    @property
    def shifts(self) -> list[float]:
        """For each recording, what its time stamps need to be on the sound's clock (seconds)."""
        return [shift - self._clock.file for shift in self._shifts]

    def add(self, stamp: float | None, seconds: float) -> float:
        """Add a piece with this time stamp and length; returns the gap before it (seconds).

        The gap of the first piece is that from the clock's start, negative for one before it.
        """
        time = None if stamp is None else stamp - self._clock.file
        gap = 0.0
        if self.end is None:
            gap = self.end = time or 0.0
        elif time is not None:
            gap = self._gap(time, self.end)
            self.end += gap
        if time is not None:
            self._latest = time if self._latest is None else max(self._latest, time)
        self.end += seconds
        return gap

    def _gap(self, time: float, end: float) -> float:
        if self._latest is not None and time < self._latest - RESTART_SECONDS:
            self._shifts.append(end - time)
            self._latest = time
            return 0.0
        gap = time + self._shifts[-1] - end
        if gap <= HOLE_SECONDS:
            return 0.0
        if len(self._shifts) > 1 and abs(time + self._shifts[-2] - end) <= HOLE_SECONDS:
            # It was one wrong time stamp, not another recording.
            self._shifts.pop()
            return 0.0
        beyond = self._clock.seconds is not None and time > self._clock.seconds
        # A time beyond the end of the file is wrong.
        return 0.0 if beyond else gap


def starts_of_parts(stamps: Iterable[float | None]) -> list[int]:
    """Where each recording of a track begins: indices into the time stamps (seconds) of its packets
    in the order of the file, the first of which is 0.

    A packet without a time stamp is None and begins nothing.
    """
    found = [0]
    latest = float("-inf")
    for index, stamp in enumerate(stamps):
        if stamp is None:
            continue
        if stamp < latest - RESTART_SECONDS:
            found.append(index)
            latest = stamp
        latest = max(latest, stamp)
    return found

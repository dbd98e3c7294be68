"""A video of a folder: its captions, chosen and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from livecc.files.limits import MAX_CAPTION_FILE_BYTES
from livecc.sources.choose import Candidate, candidates, in_order, original_language
from livecc.sources.opening import read_file
from livecc.sources.options import CaptionChoice
from livecc.sources.readers.by_format import READERS
from livecc.sources.readers.track import Track
from livecc.sources.record import Facts, UnreadableError, Video, language_of


def video_with_captions(
    entry: Mapping[str, Any],
    folders: Sequence[Path],
    choice: CaptionChoice,
    mode: str,
    info: Mapping[str, Any] | None,
    facts: Facts,
) -> Video:
    """The video that `listing` lists, with the best of its captions that can be read.

    `info`: what its info file holds, if there is one.
    """
    video = Video(entry["id"], entry["video"], facts)
    found = candidates(entry["captions"], info)
    usable = in_order(found, choice, original_language(info))
    facts.about["captions"] = "none"
    if not usable:
        video.problem = _nothing(found)
        return video
    faults = []
    for one in usable:
        folder = folders[entry["root"]]
        try:
            data = read_file(folder / entry["folder"] / one.name, MAX_CAPTION_FILE_BYTES, folder)
            track = _read(one, data)
        except UnreadableError as error:
            faults.append(str(error))
            continue
        # The best one is no better than another if nobody speaks in it.
        if track.shown or one is usable[-1]:
            video.subtitles = track.chosen(mode)
            facts.about["captions"] = one.kind or ("automatic" if track.words else None)
            facts.about["caption_language"] = language_of(one.language or track.language)
            return video
        faults.append(f"{one.name}: no captions in it")
    video.problem = "; ".join(faults[:3])
    return video


def _read(one: Candidate, data: bytes) -> Track:
    try:
        return READERS[one.format](data)
    except UnreadableError as error:
        raise UnreadableError(f"{one.name}: {error}") from None


def _nothing(found: Sequence[Candidate]) -> str:
    """Why no caption file is used."""
    if not found:
        return "no captions: there is no caption file"
    there = [
        f"{one.language or one.name} ({one.kind or 'kind unknown'}, {one.format})" for one in found
    ]
    more = f" and {len(there) - 5} more" if len(there) > 5 else ""
    return (
        f"no captions of a wanted language, kind and format; there are {', '.join(there[:5])}{more}"
    )

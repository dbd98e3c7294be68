"""What yt-dlp says about a video: in an info file, a line of `yt-dlp -j`, or a dump with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from livecc.sources.record import (
    Facts,
    category_of,
    date_of,
    fact_of,
    height_of,
    language_of,
    number_of,
    text_of,
)

_WATCH = re.compile(r"(?:[?&]v=|youtu\.be/|/shorts/|/embed/)([A-Za-z0-9_-]{11})")


def facts_of(info: Mapping[str, Any]) -> Facts:
    """The facts in what yt-dlp says; what is missing or of another kind is unknown."""
    return Facts(
        title=text_of(info.get("title")) or text_of(info.get("fulltitle")),
        category=category_of(info.get("categories")),
        about={
            "duration": number_of(info.get("duration")),
            "height": best_height(info.get("formats")),
            "language": language_of(info.get("language")),
            "live_status": fact_of(info.get("live_status")) or _live(info),
            "upload_date": date_of(info.get("upload_date")),
            "channel": fact_of(info.get("channel")) or fact_of(info.get("uploader")),
            "license": fact_of(info.get("license")),
        },
    )


def best_height(formats: Any) -> int | None:
    """The greatest height of the formats that have pictures; None if none tells it.

    `info["height"]` is that of the format that was chosen, not of the best one.
    """
    if type(formats) is not list:
        return None
    heights = [
        height_of(one.get("height"))
        for one in formats
        if isinstance(one, dict) and one.get("vcodec") not in (None, "none")
    ]
    return max((height for height in heights if height), default=None)


def id_of(value: Mapping[str, Any]) -> str | None:
    """The id in an entry of a dump: under `id` or `video_id`, or in its address."""
    for key in ("id", "video_id"):
        if type(value.get(key)) is str and value[key]:
            return str(value[key])
    for key in ("webpage_url", "url"):
        found = _WATCH.search(text_of(value.get(key))[:1000])
        if found:
            return found[1]
    return None


def _live(info: Mapping[str, Any]) -> str | None:
    """The live status in what releases before 2022 wrote."""
    if info.get("is_live") is True:
        return "is_live"
    return "was_live" if info.get("was_live") is True else None

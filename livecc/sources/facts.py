"""What yt-dlp says about a video: in an info file, a line of `yt-dlp -j`, or a dump with them."""

from __future__ import annotations

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


def _live(info: Mapping[str, Any]) -> str | None:
    """The live status in what releases before 2022 wrote."""
    if info.get("is_live") is True:
        return "is_live"
    return "was_live" if info.get("was_live") is True else None

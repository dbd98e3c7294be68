"""The reader of each format of caption files."""

from __future__ import annotations

from collections.abc import Callable

from livecc.sources.readers import json3, srt, srv, ttml, vtt
from livecc.sources.readers.track import Track

READERS: dict[str, Callable[[bytes], Track]] = {
    "json3": json3.read,
    "srv1": srv.read,
    "srv2": srv.read,
    "srv3": srv.read,
    "vtt": vtt.read,
    "ttml": ttml.read,
    "srt": srt.read,
}

"""What a file is by its name, and which files belong to one video.

yt-dlp writes NAME.info.json, NAME.LANG.EXT for captions and NAME.EXT for the video, where NAME is
made by its template and may hold dots, brackets and full-width signs. So nothing in NAME is looked
at: files with the stem of an info file or a video belong to it. Without either, NAME is what stands
before `.LANG.EXT` if LANG looks like the code of a language, and before `.EXT` otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal, NamedTuple

from livecc.sources.options import CAPTION_FORMATS

INFO = ".info.json"
MEDIA = frozenset(
    (
        *("mp4", "mkv", "webm", "mov", "avi", "m4v", "mpg", "mpeg", "ts", "flv", "wmv", "3gp"),
        *("ogv", "m4a", "mp3", "opus", "ogg", "wav", "flac", "aac", "mka", "weba"),
    )
)
#: Of those, which hold sound alone; a video is preferred to them.
SOUND = frozenset(("m4a", "mp3", "opus", "ogg", "wav", "flac", "aac", "mka", "weba"))
_CAPTIONS: frozenset[str] = frozenset(CAPTION_FORMATS)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9_-]+)*")
_UNFINISHED = re.compile(r"\.(part(-Frag\d+)?(\.part)?|ytdl)$", re.IGNORECASE)
_ONE_FORMAT = re.compile(r"\.(f[\w-]+|temp)$")
_YOUTUBE_ID = re.compile(r"\[([A-Za-z0-9_-]{11})\]$")

Role = Literal["info", "captions", "video", "words", "unfinished", "chat", "other"]


class FileName(NamedTuple):
    """What a file name says: its role, and the stem if that is sure.

    `before`: the name without its last extension, for captions and videos; `extension`: without
    its dot, in small letters.
    """

    role: Role
    before: str
    extension: str


def read_name(name: str) -> FileName:
    """What the name of a file says."""
    unfinished = _UNFINISHED.search(name)
    if unfinished:
        inner = read_name(name[: unfinished.start()])
        return FileName("unfinished", inner.before, inner.extension)
    lowered = name.lower()
    if lowered.endswith(INFO):
        return FileName("info", name[: -len(INFO)], "json")
    before, dot, extension = name.rpartition(".")
    extension = extension.lower()
    if not dot or not before:
        return FileName("other", name, "")
    if lowered.endswith(".live_chat.json"):
        return FileName("chat", name[: -len(".live_chat.json")], "json")
    if extension in _CAPTIONS:
        return FileName("captions", before, extension)
    if extension in MEDIA:
        return FileName("video", before, extension)
    return FileName("words" if extension == "json" else "other", before, extension)


def caption_stem(before: str, known: Collection[str]) -> tuple[str, str | None]:
    """The stem and the language of a caption file's name without extension.

    `known`: stems of info files and videos beside it.
    """
    stem, dot, language = before.rpartition(".")
    if dot and stem in known:
        return stem, language
    if before in known:
        return before, None
    if dot and stem and _LANGUAGE.fullmatch(language):
        return stem, language
    return before, None


def unfinished_stem(read: FileName, known: Collection[str]) -> str:
    """The stem of the video that an unfinished file belongs to."""
    if read.extension in _CAPTIONS:
        return caption_stem(read.before, known)[0]
    return video_stem(read.before, known)[0]


def video_stem(before: str, known: Collection[str]) -> tuple[str, bool]:
    """The stem of a video file, and whether it is one format of several, not yet merged.

    yt-dlp loads NAME.f137.mp4 and NAME.f251.webm, writes both into NAME.temp.mp4 and renames that.
    `known`: stems of info files.
    """
    one = _ONE_FORMAT.search(before)
    if one and before not in known and before[: one.start()] in known:
        return before[: one.start()], True
    return before, False


def words_stem(before: str) -> str:
    """The stem of the JSON of a recogniser; some call it NAME.wav.json."""
    stem, dot, extension = before.rpartition(".")
    return stem if dot and stem and extension.lower() in MEDIA else before


def id_of_stem(stem: str) -> str:
    """The id of a video without info file: as yt-dlp's default template has it, or the stem."""
    found = _YOUTUBE_ID.search(stem)
    return found[1] if found else stem

"""Which file a record's "video" names: the one way from a name to a file that is opened.

Records come from others. A name must not lead to a file outside of the folder of the videos, unless
the configuration allows it for those who mean it, and never holds control characters. `refusal`
looks at the name alone, before anything is done for its line; `VideoFolder.file` also at symbolic
links, whenever a file is opened.
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from livecc.errors import LiveccError

#: What videos may be outside of their folder: none; those that symbolic links in the folder lead
#: to; any path, absolute or with `..`.
Outside = Literal["none", "links", "paths"]
OUTSIDE: tuple[Outside, ...] = get_args(Outside)

_PATHS_REMEDY = "(videos_outside: paths allows it)"
_LINKS_REMEDY = "(videos_outside: links allows it)"


#: Names that FFmpeg, and with it every trainer, would not look for in a folder (its "protocols").
_PROTOCOL = re.compile(
    r"[a-z][a-z0-9+.-]*://"
    r"|(async|cache|concatf?|crypto|data|fd|ffrtmp\w*|file|ftp|gopher|hls|https?|icecast|ipfs|ipns"
    r"|md5|mmsh|mmst|pipe|prompeg|rtmp\w*|rtp|sctp|smb|srt|srtp|subfile|tcp|tee|tls|udp|udplite"
    r"|unix|zmq)[:,]",
    re.IGNORECASE,
)


class RefusedVideoError(LiveccError):
    """A video that is not opened; the message is the reason to record for it."""


def refusal(video: str, outside: Outside = "none") -> str | None:
    """Why no record may name this video, as the end of a sentence about it; None if it may."""
    held = control_character(video)
    if held:
        return held
    if _PROTOCOL.match(video):
        return "names a protocol, where programs would look for it"
    if outside == "paths":
        return None
    if Path(video).is_absolute():
        return f"is an absolute path; write it relative to the folder of the videos {_PATHS_REMEDY}"
    if ".." in Path(video).parts and _leads_up(os.path.normpath(video)):
        return f"leads out of the folder of the videos {_PATHS_REMEDY}"
    return None


def control_character(video: str) -> str | None:
    """What no video's name may hold, as the end of a sentence about it; None for a good name."""
    if not video.isprintable():
        for character in video:
            if unicodedata.category(character) == "Cc":
                return f"holds the control character U+{ord(character):04X}"
            if unicodedata.category(character) == "Cs":
                return "holds half of a surrogate pair, which is not a character"
    return None


def _leads_up(path: str) -> bool:
    return path == ".." or path.startswith("../")


@dataclass(frozen=True, slots=True)
class VideoFolder:
    """The folder of a track's videos, and which files outside of it may be opened."""

    path: Path
    outside: Outside = "none"

    def file(self, video: str) -> Path:
        """The file of a video; whether it exists does not matter.

        Raises RefusedVideoError when it must not be opened. An absolute path is not refused if it
        lies in the folder.
        """
        held = control_character(video)
        if held:
            raise RefusedVideoError(f"its path {held}")
        if _PROTOCOL.match(video):
            raise RefusedVideoError("its path names a protocol, where programs would look for it")
        place = self.path / video
        if self.outside == "paths":
            return place
        folder = str(self.path.absolute())
        real_folder = _real(folder)
        named = os.path.normpath(Path(folder, video))
        in_name = _is_in(named, folder) or _is_in(named, real_folder)
        if self.outside == "links" and in_name:
            return place
        real = os.path.realpath(place)
        if self.outside == "none" and _is_in(real, real_folder):
            return place
        if in_name:
            raise RefusedVideoError(
                f"a symbolic link leads out of the folder of the videos, to {real} {_LINKS_REMEDY}"
            )
        raise RefusedVideoError(
            f"its path leads out of the folder of the videos, {self.path} {_PATHS_REMEDY}"
        )


@cache
def _real(folder: str) -> str:
    """An absolute path without symbolic links; a job has one folder and many videos."""
    return os.path.realpath(folder)


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")

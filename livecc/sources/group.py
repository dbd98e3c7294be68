"""Which files of a folder are one video, and what waits or is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from livecc.sources.names import (
    SOUND,
    FileName,
    caption_stem,
    read_name,
    unfinished_stem,
    video_stem,
    words_stem,
)
from livecc.sources.scan import File, Reasons

#: A file that has changed within this time may still be written.
SETTLED_NS = 60 * 10**9
#: A file from further in the future has a wrong date, not a young one.
_FUTURE_NS = 3600 * 10**9

UNFINISHED = "waits: half-written, as a .part or .ytdl file says"
YOUNG = "waits: a file is younger than a minute"
CHAT = "a live chat, which is no captions"
ONE_FORMAT = "one format of a download that was not merged"
SECOND = "another file of the same video is used"
NO_CAPTIONS_FILE = "a video without captions"
OTHER = "no captions, no info file, no video"


@dataclass(slots=True)
class Group:
    """The files of one video: a stem in a folder."""

    root: int
    folder: str
    stem: str
    info: File | None = None
    words: File | None = None
    #: (file, language as in its name, format)
    captions: list[tuple[File, str | None, str]] = field(default_factory=list)
    videos: list[tuple[File, str]] = field(default_factory=list)
    unfinished: bool = False
    young: bool = False

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.stem}" if self.folder else self.stem

    @property
    def video(self) -> File | None:
        """Its video file; of several one with pictures, and the first by name."""
        if not self.videos:
            return None
        return min(self.videos, key=lambda one: (one[1] in SOUND, one[0].name))[0]

    def files(self) -> list[File]:
        """All that is used of it, in order of name."""
        found = [file for file, _, _ in self.captions]
        found += [file for file in (self.info, self.words, self.video) if file is not None]
        return sorted(found, key=lambda file: file.name)


def path_in(file: File) -> str:
    """The path of a file in its part's folder."""
    return f"{file.folder}/{file.name}" if file.folder else file.name


def groups_of(
    files: Iterable[File], format_name: str, left_out: Reasons, now_ns: int
) -> Iterator[Group]:
    """The videos among files, of which those that may belong together are all there.

    Videos that may still be downloaded are not among them, but counted in `left_out`, and so is
    every file that is not used.
    """
    by_folder = itemgetter(0, 1)
    for _, in_folder in groupby(sorted(files), by_folder):
        for group in _folder(list(in_folder), format_name, left_out, now_ns).values():
            if group.unfinished:
                left_out.add(UNFINISHED, group.path)
                continue
            if group.young:
                left_out.add(YOUNG, group.path)
                continue
            for file, _ in group.videos:
                if file is not group.video:
                    left_out.add(SECOND, path_in(file))
            if (
                group.info
                or group.captions
                or group.words
                or (group.videos and format_name == "ytdlp")
            ):
                yield group
            elif group.videos:
                left_out.add(NO_CAPTIONS_FILE, group.path)


def _folder(
    files: list[File], format_name: str, left_out: Reasons, now_ns: int
) -> dict[str, Group]:
    read = [(file, read_name(file.name)) for file in files]
    infos = {name.before for _, name in read if name.role == "info"}
    known = infos | {video_stem(name.before, infos)[0] for _, name in read if name.role == "video"}
    groups: dict[str, Group] = {}
    for file, name in read:
        stem = _add(groups, file, name, infos, known, format_name, left_out)
        if stem is not None and -_FUTURE_NS <= now_ns - file.modified < SETTLED_NS:
            groups[stem].young = True
    return groups


def _add(
    groups: dict[str, Group],
    file: File,
    name: FileName,
    infos: set[str],
    known: set[str],
    format_name: str,
    left_out: Reasons,
) -> str | None:
    """Add a file to the group that it belongs to; returns its stem, None if it is left out."""

    def group(stem: str) -> Group:
        return groups.setdefault(stem, Group(file.root, file.folder, stem))

    role, stem = name.role, name.before
    path = path_in(file)
    if role == "info" and format_name == "ytdlp":
        group(stem).info = file
    elif role == "captions" and format_name != "whisper":
        stem, language = caption_stem(stem, known)
        group(stem).captions.append((file, language, name.extension))
    elif role == "words" and format_name == "whisper":
        stem = words_stem(stem)
        if group(stem).words is not None:
            left_out.add(SECOND, path)
        else:
            groups[stem].words = file
    elif role == "video":
        stem, one_format = video_stem(stem, infos)
        if one_format and name.before.endswith(".temp"):
            group(stem).unfinished = True
        elif one_format:
            left_out.add(ONE_FORMAT, path)
            return None
        else:
            group(stem).videos.append((file, name.extension))
    elif role == "unfinished":
        stem = unfinished_stem(name, known)
        group(stem).unfinished = True
    else:
        left_out.add(CHAT if role == "chat" else OTHER, path)
        return None
    return stem

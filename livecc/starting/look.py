"""What a folder holds: which source reads it, and about how much there is."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from livecc.errors import LiveccError
from livecc.files.lines import JSON_LINES_SUFFIXES, read_lines
from livecc.sources.names import SOUND, read_name
from livecc.sources.options import PARTS

#: Files of published data sets by their names.
DUMPS = {
    "yttemporal1b": ("yttemporal1b_*.jsonl.gz", "yttemporal1b_*.jsonl"),
    "yttemporal180m": ("yttemporal180m_*.jsonl.gz", "yttemporal180m_*.jsonl"),
    "vidchapters": ("asr.pkl", "asr_*.pkl"),
    "howto100m": ("raw_caption.json", "raw_caption_superclean.json"),
}
#: Lines, or words of a JSON file, that are looked at.
_SAMPLE = 20
_MOST_JSON_BYTES = 32 * 2**20


#: Kinds of files in words, singular and plural.
_WORDS = {
    "video": ("video", "videos"),
    "sound": ("sound file", "sound files"),
    "info": ("info file", "info files"),
    "captions": ("caption file", "caption files"),
    "words": ("JSON file", "JSON files"),
    "unfinished": ("unfinished download", "unfinished downloads"),
    "chat": ("live chat", "live chats"),
    "table": ("table", "tables"),
    "lines": ("file of JSON lines", "files of JSON lines"),
    "dump": ("file of a data set", "files of a data set"),
    "other": ("other file", "other files"),
}


def in_words(counts: Counter[str]) -> str:
    """Numbers of files by kind, the most common first."""
    return ", ".join(
        f"{number:,} {_WORDS[kind][number != 1]}" for kind, number in counts.most_common()
    )


@dataclass
class Found:
    """What a folder holds.

    `format`: the format of the source that reads it; None for input lines of the workflow.
    `paths`: of that source, or globs of input lines. `counts`: files by what they are, for people.
    `videos`: about how many there are; None if only reading would tell, then `megabytes` is the
    size of what would be read. `captions`, `words`,
    `media`, `info`: whether there are captions, words with times, media and info files.
    """

    format: str | None
    paths: list[str]
    counts: Counter[str] = field(default_factory=Counter)
    videos: int | None = None
    megabytes: float = 0.0
    captions: bool = False
    words: bool = False
    media: bool = False
    info: bool = False


def look(
    folder: Path, told: Callable[[int], None] | None = None, own: Collection[Path] = ()
) -> Found:
    """Look through a folder, all its subfolders included but those of `own`, or at a file.

    `told` is called with the number of files so far. Memory does not depend on their number. Raises
    LiveccError if it is not there, or holds nothing that can be read.
    """
    _check(folder)
    counts: Counter[str] = Counter()
    dumps: dict[str, list[Path]] = {}
    tables: list[Path] = []
    lines: list[Path] = []
    first_words: Path | None = None
    read_bytes = 0
    for number, path in enumerate(_files(folder, own)):
        if told is not None and not number % 1000:
            told(number)
        name = path.name
        dump = next((kind for kind, names in DUMPS.items() if _matches(name, names)), None)
        if dump is not None:
            counts["dump"] += 1
            read_bytes += _size(path)
            _add(dumps.setdefault(dump, []), path)
        elif name.endswith(JSON_LINES_SUFFIXES):
            counts["lines"] += 1
            read_bytes += _size(path)
            _add(lines, path)
        elif name.lower().endswith((".parquet", ".csv", ".csv.gz")):
            counts["table"] += 1
            read_bytes += _size(path)
            _add(tables, path)
        else:
            kind = _kind(name)
            if kind == "words" and first_words is None:
                first_words = path
            counts[kind] += 1
    found = _downloads(folder, counts)
    if found is None and first_words is not None and _is_whisper(first_words):
        found = Found("whisper", [str(folder)], videos=counts["words"], words=True)
        found.media = counts["video"] > 0
    if found is None and dumps:
        kind, paths = max(dumps.items(), key=lambda one: len(one[1]))
        found = Found(kind, _as_glob(folder, paths, DUMPS[kind][0]), captions=True)
    if found is None and lines:
        found = _of_lines(folder, lines)
    if found is None and tables:
        suffix = "*" + "".join(
            tables[0].suffixes[-2:] if ".csv" in tables[0].name else [".parquet"]
        )
        found = Found("table", _as_glob(folder, tables, suffix), captions=True)
    if found is None:
        seen = in_words(counts)
        raise LiveccError(
            f"{folder}: no videos, captions or data set that a source reads"
            f"{f' (only {seen})' if seen else ''}; docs/sources.md lists what can be read"
        )
    if found.format is not None and PARTS[found.format].folder and not folder.is_dir():
        raise LiveccError(f"{folder}: is a file; name the folder that it is in")
    found.counts = counts
    found.megabytes = read_bytes / 1e6
    return found


def _check(folder: Path) -> None:
    """Raise LiveccError for what nobody can look through, or nobody means."""
    if not folder.exists():
        raise LiveccError(f"{folder}: no such folder")
    if not os.access(folder, os.R_OK | (os.X_OK if folder.is_dir() else 0)):
        raise LiveccError(f"{folder}: cannot be read (no permission)")
    if folder.resolve() == Path(folder.resolve().anchor):
        raise LiveccError(
            f"{folder}: is everything on this machine; name the folder of the videos, captions or "
            "data set"
        )


def _downloads(folder: Path, counts: Counter[str]) -> Found | None:
    """A folder of videos with their captions."""
    info, captions, media = counts["info"], counts["captions"], counts["video"]
    # Words beside videos are the transcripts of these.
    if not (info or captions or media) or (counts["words"] and not info and not captions):
        return None
    kind = "ytdlp" if info or media else "captions"
    found = Found(kind, [str(folder)], videos=info or media or captions)
    found.captions, found.media, found.info = captions > 0, media > 0, info > 0
    return found


def _of_lines(folder: Path, files: list[Path]) -> Found | None:
    """Input lines of the workflow, ids of HD-VILA, or what `yt-dlp -j` writes."""
    record = next(iter(_records(files[0])), None)
    if record is None:
        return None
    suffix = next(one for one in JSON_LINES_SUFFIXES[::-1] if files[0].name.endswith(one))
    paths = _as_glob(folder, files, f"*{suffix}")
    if "video_id" in record and "clip" in record:
        return Found("hdvila", paths)
    if "video" in record:
        found = Found(None, paths, captions="subtitles" in record, words="content" in record)
        found.media = True
        return found
    return Found("jsonl", paths)


def _files(folder: Path, own: Collection[Path]) -> Iterator[Path]:
    if not folder.is_dir():
        yield folder
        return
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name[0] != "." and Path(place, name) not in own
        )
        for name in sorted(names):
            yield Path(place, name)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _kind(name: str) -> str:
    read = read_name(name)
    if read.role == "video":
        return "sound" if read.extension in SOUND else "video"
    return read.role


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _add(paths: list[Path], path: Path) -> None:
    """Keep some as examples."""
    if len(paths) < _SAMPLE:
        paths.append(path)


def _as_glob(folder: Path, files: list[Path], pattern: str) -> list[str]:
    """One path, or a glob of files that may be in several folders."""
    if len(files) == 1:
        return [str(files[0])]
    deeper = any(file.parent != folder for file in files)
    return [str(folder / ("**" if deeper else "") / pattern)]


def _records(path: Path) -> list[dict[str, Any]]:
    try:
        read = [orjson.loads(line) for _, line in islice(read_lines(path), _SAMPLE) if line]
    except (LiveccError, orjson.JSONDecodeError):
        return []
    return [record for record in read if isinstance(record, dict)]


def _is_whisper(path: Path) -> bool:
    try:
        if path.stat().st_size > _MOST_JSON_BYTES:
            return False
        value = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return False
    return isinstance(value, dict) and isinstance(value.get("segments"), list)

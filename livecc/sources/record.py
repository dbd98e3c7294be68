"""A video as a source hands it on, and the input line that it becomes.

A line is what the clip stages read (docs/data-formats.md), with the id of the video, what is known
about it, and, where its captions could not be read, why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from livecc.files.limits import (
    MAX_ID_CHARACTERS,
    MAX_INPUT_LINE_BYTES,
    MAX_LABEL_CHARACTERS,
    MAX_SPOKEN_CHARACTERS,
)
from livecc.formats.video_paths import control_character

#: [start, end, text] in seconds: of a caption line, or of a word.
Timed = tuple[float, float, str]

#: What a source may know of a video besides its title and category; null stands for unknown.
#: `duration`: seconds; `height`: pixels, of the best format that exists, not of the one taken;
#: `language`: of the video, as declared; `caption_language`: of the captions, as in their file's
#: name; `captions`: manual, automatic, translated (by a machine) or none; `upload_date`: YYYYMMDD;
#: `source`: the format's name.
ABOUT = (
    *("duration", "height", "language", "caption_language", "captions", "live_status"),
    *("upload_date", "channel", "license", "source"),
)
CAPTION_KINDS = ("manual", "automatic", "translated", "none")

_DATE = re.compile(r"\d{8}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9_-]+)*")
# Longer facts are no facts.
_MOST_FACT = 300


class UnreadableError(ValueError):
    """A file, or a part of one, that a source cannot use; the message is the reason to record."""


@dataclass(slots=True)
class Facts:
    """What is known of a video: `title` and `category`, "" if unknown, and `about`, see ABOUT."""

    title: str = ""
    category: str = ""
    about: dict[str, Any] = field(default_factory=dict)

    def fill(self, other: Facts) -> None:
        """Take from `other` what is unknown here."""
        self.title = self.title or other.title
        self.category = self.category or other.category
        for name, value in other.about.items():
            if self.about.get(name) is None:
                self.about[name] = value


@dataclass(slots=True)
class Video:
    """One video of a source.

    `video`: its path, as in an input line. `subtitles`, `content`: captions or words, None where
    the source holds none. `problem`: why its captions cannot be used.
    """

    id: str
    video: str
    facts: Facts = field(default_factory=Facts)
    subtitles: Sequence[Sequence[Any]] | None = None
    content: Sequence[Sequence[Any]] | None = None
    problem: str | None = None


def to_line(video: Video, source: str) -> bytes:
    """The input line of a video, without a newline.

    Whatever is too large to be of use is left out, and its problem says so.
    """
    facts = video.facts
    problem = video.problem
    value: dict[str, Any] = {"video": video.video, "id": video.id}
    for name in ("title", "category"):
        text = getattr(facts, name)
        if len(text) > MAX_LABEL_CHARACTERS:
            problem = f"its {name} is longer than {MAX_LABEL_CHARACTERS:,} characters"
            text = ""
        value[name] = text
    if problem is None:
        spoken = (("subtitles", video.subtitles), ("content", video.content))
        value |= {name: entries for name, entries in spoken if entries is not None}
    value["about"] = {name: facts.about.get(name) for name in ABOUT} | {"source": source}
    if problem is not None:
        value = _without_captions(value, problem)
    line = _dumped(value)
    # Shorter lines cannot hold so much.
    if len(line) > MAX_SPOKEN_CHARACTERS and (too_long := _too_long(video, line)):
        line = _dumped(_without_captions(value, too_long))
    return line


def _too_long(video: Video, line: bytes) -> str | None:
    """The problem of a video whose captions are longer than speech can be, or fill a line."""
    for entries in (video.subtitles, video.content):
        if sum(len(entry[2]) for entry in entries or ()) > MAX_SPOKEN_CHARACTERS:
            return f"its captions are longer than {MAX_SPOKEN_CHARACTERS:,} characters"
    if len(line) > MAX_INPUT_LINE_BYTES:
        return f"its captions take more than {MAX_INPUT_LINE_BYTES // 2**20} MiB"
    return None


def _without_captions(value: Mapping[str, Any], problem: str) -> dict[str, Any]:
    kept = {key: entry for key, entry in value.items() if key not in ("subtitles", "content")}
    return {**kept, "problem": problem}


def _dumped(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        # Half of a surrogate pair, which JSON can write and UTF-8 cannot.
        return orjson.dumps(_mended(value))


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_mended(key): _mended(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(inner) for inner in value]
    return value


# --- values of others ----------------------------------------------------------------------------


def text_of(value: Any) -> str:
    """A string as it is, "" for anything else."""
    return value if type(value) is str else ""


def fact_of(value: Any) -> str | None:
    """A short text; None for anything else."""
    if type(value) is not str or not value.strip() or len(value) > _MOST_FACT:
        return None
    return value.strip()


def is_amount(value: Any) -> bool:
    """Whether a value is a number that can be a time, or a length."""
    # Not by math.isfinite, which cannot take the largest integers of JSON. NaN is no such number.
    return type(value) in (int, float) and 0 <= value < 1e12


def number_of(value: Any) -> float | int | None:
    """A finite number that is not negative, also as text; None for anything else."""
    if type(value) is str and len(value) < 40:
        try:
            value = float(value)
        except ValueError:
            return None
    if not is_amount(value):
        return None
    return int(value) if value == int(value) else float(value)


def height_of(value: Any) -> int | None:
    """A height in pixels; None for anything else."""
    number = number_of(value)
    return int(number) if number else None


def date_of(value: Any) -> str | None:
    """A date YYYYMMDD, also given as YYYY-MM-DD or as a number; None for anything else."""
    text = str(value).replace("-", "") if type(value) in (str, int) else ""
    return text if _DATE.fullmatch(text) else None


def language_of(value: Any) -> str | None:
    """The code of a language; None for anything else."""
    return value if type(value) is str and _LANGUAGE.fullmatch(value) else None


def category_of(value: Any) -> str:
    """A category, or the first of a list of categories; "" if there is none."""
    if type(value) in (list, tuple):
        value = value[0] if value else ""
    return text_of(value)


def id_problem(name: Any) -> str | None:
    """Why this cannot be the id of a video, as the end of a sentence; None if it can."""
    if type(name) is not str or not name.strip():
        return "is no text"
    if len(name) > MAX_ID_CHARACTERS:
        return f"is longer than {MAX_ID_CHARACTERS} characters"
    return control_character(name)


def path_of(template: str, name: str) -> str:
    """Where the video `name` would be by a template such as "{id}.mp4"; an id adds no folder."""
    return template.replace("{id}", name.replace("/", "_"))

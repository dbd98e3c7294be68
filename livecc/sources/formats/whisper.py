"""JSON of Whisper, faster-whisper and WhisperX: segments, most of them with words.

WhisperX leaves words without times that it could not align, such as numbers; `import_transcripts`
places them between their neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from livecc.files.json_values import parse_lenient
from livecc.files.limits import MAX_CAPTION_FILE_BYTES
from livecc.sources.opening import read_file
from livecc.sources.options import Whisper
from livecc.sources.readers.track import without_times
from livecc.sources.record import Facts, Timed, UnreadableError, Video, is_amount, language_of
from livecc.sources.registry import NoVideoError

#: [start, end, word], where times may be missing.
Word = tuple[float | None, float | None, str]


def read_video(
    entry: Mapping[str, Any], folders: Sequence[Path], part: Whisper, mode: str
) -> Video:
    """The video whose JSON file has its name; raises NoVideoError for JSON of something else."""
    video = Video(entry["id"], entry["video"], Facts(about={"captions": "automatic"}))
    folder = folders[entry["root"]]
    try:
        data = read_file(folder / entry["folder"] / entry["words"], MAX_CAPTION_FILE_BYTES, folder)
        value = _parsed(data)
    except UnreadableError as error:
        video.problem = str(error)
        return video
    segments = value.get("segments") if isinstance(value, dict) else value
    if not isinstance(segments, list) or not all(isinstance(one, dict) for one in segments):
        raise NoVideoError('a JSON file without a list of "segments", so not of Whisper')
    if isinstance(value, dict):
        video.facts.about["caption_language"] = language_of(value.get("language"))
    segments = [one for one in segments if isinstance(one.get("text"), str)]
    words = [word for segment in segments for word in _words(segment)]
    said = [one for one in words if one[2].strip()]
    if part.as_captions:
        video.subtitles = list(_captions(segments, mode))
        timed = any(text for _, _, text in video.subtitles)
    else:
        video.content = words
        timed = any(None not in (start, end) for start, end, _ in said)
    if said and not timed:
        segments = [one for one in segments if one["text"].strip()]
        video.problem = str(without_times(len(segments), "segment"))
    return video


def _parsed(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        try:
            # Python's own writer makes NaN of what is no number.
            return parse_lenient(data)
        except (ValueError, UnicodeDecodeError):
            raise UnreadableError(f"no JSON: {error}") from None


def _words(segment: Mapping[str, Any]) -> Iterator[Word]:
    """The words of a segment, or its text as a whole if it has none."""
    words = segment.get("words")
    if not isinstance(words, list) or not words:
        yield _time(segment, "start"), _time(segment, "end"), segment["text"]
        return
    for word in words:
        if isinstance(word, dict) and isinstance(word.get("word"), str):
            yield _time(word, "start"), _time(word, "end"), word["word"]


def _time(value: Mapping[str, Any], key: str) -> float | None:
    return round(value[key], 3) if is_amount(value.get(key)) else None


def _captions(segments: Sequence[Mapping[str, Any]], mode: str) -> Iterator[Timed]:
    """Words, or segments in paper mode and where a word has no times."""
    for segment in segments:
        words = list(_words(segment))
        start, end = _time(segment, "start"), _time(segment, "end")
        timed = [(a, b, c) for a, b, c in words if a is not None and b is not None]
        if mode == "default" and len(timed) == len(words):
            yield from _joined(timed)
        elif start is not None and end is not None:
            yield start, end, segment["text"].strip()
        else:
            yield from _joined(timed)


def _joined(words: Sequence[Timed]) -> Iterator[Timed]:
    """Words without the blank before them; one that continues the word before is joined to it."""
    blanks = any(text[:1].isspace() for _, _, text in words[1:])
    held: Timed | None = None
    for start, end, text in words:
        if held is not None and blanks and not text[:1].isspace():
            held = held[0], end, held[2] + text
            continue
        if held is not None:
            yield held
        held = start, end, text.strip()
    if held is not None:
        yield held

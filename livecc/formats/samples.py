"""Training samples in the format that the LiveCC trainer reads: one JSON line each.

The merged file ends with one more line, without a newline: the JSON list of every sample's byte
offset. The trainer reads that line, seeks to an offset and reads one sample.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from operator import lt
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from livecc.errors import LiveccError
from livecc.files.json_values import parse_lenient
from livecc.files.limits import MAX_OFFSETS_BYTES
from livecc.formats.records import Clip, Transcript

_PREFIX = b'[{"role": "user", "content": [{"type": "video", "video": '
_TEXT_STREAM = b'{"type": "text_stream", "text_stream": '
_END = b"}]}]\n"


@dataclass(frozen=True)
class SampleForm:
    """How samples are written.

    `video_prefix` is written before the path of each video. `with_category`: whether samples tell
    the category of their video. `stripped_previous`: whether the words before a clip are stripped
    of white space (`Transcript.spoken`).
    """

    video_prefix: str = ""
    with_category: bool = True
    stripped_previous: bool = False


AS_RECORDED = SampleForm()


def clip_sample(
    transcript: Transcript, clip: Clip, query: str, form: SampleForm = AS_RECORDED
) -> bytes:
    """A clip as a sample: one line of ASCII JSON, newline included.

    `previous` is all words of the video before the clip.
    """
    words = transcript.words[clip.first_word : clip.last_word]
    starts = transcript.start[clip.first_word : clip.last_word]
    ends = transcript.end[clip.first_word : clip.last_word]
    previous = transcript.spoken if form.stripped_previous else transcript.text
    return sample_line(
        video=form.video_prefix + transcript.video,
        start=clip.video_start,
        end=clip.video_end,
        query={
            "type": "text",
            "text": query,
            "previous": previous(0, clip.first_word),
            "title": transcript.title,
            **({"category": transcript.category} if form.with_category else {}),
        },
        content=[list(word) for word in zip(starts, ends, words, strict=True)],
    )


def sample_line(
    video: str, start: float, end: float, query: Mapping[str, Any], content: list[list[Any]]
) -> bytes:
    """One training sample in the shape the LiveCC trainer reads.

    ASCII-escaped, so that byte offsets are also the offsets of a file opened in text mode.
    """
    sample = [
        {
            "role": "user",
            "content": [
                {"type": "video", "video": video, "video_start": start, "video_end": end},
                query,
            ],
        },
        {"role": "assistant", "content": [{"type": "text_stream", "text_stream": content}]},
    ]
    return json.dumps(sample, ensure_ascii=True).encode("ascii") + b"\n"


class Sample(NamedTuple):
    """A line and what it says; sorts by video and time."""

    video: bytes
    start: float
    line: bytes
    end: float
    words: int


def read_samples(stream: IO[bytes], path: Path, hint: str = "") -> Iterator[Sample]:
    """The samples of an open file, of which only the beginning and the end are parsed.

    Raises LiveccError, which ends with `hint`, at a line that is not a sample.
    """
    decoder = json.JSONDecoder()
    for number, line in enumerate(stream, 1):
        try:
            if not line.startswith(_PREFIX) or not line.endswith(_END):
                raise ValueError
            # Only beginning and end are parsed: what is between may be a whole video's text.
            text = line[len(_PREFIX) : len(_PREFIX) + 65_536].decode("ascii")
            video, place = decoder.raw_decode(text)
            times = []
            for label in (', "video_start": ', ', "video_end": '):
                if not text.startswith(label, place):
                    raise ValueError
                time, place = decoder.raw_decode(text, place + len(label))
                times.append(time)
            words = _count_words(line)
        except (ValueError, RecursionError):
            raise LiveccError(f"{path}, line {number}: not a sample; {hint}") from None
        start, end = times
        yield Sample(video.encode("utf-8", "surrogatepass"), start, line, end, words)


def _count_words(line: bytes) -> int:
    """The words of a sample's text stream, which is the end of the line; ValueError without one.

    Inside a text the label that is looked for would have its quotes escaped.
    """
    words = line[line.rindex(_TEXT_STREAM) + len(_TEXT_STREAM) : -len(_END)]
    if b"\\" not in words:
        # Each is [start, end, "word"]; parsing would take longer than all the rest.
        return words.count(b'"') // 2
    try:
        return len(orjson.loads(words))
    except orjson.JSONDecodeError:
        # It does not take half of a surrogate pair, which Python writes and reads.
        return len(parse_lenient(words))


def read_sample(path: Path, offset: int) -> Any:
    """One sample the way the trainer's reader takes it: text mode, seek, one line, parse."""
    with path.open(encoding="utf-8") as stream:
        stream.seek(offset)
        return json.loads(stream.readline())


def read_offsets(path: Path) -> list[int]:
    """The offsets in the last line of a merged file.

    Raises LiveccError when the last line is not a list of offsets, or has one several times.
    """
    try:
        offsets = parse_lenient(_last_line(path))
    except ValueError:
        offsets = None
    # The truth values of JSON are integers in Python.
    if not isinstance(offsets, list) or not all(type(offset) is int for offset in offsets):
        raise LiveccError(f"{path}: the last line is not a list of offsets")
    # Those of the workflow rise, so most files need no set.
    if not all(map(lt, offsets, islice(offsets, 1, None))) and len(set(offsets)) < len(offsets):
        offset, times = Counter(offsets).most_common(1)[0]
        raise LiveccError(
            f"{path}: the last line has the offset {offset} {times} times, so the trainer would "
            "read that sample as often and may miss others; write the list of offsets again"
        )
    return offsets


def _last_line(path: Path) -> bytes:
    """The last line of a file. Raises ValueError if it is too long to be one of offsets."""
    pieces: list[bytes] = []
    with path.open("rb") as stream:
        end = position = stream.seek(0, 2)
        while position > 0 and not (pieces and b"\n" in pieces[-1]):
            if end - position > MAX_OFFSETS_BYTES:
                raise ValueError("a line without an end")
            step = min(position, 2**20)
            position -= step
            stream.seek(position)
            pieces.append(stream.read(step))
    return b"".join(reversed(pieces)).rsplit(b"\n", 1)[-1]

"""B3: cut transcripts into clips that begin with a sentence.

The walk is that of `clip_captions`, on the starts of words, and a clip may begin only where a
sentence does. From transcripts come two files: `clips`, one row per span that is long enough, and
`videos`, one row per input line, with those that were dropped or failed before.

A sentence begins at the first word of the video, and after a word that ends in `.`, `?` or `!` at
a word whose first cased letter is upper case ("default" mode) or which is upper case as a whole
("paper", as in the original, where most clips therefore begin at "I" or "A"). In paper mode the
last word of a video belongs to no clip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from livecc.errors import LiveccError
from livecc.files import TableWriter, read_jsonl, read_row_batches
from livecc.records import clip_row
from livecc.spans import ClipOptions, greedy_spans
from livecc.tables import schema

_SENTENCE_ENDS = (".", "?", "!")
_IS_SENTENCE_END = np.isin(np.arange(256), [ord(mark) for mark in _SENTENCE_ENDS])


def sentence_starts(words: Sequence[str], mode: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(n_words,) whether a clip may begin at the word."""
    may_begin = np.zeros(len(words), np.bool_)
    if not len(words):
        return may_begin
    may_begin[0] = True
    begins = str.isupper if mode == "paper" else _begins_upper
    for after in _after_sentence_ends(words):
        may_begin[after] = begins(words[after])
    return may_begin


def _after_sentence_ends(words: Sequence[str]) -> list[int]:
    """The indices of the words whose predecessor ends a sentence.

    The words are looked at as one run of bytes, which takes a fifth of the time of asking each
    word. In UTF-8 the bytes of `.`, `?`, `!` and of the newline between words are theirs alone.
    """
    text = np.frombuffer("\n".join(words).encode("utf-8", "surrogatepass"), np.uint8)
    breaks = np.flatnonzero(text == ord("\n"))
    if len(breaks) != len(words) - 1:  # a word has a newline in it
        return [n for n in range(1, len(words)) if words[n - 1].endswith(_SENTENCE_ENDS)]
    # Before a first, empty word there is no byte; the last byte, where -1 points, is then taken
    # for its end unless it is left out.
    ends = _IS_SENTENCE_END[text[breaks - 1]]
    if len(breaks) and breaks[0] == 0:
        ends[0] = False
    return (np.flatnonzero(ends) + 1).tolist()


def _begins_upper(word: str) -> bool:
    """Whether the first letter that has a case is upper case; quotes before it do not matter."""
    for letter in word:
        if letter.islower():
            return False
        if letter.isupper() or letter.istitle():
            return True
    return False


def cut(transcript: Mapping[str, Any], options: ClipOptions) -> tuple[list[dict[str, Any]], int]:
    """(rows of "clips", number of spans that were too short) of one transcript row."""
    words, ends = transcript["words"], transcript["end"]
    start = np.array(transcript["start"], np.float64)
    spans = greedy_spans(
        start,
        options.max_clip_seconds,
        options.max_gap_seconds,
        last_word_belongs=options.mode == "default",
        may_begin=sentence_starts(words, options.mode),
    )
    clips = [
        clip_row(transcript["video"], first, last, float(start[first]), float(ends[last - 1]))
        for first, last in spans
        if start[last - 1] - start[first] >= options.min_clip_seconds
    ]
    return clips, len(spans) - len(clips)


def clip_transcripts(
    records: Iterable[Mapping[str, Any]],
    transcripts: Iterable[Mapping[str, Any]],
    options: ClipOptions,
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """(row of "transcribed_videos", rows of "clips") for every record, in order.

    `transcripts` has a row for every record with status ok.
    """
    rows = iter(transcripts)
    for record in records:
        video = {name: record[name] for name in ("line", "video", "category", "status", "reason")}
        if record["status"] != "ok":
            yield video, []
            continue
        transcript = next(rows)
        if transcript["video"] != record["video"]:
            raise LiveccError(
                f"the transcripts have {transcript['video']!r} where the records have "
                f"{record['video']!r}: they are not of the same shard"
            )
        video["language"] = transcript.get("language")
        video["dropped_words"] = transcript.get("dropped_words")
        if transcript["status"] != "ok":
            yield {**video, "status": "failed", "reason": transcript["reason"]}, []
            continue
        clips, short_spans = cut(transcript, options)
        seconds = sum(clip["end"] - clip["start"] for clip in clips if clip["status"] == "ok")
        yield (
            {
                **video,
                "words": len(transcript["words"]),
                "clips": len(clips),
                "short_spans": short_spans,
                "seconds": seconds,
            },
            clips,
        )


def run(
    records: Path | str,
    transcripts: Path | str,
    clips: Path | str,
    videos: Path | str,
    options: ClipOptions | None = None,
) -> dict[str, Any]:
    """Cut the transcripts of a shard and write its two tables atomically, one video at a time.

    Returns counts for the summary: `lines`, `videos` (usable), `dropped_videos` (by category),
    `failed_videos`, `words`, `dropped_words`, `clips` (usable), `failed_clips`, `short_spans`,
    `seconds` (of usable clips).
    """
    counts: Counter[str] = Counter()
    seconds = 0.0
    with ExitStack() as stack:
        clip_table = stack.enter_context(TableWriter(clips, schema("clips")))
        video_table = stack.enter_context(TableWriter(videos, schema("transcribed_videos")))
        for video, rows in clip_transcripts(
            read_row_batches(records), read_jsonl(transcripts), options or ClipOptions()
        ):
            video_table.write(video)
            counts["lines"] += 1
            counts["videos" if video["status"] == "ok" else f"{video['status']}_videos"] += 1
            for clip in rows:
                clip_table.write(clip)
                counts["clips" if clip["status"] == "ok" else "failed_clips"] += 1
            for name in ("words", "dropped_words", "short_spans"):
                counts[name] += video.get(name) or 0
            seconds += video.get("seconds") or 0.0
    names = (
        *("lines", "videos", "dropped_videos", "failed_videos", "words", "dropped_words"),
        *("clips", "failed_clips", "short_spans"),
    )
    return {**{name: counts[name] for name in names}, "seconds": seconds}

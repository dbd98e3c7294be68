"""Thousands of odd caption tracks: paper mode is the original, default mode keeps promises."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import orjson
import pytest

from livecc.stages.clip_captions.cut import VideoClips, clip_captions
from livecc.stages.spans import ClipOptions

TRACKS = 5000
#: Short, so that tracks of a few lines have clips of all kinds.
LIMITS = {"min_clip_seconds": 4.0, "max_clip_seconds": 15.0, "max_gap_seconds": 3.0}

PIECES = [
    *("a", "the", "go", "go", "I'm", "real-time", "don't", "Hello,", "end.", "ÇA", "naïve"),
    *("cafe\u0301", "мы", "今天我们折纸", "你好，世界", "「比率」を", "ภาษาไทย", "ខ្ញុំចង់", "안녕"),
    *("مرحبا", "\u202bשלום\u202c", "می\u200cخواهم", "क्\u200dष", "🙂", "👩\u200d👧", "❤\ufe0f"),
    *("", "", "\t", "\n", "\xa0", "\u3000", "\u200b", "\ufeff", "\0", "x\u200by"),
    *("&amp;", "&amp;lt;", "&nbsp;", "<i>so</i>", "<00:00:01.000><c>", "</c>", r"{\an8}", r"\N"),
    *(
        ">>",
        "-",
        "- Yes.",
        "ANN:",
        "[Music]",
        "[",
        "]",
        "[Ann]:",
        "(applause)",
        "♪",
        "【音】",
        "（笑）",
    ),
]
#: So many of them are spoken.
PLAIN = 11
TIMES = (0.0, 0.0, 0.01, 0.04, 0.05, 0.1, 0.3, 1.0, 2.0, 2.5, 3.4, 7.25)


def odd_track(rng: random.Random) -> list[list[Any]]:
    """Lines that overlap, go back, last no time, repeat, or hold anything."""
    lines: list[list[Any]] = []
    now = rng.choice((0.0, 0.0, 3.2, -1.0))
    wild = rng.random() < 0.5
    pieces = PIECES if rng.random() < 0.7 else PIECES[:PLAIN]
    for _ in range(rng.randint(0, 14)):
        text = " ".join(rng.choices(pieces, k=rng.choice((0, 1, 2, 4, 7))))
        length = rng.choice(TIMES) + (rng.random() if wild else 0.0)
        if wild and rng.random() < 0.1:
            length = -length
        lines.append([round(now, 3), round(now + length, 3), text])
        now += rng.choice((length, length, length / 2, rng.choice(TIMES)))
        if wild and rng.random() < 0.1:
            now -= rng.choice(TIMES)
    shape = rng.random()
    if shape < 0.1:
        rng.shuffle(lines)
    elif shape < 0.2:
        lines = [line for line in lines for _ in range(2)]
    elif shape < 0.3:
        lines = [
            [start, end, f"{before}\n{text}"]
            for (start, end, text), before in zip(
                lines, ["", *(line[2] for line in lines)], strict=False
            )
        ]
    return lines


@pytest.fixture(scope="module")
def tracks() -> list[list[list[Any]]]:
    rng = random.Random(7)
    return [odd_track(rng) for _ in range(TRACKS)]


def cut(tracks: list[list[list[Any]]], mode: Any) -> list[VideoClips]:
    lines = (
        (n, orjson.dumps({"video": f"v{n}", "subtitles": track, "title": "t", "category": "c"}))
        for n, track in enumerate(tracks, 1)
    )
    return list(clip_captions(lines, ClipOptions(**LIMITS, mode=mode)))


def original(subtitles: list[list[Any]]) -> tuple[list[list[Any]], list[dict[str, Any]]]:
    """Words and clips of one video, as the original's description reads."""
    words: list[list[Any]] = []
    for start, end, text in subtitles:
        if "[" in text or "]" in text:
            continue
        kept: list[str] = []
        for word in text.split(" "):
            if kept and word == kept[-1]:
                continue
            kept.append(word)
        d = (end - start) / len(kept)
        for k, word in enumerate(kept):
            words.append([round(start + k * d, 1), round(start + (k + 1) * d, 1), word])
    clips = []
    i = 0
    while i + 1 < len(words):
        j = i + 1
        while j < len(words) - 1:
            if words[j][1] - words[i][1] > LIMITS["max_clip_seconds"]:
                break
            if words[j][1] - words[j - 1][1] > LIMITS["max_gap_seconds"]:
                break
            j += 1
        if words[j - 1][1] - words[i][1] >= LIMITS["min_clip_seconds"]:
            previous = " ".join(word[2] for word in words[:i])
            clips.append({"content": words[i:j], "previous": previous})
        i = j
    return words, clips


def test_paper_mode_is_the_original(tracks: list[list[list[Any]]]) -> None:
    compared = 0
    for track, video in zip(tracks, cut(tracks, "paper"), strict=True):
        transcript = video.transcript
        assert transcript is not None
        words, clips = original(track)
        stream = [
            [float(start), float(end), word]
            for start, end, word in zip(
                transcript.start, transcript.end, transcript.words, strict=True
            )
        ]
        assert stream == words
        ours = [
            {
                "content": stream[clip["first_word"] : clip["last_word"]],
                "previous": transcript.text(0, clip["first_word"]),
            }
            for clip in video.clips
        ]
        assert ours == clips
        assert video.row["cleaned"] == ""
        compared += len(clips)
    # The test bites: there are clips.
    assert compared > 1000


#: What changes no text.
TIMES_ONLY = {"lines moved", "overlaps cut"}
#: Reasons to leave a line out whose text is spoken.
LOST = {"negative start", "end before start", "zero length", "time too large"}


def told(text: str) -> dict[str, int]:
    parts = [part.rpartition(": ") for part in text.split("; ") if part]
    return {name: int(count) for name, _, count in parts}


def letters(text: str) -> str:
    return "".join(sorted("".join(text.split())))


def test_default_mode_keeps_its_promises(tracks: list[list[list[Any]]]) -> None:
    clips = changed = untouched = 0
    for track, video in zip(tracks, cut(tracks, "default"), strict=True):
        transcript = video.transcript
        assert transcript is not None
        start, end = np.asarray(transcript.start), np.asarray(transcript.end)
        # Times never go back.
        assert (start >= 0).all()
        assert (np.diff(start) >= 0).all()
        assert (end >= start).all()
        assert (end[:-1] <= start[1:]).all()
        words = list(transcript.words)
        assert all(word and not any(map(str.isspace, word)) for word in words)
        # Nothing is lost that is not counted.
        skipped, cleaned = told(video.row["skipped_reasons"]), told(video.row["cleaned"])
        assert video.row["skipped_lines"] == sum(skipped.values())
        assert video.row["caption_lines"] == len(track) >= video.row["skipped_lines"]
        spoken = [text for _, _, text in track]
        if skipped.keys() <= {"no words"} and cleaned.keys() <= TIMES_ONLY:
            assert letters("".join(words)) == letters("".join(spoken))
            untouched += 1
        else:
            changed += 1
        if not skipped.keys() & LOST:
            lines = len(track) - video.row["skipped_lines"]
            assert (len(words) >= lines) if lines else not words
        joined = "".join(words)
        assert not set(joined) & set("\0\u200b\ufeff\u202b\u202c♪【")
        assert "<c>" not in joined
        assert "[Music]" not in joined
        # Clips are disjoint, in order and within the limits.
        last = 0
        for clip in video.clips:
            assert last <= clip["first_word"] < clip["last_word"] <= len(words)
            last = clip["last_word"]
            assert clip["video_end"] - clip["start"] >= LIMITS["min_clip_seconds"]
            assert clip["video_end"] - clip["video_start"] <= LIMITS["max_clip_seconds"] + 1e-9
            span = range(clip["first_word"] + 1, clip["last_word"])
            pauses = [start[k] - end[k - 1] for k in span]
            assert max(pauses, default=0) <= LIMITS["max_gap_seconds"] + 1e-9
        clips += len(video.clips)
    assert min(clips, changed, untouched) > 500

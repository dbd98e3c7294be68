"""json3: starts and offsets, ends, line breaks, odd files."""

from __future__ import annotations

import orjson
import pytest

from livecc.sources.readers.json3 import read
from livecc.sources.record import UnreadableError


def file(*events: object) -> bytes:
    return orjson.dumps({"wireMagic": "pb3", "events": list(events)})


def event(start: int, *segments: tuple[str, int | None], **more: object) -> dict[str, object]:
    segs = [{"utf8": text} | ({} if at is None else {"tOffsetMs": at}) for text, at in segments]
    return {"tStartMs": start, "dDurationMs": 4000, "segs": segs, **more}


def test_a_word_starts_at_event_plus_offset_and_ends_at_the_next_or_after_a_second_and_a_half() -> (
    None
):
    data = file(
        event(1000, ("so", None), (" this", 240), (" is", 400)),
        event(3000, ("\n", None), aAppend=1),
        event(5000, ("late", None), (" on", 100)),
    )
    words = [
        *((1.0, 1.24, "so"), (1.24, 1.4, "this"), (1.4, 2.9, "is")),
        *((5.0, 5.1, "late"), (5.1, 6.6, "on")),
    ]
    assert read(data).words == words


def test_lines_of_automatic_captions_end_where_the_next_begins() -> None:
    data = file(event(0, ("a", None), (" b", 100)), event(2000, ("c", None), (" d", 100)))
    assert read(data).lines == [(0.0, 2.0, "a b"), (2.0, 6.0, "c d")]


def test_typed_captions_have_lines_alone() -> None:
    track = read(file(event(0, ("two\nlines", None)), event(5000, ("  ", None))))
    assert (track.lines, track.words) == ([(0.0, 4.0, "two lines")], None)
    assert track.chosen("default") == track.lines


def test_words_that_begin_together_share_the_time() -> None:
    words = read(file(event(0, ("new york", None), (" now", 1000)))).words
    assert words == [(0.0, 0.5, "new"), (0.5, 1.0, "york"), (1.0, 2.5, "now")]


def test_a_piece_without_blank_continues_the_word_before() -> None:
    words = read(file(event(0, ("high", None), ("-performance", 200), (" car", 900)))).words
    assert words == [(0.0, 0.9, "high-performance"), (0.9, 2.4, "car")]


def test_scripts_without_spaces_keep_their_pieces() -> None:
    words = read(file(event(0, ("今日", None), ("は", 200), ("晴れ", 400)))).words
    assert [word for _, _, word in words or ()] == ["今日", "は", "晴れ"]


def test_a_mark_of_several_words_stays_together() -> None:
    words = read(file(event(0, ("[ __ ]", None), (" it", 300)))).words
    assert words == [(0.0, 0.3, "[ __ ]"), (0.3, 1.8, "it")]


def test_words_out_of_order_are_sorted() -> None:
    words = read(file(event(1000, ("b", None), (" c", 100)), event(0, ("a", None)))).words
    assert [word for _, _, word in words or ()] == ["a", "b", "c"]


def test_odd_events_are_passed_over() -> None:
    odd = [1, {}, {"segs": 3}, {"tStartMs": "x", "segs": [{"utf8": "no"}]}]
    odd += [{"tStartMs": 1, "segs": [5, {"utf8": 3}, {"utf8": "", "tOffsetMs": 1}]}]
    odd += [{"tStartMs": -5, "segs": [{"utf8": "no"}]}]
    assert read(file(*odd, event(0, ("yes", None), (" sir", 10)))).words == [
        (0.0, 0.01, "yes"),
        (0.01, 1.51, "sir"),
    ]


def test_nothing_said_is_no_fault() -> None:
    empty = [{"tStartMs": None, "segs": [{"utf8": "\n"}]}, {"tStartMs": None}]
    assert read(file(*empty)).lines == []


def test_half_of_a_surrogate_pair_costs_no_file() -> None:
    data = b'{"events": [{"tStartMs": 0, "dDurationMs": 9, "segs": [{"utf8": "a \\ud83d b"}]}]}'
    assert read(data).lines[0][2].startswith("a ")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no JSON"),
        (b"<html>", "no JSON"),
        (b"[]", "no list"),
        (b'{"events": {}}', "no list"),
        (b"[" * 100_000, "no JSON"),
        (b'{"events": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b'{"events": [{"tStartMs": NaN, "segs": [{"utf8": "a"}]}]}', "1 event with text, none"),
        (b'{"events": [{"tStartMs": 0, "segs": [{"utf8": "a", "tOffsetMs": "x"}]}]}', "1 event"),
        (
            b'{"events": [{"tStartMs": "0", "segs": [{"utf8": "a"}, 1]}, {"tStartMs": null, '
            b'"segs": [{"utf8": "b"}]}, {"tStartMs": -1, "segs": [{"utf8": "\\n"}]}]}',
            "2 events with text, none with a usable time",
        ),
    ],
)
def test_other_files_have_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        read(data)

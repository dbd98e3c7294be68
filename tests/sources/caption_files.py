"""Caption files as YouTube writes them, of made-up speech."""

from __future__ import annotations

import html
import random

import orjson

#: A line of speech: (start in ms, how long its box stands, [(offset in ms, text), ...]).
Line = tuple[int, int, list[tuple[int, str]]]


def speech(seed: int, n_lines: int = 40) -> list[Line]:
    """Lines with words, a mark, a speaker, an entity, a line of one word, pauses and repeats."""
    random_one = random.Random(seed)
    lines: list[Line] = []
    time = random_one.randrange(3000)
    for number in range(n_lines):
        texts = [
            random_one.choice(["so", "here", "we", "go", "AT&T", "it's", "café", "x<y", "no", "no"])
            for _ in range(random_one.randrange(1, 9))
        ]
        if number % 7 == 3:
            texts = ["[Music]"]
        if number % 7 == 5:
            texts[0] = ">> well"
        words = []
        offset = 0
        for index, text in enumerate(texts):
            words.append((offset, text if not index else f" {text}"))
            offset += random_one.choice([30, 120, 240, 500, 1900])
        start, time = time, time + offset + random_one.choice([10, 10, 700, 4000])
        lines.append((start, offset + 2000, words))
    return lines


def json3(lines: list[Line], *, manual: bool = False) -> bytes:
    """json3; without offsets if people have typed it."""
    events: list[dict[str, object]] = [{"tStartMs": 0, "dDurationMs": 9_000_000, "id": 1}]
    for number, (start, stands, words) in enumerate(lines):
        if number and not manual:
            breaks = {"tStartMs": start - 10, "dDurationMs": stands, "wWinId": 1, "aAppend": 1}
            events.append({**breaks, "segs": [{"utf8": "\n"}]})
        segments = [
            {"utf8": text} | ({"tOffsetMs": offset} if offset else {}) for offset, text in words
        ]
        if manual:
            segments = [{"utf8": "".join(text for _, text in words)}]
        events.append({"tStartMs": start, "dDurationMs": stands, "wWinId": 1, "segs": segments})
    return orjson.dumps({"wireMagic": "pb3", "events": events}, option=orjson.OPT_INDENT_2)


def clock(ms: int) -> str:
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def vtt(lines: list[Line]) -> bytes:
    """WebVTT of automatic captions: rolling, with cues of 10 ms between."""
    cues = ["WEBVTT\nKind: captions\nLanguage: en\n"]
    before = " "
    for number, (start, stands, words) in enumerate(lines):
        after = lines[number + 1][0] if number + 1 < len(lines) else start + stands
        plain = html.escape("".join(text for _, text in words), quote=False)
        stamped = html.escape(words[0][1], quote=False)
        for offset, text in words[1:]:
            escaped = html.escape(text, quote=False)
            stamped += f"<{clock(start + offset)}><c>{escaped}</c>"
        span = f"{clock(start)} --> {clock(after - 10)} align:start position:0%"
        cues.append(f"{span}\n{before}\n{stamped}\n")
        span = f"{clock(after - 10)} --> {clock(after)} align:start position:0%"
        cues.append(f"{span}\n{plain}\n \n")
        before = plain
    return "\n".join(cues).encode()


def srv3(lines: list[Line]) -> bytes:
    """srv3 of automatic captions."""
    body = []
    for start, stands, words in lines:
        segments = ""
        for offset, text in words:
            time = f' t="{offset}"' if offset else ""
            segments += f'<s{time} ac="0">{html.escape(text)}</s>'
        body.append(f'<p t="{start}" d="{stands}" w="1">{segments}</p>')
        body.append(f'<p t="{start + stands - 10}" d="10" w="1" a="1">\n</p>')
    head = '<?xml version="1.0" encoding="utf-8" ?><timedtext format="3"><head></head><body>'
    return f"{head}{''.join(body)}</body></timedtext>".encode()


def srv2(lines: list[Line]) -> bytes:
    """srv2 of automatic captions."""
    texts = []
    for start, stands, words in lines:
        for index, (offset, text) in enumerate(words):
            more = ' append="1"' if index else ""
            span = f't="{start + offset}" d="{stands - offset}"'
            texts.append(f'<text {span} w="1"{more}>{html.escape(text)}</text>')
    return f"<timedtext>{''.join(texts)}</timedtext>".encode()


def srv1(lines: list[Line]) -> bytes:
    """srv1: lines alone, with entities encoded twice."""
    texts = [
        f'<text start="{start / 1000}" dur="{stands / 1000}">'
        f"{html.escape(html.escape(''.join(text for _, text in words)))}</text>"
        for start, stands, words in lines
    ]
    return f"<transcript>{''.join(texts)}</transcript>".encode()


def spoken(lines: list[Line]) -> list[tuple[float, str]]:
    """(start in seconds, word) of all words that begin a piece, as was said."""
    return [
        ((start + offset) / 1000, text.split()[0])
        for start, _, words in lines
        for offset, text in words
    ]

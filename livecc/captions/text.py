"""Text of captions without what nobody says.

Captions hold markup (HTML entities and tags, SubStation overrides), marks that say who speaks
(`>>`, a leading dash, `[Ann]:`), descriptions of sounds (`[Music]`, `(applause)`, notes) and
characters that cannot be seen; and what a language model takes for its own marks, the special
tokens of chat templates. All of it is taken out and counted by kind; the speech around it stays.
Titles, categories and prompts lose control characters and special tokens alone.

Most lines hold none of it, so one look at the characters of many lines at once finds those that
have to be read.
"""

from __future__ import annotations

import html
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from livecc.captions.titles import CONTROL_RANGES, CONTROLS, SPECIAL_TOKEN

ENTITIES = "entities"
TAGS = "tags"
SPEAKER_MARKS = "speaker marks"
SOUND_MARKS = "sound marks"
MUSIC_NOTES = "music notes"
INVISIBLE = "invisible characters"
CONTROL = "control characters"
SPECIAL = "special tokens"
COMPOSED = "composed characters"
#: What is counted: marks that were taken out, and lines that NFC changed.
KINDS = (
    ENTITIES,
    TAGS,
    SPEAKER_MARKS,
    SOUND_MARKS,
    MUSIC_NOTES,
    INVISIBLE,
    CONTROL,
    SPECIAL,
    COMPOSED,
)

# Where one of these was, punctuation alone is no speech.
_NOT_SAID = (SPEAKER_MARKS, SOUND_MARKS, MUSIC_NOTES)

# Soft hyphen, zero-width space, marks of direction, word joiner, byte order mark and their like;
# not the joiners U+200C and U+200D, which Persian, Indic scripts and emoji need.
_INVISIBLE = (
    "\xad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ufff9-\ufffb"
)
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"
_NOTES = "♩♪♫♬¶\U0001f3b5\U0001f3b6\U0001f3bc"
_DASHES = "-‐–—―"
_OPEN, _CLOSE = "[［【〔", "]］】〕"

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# An entity may itself be encoded, "&amp;amp;" even twice.
_ENTITY_ROUNDS = 3
_INVISIBLES = re.compile(f"[{_INVISIBLE}]")
_LONE_JOINERS = re.compile(rf"(?<!\S)[{_JOINERS}]+(?!\S)")
# {\an8} and {\i1} of SubStation, {y:i} of MicroDVD.
_OVERRIDES = re.compile(r"\{\\[^{}]*\}|\{[A-Za-z]:[^{}]*\}")
# \N and \n are line breaks and \h is a space that does not break.
_BREAKS = re.compile(r"\\[Nn]|\\h(?![a-z])")
# Patterns are bounded, or begin where nothing else does: no text takes time with its square.
_READING = re.compile(r"<r[tp]>[^<>]{0,99}</r[tp]>")
# Only tags that caption formats know: "a < b" is speech, and so may "<name>" be.
_TAG = re.compile(
    r"<(?:\d+:)?\d+:\d+[.,]\d+>"
    r"|</?(?:c|i|b|u|s|v|em|strong|tt|font|span|ruby|rt|rp|lang|br|p|div|sub|sup|small|big)"
    r"(?:\.[^\s<>]*)?"
    r"(?:\s+[\w:-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'<>]+))*\s*/?>"
    r"|<(?:v|lang)(?:\.[^\s<>]*)?\s[^<>]*>",
    re.IGNORECASE,
)
_PAIR = re.compile(r"\[([^\[\]]*)\](\s*:)?|［([^［］]*)］|【([^【】]*)】|〔([^〔〕]*)〕")
_MOST_NESTED = 20
# A vector or an interval is said: [0, 1], [x,y,z], [0, 1) and (0, 1].
_FORMULA = re.compile(r"(?!.*[^\W\d_]{2})(?=.*[\d,])|\s*(?:[-+]?\d[\d.]*|\w)\s*,", re.DOTALL)
# A bracket without the other one, unless it belongs to a number; pairs are skipped.
_STRAY = re.compile(r"(\[[^\[\]]*\])|\[(?!\s*-?\d)|(?<!\d)\]|[［】【］〔〕]")
# Alone on its line: of at most five words and without a number.
_ALONE = re.compile(
    r"^[^\w\n]*(?:\((?=[^()]*[^\W\d_]{2})[^()\d]{2,60}\)|\*[^*\n]{2,60}\*"
    r"|（[^（）\d]{1,30}）)[^\w\n]*$",
    re.MULTILINE,
)
_MOST_ALONE_WORDS = 5
_SOUNDS = re.compile(
    r"\((?:[\w'’,-]+ ){0,3}(?:laugh(?:s|ing|ter)?|chuckl(?:es|ing)|giggl(?:es|ing)|"
    r"applau(?:se|ds|ding)|clap(?:s|ping)|cheer(?:s|ing)|music(?: playing)?|sighs?|gasps?|coughs?|"
    r"inaudible|indistinct|unintelligible|crosstalk|silence)(?:,? [\w'’-]+){0,2}\)",
    re.IGNORECASE,
)
# Japanese captions name speakers and sounds in wide parentheses, at the ends of a line.
_WIDE_FIRST = re.compile(r"^[^\S\n]*（[^（）]{1,10}）", re.MULTILINE)
_WIDE_LAST = re.compile(r"（[^（）]{1,10}）\s*$", re.MULTILINE)
_NOTE = re.compile(rf"[{_NOTES}]+|^[^\S\n]*#(?=\s)|(?<=\s)#\s*$", re.MULTILINE)
_SPOKEN = r"(?=[^\W\d_]|[\"'“‘«¿¡(\[「『])"
_ANGLES = re.compile(r"(?<!\S)[>＞]{2,}\s*|^[^\S\n]*[>＞]\s+", re.MULTILINE)
_FIRST_DASH = re.compile(rf"^[^\S\n]*[{_DASHES}]{{1,2}}\s*{_SPOKEN}", re.MULTILINE)
_LATER_DASH = re.compile(rf"(?<=[.?!…\"”])(\s+)[{_DASHES}]{{1,2}}\s*{_SPOKEN}")
_NAME = re.compile(r"([^\W\d_][\w.'’-]+(?: [\w.'’-]+){0,3}):(?:\s+|$)", re.MULTILINE)
_LINE_NAME = re.compile(rf"^[^\S\n]*{_NAME.pattern}", re.MULTILINE)
_WORD = re.compile(r"\w")
# Put where a mark of a speaker was, until names behind it are looked for.
_SPEAKS = "\ue0f2"
_MARKED_NAME = re.compile(_SPEAKS + _NAME.pattern, re.MULTILINE)

# A text with one of these is looked into; all lie below the number.
_LOOKED_INTO = re.compile(
    rf"[&<>{{\\(*#\]\[{CONTROL_RANGES}{_INVISIBLE}{_JOINERS}{_NOTES}［］【】〔〕（＞]"
)
_MOST_POINTS = 0x1F400
# Combining marks in a row.
_MOST_MARKS = 30
# A bracket that several lines share holds no more characters than this.
_LONGEST_MARK = 100

_ASKED, _AT_START, _AFTER_CAPITAL = 1, 2, 3
IntArray = np.ndarray[Any, np.dtype[np.int64]]


def clean_texts(
    texts: Sequence[str], track: IntArray | None = None, *, lines: bool = True
) -> tuple[list[str], list[tuple[int, str, int]]]:
    """The texts without markup, marks and invisible characters, in NFC.

    `track`: (n,) the track of each text, rising; without it all are of one track, which only
    matters for a bracket that opens in one text and closes in a later one. `lines`: whether a text
    is a caption's line; single words have no leading dash, and no name with a colon that could be a
    mark. Returns the texts in the same order, and (index, kind of KINDS, how often) of all that was
    found. White space is left as it is. A text of which only punctuation remains beside marks of
    speakers and sounds is "".
    """
    found: list[tuple[int, str, int]] = []
    texts = _without_endless_marks(texts, found)
    cleaned = list(texts)

    def unclosed(index: int) -> None:
        cleaned[index], stray = _without_stray(cleaned[index])
        if stray:
            found.append((index, SOUND_MARKS, stray))

    waiting: int | None = None
    for index in _suspects(texts, lines=lines):
        counts: Counter[str] = Counter()
        cleaned[index] = _clean(texts[index], counts, lines=lines)
        if waiting is not None:
            alike = track is None or track[waiting] == track[index]
            if not (alike and _close(cleaned, waiting, index, counts)):
                unclosed(waiting)
            waiting = None
        text = cleaned[index]
        if text.rfind("[") > text.rfind("]"):
            waiting = index
        else:
            if "]" in text or "[" in text:
                unclosed(index)
            if any(counts[kind] for kind in _NOT_SAID) and not _WORD.search(cleaned[index]):
                cleaned[index] = ""
        found += ((index, kind, count) for kind, count in counts.items() if count)
    if waiting is not None:
        unclosed(waiting)
    return cleaned, found


def count_kinds(found: Iterable[tuple[int, str, int]]) -> Counter[str]:
    """How often each kind was found in any of the texts."""
    counts: Counter[str] = Counter()
    for _, kind, count in found:
        counts[kind] += count
    return counts


def _without_endless_marks(
    texts: Sequence[str], found: list[tuple[int, str, int]]
) -> Sequence[str]:
    """The texts with at most 30 combining marks in a row, as Unicode's stream-safe format has.

    Normalisation sorts the marks behind a letter in a time that grows with the square of their
    number.
    """
    joined = "\n".join(texts)
    if joined.isascii() or not _endless_marks().search(joined):
        return texts
    shortened = list(texts)
    for index, text in enumerate(texts):
        shortened[index] = _endless_marks().sub(r"\1", text)
        if taken := len(text) - len(shortened[index]):
            found.append((index, INVISIBLE, taken))
    return shortened


@cache
def _endless_marks() -> re.Pattern[str]:
    marks = "".join(
        chr(point) for point in range(0x300, sys.maxunicode) if unicodedata.combining(chr(point))
    )
    return re.compile(f"([{marks}]{{{_MOST_MARKS}}})[{marks}]+")


# --- which texts to look into --------------------------------------------------------------------


def _suspects(texts: Sequence[str], *, lines: bool) -> list[int]:
    """Indices of the texts that may hold something, rising."""
    if not texts:
        return []
    joined = "\n".join(texts)
    characters: np.ndarray[Any, Any]
    if joined.isascii():
        characters = np.frombuffer(joined.encode(), np.uint8)
    else:
        points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
        characters = np.minimum(points, _MOST_POINTS)
    reasons = _reasons()[characters]
    places = np.flatnonzero(reasons)
    if len(places):
        why = reasons[places]
        before = characters[np.maximum(places, 1) - 1]
        # A dash within a word and most colons are of no interest.
        at_start = (places == 0) | (before <= ord(" "))
        # Capitals, numbers and closing brackets; all letters of other scripts.
        named = (before < ord("a")) & (before > ord(" ")) | (before > ord("z"))
        asked = (why == _ASKED) | lines & (
            (why == _AT_START) & at_start | (why == _AFTER_CAPITAL) & named
        )
        places = places[asked]
    suspects: set[int] = set()
    if len(places):
        sizes = np.fromiter(map(len, texts), np.int64, len(texts))
        ends = np.cumsum(sizes + 1)
        suspects.update(np.unique(np.searchsorted(ends, places, side="right")).tolist())
    if not joined.isascii() and not unicodedata.is_normalized("NFC", joined):
        suspects.update(
            index
            for index, text in enumerate(texts)
            if not text.isascii() and not unicodedata.is_normalized("NFC", text)
        )
    return sorted(suspects)


@cache
def _reasons() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Why a text with this character is looked into; 0: no reason. The last entry is for all
    characters behind."""
    points = "".join(map(chr, (*range(0xD800), *range(0xE000, _MOST_POINTS))))
    reasons = np.zeros(_MOST_POINTS + 1, np.uint8)
    reasons[[ord(found[0]) for found in _LOOKED_INTO.finditer(points)]] = _ASKED
    reasons[[ord(dash) for dash in _DASHES]] = _AT_START
    reasons[ord(":")] = _AFTER_CAPITAL
    return reasons


# --- one text ------------------------------------------------------------------------------------


def _clean(text: str, counts: Counter[str], *, lines: bool) -> str:
    """The text without what its characters ask to look for; counts what it takes out.

    A bracket that nothing closes here is left to the caller.
    """
    if "&" in text:
        text = _decoded(text, counts)
    if not text.isprintable() or "\u034f" in text:
        text = _removed(CONTROLS, "", text, CONTROL, counts)
        text = _removed(_INVISIBLES, "", text, INVISIBLE, counts)
    if not text.isascii():
        text = _removed(_LONE_JOINERS, "", text, INVISIBLE, counts)
        composed = unicodedata.normalize("NFC", text)
        counts[COMPOSED] += composed != text
        text = composed
    if "{" in text:
        text = _removed(_OVERRIDES, " ", text, TAGS, counts)
    if "\\" in text:
        text = _removed(_BREAKS, "\n", text, TAGS, counts)
    if "<" in text:
        text = _removed(_READING, "", text, TAGS, counts)
        text = _TAG.sub(lambda found: _tag(found, counts), text)
    text = _removed(_NOTE, " ", text, MUSIC_NOTES, counts)
    if any(mark in text for mark in _OPEN):
        before = ""
        # Each round takes the innermost pairs; what is nested deeper is taken for unclosed ones.
        for _ in range(_MOST_NESTED):
            if before == text:
                break
            before = text
            text = _PAIR.sub(lambda found: _bracket(found, counts), text)
    if "(" in text or "*" in text or "（" in text:
        if lines:
            text = _ALONE.sub(lambda found: _alone(found, counts), text)
            text = _removed(_WIDE_FIRST, " ", text, SPEAKER_MARKS, counts)
            text = _removed(_WIDE_LAST, " ", text, SOUND_MARKS, counts)
        text = _removed(_SOUNDS, " ", text, SOUND_MARKS, counts)
    text = _without_speakers(text, counts, lines=lines)
    # Last, and by a space, so that what is taken out around it makes no new one.
    return _removed(SPECIAL_TOKEN, " ", text, SPECIAL, counts) if "<" in text else text


def _removed(pattern: re.Pattern[str], by: str, text: str, kind: str, counts: Counter[str]) -> str:
    text, count = pattern.subn(by, text)
    counts[kind] += count
    return text


def _decoded(text: str, counts: Counter[str]) -> str:
    """The text with its entities decoded, and those that come out of them."""

    def character(found: re.Match[str]) -> str:
        decoded = html.unescape(found[0])
        counts[ENTITIES] += decoded != found[0]
        return decoded

    for _ in range(_ENTITY_ROUNDS):
        text = _ENTITY.sub(character, text)
        if "&" not in text:
            break
    return text


def _tag(found: re.Match[str], counts: Counter[str]) -> str:
    tag = found[0].lower()
    counts[SPEAKER_MARKS if tag.startswith("<v") else TAGS] += 1
    # Tags stand within words; only these separate them.
    return "\n" if tag.startswith(("<br", "<p", "</p", "<div", "</div")) else ""


def _bracket(found: re.Match[str], counts: Counter[str]) -> str:
    colon = found[2]
    if found[1] is not None and not colon and _FORMULA.match(found[1]):
        return found[0]
    counts[SPEAKER_MARKS if colon else SOUND_MARKS] += 1
    return " "


def _alone(found: re.Match[str], counts: Counter[str]) -> str:
    if len(found[0].split()) > _MOST_ALONE_WORDS:
        return found[0]
    counts[SOUND_MARKS] += 1
    return " "


def _without_speakers(text: str, counts: Counter[str], *, lines: bool) -> str:
    """The text without `>>`, leading dashes, and names with a colon.

    A name behind such a mark begins each of its words with a capital; one without a mark is all in
    capitals, and what follows is not.
    """
    if ">" in text or "＞" in text:
        text = _removed(_ANGLES, _SPEAKS, text, SPEAKER_MARKS, counts)
    angles = text.count(_SPEAKS)
    if not lines:
        return text.replace(_SPEAKS, "")
    if text.lstrip()[:1] in _DASHES or "\n" in text:
        text = _FIRST_DASH.sub(_dash, text)
        if _SPEAKS in text:
            text = _LATER_DASH.sub(rf"\1{_SPEAKS}", text)
            counts[SPEAKER_MARKS] += text.count(_SPEAKS) - angles
    if ":" in text:

        def marked(found: re.Match[str]) -> str:
            return "" if all(not word[0].islower() for word in found[1].split()) else found[0]

        def unmarked(found: re.Match[str]) -> str:
            end = found.string.find("\n", found.end())
            rest = found.string[found.end() : end if end >= 0 else None]
            if not found[1].isupper() or rest == rest.upper():
                return found[0]
            counts[SPEAKER_MARKS] += 1
            return ""

        if _SPEAKS in text:
            text = _MARKED_NAME.sub(marked, text)
        text = _LINE_NAME.sub(unmarked, text)
    return text.replace(_SPEAKS, "")


def _dash(found: re.Match[str]) -> str:
    """A dash right before a small letter continues the word before it: "-performance"."""
    joined = not found[0][-1].isspace() and found.string[found.end()].islower()
    return found[0] if joined else _SPEAKS


# --- brackets that several lines share -----------------------------------------------------------


def _close(cleaned: list[str], first: int, last: int, counts: Counter[str]) -> bool:
    """Take out a bracket that opens in text `first` and closes in `last`, if it does."""
    closing = cleaned[last]
    end = closing.find("]")
    if end < 0 or 0 <= closing.find("[") < end:
        return False
    begin = cleaned[first].rfind("[")
    inside = [cleaned[first][begin:], *cleaned[first + 1 : last], closing[: end + 1]]
    if sum(map(len, inside)) > _LONGEST_MARK:
        return False
    cleaned[first] = cleaned[first][:begin].rstrip()
    cleaned[first + 1 : last] = [""] * (last - first - 1)
    cleaned[last] = closing[end + 1 :].lstrip(" :")
    counts[SOUND_MARKS] += 1
    return True


def _without_stray(text: str) -> tuple[str, int]:
    """The text without brackets of which the other one is missing, and how many those were."""
    count = sum(found[1] is None for found in _STRAY.finditer(text))
    if not count:
        return text, 0
    text = _STRAY.sub(lambda found: found[1] or " ", text)
    return text if _WORD.search(text) else "", count

"""Captions or words given as parallel lists of starts, ends and texts, as most dumps have them."""

from __future__ import annotations

from typing import Any

from livecc.files.limits import MAX_SPOKEN_CHARACTERS
from livecc.sources.readers.track import MOST_WORD_MS, without_times
from livecc.sources.record import Timed, UnreadableError, is_amount


def lines_of(starts: Any, ends: Any, texts: Any, names: str) -> list[Timed]:
    """[start, end, text] in seconds. Raises UnreadableError if they are no lists of one length.

    An entry without times is left out; if none has any, that is an error, too. An entry that does
    not end after its start lasts until the next begins. `names`: of the lists, for the message.
    """
    if not all(isinstance(one, list | tuple) for one in (starts, ends, texts)):
        raise UnreadableError(f"no captions: {names} are not lists")
    if not len(starts) == len(ends) == len(texts):
        sizes = f"{len(starts)}, {len(ends)} and {len(texts)}"
        raise UnreadableError(f"{names} are lists of different lengths: {sizes}")
    # Before anything is made of them: all of them may be references to one long text.
    if sum(len(text) for text in texts if type(text) is str) > MAX_SPOKEN_CHARACTERS:
        raise UnreadableError(f"its captions are longer than {MAX_SPOKEN_CHARACTERS:,} characters")
    lines: list[Timed] = []
    timeless = 0
    for index, (start, end, text) in enumerate(zip(starts, ends, texts, strict=True)):
        if type(text) is not str:
            continue
        if not is_amount(start):
            timeless += bool(text.strip())
            continue
        if not is_amount(end) or end <= start:
            end = start + MOST_WORD_MS / 1000
            following = starts[index + 1] if index + 1 < len(starts) else None
            if is_amount(following) and following > start:
                end = min(end, following)
        lines.append((round(start, 3), round(end, 3), text))
    if timeless and not lines:
        raise without_times(timeless, "caption")
    return lines

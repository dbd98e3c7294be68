"""The fields of a prompt's text."""

from __future__ import annotations

import string
from collections.abc import Iterator

from livecc.terminal import nearest


def field_problems(key: str, text: str, known: tuple[str, ...]) -> Iterator[str]:
    """Unknown fields, `{field}`, in a prompt's text."""
    try:
        used = {name for _, name, _, _ in string.Formatter().parse(text)} - {None}
    except ValueError as error:
        yield f"{key}: {error}; write {{{{ and }}}} for literal braces"
        return
    for name in sorted(used - set(known), key=str):
        told = " and ".join(f"{{{one}}}" for one in known)
        yield f"{key}: unknown field {{{name}}}{nearest(str(name), known)}; known: {told}"

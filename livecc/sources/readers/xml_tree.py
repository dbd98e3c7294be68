"""XML of others: parsed without document types, so that no entity can stand for more than it says.

defusedxml would refuse the same, but its parser is Python's own slow one since the fast one of
ElementTree offers no hooks. The text is decoded first, so no encoding can hide a declaration.
"""

from __future__ import annotations

from xml.etree import ElementTree

from livecc.sources.readers.track import decoded
from livecc.sources.record import UnreadableError


def parsed(data: bytes) -> ElementTree.Element:
    """The root of an XML document. Raises UnreadableError."""
    text = decoded(data)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UnreadableError("its XML declares a document type or entities, as no captions do")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise UnreadableError(f"no XML: {error}") from None


def local_name(element: ElementTree.Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]

"""Which caption file of a video is read: its kind, language and format.

yt-dlp names a file by its language alone. Which kind it is stands in the info file: `subtitles` are
typed by people and go before `automatic_captions` of the same name, which hold what YouTube has
heard and, for every other language, a machine translation of it. The original is `LANG-orig`, or
the language of the video; an address with `tlang` tells a translation, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from livecc.sources.options import CaptionChoice
from livecc.sources.record import language_of

#: Codes of the language that a caption is translated from, as in "en-de": English from German.
_TRANSLATED_FROM = re.compile(r"([A-Za-z]{2,3}(?:-[A-Z][A-Za-z]+)?)-([a-z]{2,3})(-[A-Z]\w+)?")
_ORIGINAL = "-orig"
#: Where nothing else decides, English goes first: the models of the workflow know it best.
_FIRST_LANGUAGE = "en"


@dataclass(frozen=True)
class Candidate:
    """A caption file. `kind`: manual, automatic or translated; None if nothing tells."""

    name: str
    language: str | None
    format: str
    kind: str | None


def candidates(
    captions: Sequence[Sequence[Any]], info: Mapping[str, Any] | None
) -> list[Candidate]:
    """The caption files of a video, (name, language, format) each, with their kinds."""
    return [
        Candidate(name, language, extension, kind_of(language, info))
        for name, language, extension in captions
    ]


def kind_of(language: str | None, info: Mapping[str, Any] | None) -> str | None:
    """The kind of the captions in a language, as the info file tells; None if it does not."""
    if info is None or language is None:
        return None
    if _entries(info, "subtitles", language) is not None:
        return "manual"
    automatic = info.get("automatic_captions")
    entries = _entries(info, "automatic_captions", language)
    if entries is None:
        return "automatic" if language.endswith(_ORIGINAL) else None
    if language.endswith(_ORIGINAL):
        return "automatic"
    told = _told_by_address(entries)
    if told is not None:
        return told
    assert isinstance(automatic, Mapping)
    if f"{language}{_ORIGINAL}" in automatic:
        # The translation of a language into itself.
        return "automatic"
    if any(str(code).endswith(_ORIGINAL) for code in automatic):
        return "translated"
    translated = _TRANSLATED_FROM.fullmatch(language)
    if translated and base_of(translated[2]) in {base_of(str(c)) for c in automatic}:
        return "translated"
    spoken = language_of(info.get("language"))
    if spoken is not None:
        return "automatic" if base_of(spoken) == base_of(language) else "translated"
    return None


def original_language(info: Mapping[str, Any] | None) -> str | None:
    """The language that is spoken in a video, as its info file says or its captions tell."""
    if info is None:
        return None
    spoken = language_of(info.get("language"))
    if spoken is not None:
        return spoken
    automatic = info.get("automatic_captions")
    for code in automatic if isinstance(automatic, Mapping) else ():
        if isinstance(code, str) and code.endswith(_ORIGINAL):
            return language_of(code.removesuffix(_ORIGINAL))
    return None


def in_order(
    found: Sequence[Candidate], choice: CaptionChoice, spoken: str | None
) -> list[Candidate]:
    """The candidates that may be used, the best first. `spoken`: the language of the video.

    First what is no machine translation (unless `prefer` has them first), then the languages in
    their order, then the kinds in theirs, then the original before others, then formats.
    """
    kinds, formats = list(choice.prefer), list(choice.caption_formats)
    ordered = []
    for one in found:
        # An unknown kind is most likely automatic: there are many more of them.
        kind = one.kind or "automatic"
        language = _language_rank(one.language, choice.languages, spoken)
        if kind not in kinds or one.format not in formats or language is None:
            continue
        late = kind == "translated" and kinds[0] != "translated"
        original = (one.language or "").endswith(_ORIGINAL)
        key = (
            late,
            language,
            kinds.index(kind),
            not original,
            one.language or "",
            formats.index(one.format),
            one.name,
        )
        ordered.append((key, one))
    return [one for _, one in sorted(ordered, key=lambda pair: pair[0])]


def base_of(language: str) -> str:
    """The language of a code: en of en-US and en-orig."""
    return re.split("[-_]", language, maxsplit=1)[0].lower()


def _language_rank(language: str | None, wanted: Sequence[str], spoken: str | None) -> int | None:
    """The rank of a language, the best is 0; None if it is not wanted."""
    if language is None:
        # A file without language in its name is in the language of the video, most likely.
        return 0
    if not wanted:
        if spoken is not None:
            return 0 if base_of(spoken) == base_of(language) else 1
        if language.endswith(_ORIGINAL):
            return 0
        return 1 if base_of(language) == _FIRST_LANGUAGE else 2
    for rank, one in enumerate(wanted):
        code = language.lower().replace("_", "-")
        asked = one.lower().replace("_", "-")
        if code == asked or code.startswith(f"{asked}-"):
            return rank
    return None


def _entries(info: Mapping[str, Any], key: str, language: str) -> Any:
    captions = info.get(key)
    return captions.get(language) if isinstance(captions, Mapping) else None


def _told_by_address(entries: Any) -> str | None:
    """What the address of a caption file tells: `lang=de&tlang=en` is a translation."""
    for entry in entries if isinstance(entries, list) else ():
        address = entry.get("url") if isinstance(entry, Mapping) else None
        if type(address) is not str or "lang=" not in address or len(address) > 10_000:
            continue
        try:
            fields = parse_qs(urlsplit(address).query)
        except ValueError:
            continue
        source, target = fields.get("lang", [""])[0], fields.get("tlang", [""])[0]
        if target and source:
            same = base_of(source) == base_of(target)
            heard = fields.get("kind") == ["asr"]
            return "automatic" if same and heard else "translated"
        if fields.get("kind") == ["asr"]:
            return "automatic"
    return None

"""The page: its parts put together to one file that needs nothing else.

Scripts and styles are those of `page/`, as they are; the content security policy names each by its
digest, so nothing else runs. What data sets say is JSON in an element that is no script, or escaped
by the template.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from livecc.files.atomic import open_atomic

#: In the order in which they run.
SCRIPTS = (
    "columns.js",
    "kinds.js",
    "decide.js",
    "numbers.js",
    "state.js",
    "media.js",
    "faces.js",
    "labels.js",
    "funnel.js",
    "histogram.js",
    "explorer.js",
    "scatter.js",
    "clips.js",
    "player.js",
    "main.js",
)
STYLE = "style.css"
_TEMPLATE = "page.html.j2"


@cache
def _part(name: str) -> str:
    return files("livecc.report").joinpath("page", name).read_text(encoding="utf-8")


def render(
    data: Mapping[str, Any],
    media: Iterable[tuple[str, bytes]] = (),
    *,
    problems: Mapping[str, Any],
    about: Mapping[str, Any],
    served: bool = False,
    media_folder: bool = False,
) -> Iterator[str]:
    """The page, in pieces.

    `data`: what the scripts read, as JSON. `media`: (name, bytes) of strips and proxies.
    `problems` (by track) and `about`: of the sections that need no script. `served`: whether a
    server answers for media and texts. `media_folder`: whether the page plays files beside it.
    """
    from jinja2 import DictLoader, Environment, StrictUndefined

    environment = Environment(
        loader=DictLoader({_TEMPLATE: _part(_TEMPLATE)}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "size": size, "duration": duration}
    scripts = [_part(name) for name in SCRIPTS]
    style = _part(STYLE)
    yield from environment.get_template(_TEMPLATE).generate(
        policy=_policy(scripts, style, served=served, media_folder=media_folder),
        scripts=scripts,
        style=style,
        data=script_json(data),
        media=((name, base64.b64encode(held).decode("ascii")) for name, held in media),
        problems=problems,
        about=about,
        tracks=data["tracks"],
        title=data["title"],
        made=data["made"],
        served=served,
    )


def write(path: Path, pieces: Iterable[str]) -> None:
    """Write a page atomically."""
    with open_atomic(path) as stream:
        for piece in pieces:
            stream.write(piece.encode("utf-8", "replace"))


def script_json(value: Any) -> str:
    """JSON that ends no element and begins none, whatever its texts hold."""
    text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode("utf-8")
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _policy(scripts: Iterable[str], style: str, *, served: bool, media_folder: bool) -> str:
    """The content security policy: only these scripts run, and no request leaves."""
    own = "'self'" if served else ""
    sources = {
        "default-src": "'none'",
        "script-src": " ".join(map(_digest, scripts)),
        "style-src": _digest(style),
        "img-src": f"data: blob: {own}",
        "media-src": f"blob: {own} {'file:' if media_folder else ''}",
        "connect-src": own or "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {' '.join(value.split())}" for name, value in sources.items())


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


# --- filters of the template ---------------------------------------------------------------------


def number(value: float | None, digits: int = 0) -> str:
    """A number with thin spaces between its thousands; a dash for none."""
    return "–" if value is None else f"{value:,.{digits}f}".replace(",", "\u202f")


def size(value: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:,.1f} h".replace(",", "\u202f")

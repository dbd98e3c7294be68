"""What the folder of a model may bring: data. Code and pickled objects in it are never run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from livecc.errors import LiveccError

#: Entries of a model's settings that name Python files of the folder, or of a hub repository.
_CODE = ("auto_map", "custom_pipelines")
#: Entries that name a kernel of a hub repository when their value has a slash.
_KERNEL = "_implementation"
_REASON_CHARACTERS = 200


def refuse_code(folder: Path) -> None:
    """Raise LiveccError if the settings of a model (`*config*.json`) ask for code of its own.

    Some libraries ask at the terminal whether to run it, others run it unasked.
    """
    for path in sorted(folder.rglob("*config*.json")):
        try:
            settings = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            # Whoever loads the model says what is wrong with it.
            continue
        entry = next(_code_entries(settings), None)
        if entry is not None:
            raise LiveccError(
                f"{path}: asks for code that comes with the model ({entry}), which is never run; "
                f"choose a model that transformers knows by itself, or remove {entry} from the "
                "file if it knows this one"
            )


def _code_entries(settings: Any) -> Iterator[str]:
    """The keys, at any depth, that ask for code."""
    waiting = [settings]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            for key, inner in value.items():
                names_kernel = key.endswith(_KERNEL) and isinstance(inner, str) and "/" in inner
                if (key in _CODE and inner) or names_kernel:
                    yield key
            waiting += value.values()


def load_reason(error: BaseException) -> str:
    """Why a library cannot load a model, on one line.

    Advice to run what the files hold, which libraries give, is replaced by the plain fact.
    """
    text = str(error).strip()
    if "trust_remote_code" in text:
        return "it needs code that comes with the model, which is never run"
    if "weights_only" in text or "Weights only load" in text:
        return "it holds more than tensors, such as pickled objects, which are never loaded"
    return (text.splitlines() or [type(error).__name__])[0].strip()[:_REASON_CHARACTERS]

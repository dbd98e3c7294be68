"""Texts of a configuration that stand for something else: "true", "8", "null", "~/data".

Snakemake gives some values of --config as texts ("true", and everything inside a mapping or list),
and nobody expands ~ in a YAML file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from livecc.files.paths import expanded
from livecc.sections import PATH_FORMAT

Schema = Mapping[str, Any]


def read_texts(value: Any, schema: Schema, defs: Mapping[str, Schema]) -> Any:
    """`value` in which each text is read as its JSON Schema wants it.

    A text becomes a boolean, number or null where the schema allows that and no such text; what is
    still not allowed stays as it is, for the checks to report. `defs`: the schema's definitions.
    """
    branches = list(_branches(schema, defs))
    if isinstance(value, Mapping):
        inner = [branch for branch in branches if branch.get("type") == "object"]
        return {key: _inside(key, one, inner, defs) for key, one in value.items()}
    if isinstance(value, list):
        items: Schema = next((b["items"] for b in branches if b.get("items")), {})
        return [read_texts(one, items, defs) for one in value]
    return _read(value, branches) if isinstance(value, str) else value


def _branches(schema: Schema, defs: Mapping[str, Schema]) -> Iterator[Schema]:
    """What a value may be, without references."""
    if "$ref" in schema:
        yield from _branches(defs[schema["$ref"].rsplit("/", 1)[1]], defs)
    elif "anyOf" in schema:
        for branch in schema["anyOf"]:
            yield from _branches(branch, defs)
    else:
        yield schema


def _inside(key: Any, value: Any, objects: list[Schema], defs: Mapping[str, Schema]) -> Any:
    """The value of a key of a mapping."""
    for schema in objects:
        more = schema.get("additionalProperties")
        found = schema.get("properties", {}).get(key, more if isinstance(more, Mapping) else None)
        if found is not None:
            return read_texts(value, found, defs)
    return value


def _read(text: str, branches: list[Schema]) -> Any:
    if any(text in branch.get("enum", ()) for branch in branches):
        return text
    kinds = {branch.get("type") for branch in branches}
    try:
        meant = yaml.safe_load(text)
    except yaml.YAMLError:
        meant = text
    if meant is None and "null" in kinds and text.strip().lower() == "null":
        return None
    if "string" in kinds:
        is_path = any(branch.get("format") == PATH_FORMAT for branch in branches)
        return str(expanded(text)) if is_path and text.startswith("~") else text
    is_wanted = (
        "boolean" in kinds
        if isinstance(meant, bool)
        else (isinstance(meant, int) and bool(kinds & {"integer", "number"}))
        or (isinstance(meant, float) and "number" in kinds)
    )
    return meant if is_wanted else text

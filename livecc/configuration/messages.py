"""Messages for an invalid configuration: the value, what is allowed, the nearest known key."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from livecc.terminal import nearest

_TYPE_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}
_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "greater than {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "not empty",
    "minItems": "not empty",
}


def schema_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """One sentence per setting that violates the schema."""
    # Imported here so that only an invalid configuration pays for it.
    import jsonschema

    checker = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        # 8.0 is an integer in JSON Schema but not on the command line of a job.
        "integer",
        lambda _, value: isinstance(value, int) and not isinstance(value, bool),
    )
    kind = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=checker)
    errors = sorted(kind(schema).iter_errors(config), key=lambda one: list(map(str, one.path)))
    found = (problem for error in errors for problem in _explain(error, schema["$defs"]))
    # jsonschema reports one error per missing key.
    yield from dict.fromkeys(found)


def _explain(error: Any, defs: Mapping[str, Any]) -> Iterator[str]:
    key = ".".join(map(str, error.absolute_path)) or "the top level"
    value = error.instance
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        for name in sorted(set(value) - set(known), key=str):
            path = ".".join([*map(str, error.absolute_path), str(name)])
            given = _shown(str(name), value[name])
            near = nearest(str(name), known)
            yield f"{path}: unknown key (set to {given}){near}; known here: {', '.join(known)}"
    elif error.validator == "anyOf" and "discriminator" in error.schema and isinstance(value, dict):
        yield from _explain_tagged(error, key, defs)
    elif error.validator == "anyOf":
        # The branch that matches the value's type has the useful message, such as an unknown key.
        same_kind = [
            inner
            for inner in error.context
            if isinstance(value, dict | list)
            and (inner.path or inner.validator not in ("type", "enum"))
        ]
        if same_kind:
            for inner in same_kind:
                yield from _explain(inner, defs)
        else:
            choices = [
                str(choice) for inner in error.context for choice in inner.schema.get("enum", ())
            ]
            near = nearest(str(value), choices)
            words = _describe(error.schema, defs)
            yield f"{key}: {value!r} is not allowed{near}; it must be {words}"
    elif error.validator == "required":
        missing = [name for name in error.validator_value if name not in value]
        yield f"{key}: {', '.join(missing)} is missing"
    elif error.validator == "enum":
        allowed = [str(choice) for choice in error.validator_value]
        near = nearest(str(value), allowed)
        yield f"{key}: {value!r} is not allowed{near}; allowed: {', '.join(allowed)}"
    else:
        yield f"{key}: {value!r} is not allowed; it must be {_describe(error.schema, defs)}"


def _explain_tagged(error: Any, key: str, defs: Mapping[str, Any]) -> Iterator[str]:
    """Of a value with a key that says which of several schemas it has, what is wrong with that."""
    told = error.schema["discriminator"]
    name, allowed = told["propertyName"], list(told["mapping"])
    tag = error.instance.get(name)
    if tag not in allowed:
        near = nearest(str(tag), allowed) if tag is not None else ""
        given = f"{tag!r} is not allowed" if name in error.instance else "is missing"
        yield f"{key}.{name}: {given}{near}; allowed: {', '.join(allowed)}"
        return
    for inner in error.context:
        if inner.schema_path[0] == allowed.index(tag):
            yield from _explain(inner, defs)


def _shown(name: str, value: Any) -> str:
    """A setting's value for a message; values that may be misplaced secrets are masked."""
    secret = re.search(r"key|token|secret|password|credential", name, re.IGNORECASE)
    if secret and isinstance(value, str):
        return "a hidden value"
    return textwrap.shorten(repr(value), 60)


def _describe(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """What a value must be, in words."""
    if "$ref" in schema:
        return _describe(defs[schema["$ref"].rsplit("/", 1)[1]], defs)
    if "anyOf" in schema:
        return " or ".join(_describe(branch, defs) for branch in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    words = [_TYPE_NAMES[schema["type"]]]
    if schema.get("pattern", "").startswith("^[a-z]{2,3}"):
        words.append("a language code such as en")
    words += [text.format(schema[key]) for key, text in _LIMITS.items() if key in schema]
    return ", ".join(words)

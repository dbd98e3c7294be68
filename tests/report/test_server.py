"""`livecc browse`: the same page for all clips, with media from disk, for this machine alone."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from livecc.report.server import Pages, serve
from livecc.thresholds.sets import ON_UNSCORED
from tests.support.places import REPOSITORY
from tests.support.reported import run_of_track, write_results

CHOSEN = {"lm_loss": {"min": 0.3, "max": 6.5}, ON_UNSCORED: "drop"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """(address, folder of the videos) of a server over random results."""
    folder = tmp_path_factory.mktemp("served")
    videos = folder / "videos"
    videos.mkdir()
    for name in ("a 0.mp4", "a 1.mp4"):
        shutil.copy(REPOSITORY / "demo/media/paper_boat.mp4", videos / name)
    (folder / "secret.mp4").write_bytes(b"secret")
    (videos / "a 2.mp4").symlink_to(folder / "secret.mp4")
    write_results(folder / "results", "pretrain", np.random.default_rng(4), ["a", "b"])
    run = run_of_track(folder / "results", "pretrain", {"default": CHOSEN}, videos=videos)
    pages = Pages(run)
    server, address = serve(pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield address, videos
    server.shutdown()
    thread.join()
    server.server_close()
    pages.close()


def ask(
    address: str, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of a path behind the token."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    place = path if path.startswith("/") else parts.path + path
    connection.request(method, place, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def clip_of(address: str, video: str) -> dict[str, Any]:
    status, _, body = ask(address, "clips/0?n=" + ",".join(map(str, range(20))))
    assert status == 200
    return next(card for card in json.loads(body) if card["video"] == video)


def test_it_listens_on_this_machine_and_wants_its_token(served: tuple[str, Path]) -> None:
    address, _ = served
    assert urlsplit(address).hostname == "127.0.0.1"
    assert ask(address, "")[0] == 200
    assert ask(address, "/")[0] == 404
    assert ask(address, "/clips/0?n=0")[0] == 404
    token = urlsplit(address).path
    assert ask(address, f"{token[:-2]}x/")[0] == 404
    # A name of the web that leads here is not this machine.
    for host in ("evil.example", "127.0.0.1:80.evil.example", "127.0.0.1.evil.example", ""):
        assert ask(address, "", Host=host)[0] == 404
    assert ask(address, "", Host="localhost:8000")[0] == 200


def test_what_clients_do_wrong_is_no_fault_to_show(
    served: tuple[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    address, videos = served
    size = (videos / "a 0.mp4").stat().st_size
    place = f"video/0/{clip_of(address, 'a 0.mp4')['n']}"
    status, _, body = ask(address, place, Range="bytes=0-" + "9" * 5000)
    assert (status, len(body)) == (200, size)
    assert ask(address, "//[")[0] == 404
    parts = urlsplit(address)
    for started in (
        b"",
        b"GET / HTTP/1.1\r\n",
        f"GET {parts.path}{place} HTTP/1.1\r\n\r\n".encode(),
    ):
        left = socket.create_connection((str(parts.hostname), parts.port or 0))
        left.sendall(started)
        # Closed by a reset, as browsers do that have seen enough.
        left.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        left.close()
    assert ask(address, "")[0] == 200
    time.sleep(0.5)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_takes_nothing(served: tuple[str, Path], method: str) -> None:
    assert ask(served[0], "", method)[0] == 501


@pytest.mark.parametrize(
    "path",
    [
        "clips/1?n=0",
        "clips/0?n=x",
        "clips/0?n=999999",
        "clips/../0",
        "video/0/-1",
        "video/0/../../etc/passwd",
        "strip/0/",
        "nothing",
    ],
)
def test_what_is_not_there_is_not_found(served: tuple[str, Path], path: str) -> None:
    assert ask(served[0], path)[0] == 404


def test_a_video_is_sent_in_parts(served: tuple[str, Path]) -> None:
    address, videos = served
    whole = (videos / "a 0.mp4").read_bytes()
    place = f"video/0/{clip_of(address, 'a 0.mp4')['n']}"
    status, headers, body = ask(address, place)
    assert (status, body, headers["Content-Type"]) == (200, whole, "video/mp4")
    status, headers, body = ask(address, place, Range="bytes=10-19")
    assert (status, body) == (206, whole[10:20])
    assert headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    assert ask(address, place, Range="bytes=-5")[2] == whole[-5:]
    assert ask(address, place, Range=f"bytes={len(whole)}-")[0] == 416
    assert ask(address, place, "HEAD")[2] == b""


def test_a_link_out_of_the_folder_is_not_followed(served: tuple[str, Path]) -> None:
    card = clip_of(served[0], "a 2.mp4")
    assert not card["plays"]
    assert ask(served[0], f"video/0/{card['n']}")[0] == 404


def test_strips_and_copies_are_made_when_asked_for(served: tuple[str, Path]) -> None:
    address, _ = served
    card = clip_of(address, "a 1.mp4")
    status, headers, body = ask(address, f"strip/0/{card['n']}")
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    assert body[8:12] == b"WEBP"
    assert ask(address, f"proxy/0/{card['n']}", Range="bytes=4-7")[2] == b"ftyp"


def test_the_page_shows_and_finds_all_clips(served: tuple[str, Path], opened: Any) -> None:
    address, _ = served
    page = opened(address)
    page.wait_for_selector(".card")
    total = page.evaluate("livecc.state.track.clips")
    assert page.locator("#clips-count").inner_text().startswith(f"{total} of {total}")
    page.fill("#search", "w3.0 w3.1")
    for _ in range(100):
        shown = page.locator(".card .where").all_inner_texts()
        if len(shown) == 2:
            break
        page.wait_for_timeout(100)
    assert len(shown) == 2
    assert all("3.mp4" in text for text in shown)
    page.fill("#search", "")
    card = clip_of(address, "a 1.mp4")
    page.evaluate(
        "async (n) => { const [card] = await livecc.media.source.cards(livecc.state.track, 0, [n]);"
        " livecc.player.show(card); }",
        card["n"],
    )
    for _ in range(100):
        if (
            page.evaluate("document.querySelector('#player-video').currentTime")
            > card["video_start"]
        ):
            break
        page.wait_for_timeout(100)
    assert (
        page.evaluate("document.querySelector('#player-video').currentTime") > card["video_start"]
    )

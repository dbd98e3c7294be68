"""The page of a run with all of its clips, served on this machine: media come straight from disk.

It answers on 127.0.0.1 alone, and only under an address with a token that is made anew each time:
others on this machine, and pages of the web in the same browser, do not know it. It reads, and
writes nothing. Strips and copies are made when they are asked for, one at a time, in a process of
their own.
"""

from __future__ import annotations

import hmac
import mimetypes
import queue
import re
import secrets
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from livecc.errors import LiveccError
from livecc.files.lines import read_lines
from livecc.media.pool import Failure, work_ahead
from livecc.report import media, page
from livecc.report.boxes import BoxFinder, has_boxes, pack_reason
from livecc.report.cards import shard_cards
from livecc.report.clips import TrackClips
from livecc.report.make import Collected, PageOptions, collect, span_of
from livecc.report.run import ReportedRun

_HOST = "127.0.0.1"
#: Clips that one request may ask for.
_MOST_CLIPS = 100
#: Clips that a search finds at most.
_MOST_FOUND = 2_000
#: Strips and copies that are kept in memory.
_KEPT_BYTES = 64_000_000
#: Clips of a track whose boxes, of a few kB each, are kept.
_KEPT_BOXES = 500
_PIECE_BYTES = 256 * 1024
# Longer numbers are no positions in a file, and Python reads none of thousands of digits.
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
# The port is another one behind `ssh -L`.
_KNOWN_HOST = re.compile(rf"(?:{re.escape(_HOST)}|localhost)(?::[0-9]{{1,5}})?")
# A connection on which nothing moves is closed: each holds a thread.
_IDLE_SECONDS = 120


class Pages:
    """What the server answers from: the page, clips, pictures and files of a run.

    `boxes`: whether faces are looked for when a clip of a track with active-speaker scores plays.
    """

    def __init__(
        self, run: ReportedRun, configfiles: Sequence[str] = (), *, boxes: bool = False
    ) -> None:
        self.run = run
        self.made: Collected = collect(run, PageOptions(media="none"), configfiles, texts=False)
        self.made.data["served"] = True
        self.html = "".join(
            page.render(
                self.made.data, problems=self.made.problems, about=self.made.about, served=True
            )
        ).encode("utf-8", "replace")
        # The columns are in the page; what is left is for looking things up.
        for track in self.made.data["tracks"]:
            track.clear()
        self._boxes = {
            number: _Boxes(run, clips)
            for number, clips in enumerate(self.made.clips)
            if boxes and has_boxes(clips.track)
        }
        self._makers = {"strip": _Maker(media.strip, 60.0), "proxy": _Maker(media.proxy, 240.0)}

    def track(self, number: str) -> TrackClips:
        """The clips of a track; raises LookupError if there is none with this number."""
        return self.made.clips[_index(number, len(self.made.clips))]

    def cards(self, number: str, wanted: Sequence[str]) -> list[dict[str, Any]]:
        """What the page says of some clips, in the order in which they are asked for."""
        clips = self.track(number)
        numbers = [_index(one, len(clips)) for one in wanted[:_MOST_CLIPS]]
        by_shard: dict[int, dict[int, int]] = {}
        for one in numbers:
            shard, row = clips.places[one].tolist()
            by_shard.setdefault(shard, {})[row] = one
        found: dict[int, dict[str, Any]] = {}
        for shard, rows in by_shard.items():
            told = shard_cards(self.run, clips.track, clips.shards[shard], sorted(rows))
            for row, card in told.items():
                span = span_of(clips, card)
                found[rows[row]] = {
                    "n": rows[row],
                    **card,
                    "strip": span is not None,
                    "plays": span is not None,
                    "boxes": span is not None and int(number) in self._boxes,
                    "offset": _offset(span),
                }
        return [found[one] for one in numbers]

    def search(self, number: str, text: str) -> list[int]:
        """The clips of the videos whose transcript, title or name has a text, in order.

        Words of a text must follow each other as they are written.
        """
        import numpy as np

        clips = self.track(number)
        words = text.lower().split()
        if not words:
            return list(range(min(len(clips), _MOST_FOUND)))
        numbers: list[int] = []
        for shard, name in enumerate(clips.shards):
            files = self.run.layout.shard(clips.track.name, name)
            of_shard = np.flatnonzero(clips.places[:, 0] == shard)
            fits = _fitting(Path(files.transcripts), Path(files.clips), words)
            numbers += [int(one) for one in of_shard if int(clips.places[one, 1]) in fits]
            if len(numbers) >= _MOST_FOUND:
                break
        return numbers[:_MOST_FOUND]

    def file(self, number: str, clip: str) -> Path:
        """The video file of a clip; raises LookupError if it must not, or cannot, be opened."""
        span = self._span(number, clip)
        return span.path

    def picture(self, kind: str, number: str, clip: str) -> bytes:
        """A strip or a proxy; raises LookupError if there is none."""
        result = self._makers[kind].make(self._span(number, clip))
        if isinstance(result, Failure):
            raise LookupError(result.reason)
        return result

    def boxes(self, number: str, clip: str) -> bytes:
        """The boxes of a clip's faces, packed; raises LookupError if none are looked for."""
        clips = self.track(number)
        finder = self._boxes.get(int(number))
        if finder is None:
            raise LookupError("no boxes are looked for")
        (card,) = self.cards(number, [clip])
        if span_of(clips, card) is None:
            raise LookupError("its file is not there, or must not be opened")
        return finder.find(card["shard"], card["id"])

    def close(self) -> None:
        """End the processes that make pictures."""
        for maker in self._makers.values():
            maker.close()

    def _span(self, number: str, clip: str) -> media.Span:
        (card,) = self.cards(number, [clip])
        span = span_of(self.track(number), card)
        if span is None:
            raise LookupError("its file is not there, or must not be opened")
        return span


class _Boxes:
    """Finds the boxes of a track's clips, one clip after the other, and keeps them."""

    def __init__(self, run: ReportedRun, clips: TrackClips) -> None:
        self._run, self._track = run, clips.track
        self._finder: BoxFinder | None = None
        self._kept: dict[tuple[str, str], bytes] = {}
        self._one = threading.Lock()

    def find(self, shard: str, clip: str) -> bytes:
        with self._one:
            if (shard, clip) not in self._kept:
                try:
                    # Models are loaded when the first clip plays.
                    if self._finder is None:
                        self._finder = BoxFinder(self._run.layout, self._track, workers=2)
                    found = dict(self._finder.find({shard: {clip}}))
                except LiveccError as error:
                    found = {clip: pack_reason(str(error))}
                if len(self._kept) >= _KEPT_BOXES:
                    self._kept.clear()
                self._kept[shard, clip] = found.get(clip) or pack_reason("it is no clip")
            return self._kept[shard, clip]


class _Maker:
    """Makes pictures of spans in one process, one after the other, and keeps the latest."""

    def __init__(self, task: Callable[[media.Span], bytes], timeout_seconds: float) -> None:
        self._asked: queue.Queue[tuple[int, media.Span] | None] = queue.Queue()
        # With one item ahead, each answer comes before the next question is read.
        self._answers = work_ahead(
            task,
            iter(self._asked.get, None),
            workers=1,
            timeout_seconds=timeout_seconds,
            ahead=1,
        )
        self._kept: OrderedDict[media.Span, bytes | Failure] = OrderedDict()
        self._one = threading.Lock()

    def make(self, span: media.Span) -> bytes | Failure:
        with self._one:
            if span not in self._kept:
                self._asked.put((0, span))
                self._kept[span] = next(self._answers)[1]
                self._forget()
            return self._kept[span]

    def _forget(self) -> None:
        size = sum(len(one) for one in self._kept.values() if isinstance(one, bytes))
        while size > _KEPT_BYTES and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            size -= len(old) if isinstance(old, bytes) else 0

    def close(self) -> None:
        with self._one:
            self._answers.close()


def _index(text: str, length: int) -> int:
    """A number below `length`; raises LookupError for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) < length):
        raise LookupError("no such number")
    return int(text)


def _offset(span: media.Span | None) -> float:
    if span is None:
        return 0.0
    try:
        return media.clock_offset(span.path)
    except LiveccError:
        return 0.0


def _fitting(transcripts: Path, clips: Path, words: Sequence[str]) -> set[int]:
    """The rows of a shard's clips in which all of some words, in lower case, are."""
    from livecc.files.parquet import read_table
    from livecc.formats.records import Transcript

    table = read_table(clips, ["video", "first_word", "last_word"]).to_pydict()
    rows_of: dict[str, list[int]] = {}
    for row, video in enumerate(table["video"]):
        rows_of.setdefault(video, []).append(row)
    found = set()
    for _, line in read_lines(transcripts, own=True):
        if line is None:
            continue
        record = orjson.loads(line)
        if record.get("video") not in rows_of or "words" not in record:
            continue
        transcript = Transcript.from_mapping(record)
        head = f"{transcript.video}\n{transcript.title}\n{transcript.category}".lower()
        sought = " ".join(words)
        for row in rows_of[transcript.video]:
            text = transcript.text(table["first_word"][row], table["last_word"][row]).lower()
            if sought in text or sought in head:
                found.add(row)
    return found


def serve(pages: Pages, port: int = 0) -> tuple[ThreadingHTTPServer, str]:
    """A server that is ready to run, and the address of its page."""
    token = secrets.token_urlsafe(24)

    class Handler(_Handler):
        answers = pages
        secret = token

    server = _Server((_HOST, port), Handler)
    return server, f"http://{_HOST}:{server.server_address[1]}/{token}/"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Browsers leave when they like, also between two requests: that is no fault to show."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers requests whose address begins with the token."""

    answers: Pages
    secret: str
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    server_version = "livecc"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the address, with its token, is nobody's business."""

    def _answer(self, *, with_body: bool) -> None:
        try:
            try:
                self._found(*self._asked(), with_body=with_body)
            except (LookupError, LiveccError):
                self._send(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n", with_body=with_body)
        except (ConnectionError, TimeoutError):
            # The browser wants no more of it, or none of it now: it asks again for the rest.
            self.close_connection = True

    def _asked(self) -> tuple[list[str], dict[str, list[str]]]:
        """The path behind the token, and the query. Raises LookupError for another token."""
        try:
            parts = urlsplit(self.path)
        except ValueError:
            raise LookupError("no address") from None
        token, *names = parts.path.lstrip("/").split("/")
        # Another name for this machine may be one that a page of the web made point here.
        here = _KNOWN_HOST.fullmatch(self.headers.get("Host") or "")
        known = hmac.compare_digest(token.encode(), self.secret.encode())
        if not here or not known:
            raise LookupError("no such page")
        return names, parse_qs(parts.query)

    def _found(self, names: list[str], query: dict[str, list[str]], *, with_body: bool) -> None:
        first = (query.get("n") or query.get("text") or [""])[0]
        match names:
            case [""]:
                kind, body = "text/html; charset=utf-8", self.answers.html
            case ["clips", track]:
                cards = self.answers.cards(track, first.split(","))
                kind, body = "application/json", orjson.dumps(cards)
            case ["search", track]:
                kind, body = "application/json", orjson.dumps(self.answers.search(track, first))
            case ["strip", track, clip]:
                kind, body = "image/webp", self.answers.picture("strip", track, clip)
            case ["proxy", track, clip]:
                kind, body = "video/mp4", self.answers.picture("proxy", track, clip)
                self._send_bytes(kind, body, with_body=with_body)
                return
            case ["boxes", track, clip]:
                kind, body = "application/octet-stream", self.answers.boxes(track, clip)
            case ["video", track, clip]:
                self._send_file(self.answers.file(track, clip), with_body=with_body)
                return
            case _:
                raise LookupError("no such page")
        self._send(HTTPStatus.OK, kind, body, with_body=with_body)

    def _send(self, status: HTTPStatus, kind: str, body: bytes, *, with_body: bool) -> None:
        self._head(status, kind, len(body))
        if with_body:
            self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str, size: int, *more: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(size)),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            *more,
        ):
            self.send_header(name, value)
        self.end_headers()

    def _part(self, size: int) -> tuple[int, int] | None:
        """The [begin, end) of a file of `size` bytes that is asked for; None: all of it."""
        asked = _RANGE.fullmatch(self.headers.get("Range") or "")
        if asked is None or not any(asked.groups()):
            return None
        first, last = asked.groups()
        if not first:
            return max(0, size - int(last)), size
        return int(first), min(size, int(last) + 1 if last else size)

    def _send_bytes(self, kind: str, body: bytes, *, with_body: bool) -> None:
        part = self._part(len(body))
        if part is None:
            self._head(HTTPStatus.OK, kind, len(body), ("Accept-Ranges", "bytes"))
        elif not self._send_part(kind, part, len(body)):
            return
        if with_body:
            self.wfile.write(body if part is None else body[slice(*part)])

    def _send_part(self, kind: str, part: tuple[int, int], size: int) -> bool:
        """Send the head of a part; False, with the answer for it, if there is no such part."""
        begin, end = part
        if begin >= end or begin >= size:
            self._head(
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                kind,
                0,
                ("Content-Range", f"bytes */{size}"),
            )
            return False
        told = ("Content-Range", f"bytes {begin}-{end - 1}/{size}")
        self._head(HTTPStatus.PARTIAL_CONTENT, kind, end - begin, told, ("Accept-Ranges", "bytes"))
        return True

    def _send_file(self, path: Path, *, with_body: bool) -> None:
        kind = mimetypes.guess_type(path.name)[0] or ""
        # Never a page or a script, whatever its name says.
        kind = kind if kind.startswith(("video/", "audio/")) else "application/octet-stream"
        try:
            stream = path.open("rb")
        except OSError:
            raise LookupError("cannot be read") from None
        with stream:
            size = stream.seek(0, 2)
            part = self._part(size)
            if part is None:
                self._head(HTTPStatus.OK, kind, size, ("Accept-Ranges", "bytes"))
            elif not self._send_part(kind, part, size):
                return
            if not with_body:
                return
            begin, end = part or (0, size)
            stream.seek(begin)
            while begin < end:
                piece = stream.read(min(_PIECE_BYTES, end - begin))
                if not piece:
                    # The file became shorter: the browser must not wait for the rest.
                    self.close_connection = True
                    return
                self.wfile.write(piece)
                begin += len(piece)

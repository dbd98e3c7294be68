"""A chat service on loopback that does what a test tells it to do."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-test-4f1c9b7e2d"
GENERIC = "Please comment on this video live."


@dataclass
class Reply:
    """What the service sends after `delay` seconds; `body` is sent as JSON unless it is bytes."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    #: Close the connection after so many bytes of the body.
    cut_at: int | None = None


def completion(content: Any, *, tokens: tuple[int, int] | None = (100, 10), **choice: Any) -> Reply:
    """A chat completion with this content (a text; anything else becomes JSON)."""
    text = content if isinstance(content, str | None) else json.dumps(content)
    message = {"role": "assistant", "content": text, **choice.pop("message", {})}
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "test-model",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}],
    }
    if tokens is not None:
        body["usage"] = {
            "prompt_tokens": tokens[0],
            "completion_tokens": tokens[1],
            "total_tokens": sum(tokens),
        }
    return Reply(body=body)


def yes(query: str = GENERIC) -> Reply:
    return completion({"result": "YES", "query": query})


def no() -> Reply:
    return completion({"result": "NO", "query": ""})


def error(
    status: int, message: str = "it failed", code: str | None = None, **headers: str
) -> Reply:
    body = {"error": {"message": message, "type": "some_error", "param": None, "code": code}}
    return Reply(status, body, {k.replace("_", "-"): v for k, v in headers.items()})


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    time: float

    @property
    def clip(self) -> str:
        """Tests put `clip-N` into every transcript."""
        found = re.search(r"clip-\d+", self.body["messages"][0]["content"])
        return found[0] if found else ""


class ChatServer:
    """`answer(request, n)` gives the reply to the n-th request (from 0) about the same clip."""

    def __init__(self) -> None:
        self.answer: Callable[[Request, int], Reply] = lambda _request, _n: yes()
        self.requests: list[Request] = []
        self.answered = 0
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                server._handle(
                    self, Request(self.path, headers, json.loads(data), time.monotonic())
                )

            def log_message(self, *_arguments: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            # Connections are opened all at once.
            request_queue_size = 128

        self._http = Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._http.server_port}"

    def _handle(self, handler: BaseHTTPRequestHandler, request: Request) -> None:
        with self._lock:
            number = self._seen[request.clip]
            self._seen[request.clip] += 1
            self.requests.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        reply = self.answer(request, number)
        time.sleep(reply.delay)
        with self._lock:
            self._at_once -= 1
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        try:
            handler.send_response(reply.status)
            headers = {"Content-Type": "application/json", **reply.headers}
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body if reply.cut_at is None else body[: reply.cut_at])
            if reply.cut_at is not None:
                handler.close_connection = True
            with self._lock:
                self.answered += 1
        except OSError:
            # The client went away: it was killed, or would wait no longer.
            handler.close_connection = True

    def count(self) -> int:
        with self._lock:
            return len(self.requests)

    def per_clip(self) -> Counter[str]:
        with self._lock:
            return Counter(self._seen)

    def forget(self) -> None:
        with self._lock:
            self.requests.clear()
            self._seen.clear()
            self.answered = self.most_at_once = 0

    @contextmanager
    def running(self) -> Iterator[ChatServer]:
        thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join()

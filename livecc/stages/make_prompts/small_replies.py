"""An HTTP client that reads no more of a reply than an answer can have.

A reply may be of any size, and compressed a thousandfold.
"""

from __future__ import annotations

from typing import Any

#: Of a reply, unpacked; an answer has a few kilobytes.
MAX_REPLY_BYTES = 4 * 2**20
# Others unpack to far more for each piece that is read.
_ENCODINGS = ("gzip", "deflate", "identity", "")
# They describe the bytes on the way.
_OF_TRANSFER = ("content-encoding", "content-length", "transfer-encoding")


class TooLargeReplyError(ValueError):
    """A reply that no answer needs."""


def small_replies_client(**options: Any) -> Any:
    """A client for the `openai` package, with the `options` of its HTTP library.

    A request raises TooLargeReplyError, which the package may wrap.
    """
    import openai

    class SmallReplies(openai.DefaultAsyncHttpxClient):
        async def send(self, request: Any, **how: Any) -> Any:
            response = await super().send(request, **{**how, "stream": True})
            try:
                content = await _read(response)
            finally:
                await response.aclose()
            headers = [
                (name, value)
                for name, value in response.headers.multi_items()
                if name.lower() not in _OF_TRANSFER
            ]
            return type(response)(
                response.status_code, headers=headers, content=content, request=request
            )

    return SmallReplies(headers={"Accept-Encoding": "gzip, deflate"}, **options)


async def _read(response: Any) -> bytes:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise TooLargeReplyError(f"the reply has an encoding that was not asked for, {encoding!r}")
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > MAX_REPLY_BYTES:
            raise TooLargeReplyError(f"the reply is larger than {MAX_REPLY_BYTES // 2**20} MiB")
    return b"".join(parts)

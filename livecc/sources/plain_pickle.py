"""A pickle of plain values, read without running anything, one entry at a time.

Pickle is a language whose programs may call any function. The standard unpickler can be told to
refuse that, but it makes the whole value, and reserves memory that a few bytes ask for. This one
knows the instructions for containers, numbers and texts alone, and refuses all others. It yields
the items of the outermost dict as they come, and keeps of what may be referred to later only what
is referred to, which a first look at the file tells. A text that is referred to again and again
unpacks a small file to a large value, so that what references repeat is limited as what compressed
files unpack to.
"""

from __future__ import annotations

import pickle as ops
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from livecc.files.limits import MAX_EXPANSION, most_unpacked
from livecc.sources.record import UnreadableError

# One text, and all between two items of the outermost dict; the writer puts 1,000 items together.
_MOST_TEXT = 64 * 2**20
_MOST_BETWEEN = 2**30
_MOST_LINE = 10_000
# What a value takes in memory, about.
_VALUE_BYTES = 64

_MARK = object()
_U1, _U2, _U4, _U8 = (struct.Struct(f"<{kind}").unpack for kind in "BHIQ")
_I4, _F8 = struct.Struct("<i").unpack, struct.Struct(">d").unpack


def items_of_dict(path: Path) -> Iterator[tuple[Any, Any]]:
    """(key, value) of the dict in a pickle. Raises UnreadableError.

    Values hold dicts, lists, tuples, texts, numbers, booleans and None.
    """
    with path.open("rb", buffering=2**20) as stream:
        wanted = {arg for _, arg in _instructions(stream) if type(arg) is _Get}
        most = most_unpacked(stream.tell())
        stream.seek(0)
        yield from _Machine(stream, {int(one) for one in wanted}, most).items()


class _Get(int):
    """The number of something that is referred to."""


class _Put(int):
    """The number by which something may be referred to."""


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise UnreadableError("the pickle ends in the middle")
    return data


def _text(stream: IO[bytes], size: int) -> str:
    if size > _MOST_TEXT:
        raise UnreadableError(f"a text of more than {_MOST_TEXT // 2**20} MiB")
    return _exactly(stream, size).decode("utf-8", "replace")


def _line(stream: IO[bytes], most: int = _MOST_LINE) -> bytes:
    line = stream.readline(most)
    if not line.endswith(b"\n"):
        raise UnreadableError("the pickle ends in the middle, or holds an endless number")
    return line[:-1]


def _long(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def _instructions(stream: IO[bytes]) -> Iterator[tuple[bytes, Any]]:
    """(instruction, what it is about) until the end; memos are _Put and _Get."""
    memos = 0
    read = stream.read
    while True:
        op = read(1)
        if op in _PLAIN:
            yield op, None
        elif op == ops.MEMOIZE:
            yield op, _Put(memos)
            memos += 1
        elif op == ops.SHORT_BINUNICODE:
            yield op, _text(stream, *_U1(_exactly(stream, 1)))
        elif op == ops.BINUNICODE:
            yield op, _text(stream, *_U4(_exactly(stream, 4)))
        elif op == ops.BINFLOAT:
            yield op, _F8(_exactly(stream, 8))[0]
        elif op == ops.BININT:
            yield op, _I4(_exactly(stream, 4))[0]
        elif op == ops.BININT1:
            yield op, _U1(_exactly(stream, 1))[0]
        elif op == ops.BININT2:
            yield op, _U2(_exactly(stream, 2))[0]
        elif op in (ops.BINPUT, ops.LONG_BINPUT):
            yield op, _Put(_number(stream, op == ops.LONG_BINPUT))
            memos += 1
        elif op in (ops.BINGET, ops.LONG_BINGET):
            yield op, _Get(_number(stream, op == ops.LONG_BINGET))
        elif op == ops.PROTO:
            _exactly(stream, 1)
        elif op == ops.FRAME:
            _exactly(stream, 8)
        elif op == ops.STOP:
            return
        elif op == b"":
            raise UnreadableError("the pickle ends in the middle")
        else:
            yield op, _seldom(stream, op)


def _number(stream: IO[bytes], long: bool) -> int:
    return int(_U4(_exactly(stream, 4))[0] if long else _exactly(stream, 1)[0])


def _seldom(stream: IO[bytes], op: bytes) -> Any:
    """What other instructions are about: of old protocols, and large values."""
    try:
        if op == ops.BINUNICODE8:
            return _text(stream, *_U8(_exactly(stream, 8)))
        if op in (ops.SHORT_BINSTRING, ops.BINSTRING):
            size = (
                _U1(_exactly(stream, 1)) if op == ops.SHORT_BINSTRING else _U4(_exactly(stream, 4))
            )
            return _text(stream, *size)
        if op == ops.UNICODE:
            return _line(stream, _MOST_TEXT).decode("raw-unicode-escape", "replace")
        if op == ops.LONG1:
            return _long(_exactly(stream, *_U1(_exactly(stream, 1))))
        if op == ops.FLOAT:
            return float(_line(stream))
        if op in (ops.INT, ops.LONG):
            digits = _line(stream).removesuffix(b"L")
            return digits == b"01" if digits in (b"00", b"01") and op == ops.INT else int(digits)
        if op == ops.PUT:
            return _Put(int(_line(stream)))
        if op == ops.GET:
            return _Get(int(_line(stream)))
    except ValueError as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"no pickle: {error}") from None
    raise UnreadableError(
        f"no plain values: it holds the instruction {_NAMES.get(op, repr(op))}, and pickles that "
        "make objects or call functions are not read"
    )


_NAMES = {
    getattr(ops, name): name
    for name in ops.__all__
    if name.isupper() and isinstance(getattr(ops, name), bytes)
}
_CONSTANTS: dict[bytes, Any] = {ops.NONE: None, ops.NEWTRUE: True, ops.NEWFALSE: False}
_PLAIN = frozenset(
    (
        *_CONSTANTS,
        *(ops.MARK, ops.EMPTY_DICT, ops.EMPTY_LIST, ops.EMPTY_TUPLE, ops.APPEND, ops.APPENDS),
        *(ops.SETITEM, ops.SETITEMS, ops.LIST, ops.DICT, ops.TUPLE),
        *(ops.TUPLE1, ops.TUPLE2, ops.TUPLE3),
    )
)
_TUPLES = {ops.TUPLE1: 1, ops.TUPLE2: 2, ops.TUPLE3: 3}


class _Machine:
    """Carries out the instructions.

    `wanted`: the numbers of what is referred to; `most`: the bytes, about, that all
    references together may repeat.
    """

    def __init__(self, stream: IO[bytes], wanted: set[int], most: int) -> None:
        self._stream = stream
        self._wanted = wanted
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._left = most

    def items(self) -> Iterator[tuple[Any, Any]]:
        try:
            yield from self._items()
        except (IndexError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableError(f"no pickle of plain values: {error!r}") from None

    def _items(self) -> Iterator[tuple[Any, Any]]:
        stack = self._stack
        since = 0
        for op, arg in _instructions(self._stream):
            kind = type(arg)
            if kind is _Put:
                if arg in self._wanted:
                    self._memo[arg] = stack[-1]
            elif kind is _Get:
                stack.append(self._again(self._memo[arg]))
            elif op not in _PLAIN:
                stack.append(arg)
            elif op in (ops.SETITEM, ops.SETITEMS):
                values = self._above_mark() if op == ops.SETITEMS else [stack.pop(-2), stack.pop()]
                pairs = list(zip(values[::2], values[1::2], strict=True))
                if len(stack) == 1 and type(stack[0]) is dict:
                    yield from pairs
                    since = self._stream.tell()
                else:
                    stack[-1].update(pairs)
            else:
                self._plain(op)
            if op == ops.MARK and self._stream.tell() - since > _MOST_BETWEEN:
                raise UnreadableError("an entry that is too large, or no dict")
        if len(stack) != 1 or type(stack[0]) is not dict:
            raise UnreadableError("the pickle holds no dict")
        if stack[0]:
            # Made at once, by the instruction of old protocols.
            yield from stack[0].items()

    def _again(self, value: Any) -> Any:
        """A value that is referred to, counted; the work is what is counted, and ends with it."""
        inner = [value]
        while inner:
            one = inner.pop()
            self._left -= _VALUE_BYTES + (len(one) if isinstance(one, str) else 0)
            if self._left < 0:
                raise UnreadableError(
                    f"its references unpack to more than {MAX_EXPANSION} times its size"
                )
            if isinstance(one, dict):
                inner.extend(one)
                inner.extend(one.values())
            elif isinstance(one, list | tuple):
                inner.extend(one)
        return value

    def _plain(self, op: bytes) -> None:
        stack = self._stack
        if op == ops.MARK:
            stack.append(_MARK)
        elif op == ops.APPENDS:
            values = self._above_mark()
            stack[-1].extend(values)
        elif op == ops.APPEND:
            value = stack.pop()
            stack[-1].append(value)
        elif op == ops.EMPTY_LIST:
            stack.append([])
        elif op == ops.EMPTY_DICT:
            stack.append({})
        elif op == ops.EMPTY_TUPLE:
            stack.append(())
        elif op in _TUPLES:
            size = _TUPLES[op]
            values = stack[-size:]
            del stack[-size:]
            stack.append(tuple(values))
        elif op == ops.TUPLE:
            stack.append(tuple(self._above_mark()))
        elif op == ops.LIST:
            stack.append(self._above_mark())
        elif op == ops.DICT:
            values = self._above_mark()
            stack.append(dict(zip(values[::2], values[1::2], strict=True)))
        else:
            stack.append(_CONSTANTS[op])

    def _above_mark(self) -> list[Any]:
        stack = self._stack
        place = len(stack) - 1
        while stack[place] is not _MARK:
            place -= 1
        values = stack[place + 1 :]
        del stack[place:]
        return values

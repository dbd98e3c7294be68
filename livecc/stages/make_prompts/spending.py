"""Record of the spending on a service, so that `max_cost` holds across all jobs and runs.

`{cache}/make_prompts/{fingerprint}/spending/` holds append-only JSON lines, one file per job:

    {"request": 7, "reserved": 0.004}            before the request leaves
    {"request": 7, "cost": 0.0007, "input_tokens": 231, "output_tokens": 24}       when it is over

The reserved amount is the maximum cost of the request. A request without a second line (its job was
killed, or no answer came) counts with the reserved amount, because it may have been billed. So the
sum over all files is never less than what was spent.

A job writes its reservation first and then sums all files, including its own: of two jobs that
compete for the rest of the budget, at least one sees the other and holds back. Each file has one
writer and nothing is locked. On a network file system with delayed visibility, jobs on different
machines must take turns (the resource `api` of the rule).
"""

from __future__ import annotations

import errno
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from livecc.errors import LiveccError


@dataclass(frozen=True)
class Price:
    """Prices per million tokens; None if unknown."""

    input: float | None
    output: float | None

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """Estimated cost, ignoring discounts for cached or batched tokens."""
        return (
            input_tokens * (self.input or 0.0) + output_tokens * (self.output or 0.0)
        ) / 1_000_000


class OverBudgetError(Exception):
    """The request may exceed `max_cost`."""


@dataclass
class _File:
    """The content of one job's file so far."""

    offset: int = 0
    open: dict[int, float] = field(default_factory=dict)  # request -> reserved
    requests: int = 0
    cost: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def spent(self) -> float:
        return self.cost + sum(self.open.values())

    def read(self, path: Path) -> None:
        """Read what was appended since the last call; an incomplete last line is left for later."""
        try:
            if path.stat().st_size <= self.offset:
                return
            with path.open("rb") as stream:
                stream.seek(self.offset)
                data = stream.read()
        except FileNotFoundError:
            return
        end = data.rfind(b"\n") + 1
        self.offset += end
        for line in data[:end].splitlines():
            try:
                self.take(orjson.loads(line))
            except (orjson.JSONDecodeError, KeyError, TypeError):
                raise LiveccError(
                    f"{path}: not a record of spending; it was edited by hand or the disk is "
                    "faulty. Remove the file to discard its spending"
                ) from None

    def take(self, record: dict[str, Any]) -> None:
        if "reserved" in record:
            self.requests += 1
            self.open[record["request"]] = record["reserved"]
            return
        self.open.pop(record["request"], None)
        self.cost += record["cost"]
        self.input_tokens += record["input_tokens"]
        self.output_tokens += record["output_tokens"]


class Spending:
    """The spending of this job and of all others; a context manager."""

    def __init__(self, folder: Path, writer: str, max_cost: float | None) -> None:
        """`writer` names the shard; `max_cost` (None: no limit) is in the currency of prices."""
        self.folder = folder
        self.writer = writer
        self.max_cost = max_cost
        self._name = f"{writer}.{secrets.token_hex(4)}.jsonl"
        self._own = _File()
        self._others: dict[str, _File] = {}
        self._stream: IO[bytes] | None = None
        self._broken = False

    def reserve(self, cost: float) -> int:
        """Reserve the cost of one request; returns its number, for `settle`.

        Raises OverBudgetError when the total spent and reserved would exceed `max_cost`.
        """
        if self.max_cost is not None and self.spent() + cost > self.max_cost:
            raise OverBudgetError
        number = self._own.requests + 1
        self._append({"request": number, "reserved": cost}, durable=self.max_cost is not None)
        if self.max_cost is not None and self.spent() > self.max_cost:
            self.settle(number, 0.0, 0, 0)
            raise OverBudgetError
        return number

    def settle(self, number: int, cost: float, input_tokens: int, output_tokens: int) -> None:
        """Record the actual cost of a request."""
        record = {"request": number, "cost": cost}
        record |= {"input_tokens": input_tokens, "output_tokens": output_tokens}
        # No fsync: if a power failure loses this line, the higher reservation counts.
        self._append(record, durable=False)

    def spent(self) -> float:
        """Total spent or reserved by all jobs with these settings, in this run and earlier ones."""
        self._read_others()
        return self._own.spent + sum(file.spent for file in self._others.values())

    def answered(self) -> bool:
        """Whether the service ever answered with these settings."""
        self._read_others()
        return any(file.output_tokens for file in (self._own, *self._others.values()))

    def of_shard(self) -> dict[str, float]:
        """Requests, tokens and cost of this shard's jobs, including earlier ones."""
        self._read_others()
        shard = [self._own]
        shard += [f for name, f in self._others.items() if name.rsplit(".", 2)[0] == self.writer]
        return {
            "requests": sum(file.requests for file in shard),
            "input_tokens": sum(file.input_tokens for file in shard),
            "output_tokens": sum(file.output_tokens for file in shard),
            "cost": round(sum(file.spent for file in shard), 6),
        }

    def _read_others(self) -> None:
        try:
            names = [entry.name for entry in os.scandir(self.folder)]
        except FileNotFoundError:
            return
        for name in sorted(names):
            if name.endswith(".jsonl") and name != self._name:
                self._others.setdefault(name, _File()).read(self.folder / name)

    def _append(self, record: dict[str, Any], *, durable: bool) -> None:
        try:
            if self._broken:
                # Nothing may follow a truncated line.
                raise OSError(errno.EIO, "an earlier write failed")
            if self._stream is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._stream = (self.folder / self._name).open("xb", buffering=0)
            data = memoryview(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
            while data:
                data = data[self._stream.write(data) :]
            if durable:
                os.fsync(self._stream.fileno())
        except OSError as error:
            self._broken = True
            raise LiveccError(
                f"{self.folder}: spending cannot be written ({error.strerror}); free some space "
                "and restart: answers so far are kept"
            ) from None
        self._own.take(record)

    def __enter__(self) -> Spending:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

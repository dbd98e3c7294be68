"""Rate limiting: requests per minute, and pauses requested by a service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Sleep = Callable[[float], Awaitable[None]]


class Pace:
    """Spaces requests evenly; belongs to one event loop.

    Evenly, because services measure their limits over less than a minute.
    """

    def __init__(self, per_minute: float | None, sleep: Sleep) -> None:
        """`per_minute` None: no limit. `sleep` waits for a number of seconds."""
        self._interval = 60.0 / per_minute if per_minute else 0.0
        self._sleep = sleep
        self._next = 0.0
        self._paused_until = 0.0

    async def turn(self) -> None:
        """Wait until the next request may be sent."""
        clock = asyncio.get_running_loop().time
        leaves = max(clock(), self._next)
        self._next = leaves + self._interval
        while (wait := max(leaves, self._paused_until) - clock()) > 0:
            await self._sleep(wait)

    def pause(self, seconds: float) -> None:
        """Send no requests for this time."""
        now = asyncio.get_running_loop().time()
        self._paused_until = max(self._paused_until, now + seconds)

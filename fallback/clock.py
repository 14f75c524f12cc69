"""Clocks: the machine's own, at any speed, and one that moves only when it is told."""

import asyncio
import heapq
import time


class SystemClock:
    """The machine's clock.

    Args:
        speed: seconds of this clock in a second of the machine; a demo compresses an hour into a minute.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._epoch = time.time()
        self._start = time.monotonic()

    def now(self) -> int:
        """Give ms since the epoch; true dates only at speed 1."""
        if self.speed == 1.0:
            return time.time_ns() // 1_000_000
        return int((self._epoch + self.monotonic()) * 1000)

    def monotonic(self) -> float:
        """Give seconds since this clock was made."""
        return (time.monotonic() - self._start) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds of this clock."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)


class VirtualClock:
    """A clock for tests: ``advance`` moves it and wakes who is due."""

    def __init__(self, now: int = 1_633_360_000_000) -> None:
        self._start = now
        self._at = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> int:
        """Give ms since the epoch."""
        return self._start + int(self._at * 1000)

    def monotonic(self) -> float:
        """Give seconds since this clock was made."""
        return self._at

    async def sleep(self, seconds: float) -> None:
        """Wait until ``advance`` has passed that moment."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        self._count += 1
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._at + seconds, self._count, waiter))
        await waiter

    async def advance(self, seconds: float) -> None:
        """Move on; everybody due on the way wakes in order and gets to run."""
        end = self._at + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, waiter = heapq.heappop(self._sleepers)
            self._at = max(self._at, at)
            if not waiter.done():
                waiter.set_result(None)
            for _ in range(20):
                await asyncio.sleep(0)
        self._at = end
        for _ in range(20):
            await asyncio.sleep(0)

"""Go on when the store or the homeserver says not now: nothing is acknowledged, and the work is tried again."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fallback.core.outbox import back_off
from fallback.core.ports import Clock
from fallback.errors import StoreBlockedError, TransientError

log = logging.getLogger(__name__)
T = TypeVar("T")


async def obeyed(ask: Callable[[], Awaitable[T]], clock: Clock, say: Callable[[str], None]) -> T:
    """Ask a homeserver, and again after each wait that it names.

    Args:
        say: told in words of each wait.

    Raises:
        TransientError: not now, and it does not say when.
    """
    while True:
        try:
            return await ask()
        except TransientError as error:
            if not error.retry_after:
                raise
            say(f"the homeserver asks us to wait {error.retry_after:.1f} s; then it goes on")
            await clock.sleep(error.retry_after)


class Patience:
    """Waits for the store.

    Attributes:
        failures: how often a write was refused.
        trouble: what the store says, empty while all that was written is kept.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.failures = 0
        self.trouble = ""
        self._waiting = 0

    async def keep(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do a unit of work on the store, again and again until it is kept."""
        try:
            return await work()
        except StoreBlockedError as error:
            self._note(error)
        self._waiting += 1
        try:
            return await self._again(work)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self.trouble = ""

    async def _again(self, work: Callable[[], Awaitable[T]]) -> T:
        tries = 0
        while True:
            tries += 1
            await self.clock.sleep(back_off(tries))
            try:
                return await work()
            except StoreBlockedError as error:
                self._note(error)

    def _note(self, error: StoreBlockedError) -> None:
        self.failures += 1
        if self.trouble != error.message:
            log.error("the store can't be written, what comes waits: %s", error.message)
        self.trouble = error.message

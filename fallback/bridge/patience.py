"""Go on when the store can't be written for the moment: nothing is acknowledged, and the work is tried again."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fallback.core.outbox import back_off
from fallback.core.ports import Clock
from fallback.errors import StoreBlockedError

log = logging.getLogger(__name__)
T = TypeVar("T")


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

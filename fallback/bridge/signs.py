"""Tell rooms how far a person has read and whether they write: the newest of each, and none is queued for long."""

import asyncio
import logging

from fallback.core.ids import EventId, RoomId
from fallback.core.ports import Clock
from fallback.core.signs import Signs
from fallback.errors import AuthError, PermanentError, TransientError

log = logging.getLogger(__name__)
TYPES = 30
"""Seconds that a room believes somebody to be writing."""
AGAIN = 20.0
"""Seconds after which a room is told anew."""


class SignSender:
    """The worker of one account; what fails for now is told when something new is, or on ``ring``."""

    def __init__(self, side: Signs, clock: Clock) -> None:
        self.side = side
        self.clock = clock
        self._read: dict[RoomId, EventId] = {}
        self._told: dict[RoomId, float] = {}
        self._typing: dict[RoomId, int] = {}
        self._bell = asyncio.Event()

    def ring(self) -> None:
        """Try what is left again."""
        self._bell.set()

    def read(self, room: RoomId, event: EventId) -> None:
        """Take note of how far a room has been read."""
        self._read[room] = event
        self._bell.set()

    def typing(self, room: RoomId, on: bool) -> None:
        """Take note that something is being written in a room, or no more; said again only when due."""
        now = self.clock.monotonic()
        if on and now - self._told.get(room, -AGAIN) >= AGAIN:
            self._told[room] = now
            self._typing[room] = TYPES
        elif not on and self._told.pop(room, None) is not None:
            self._typing[room] = 0
        else:
            return
        self._bell.set()

    async def run(self) -> None:
        """Tell for ever."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            await self.once()

    async def once(self) -> None:
        """Tell all that is new; who was writing a while ago is not worth a second try."""
        typing, self._typing = self._typing, {}
        reads, self._read = self._read, {}
        try:
            for room, seconds in typing.items():
                await self.side.mark_typing(room, seconds=seconds)
            for room in list(reads):
                await self.side.mark_read(room, reads[room])
                del reads[room]
        except TransientError as error:
            log.info("signs wait: %s", error.message)
            self._read = reads | self._read
        except (PermanentError, AuthError) as error:
            log.warning("a sign was refused: %s", error.message)

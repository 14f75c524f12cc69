"""Small signs of a person that a room is told and tells: how far they have read, whether they write."""

from typing import Protocol

from fallback.core.administration import Administration
from fallback.core.ids import EventId, RoomId
from fallback.core.ports import Homeserver


class Signs(Protocol):
    """How an account gives its own."""

    async def mark_read(self, room: RoomId, event: EventId) -> None:
        """Tell the room that everything up to an event has been read.

        Raises:
            TransientError, PermanentError: as in ``Homeserver.send``.
        """
        ...

    async def mark_typing(self, room: RoomId, *, seconds: int) -> None:
        """Tell the room that the person writes, for so long; 0 that they don't any more.

        Raises:
            TransientError, PermanentError: as in ``Homeserver.send``.
        """
        ...


class Side(Homeserver, Signs, Protocol):
    """The Matrix side as a client uses it."""

    @property
    def administration(self) -> Administration | None:
        """The account's power over its rooms; ``None`` where rooms are not managed."""
        ...

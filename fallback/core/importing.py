"""The seam for history: events that are said already, brought into a room in their order."""

from collections.abc import Sequence
from typing import Any, Protocol

from fallback.core.events import Canonical, Frozen
from fallback.core.ids import DeliveryId, EventId, RoomId, UserId
from fallback.core.ports import Homeserver


class Brought(Frozen, frozen=True):
    """One event as it will be in the room.

    Args:
        kind: Matrix' event type.
        at: original time, ms since the epoch.
        key: the transaction; a second one with the same key is the same event.
    """

    kind: str
    content: dict[str, Any]
    sender: UserId
    at: int
    key: DeliveryId


class Refused(Frozen, frozen=True):
    """The homeserver will never take this event; those around it are not touched."""

    reason: str


class Importer(Protocol):
    """Brings history into rooms in the ghosts' names."""

    def convert(self, event: Canonical, *, sender: UserId, key: DeliveryId) -> Brought | None:
        """Write an event as it will be in the room; ``None`` for one that only ``Homeserver.send`` can say."""
        ...

    async def put(self, room: RoomId, batch: Sequence[Brought]) -> list[EventId | Refused]:
        """Bring events in, in order; none may point at another one of the same batch.

        Returns:
            What became of the first events of the batch, of one at least: go on with the rest.

        Raises:
            TransientError: not now; with ``retry_after`` where the homeserver asks us to wait.
            AuthError: the appservice's token was refused.
            HomeserverError: its disk is full.
            PermanentError: the room takes nothing of this.
        """
        ...


class ImportingHomeserver(Homeserver, Protocol):
    """A homeserver that history can be brought into."""

    def importer(self) -> Importer:
        """Give what brings it in, by the fastest way that there is."""
        ...

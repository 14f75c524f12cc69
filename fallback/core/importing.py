"""The seam for history: events that are said already, brought into a room in their order."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from fallback.core.events import Canonical, Frozen, Message
from fallback.core.ids import DeliveryId, EventId, RoomId, SourceId, UserId
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


def end_of(poll: SourceId) -> SourceId:
    """Give the id of a poll's end, which no export tells."""
    return SourceId(f"{poll}/end")


class Importer(Protocol):
    """Brings history into rooms in the ghosts' names."""

    def convert(self, event: Canonical, *, sender: UserId, key: DeliveryId) -> Brought | None:
        """Write an event as it will be in the room; ``None`` for one that only ``Homeserver.send`` can say."""
        ...

    def close(self, poll: Message, target: EventId, *, sender: UserId, key: DeliveryId) -> Brought:
        """Write the end of a poll that is in the room, with the votes that an export tells."""
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


class Furnishing(Frozen, frozen=True):
    """What a group's room is set to, as its people know the group.

    Args:
        powers: who may do more than the others; somebody's that is set in the room already stays.
        name, topic, picture: empty where nothing is known; the picture is the address of a file in clear.
        announce_only: only those with power 50 may speak; ``None`` leaves it as it is.
        pinned: events, the newest last.
    """

    powers: Mapping[UserId, int]
    name: str = ""
    topic: str = ""
    picture: str = ""
    announce_only: bool | None = None
    pinned: tuple[EventId, ...] = ()


class ImportingHomeserver(Homeserver, Protocol):
    """A homeserver that history can be brought into."""

    async def furnish(self, room: RoomId, wanted: Furnishing) -> tuple[str, ...]:
        """Set a room; what somebody else has set meanwhile stays, and is named in words.

        Raises:
            TransientError, PermanentError: as ``Homeserver.send``.
        """
        ...

    async def keep_picture(self, data: bytes, mimetype: str) -> str:
        """Store a room's picture, which is never encrypted; gives its address."""
        ...

    def importer(self) -> Importer:
        """Give what brings it in, by the fastest way that there is."""
        ...

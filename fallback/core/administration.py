"""What an admin does with a room: its name and topic, who may write, who is in it and who is an admin, its pins."""

from typing import Protocol

from fallback.core.ids import EventId, RoomId, UserId


class Administration(Protocol):
    """An account's power over its rooms; every method raises ``PermanentError`` where it has none.

    An unreachable homeserver is a ``TransientError``.
    """

    async def rename(self, room: RoomId, name: str) -> None:
        """Give a room another name."""
        ...

    async def describe(self, room: RoomId, topic: str) -> None:
        """Give a room another topic."""
        ...

    async def is_announce_only(self, room: RoomId) -> bool:
        """Tell whether only admins may write."""
        ...

    async def set_announce_only(self, room: RoomId, on: bool) -> None:
        """Let only admins write, or everybody."""
        ...

    async def remove(self, room: RoomId, user: UserId) -> None:
        """Put somebody out, or take their invitation back."""
        ...

    async def promote(self, room: RoomId, user: UserId) -> None:
        """Make somebody an admin, with no more power than one has oneself."""
        ...

    async def demote(self, room: RoomId, user: UserId) -> None:
        """Make an admin a member."""
        ...

    async def pinned(self, room: RoomId) -> tuple[EventId, ...]:
        """List what is pinned, oldest pin first."""
        ...

    async def set_pinned(self, room: RoomId, event: EventId, on: bool) -> None:
        """Pin a message, or unpin it."""
        ...

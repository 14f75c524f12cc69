"""The seam for rooms that lead to each other: by a line in the topic, and in a space."""

from typing import Protocol

from fallback.core.ids import RoomId


class Linking(Protocol):
    """Ties an account's rooms together; every method may be called again."""

    async def mention(self, room: RoomId, text: str) -> bool:
        """Add a line to a room's topic, once; tells whether we may."""
        ...

    async def create_space(self, name: str) -> RoomId:
        """Make a private space."""
        ...

    async def put_in_space(self, space: RoomId, room: RoomId) -> None:
        """Let a space and a room name each other.

        Raises:
            TransientError, PermanentError: as ``Homeserver.send``.
        """
        ...

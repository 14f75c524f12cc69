"""How long a room's outgoing session lasts, as ``m.room.encryption`` asks."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Self

import msgspec
from nio import RoomEncryptionEvent, SyncResponse

HOUR, YEAR = 3_600_000, 365 * 24 * 3_600_000
"""Bounds of an age in ms: a room must not make us send keys all the time, nor one key for ever."""
MOST_MESSAGES = 10_000


class Rotation(msgspec.Struct, frozen=True):
    """When a session is replaced; without a wish of the room's, what the specification recommends."""

    messages: int = 100
    age: timedelta = timedelta(days=7)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Read the room's wish; what is malformed counts as none."""
        wished = content.get("rotation_period_msgs"), content.get("rotation_period_ms")
        messages, age = (value if type(value) is int else None for value in wished)
        default = cls()
        return cls(
            default.messages if messages is None else min(max(messages, 1), MOST_MESSAGES),
            default.age if age is None else timedelta(milliseconds=min(max(age, HOUR), YEAR)),
        )


def rotations(response: SyncResponse) -> dict[str, Rotation]:
    """Read what the rooms of a sync wish."""
    return {
        room: Rotation.of(event.source["content"])
        for room, info in response.rooms.join.items()
        for event in (*info.state, *info.timeline.events)
        if isinstance(event, RoomEncryptionEvent)
    }

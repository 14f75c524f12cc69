"""An admin's work on rooms, as state events in raw JSON."""

from typing import Any
from urllib.parse import quote

from fallback.core.ids import EventId, RoomId, UserId
from fallback.errors import PermanentError
from fallback.matrix.http import MatrixHttp
from fallback.matrix.rooms import room_path
from fallback.text import sanitise, sanitise_name

ADMIN = 50
"""Power from which somebody is an admin."""
FULL = 100
"""Power that a creator gives to admins."""
PINS = "m.room.pinned_events"
POWER = "m.room.power_levels"


class RoomAdministration:
    """Implements ``core.administration.Administration``."""

    def __init__(self, http: MatrixHttp, user: UserId) -> None:
        self.http = http
        self.user = user

    async def rename(self, room: RoomId, name: str) -> None:
        """Give a room another name."""
        await self._put(room, "m.room.name", {"name": sanitise_name(name)})

    async def describe(self, room: RoomId, topic: str) -> None:
        """Give a room another topic."""
        await self._put(room, "m.room.topic", {"topic": sanitise(topic)})

    async def is_announce_only(self, room: RoomId) -> bool:
        """Tell whether only admins may write."""
        return int((await self._get(room, POWER)).get("events_default", 0)) >= ADMIN

    async def set_announce_only(self, room: RoomId, on: bool) -> None:
        """Let only admins write, or everybody."""
        levels = await self._get(room, POWER)
        await self._put(room, POWER, levels | {"events_default": ADMIN if on else 0})

    async def remove(self, room: RoomId, user: UserId) -> None:
        """Put somebody out, or take their invitation back."""
        await self.http.json("POST", f"{room_path(room)}/kick", body={"user_id": user})

    async def promote(self, room: RoomId, user: UserId) -> None:
        """Make somebody an admin, with no more power than one has oneself."""
        levels = await self._get(room, POWER)
        users = levels.get("users", {})
        # who is not listed and may still do this has created the room, and has more power than any number
        await self._put(room, POWER, levels | {"users": users | {user: users.get(self.user, FULL)}})

    async def demote(self, room: RoomId, user: UserId) -> None:
        """Make an admin a member."""
        levels = await self._get(room, POWER)
        others = {one: power for one, power in levels.get("users", {}).items() if one != user}
        await self._put(room, POWER, levels | {"users": others})

    async def pinned(self, room: RoomId) -> tuple[EventId, ...]:
        """List what is pinned, oldest pin first."""
        pins = (await self._get(room, PINS)).get("pinned", ())
        return tuple(EventId(one) for one in pins if isinstance(one, str))

    async def set_pinned(self, room: RoomId, event: EventId, on: bool) -> None:
        """Pin a message, or unpin it."""
        others = [one for one in await self.pinned(room) if one != event]
        await self._put(room, PINS, {"pinned": [*others, event] if on else others})

    async def _get(self, room: RoomId, kind: str) -> dict[str, Any]:
        """Give a state event's content; empty where there is none yet."""
        try:
            content: dict[str, Any] = await self.http.json("GET", f"{room_path(room)}/state/{quote(kind)}")
        except PermanentError:
            if kind == POWER:  # written anew from nothing, it would take everybody's power
                raise
            return {}
        return content

    async def _put(self, room: RoomId, kind: str, content: dict[str, Any]) -> None:
        await self.http.json("PUT", f"{room_path(room)}/state/{quote(kind)}", body=content)

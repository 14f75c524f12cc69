"""Rooms that lead to each other, in raw JSON."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fallback.core.ids import RoomId, UserId
from fallback.matrix.http import MatrixHttp, RefusedError
from fallback.matrix.rooms import room_path


class RoomLinks:
    """The ties between one account's rooms; implements ``core.linking.Linking``."""

    def __init__(self, http: MatrixHttp, user: UserId) -> None:
        self.http = http
        self._via = [user.partition(":")[2]]

    async def mention(self, room: RoomId, text: str) -> bool:
        """Add a line to a room's topic, once; tells whether we may."""
        try:
            state = await self.http.json("GET", f"{room_path(room)}/state/m.room.topic/")
            topic = str(state.get("topic", ""))
        except RefusedError as error:
            if error.status != 404:
                raise
            topic = ""
        if text in topic:
            return True
        try:
            await self._set(room, "m.room.topic", "", {"topic": f"{topic}\n{text}".strip()})
        except RefusedError as error:
            if error.status != 403:
                raise
            return False
        return True

    async def create_space(self, name: str) -> RoomId:
        """Make a private space, in which only its admins put rooms."""
        body = {
            "name": name,
            "preset": "private_chat",
            "creation_content": {"type": "m.space"},
            "power_level_content_override": {"events_default": 100, "invite": 50},
        }
        answer = await self.http.json("POST", "/_matrix/client/v3/createRoom", body=body)
        return RoomId(str(answer["room_id"]))

    async def put_in_space(self, space: RoomId, room: RoomId) -> None:
        """Let a space and a room name each other."""
        await self._set(space, "m.space.child", room, {"via": self._via, "suggested": True})
        await self._set(room, "m.space.parent", space, {"via": self._via, "canonical": True})

    async def _set(self, room: RoomId, kind: str, key: str, content: Mapping[str, Any]) -> None:
        path = f"{room_path(room)}/state/{kind}/{quote(key, safe='')}"
        await self.http.json("PUT", path, body=content)

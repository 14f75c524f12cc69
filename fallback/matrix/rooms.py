"""Rooms in raw JSON: made once, described, joined, invited to."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fallback.core.events import Identity
from fallback.core.ids import EventId, RoomId, UserId
from fallback.core.ports import RoomSpec, RoomState
from fallback.errors import PermanentError
from fallback.matrix.http import MatrixHttp
from fallback.text import sanitise, sanitise_name


class Rooms:
    """The rooms of one account."""

    def __init__(self, http: MatrixHttp, user: UserId) -> None:
        self.http = http
        self.user = user

    async def create(self, spec: RoomSpec) -> RoomId:
        """Create the room, or find it by its alias."""
        if spec.alias:
            found = await self._by_alias(spec.alias)
            if found:
                return found
        body: dict[str, Any] = {
            "name": spec.name,
            "topic": spec.topic,
            "preset": "private_chat",
            "room_version": spec.version,
            "invite": list(spec.invite),
            "initial_state": [
                {"type": "m.room.history_visibility", "content": {"history_visibility": "shared"}}
            ],
            "power_level_content_override": self._power(spec),
        }
        if spec.alias:
            body["room_alias_name"] = spec.alias
        if spec.encrypted:
            body["initial_state"].append(
                {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
            )
        answer = await self.http.json("POST", "/_matrix/client/v3/createRoom", body=body)
        return RoomId(str(answer["room_id"]))

    def _power(self, spec: RoomSpec) -> dict[str, Any]:
        users: dict[str, int] = dict.fromkeys(map(str, spec.admins), 100)
        if spec.version != "12":  # since 12 a creator has more than any number and must not be listed
            users[self.user] = 100
        speak = 50 if spec.announce_only else 0
        return {"users": users, "events_default": speak, "invite": 50, "notifications": {"room": 50}}

    async def _by_alias(self, alias: str) -> RoomId | None:
        server = self.user.partition(":")[2]
        path = f"/_matrix/client/v3/directory/room/{quote(f'#{alias}:{server}', safe='')}"
        answer = await self._or_none(path)
        return RoomId(str(answer["room_id"])) if answer else None

    async def _or_none(self, path: str) -> Mapping[str, Any] | None:
        """Ask for something that need not exist."""
        try:
            answer: Mapping[str, Any] = await self.http.json("GET", path)
        except PermanentError:
            return None
        return answer

    async def state(self, room: RoomId) -> RoomState:
        """Describe a room as it is now."""
        events = await self.http.json("GET", f"{room_path(room)}/state")
        people: dict[str, list[Identity]] = {"join": [], "invite": []}
        single: dict[str, Mapping[str, Any]] = {}
        for event in events:
            if event["type"] == "m.room.member":
                name = sanitise_name(str(event["content"].get("displayname") or ""))
                people.setdefault(str(event["content"].get("membership")), []).append(
                    Identity(mxid=str(event["state_key"]), name=name)
                )
            elif event.get("state_key") == "":
                single[event["type"]] = event["content"] | {"sender": event["sender"]}
        return RoomState(
            room=room,
            name=sanitise_name(str(single.get("m.room.name", {}).get("name", ""))),
            topic=sanitise(str(single.get("m.room.topic", {}).get("topic", ""))),
            encrypted="m.room.encryption" in single,
            members=tuple(people["join"]),
            invited=tuple(people["invite"]),
            admins=_admins(single),
        )

    async def is_encrypted(self, room: RoomId) -> bool:
        """Ask the homeserver whether a room is encrypted."""
        return await self._or_none(f"{room_path(room)}/state/m.room.encryption") is not None

    async def accept(self, room: RoomId) -> None:
        """Join a room that this account was invited to."""
        await self.http.json("POST", f"{room_path(room)}/join", body={})

    async def invite(self, room: RoomId, user: UserId) -> None:
        """Invite somebody; harmless when they are invited or there."""
        state = await self._or_none(f"{room_path(room)}/state/m.room.member/{quote(user, safe='')}")
        if not state or state.get("membership") not in ("join", "invite"):
            await self.http.json("POST", f"{room_path(room)}/invite", body={"user_id": user})

    async def mark_read(self, room: RoomId, event: EventId) -> None:
        """Tell the room that everything up to an event has been read."""
        await self.http.json("POST", f"{room_path(room)}/receipt/m.read/{quote(event, safe='')}", body={})


def room_path(room: str) -> str:
    """Give the path of a room's endpoints."""
    return f"/_matrix/client/v3/rooms/{quote(room, safe='')}"


def _admins(state: Mapping[str, Mapping[str, Any]]) -> tuple[UserId, ...]:
    """Name who has power 50: by the power levels, and since version 12 the creators above them."""
    create, levels = state.get("m.room.create", {}), state.get("m.room.power_levels", {})
    named = [
        user for user, power in levels.get("users", {}).items() if isinstance(power, int) and power >= 50
    ]
    creators = [create.get("sender"), *create.get("additional_creators", ())]
    above = creators if str(create.get("room_version", "1")) == "12" else ()
    return tuple(dict.fromkeys(UserId(str(user)) for user in (*named, *above) if user))

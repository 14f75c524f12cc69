"""Rooms in raw JSON: made once, described, joined, invited to."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace

from fallback.core.events import Identity
from fallback.core.ids import EventId, RoomId, UserId
from fallback.core.importing import Furnishing
from fallback.core.ports import RoomSpec, RoomState
from fallback.errors import PermanentError
from fallback.matrix.http import MatrixHttp
from fallback.text import sanitise, sanitise_name

ANNOUNCES = "dev.fallback.announce_only"
"""Our key in a room's power levels: what we last said of who may speak; whatever else stands there is somebody's own."""


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
        spec = replace(spec, version=await self._version(spec.version))
        body: dict[str, Any] = {
            "name": spec.name,
            "topic": spec.topic,
            "preset": "private_chat",
            "room_version": spec.version,
            "invite": list(spec.invite),
            "initial_state": [
                {"type": "m.room.history_visibility", "content": {"history_visibility": "shared"}},
                {"type": "m.room.join_rules", "content": {"join_rule": "invite"}},
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

    async def _version(self, wanted: str) -> str:
        """Choose the room version: the wanted one, or the homeserver's own choice where it has no such."""
        answer = await self.http.json("GET", "/_matrix/client/v3/capabilities")
        offered = (answer.get("capabilities") or {}).get("m.room_versions") or {}
        return wanted if wanted in offered.get("available", {wanted: ""}) else str(offered["default"])

    def _power(self, spec: RoomSpec) -> dict[str, Any]:
        users: dict[str, int] = dict.fromkeys(map(str, spec.admins), 100)
        if spec.version != "12":  # since 12 a creator has more than any number and must not be listed
            users[self.user] = 100
        return {
            "users": users,
            "events_default": _speech(announces=spec.announce_only),
            ANNOUNCES: spec.announce_only,
            "invite": 50,
            "notifications": {"room": 50},
        }

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

    async def furnish(self, room: RoomId, wanted: Furnishing) -> tuple[str, ...]:
        """Set what a room should be; names what stays because somebody else has set it."""
        events = await self.http.json("GET", f"{room_path(room)}/state")
        there = {event["type"]: event for event in events if event.get("state_key") == ""}
        parts = (
            ("m.room.name", "name", wanted.name, "the name"),
            ("m.room.topic", "topic", wanted.topic, "the topic"),
            ("m.room.avatar", "url", wanted.picture, "the picture"),
            ("m.room.pinned_events", "pinned", list(wanted.pinned), "what is pinned"),
        )
        stays = []
        for kind, key, value, called in parts:
            event = there.get(kind, {"content": {}, "sender": self.user})
            if not value or event["content"].get(key) == value:
                continue
            if event["sender"] == self.user:
                await self._set(room, kind, {key: value})
            else:
                stays.append(called)
        return (*stays, *await self._empower(room, wanted, there))

    async def _empower(
        self, room: RoomId, wanted: Furnishing, there: Mapping[str, Mapping[str, Any]]
    ) -> tuple[str, ...]:
        """Give powers to those who have none that were set, and say who may speak."""
        content = dict(there["m.room.power_levels"]["content"])
        users = dict(content.get("users", {}))
        above = {self.user, *_creators(there["m.room.create"])}
        users |= {one: power for one, power in wanted.powers.items() if one not in users and one not in above}
        changed = content | {"users": users}
        before = content.get(ANNOUNCES, False)
        wants = before if wanted.announce_only is None else wanted.announce_only
        ours = content.get("events_default", 0) == _speech(announces=before)
        if ours and wants != before:
            changed |= {"events_default": _speech(announces=wants), ANNOUNCES: wants}
        if changed != content:
            await self._set(room, "m.room.power_levels", changed)
        return () if ours or wants == before else ("who may speak",)

    async def _set(self, room: RoomId, kind: str, content: Mapping[str, Any]) -> None:
        await self.http.json("PUT", f"{room_path(room)}/state/{kind}/", body=content)

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

    async def mark_typing(self, room: RoomId, seconds: int) -> None:
        """Tell the room that the person writes, for so long; 0 that they don't any more."""
        body = {"typing": True, "timeout": seconds * 1000} if seconds else {"typing": False}
        await self.http.json("PUT", f"{room_path(room)}/typing/{quote(self.user, safe='')}", body=body)


def room_path(room: str) -> str:
    """Give the path of a room's endpoints."""
    return f"/_matrix/client/v3/rooms/{quote(room, safe='')}"


def _admins(state: Mapping[str, Mapping[str, Any]]) -> tuple[UserId, ...]:
    """Name who has power 50: by the power levels, and since version 12 the creators above them."""
    levels = state.get("m.room.power_levels", {})
    named = [
        user for user, power in levels.get("users", {}).items() if isinstance(power, int) and power >= 50
    ]
    create = state.get("m.room.create", {})
    above = _creators({"content": create, "sender": create.get("sender", "")})
    return tuple(dict.fromkeys(UserId(str(user)) for user in (*named, *above) if user))


def _creators(create: Mapping[str, Any]) -> tuple[str, ...]:
    """Name who is above all powers, as creators are since version 12."""
    content = create["content"]
    if str(content.get("room_version", "1")) != "12":
        return ()
    return (str(create["sender"]), *map(str, content.get("additional_creators", ())))


def _speech(*, announces: bool) -> int:
    """Give the power that one needs to speak."""
    return 50 if announces else 0

"""The Matrix side of the loops: one account through nio's sync, its ghosts through the appservice."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
from nio import AsyncClient, AsyncClientConfig, InviteMemberEvent, ReceiptEvent, SyncError, SyncResponse

from fallback.core.events import Canonical, Identity, Reaction, Receipt, ReceiptKind, Redaction
from fallback.core.ids import ChatId, DeliveryId, EventId, RoomId, SourceId, UserId
from fallback.core.ports import RoomSpec, RoomState, Seen, SyncBatch
from fallback.core.roster import is_ghost
from fallback.errors import AuthError, PermanentError, TransientError
from fallback.matrix.appservice import Appservice
from fallback.matrix.convert import SOURCE, to_content
from fallback.matrix.http import MatrixHttp
from fallback.matrix.read import from_event
from fallback.text import sanitise, sanitise_name

log = logging.getLogger(__name__)
PAGE = 1000
"""Events a page when a room is read back."""
SYNC_TIMEOUT = 30_000
"""ms that the homeserver holds an empty sync."""
MXC = re.compile(r"mxc://([A-Za-z0-9.:\[\]-]{1,255})/([A-Za-z0-9_-]{1,255})")
"""The address of a file; anything else could lead our token to another path."""
FILTER = {
    "presence": {"types": []},
    "room": {"timeline": {"limit": 100}, "ephemeral": {"types": ["m.receipt"]}},
}


class NioHomeserver:
    """One account on one homeserver; with an appservice, also its ghosts.

    Args:
        device: the account's own device id.
    """

    def __init__(
        self, url: str, user: UserId, device: str, token: str, *, appservice: Appservice | None = None
    ) -> None:
        self.user = user
        self.http = MatrixHttp(url, token)
        self.appservice = appservice
        config = AsyncClientConfig(
            encryption_enabled=False,
            store_sync_tokens=False,
            max_timeouts=0,
            max_limit_exceeded=0,
            request_timeout=60,
        )
        self.client = AsyncClient(url, user, device_id=device, config=config)
        self.client.restore_login(user, device, token)
        self._encrypted: set[RoomId] = set()
        self._plain: set[RoomId] = set()

    # ── what comes ───────────────────────────────────────────────────────────────────────────────

    async def batches(self, token: str) -> AsyncIterator[SyncBatch]:
        """Sync for ever; the first one brings the rooms' state, so that names are known."""
        first = True
        while True:
            response = await self._sync(token, full_state=first)
            first, token = False, response.next_batch
            yield self._batch(response)

    async def _sync(self, token: str, *, full_state: bool) -> SyncResponse:
        wait = 0 if full_state else SYNC_TIMEOUT
        try:
            response = await self.client.sync(wait, FILTER, since=token or None, full_state=full_state)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError("the homeserver does not answer") from error
        if isinstance(response, SyncError):
            if response.status_code in ("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"):
                raise AuthError(
                    "the homeserver no longer accepts this sign-in", "Sign in again: fallback login"
                )
            raise TransientError("the homeserver answered a sync with an error", retry_after=0)
        return response

    def _batch(self, response: SyncResponse) -> SyncBatch:
        events: list[Canonical] = []
        limited: list[tuple[RoomId, str]] = []
        for room, info in response.rooms.join.items():
            names = self._names(room)
            if info.timeline.limited:
                limited.append((RoomId(room), info.timeline.prev_batch or ""))
            for event in info.timeline.events:
                read = from_event(event.source, room, names)
                if read is not None:
                    events.append(read)
            for ephemeral in info.ephemeral:
                if isinstance(ephemeral, ReceiptEvent):
                    events += _receipts(ephemeral, room, names)
        return SyncBatch(
            events=tuple(events),
            token=response.next_batch,
            joined=tuple(RoomId(room) for room in response.rooms.join),
            invited=tuple(
                (RoomId(room), UserId(event.sender))
                for room, info in response.rooms.invite.items()
                for event in info.invite_state
                if isinstance(event, InviteMemberEvent) and event.state_key == self.user
            ),
            limited=tuple(limited),
        )

    def _names(self, room: str) -> dict[str, str]:
        known = self.client.rooms.get(room)
        if known is None:
            return {}
        return {user: sanitise_name(member.display_name or "") for user, member in known.users.items()}

    # ── rooms ────────────────────────────────────────────────────────────────────────────────────

    async def create_room(self, spec: RoomSpec) -> RoomId:
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

    async def room_state(self, room: RoomId) -> RoomState:
        """Describe a room as it is now."""
        events = await self.http.json("GET", f"{_room(room)}/state")
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

    async def accept(self, room: RoomId) -> None:
        """Join a room that this account was invited to."""
        await self.http.json("POST", f"{_room(room)}/join", body={})

    async def invite(self, room: RoomId, user: UserId) -> None:
        """Invite somebody; harmless when they are invited or there."""
        state = await self._or_none(f"{_room(room)}/state/m.room.member/{quote(user, safe='')}")
        if not state or state.get("membership") not in ("join", "invite"):
            await self.http.json("POST", f"{_room(room)}/invite", body={"user_id": user})

    async def mark_read(self, room: RoomId, event: EventId) -> None:
        """Tell the room that everything up to an event has been read."""
        await self.http.json("POST", f"{_room(room)}/receipt/m.read/{quote(event, safe='')}", body={})

    # ── ghosts ───────────────────────────────────────────────────────────────────────────────────

    def _ghosts(self) -> Appservice:
        if self.appservice is None:
            raise PermanentError(
                "this homeserver has no appservice for fallback, so there are no ghosts",
                "Ask its admin to load the registration file, or use the managed homeserver.",
            )
        return self.appservice

    async def ensure_ghost(self, user: UserId, name: str) -> None:
        """Register a ghost with its device and display name."""
        await self._ghosts().ensure_ghost(user, name)

    async def join(self, room: RoomId, user: UserId) -> None:
        """Invite a ghost and let it join."""
        if user not in self._names(room):
            await self.invite(room, user)
            await self._ghosts().join(room, user)

    async def leave(self, room: RoomId, user: UserId) -> None:
        """Let a ghost leave."""
        await self._ghosts().leave(room, user)

    # ── what goes ────────────────────────────────────────────────────────────────────────────────

    async def send(
        self,
        room: RoomId,
        event: Canonical,
        *,
        transaction: DeliveryId,
        sender: UserId | None = None,
        at: int = 0,
    ) -> EventId:
        """Send one event as the account or as a ghost."""
        await self._refuse_plaintext(room)
        if isinstance(event, Redaction) or (isinstance(event, Reaction) and not event.key):
            return await self._redact(room, event, transaction, sender)
        kind, content = to_content(event)
        if sender is not None:
            return EventId(
                await self._ghosts().send(room, kind, content, sender=sender, txn=transaction, at=at)
            )
        path = f"{_room(room)}/send/{quote(kind, safe='')}/{quote(transaction, safe='')}"
        return EventId(str((await self.http.json("PUT", path, body=content))["event_id"]))

    async def _redact(
        self, room: RoomId, event: Redaction | Reaction, transaction: DeliveryId, sender: UserId | None
    ) -> EventId:
        reason = event.reason if isinstance(event, Redaction) else ""
        target = event.target
        if isinstance(event, Reaction):
            target = await self._reaction(room, event.target, sender or self.user)
        if sender is not None:
            return EventId(
                await self._ghosts().redact(room, target, sender=sender, txn=transaction, reason=reason)
            )
        path = f"{_room(room)}/redact/{quote(target, safe='')}/{quote(transaction, safe='')}"
        body = {"reason": reason} if reason else {}
        return EventId(str((await self.http.json("PUT", path, body=body))["event_id"]))

    async def _reaction(self, room: RoomId, target: SourceId, user: UserId) -> SourceId:
        """Find what somebody put under a message: taking it back must never touch the message itself."""
        base = _room(room).replace("/v3/", "/v1/")
        path = f"{base}/relations/{quote(target, safe='')}/m.annotation/m.reaction"
        page = await self.http.json("GET", path, params={"limit": "100"})
        for raw in page.get("chunk", ()):
            if raw.get("sender") == user:
                return SourceId(str(raw["event_id"]))
        raise PermanentError("there is no reaction to take back")

    async def _refuse_plaintext(self, room: RoomId) -> None:
        """Never send clear text into an encrypted room; that a room is encrypted is never forgotten."""
        known = self.client.rooms.get(room)
        if known is not None and known.encrypted:
            self._encrypted.add(room)
        if room not in self._encrypted and room not in self._plain:
            state = await self._or_none(f"{_room(room)}/state/m.room.encryption")
            (self._plain if state is None else self._encrypted).add(room)
        if room in self._encrypted:
            raise PermanentError("the room is encrypted and this device has no keys for it: nothing was sent")

    async def upload(self, data: bytes, *, mimetype: str, filename: str, sender: UserId | None = None) -> str:
        """Store a file."""
        if sender is not None:
            return await self._ghosts().upload(data, mimetype, filename, sender=sender)
        return await self.http.upload(data, mimetype=mimetype, filename=filename)

    async def download(self, source: str) -> bytes:
        """Fetch a file by its ``mxc://`` address."""
        found = MXC.fullmatch(source)
        if found is None:
            raise PermanentError("this is no address of a file on Matrix")
        server, media = (quote(part, safe="") for part in found.groups())
        return await self.http.download(f"/_matrix/client/v1/media/download/{server}/{media}")

    # ── reading back ─────────────────────────────────────────────────────────────────────────────

    async def history(self, room: RoomId, *, newest_first: bool = False) -> AsyncIterator[Canonical]:
        """Read a room's whole timeline back."""
        names = self._names(room) or {one.mxid: one.name for one in (await self.room_state(room)).members}
        async for raw in self._pages(room, newest_first=newest_first):
            event = from_event(raw, room, names)
            if event is not None:
                yield event

    async def brought(self, room: RoomId, *, newest_first: bool = False) -> AsyncIterator[Seen]:
        """Read back what a migration or relay put into a room."""
        async for raw in self._pages(room, newest_first=newest_first):
            content = raw.get("content") or {}
            source = content.get(SOURCE)
            if is_ghost(str(raw.get("sender", ""))) and isinstance(source, dict) and source.get("id"):
                plain = raw["type"] == "m.room.message" and content.get("msgtype") == "m.text"
                yield Seen(
                    source=SourceId(str(source["id"])),
                    event=EventId(str(raw["event_id"])),
                    sender=UserId(str(raw["sender"])),
                    at=int(raw["origin_server_ts"]),
                    text=str(content.get("body", "")) if plain else "",
                )

    async def _pages(self, room: RoomId, *, newest_first: bool) -> AsyncIterator[Mapping[str, Any]]:
        params = {"dir": "b" if newest_first else "f", "limit": str(PAGE)}
        while True:
            page = await self.http.json("GET", f"{_room(room)}/messages", params=params)
            for raw in page.get("chunk", ()):
                yield raw
            if not page.get("end") or not page.get("chunk"):
                return
            params["from"] = page["end"]

    async def close(self) -> None:
        """Free the connections."""
        await asyncio.gather(self.http.close(), self.client.close())


def _room(room: str) -> str:
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


def _receipts(event: ReceiptEvent, room: str, names: Mapping[str, str]) -> list[Canonical]:
    return [
        Receipt(
            id=SourceId(f"{receipt.event_id}/{receipt.user_id}"),
            chat=ChatId(room),
            sender=Identity(mxid=receipt.user_id, name=names.get(receipt.user_id, "")),
            at=receipt.timestamp,
            targets=(SourceId(receipt.event_id),),
            kind=ReceiptKind.READ,
        )
        for receipt in event.receipts
    ]

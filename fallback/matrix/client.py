"""The Matrix side of the loops: one account through nio's sync, encrypted where the room is, and its ghosts."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec.structs import replace
from nio import RoomSendError

from fallback.core.events import Attachment, Canonical, Message, Origin, Reaction, Redaction
from fallback.core.ids import DeliveryId, EventId, RoomId, SourceId, UserId
from fallback.core.importing import Furnishing
from fallback.core.pictures import measured
from fallback.core.ports import RoomSpec, RoomState, Seen, SyncBatch
from fallback.core.roster import is_ghost
from fallback.core.trust import Facts
from fallback.core.verification import words
from fallback.errors import PermanentError, TransientError
from fallback.matrix.administration import RoomAdministration
from fallback.matrix.appservice import Appservice
from fallback.matrix.attachments import open_file, seal_file
from fallback.matrix.chain import ChainImporter
from fallback.matrix.convert import SOURCE, as_person, to_content
from fallback.matrix.crypto.client import SafeClient
from fallback.matrix.history import HistorySession, SealingImporter
from fallback.matrix.http import refusal
from fallback.matrix.invitations import Invitations, Standing
from fallback.matrix.keys import AccountKeys
from fallback.matrix.read import from_event, said
from fallback.matrix.rooms import Rooms, room_path
from fallback.matrix.sync import AT_ONCE, names_in, read_late, read_raw, read_sync, source_of

PAGE = 1000
"""Events a page when a room is read back."""
SYNC_TIMEOUT = 30_000
"""ms that the homeserver holds an empty sync."""
MXC = re.compile(r"mxc://([A-Za-z0-9.:\[\]-]{1,255})/([A-Za-z0-9_-]{1,255})")
"""The address of a file; anything else could lead our token to another path."""
OPAQUE = "application/octet-stream"
"""What an encrypted file is to its homeserver."""
FILTER = {
    "presence": {"types": []},
    "room": {"timeline": {"limit": 100}, "ephemeral": {"types": ["m.receipt", "m.typing"]}},
}


class NioHomeserver:
    """One account on one homeserver; with an appservice, also its ghosts.

    Args:
        facts: where the account's own secrets last.
    """

    def __init__(self, client: SafeClient, facts: Facts, *, appservice: Appservice | None = None) -> None:
        self.user = UserId(client.user_id)
        self.client = client
        self.http = client.http
        self.keys = AccountKeys(client, facts)
        self._facts = facts
        self.rooms = Rooms(client.http, self.user)
        self.administration = RoomAdministration(client.http, self.user)
        self.invitations = Invitations(client, facts)
        self.appservice = appservice
        self._receiving = asyncio.Lock()
        self._following = False
        self._late = False
        self._encrypted: set[RoomId] = set()
        self._plain: set[RoomId] = set()

    # ── what comes ───────────────────────────────────────────────────────────────────────────────

    async def batches(self, token: str) -> AsyncIterator[SyncBatch]:
        """Sync for ever; the first one brings the rooms' state, so that names are known."""
        wait = 0
        self._following = True
        try:
            while True:
                batch = await self._receive(token, wait)
                yield batch
                self.client.forget_opened([str(event.id) for event in batch.events])
                token, wait = batch.token, 0 if self._late else SYNC_TIMEOUT
        finally:
            self._following = False

    async def follow(self) -> None:
        """Sync for the keys' sake alone, until cancelled; the events are left to ``batches``."""
        wait = 0
        self._following = True
        try:
            while True:
                await self._receive(self.client.next_batch, wait)
                wait = SYNC_TIMEOUT
        finally:
            self._following = False

    async def catch_up(self) -> None:
        """Take what has come since the last sync, keys above all."""
        if not self._following:
            await self._receive(self.client.next_batch, 0)

    async def _receive(self, token: str, wait: int) -> SyncBatch:
        async with self._receiving:
            self.client.next_batch = token
            response = await self.client.receive(wait, FILTER)
            await asyncio.sleep(0)
            batch = read_sync(self.client, response)
            await self.keys.invited(batch.invited)
            await self.keys.step()
            await self.invitations.renew(now=_now())
            late = await read_late(self.client)
            self._late = bool(late)
            return replace(batch, events=(*late, *batch.events)) if late else batch

    async def _known(self, room: RoomId) -> None:
        """Make sure that a room that we write to encrypted has been synced."""
        if room in self.client.rooms:
            return
        if self._following:
            raise TransientError("the room has not been synced yet", retry_after=1)
        await self._receive(self.client.next_batch, 0)

    # ── rooms ────────────────────────────────────────────────────────────────────────────────────

    async def create_room(self, spec: RoomSpec) -> RoomId:
        """Create the room, or find it by its alias."""
        return await self.rooms.create(spec)

    async def furnish(self, room: RoomId, wanted: Furnishing) -> tuple[str, ...]:
        """Set what a room should be; names what stays because somebody else has set it."""
        return await self.rooms.furnish(room, wanted)

    async def keep_picture(self, data: bytes, mimetype: str) -> str:
        """Store a room's picture in clear, as its state is."""
        return await self.http.upload(data, mimetype=mimetype, filename="")

    async def room_state(self, room: RoomId) -> RoomState:
        """Describe a room as it is now."""
        return await self.rooms.state(room)

    async def accept(self, room: RoomId) -> None:
        """Join a room that this account was invited to, and take the history that came with the invitation."""
        await self.catch_up()  # who invites us, and the keys, come with a sync
        await self.rooms.accept(room)
        await self.keys.joined([room])

    async def invite(self, room: RoomId, user: UserId) -> None:
        """Invite somebody, who may read what was said before; harmless when they are invited or there."""
        if is_ghost(user) or not await self._is_encrypted(room):
            await self.rooms.invite(room, user)
            return
        await self._known(room)
        invitation = await self.invitations.invite(room, user, now=_now())
        if invitation.standing is Standing.POSTPONED:
            raise PermanentError(
                f"{user} has no device with signed keys yet, so the invitation waits",
                "It is sent by itself once that person has signed in; keep the relay running.",
            )

    async def mark_read(self, room: RoomId, event: EventId) -> None:
        """Tell the room that everything up to an event has been read."""
        await self.rooms.mark_read(room, event)

    async def mark_typing(self, room: RoomId, *, seconds: int) -> None:
        """Tell the room that the person writes, for so long."""
        await self.rooms.mark_typing(room, seconds)

    async def _is_encrypted(self, room: RoomId) -> bool:
        """Tell whether a room is encrypted; one that ever was is for ever."""
        known = self.client.rooms.get(room)
        if room in self.client.encrypted_rooms or (known is not None and known.encrypted):
            self._encrypted.add(room)
        if room not in self._encrypted and room not in self._plain:
            (self._encrypted if await self.rooms.is_encrypted(room) else self._plain).add(room)
        return room in self._encrypted

    # ── ghosts ───────────────────────────────────────────────────────────────────────────────────

    def _ghosts(self) -> Appservice:
        if self.appservice is None:
            raise PermanentError(
                "this homeserver has no appservice for fallback, so there are no ghosts",
                "Ask its admin to load the registration file, or use the managed homeserver.",
            )
        return self.appservice

    def importer(self) -> SealingImporter:
        """Give what brings history in as the ghosts: sealed where the room is encrypted, in chains where it can be."""
        return SealingImporter(ChainImporter(self._ghosts(), self._refuse_plaintext), self._history_key)

    async def _history_key(self, room: RoomId) -> HistorySession | None:
        if not await self._is_encrypted(room):
            return None
        await self.keys.load()
        return await HistorySession.begin(self.client, self.keys.backup, self._facts, room)

    async def ensure_ghost(self, user: UserId, name: str) -> None:
        """Register a ghost with its device and display name."""
        await self._ghosts().ensure_ghost(user, name)

    async def join(self, room: RoomId, user: UserId) -> None:
        """Invite a ghost and let it join."""
        known = self.client.rooms.get(room)
        if known is None or user not in known.users or user in known.invited_users:
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
        """Send one event as the account or as a ghost; the account says for its sender what an export tells."""
        if isinstance(event, Redaction) or (isinstance(event, Reaction) and not event.key):
            return await self._redact(room, event, transaction, sender)
        kind, content = to_content(event)
        encrypted = await self._is_encrypted(room)
        if encrypted if sender else event.origin is Origin.EXPORT and event.sender.key:
            content = as_person(content, event.sender)
        if encrypted:
            return await self._seal(room, kind, content, transaction)
        if sender is not None:
            return EventId(
                await self._ghosts().send(room, kind, content, sender=sender, txn=transaction, at=at)
            )
        path = f"{room_path(room)}/send/{quote(kind, safe='')}/{quote(transaction, safe='')}"
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
        path = f"{room_path(room)}/redact/{quote(target, safe='')}/{quote(transaction, safe='')}"
        body = {"reason": reason} if reason else {}
        return EventId(str((await self.http.json("PUT", path, body=body))["event_id"]))

    async def _reaction(self, room: RoomId, target: SourceId, user: UserId) -> SourceId:
        """Find what somebody put under a message: taking it back must never touch the message itself."""
        base = room_path(room).replace("/v3/", "/v1/")
        path = f"{base}/relations/{quote(target, safe='')}/m.annotation/m.reaction"
        page = await self.http.json("GET", path, params={"limit": "100"})
        for raw in page.get("chunk", ()):
            if raw.get("sender") == user:
                return SourceId(str(raw["event_id"]))
        raise PermanentError("there is no reaction to take back")

    async def _refuse_plaintext(self, room: RoomId) -> None:
        """Never let clear text into a room that is or ever was encrypted."""
        if await self._is_encrypted(room):
            raise PermanentError("the room is encrypted: nothing was sent in clear")

    async def _seal(
        self, room: RoomId, kind: str, content: dict[str, Any], transaction: DeliveryId
    ) -> EventId:
        """Send encrypted, as the account itself: a ghost's device would be nobody's that a strict client trusts."""
        await self._known(room)
        answer = await self.client.room_send(room, kind, content, tx_id=transaction)
        if isinstance(answer, RoomSendError):
            raise _refused(answer)
        return EventId(answer.event_id)

    async def upload(
        self, room: RoomId, file: Attachment, data: bytes, *, sender: UserId | None = None
    ) -> Attachment:
        """Store a file, encrypted where the room is."""
        keys = ""
        file, size = measured(file, data), len(data)
        mimetype, filename = file.mimetype, file.filename
        if await self._is_encrypted(room):
            data, secret = seal_file(data)
            mimetype, filename, keys = OPAQUE, "", msgspec.json.encode(secret).decode()
        if sender is not None:
            source = await self._ghosts().upload(data, mimetype, filename, sender=sender)
        else:
            source = await self.http.upload(data, mimetype=mimetype, filename=filename)
        return replace(file, source=source, size=size, keys=keys)

    async def download(self, file: Attachment) -> bytes:
        """Fetch a file by its ``mxc://`` address, and open it."""
        found = MXC.fullmatch(file.source)
        if found is None:
            raise PermanentError("this is no address of a file on Matrix")
        server, media = (quote(part, safe="") for part in found.groups())
        data = await self.http.download(f"/_matrix/client/v1/media/download/{server}/{media}")
        return open_file(data, msgspec.json.decode(file.keys)) if file.keys else data

    # ── reading back ─────────────────────────────────────────────────────────────────────────────

    async def history(self, room: RoomId, *, newest_first: bool = False) -> AsyncIterator[Canonical]:
        """Read a room's whole timeline back; what came before its key is put aside."""
        names = names_in(self.client, room) or {
            one.mxid: one.name for one in (await self.room_state(room)).members
        }
        async for part in self._pages(room, newest_first=newest_first):
            with self.client.crypto.database.atomic():
                events = [read_raw(self.client, raw, room, names) for raw in part]
            for event in events:
                if event is not None:
                    yield event

    async def brought(self, room: RoomId, *, newest_first: bool = False) -> AsyncIterator[Seen]:
        """Read back what a migration or relay put into a room."""
        pages = self._pages(room, newest_first=newest_first)
        async for raw in (source_of(self.client, sealed, room) async for part in pages for sealed in part):
            content = raw.get("content") or {}
            source = content.get(SOURCE)
            sender = str(raw.get("sender", ""))
            ours = is_ghost(sender) or sender == self.user
            if ours and isinstance(source, dict) and source.get("id"):
                plain = content.get("msgtype") == "m.text" and raw["type"] == "m.room.message"
                plain = plain and "m.new_content" not in content
                read = None if plain or source.get("left_out") else from_event(raw, room, {})
                yield Seen(
                    source=SourceId(str(source["id"])),
                    event=EventId(str(raw["event_id"])),
                    sender=UserId(sender),
                    at=int(raw["origin_server_ts"]),
                    text=said(content) if plain or (read is not None and words(read)) else "",
                    late=source.get("late") is True,
                    file=read.attachment if isinstance(read, Message) else None,
                )

    async def _pages(self, room: RoomId, *, newest_first: bool) -> AsyncIterator[list[Mapping[str, Any]]]:
        """Give a room's events in small parts, others having their turn in between."""
        params = {"dir": "b" if newest_first else "f", "limit": str(PAGE)}
        while True:
            page = await self.http.json("GET", f"{room_path(room)}/messages", params=params)
            chunk = page.get("chunk", [])
            for start in range(0, len(chunk), AT_ONCE):
                yield chunk[start : start + AT_ONCE]
                await asyncio.sleep(0)
            if not page.get("end") or not page.get("chunk"):
                return
            params["from"] = page["end"]

    async def close(self) -> None:
        """Free the connections."""
        await asyncio.gather(self.http.close(), self.client.close())


def _now() -> int:
    return time.time_ns() // 1_000_000


def _refused(answer: RoomSendError) -> Exception:
    status = answer.transport_response.status if answer.transport_response else 0
    body = {
        "errcode": answer.status_code,
        "error": answer.message,
        "retry_after_ms": answer.retry_after_ms or 0,
    }
    return refusal(status, msgspec.json.encode(body), {})

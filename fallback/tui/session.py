"""The session over a profile's store: reads and writes with every network down."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from msgspec.structs import replace

from fallback.bridge.files import Files
from fallback.bridge.signs import SignSender
from fallback.core import health
from fallback.core.administration import Administration
from fallback.core.contact_book import Book
from fallback.core.events import (
    Attachment,
    Edit,
    Event,
    Identity,
    Message,
    Origin,
    Reaction,
    Redaction,
    Vote,
)
from fallback.core.ids import ChatId, DeliveryId, EventId, PortalId, RoomId, SourceId, UserId
from fallback.core.outbox import Delivery
from fallback.core.ports import Clock, Homeserver, Portal, Store, TimelineRow
from fallback.core.routing import MATRIX
from fallback.core.trust import Keys
from fallback.errors import PermanentError, TransientError
from fallback.text import sanitise
from fallback.tui.contract import Action, Session
from fallback.tui.messages import (
    BannerChanged,
    Change,
    GroupsChanged,
    KeysChanged,
    PeopleChanged,
    TimelineChanged,
)
from fallback.tui.pointing import Pointer
from fallback.tui.summary import summary
from fallback.tui.views import BannerKind, BannerView, GroupView, Hit, PersonView, Presence

__all__ = ["Action", "Session", "StoreSession"]
NEWEST = 12
"""Rows that show a group's last message, where all was seen."""
LOOKED_BACK = 200
"""Rows that unread counts look at."""


class StoreSession:
    """A session over the profile's store: it opens and writes with every network down.

    The owner runs the loops that deliver and sync, and tells the session of what they see.

    Args:
        ring: tells the outbox that something is due.
        connecting: starts the loops; awaited once after the first frame.
        roster: gives a portal's people; without it, they are gathered from the timeline.
        actions: keys that only this session offers.
        files: those that our messages carry; without it, none are sent.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        me: UserId,
        *,
        name: str = "",
        ring: Callable[[], None] = lambda: None,
        connecting: Callable[[], Awaitable[None]] | None = None,
        roster: Callable[[Portal], Awaitable[list[PersonView]]] | None = None,
        actions: Callable[[], list[Action]] = list,
        files: Files | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.me = me
        self.keys: Keys | None = None
        self.admin: Administration | None = None
        self.side: Homeserver | None = None
        self.signs: SignSender | None = None
        self.files = files
        self.identity = Identity(name=name, mxid=me, me=True)
        self.ring = ring
        self.extra_actions = actions
        self._connecting = connecting
        self._roster = roster
        self._health = health.Health(state=health.State.UNKNOWN)
        self._online: float | None = None
        self._reached = (0, 0)
        self._pointer = Pointer(store)
        self._book: Book | None = None
        self._typing: dict[RoomId, tuple[str, ...]] = {}
        self._listeners: set[asyncio.Queue[Change]] = set()

    # ── what the owner tells ────────────────────────────────────────────────────────────────────

    def tell(self, change: Change) -> None:
        """Pass a change on to everybody who listens."""
        for listener in self._listeners:
            listener.put_nowait(change)

    def on_timeline(self, portal: PortalId) -> None:
        """Take note that a portal's rows or their states have changed."""
        for change in (TimelineChanged(portal), GroupsChanged(), BannerChanged()):
            self.tell(change)

    def on_people(self, portal: PortalId) -> None:
        """Take note that a portal's members have changed."""
        self.tell(PeopleChanged(portal))
        self.tell(BannerChanged())

    def on_health(self, verdict: health.Health) -> None:
        """Take note of how WhatsApp is."""
        self._health = verdict
        self.tell(BannerChanged())

    def on_online(self, seconds: float | None) -> None:
        """Take note of the homeserver: ``None`` when syncing works, else seconds until the next try."""
        self._online = seconds
        self.tell(BannerChanged())

    def on_keys(self) -> None:
        """Take note that something about the keys has changed."""
        self.tell(KeysChanged())

    def on_typing(self, room: RoomId, names: tuple[str, ...]) -> None:
        """Take note of who writes in a room."""
        if names != self._typing.get(room, ()):
            self._typing[room] = names
            self.tell(GroupsChanged())

    def on_reached(self, reached: int, members: int) -> None:
        """Take note of how many of the group are here."""
        self._reached = (reached, members)
        self.tell(BannerChanged())

    # ── reading ─────────────────────────────────────────────────────────────────────────────────

    async def groups(self) -> list[GroupView]:
        """List the groups, the one with the newest message first."""
        found = [await self._group(portal) for portal in await self.store.portals()]
        return sorted(found, key=lambda group: -group.at)

    async def timeline(self, portal: PortalId, before: int = 0, limit: int = 200) -> list[TimelineRow]:
        """Give the newest rows (below ``before``, if not 0), oldest first.

        They point at ids of this timeline, and people have the names that one's own contacts give them.
        """
        rows = await self.store.timeline(portal, before=before, limit=limit)
        return await self._pointer.rows(portal, [await self._named(row) for row in rows])

    async def people(self, portal: PortalId) -> list[PersonView]:
        """List who belongs to a group."""
        if self._roster is not None:
            place = await self._portal(portal)
            return await self._roster(place)
        seen: dict[str, PersonView] = {}
        for row in await self.store.timeline(portal, limit=LOOKED_BACK * 5):
            who = row.event.sender
            if who.key and who.key not in seen:
                presence = Presence.HERE if who.mxid else Presence.MISSING
                seen[who.key] = PersonView(
                    name=who.name or who.key, contact=who.phone or who.mxid, presence=presence,
                    me=who.mxid == self.me,
                )  # fmt: skip
        return sorted(seen.values(), key=lambda one: (not one.me, one.presence, one.name))

    async def room(self, portal: PortalId) -> RoomId:
        """Give a group's room."""
        return (await self._portal(portal)).room

    async def event_id(self, portal: PortalId, source: SourceId) -> EventId | None:
        """Give what the room calls a message; ``None`` before it is there."""
        there = await self.store.counterpart(portal, source, MATRIX)
        return EventId(there or source) if there or source.startswith("$") else None

    async def banner(self) -> BannerView:
        """Say how all of it stands; our own connection goes before WhatsApp's."""
        waiting = await self.store.pending(MATRIX)
        reached, members = self._reached
        view = BannerView(
            waiting=waiting, held=await self.store.pending() - waiting, reached=reached, members=members,
            since=int(self._health.at * 1000), why=self._health.why,
        )  # fmt: skip
        if self._online is not None:
            kind = BannerKind.RECONNECTING if 0 < self._online < 60 else BannerKind.OFFLINE
            return replace(view, kind=kind, seconds=round(self._online))
        kinds = {
            health.State.UP: BannerKind.MIRRORING,
            health.State.DEGRADED: BannerKind.DEGRADED,
            health.State.DOWN: BannerKind.DOWN,
            health.State.RECOVERING: BannerKind.RECOVERING,
            health.State.UNKNOWN: BannerKind.OK,
        }
        return replace(view, kind=kinds[self._health.state])

    async def search(self, query: str, portal: PortalId | None = None, limit: int = 50) -> list[Hit]:
        """Find messages by their words, newest first."""
        names = {one.id: one.name for one in await self.store.portals()}
        rows = await self.store.search(query, portal, limit=limit)
        return [Hit(portal=row.portal, group=names.get(row.portal, ""), row=row) for row in rows]

    async def get(self, key: str) -> str:
        """Read a small fact of the client."""
        return await self.store.get(f"tui.{key}") or ""

    async def put(self, key: str, value: str) -> None:
        """Keep a small fact of the client."""
        await self.store.put(f"tui.{key}", value or None)

    async def first_since(self, portal: PortalId, at: int) -> SourceId | None:
        """Give the first message that is not older than ``at`` (ms)."""
        rows = await self.store.events_since(portal, at=at)
        return next((row.event.id for row in rows if isinstance(row.event, Message)), None)

    async def read_up_to(self, portal: PortalId) -> int:
        """Give the row up to which everything was seen."""
        return int(await self.get(f"read.{portal}") or 0)

    # ── writing ─────────────────────────────────────────────────────────────────────────────────

    async def send(
        self,
        portal: PortalId,
        text: str,
        reply_to: SourceId | None = None,
        mentions: Sequence[Identity] = (),
    ) -> None:
        """Write a message: recorded with its delivery in one transaction, so it shows at once."""
        await self._say(portal, Message, text=sanitise(text), reply_to=reply_to, mentions=tuple(mentions))

    async def send_file(
        self,
        portal: PortalId,
        file: Attachment,
        data: bytes,
        caption: str = "",
        reply_to: SourceId | None = None,
    ) -> None:
        """Send a file: kept here first, so that it survives until the homeserver has it.

        Raises:
            PermanentError: this session sends no files.
        """
        if self.files is None:
            raise PermanentError("this client sends no files")
        kept = await self.files.keep(file, data)
        await self._say(portal, Message, text=sanitise(caption), attachment=kept, reply_to=reply_to)

    async def download(self, file: Attachment) -> bytes:
        """Fetch a file's bytes.

        Raises:
            TransientError, PermanentError: not now, or never.
        """
        if self.side is None or self.files is None:
            raise TransientError("there is no connection yet", "Try again in a moment.")
        return await self.files.download(self.side, file)

    async def react(self, portal: PortalId, target: SourceId, key: str) -> None:
        """Put an emoji under a message."""
        await self._say(portal, Reaction, target=target, key=key)

    async def edit(self, portal: PortalId, target: SourceId, text: str) -> None:
        """Change an own message."""
        await self._say(portal, Edit, target=target, text=sanitise(text))

    async def redact(self, portal: PortalId, target: SourceId) -> None:
        """Delete a message."""
        await self._say(portal, Redaction, target=target)

    async def vote(self, portal: PortalId, target: SourceId, options: Sequence[str]) -> None:
        """Choose in a poll."""
        await self._say(portal, Vote, target=target, options=tuple(options))

    async def mark_read(self, portal: PortalId, row: int, *, tell: bool = True) -> None:
        """Say that everything up to ``row`` was seen; the room is told of the newest message that it knows."""
        if row <= await self.read_up_to(portal):
            return
        await self.put(f"read.{portal}", str(row))
        self.tell(GroupsChanged())
        if tell and self.signs is not None:
            for one in reversed(await self.store.timeline(portal, before=row + 1, limit=NEWEST)):
                event = one.event
                there = await self.event_id(portal, event.id) if isinstance(event, Message) else None
                if there is not None:
                    self.signs.read(await self.room(portal), there)
                    break

    async def invite(self, portal: PortalId, user: UserId) -> None:
        """Invite somebody into a group's room.

        Raises:
            TransientError, PermanentError: not now, or never.
        """
        if self.side is None:
            raise TransientError("there is no connection yet", "Try again in a moment.")
        await self.side.invite(await self.room(portal), user)
        self.on_people(portal)

    async def typing(self, portal: PortalId, on: bool) -> None:
        """Say that something is being written, or no more."""
        if self.signs is not None:
            self.signs.typing(await self.room(portal), on)

    async def retry(self, delivery: DeliveryId) -> None:
        """Try a failed message again."""
        await self.store.retry(delivery)
        self.ring()

    async def drop(self, delivery: DeliveryId) -> None:
        """Give a failed message up."""
        for one in await self.store.wedges():
            if one.id == delivery and isinstance(one.event, Message) and one.event.attachment and self.files:
                await self.files.forget(one.event.attachment)
        await self.store.drop(delivery)
        self.tell(BannerChanged())

    # ── living ──────────────────────────────────────────────────────────────────────────────────

    async def connect(self) -> None:
        """Start the owner's loops."""
        if self._connecting is not None:
            await self._connecting()

    async def changes(self) -> AsyncIterator[Change]:
        """Give what changes, until the consumer stops."""
        queue: asyncio.Queue[Change] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)

    async def _say(self, portal: PortalId, kind: type[Event], **fields: Any) -> None:
        place = await self._portal(portal)
        own = f"fb{secrets.token_hex(15)}"
        event: Any = kind(
            id=SourceId(own), chat=ChatId(place.room), sender=self.identity, at=self.clock.now(),
            origin=Origin.MATRIX, **fields,
        )  # fmt: skip
        delivery = Delivery(id=DeliveryId(own), portal=portal, target=MATRIX, event=event)
        await self.store.record(portal, event, [delivery])
        self.on_timeline(portal)
        self.ring()

    async def _portal(self, portal: PortalId) -> Portal:
        return next(one for one in await self.store.portals() if one.id == portal)

    async def _group(self, portal: Portal) -> GroupView:
        read = await self.read_up_to(portal.id)
        rows = await self.store.timeline(portal.id, limit=NEWEST)
        if len(rows) == NEWEST and rows[0].row > read:
            rows = await self.store.timeline(portal.id, limit=LOOKED_BACK)
        said = [row.event for row in rows if isinstance(row.event, Message)]
        unread = [
            row.event
            for row in rows
            if row.row > read and isinstance(row.event, Message) and row.event.sender.mxid != self.me
        ]
        named = [event for event in unread if self._names_us(event)]
        last = said[-1] if said else None
        return GroupView(
            portal=portal.id, name=portal.name, unread=len(unread) if read else 0,
            mentions=len(named) if read else 0, last=summary(last) if last else "",
            last_sender=await self._name_of(last.sender) if last else "", last_own=last is not None and self._ours(last), at=last.at if last else 0,
            draft=bool(await self.get(f"draft.{portal.id}")), typing=self._typing.get(portal.room, ()),
        )  # fmt: skip

    async def _named(self, row: TimelineRow) -> TimelineRow:
        sender = row.event.sender
        name = await self._name_of(sender)
        return (
            row
            if name == sender.name
            else replace(row, event=replace(row.event, sender=replace(sender, name=name)))
        )

    async def _name_of(self, who: Identity) -> str:
        """Name somebody as the contacts do; they don't change while this process owns the profile."""
        if self._book is None:
            self._book = Book(await self.store.contacts())
        return self._book.own_name(who)

    def _ours(self, event: Message) -> bool:
        return event.sender.mxid == self.me if event.sender.mxid else event.sender.me

    def _names_us(self, event: Message) -> bool:
        return event.mentions_all or any(one.mxid == self.me for one in event.mentions)

"""A homeserver in memory: rooms, ghosts, transactions and outages, for tests without Synapse."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence

import msgspec
from msgspec.structs import replace

from fallback.core.administration import Administration
from fallback.core.events import (
    Attachment,
    Canonical,
    Identity,
    Message,
    Notice,
    Origin,
    Reaction,
    Receipt,
    ReceiptKind,
    Redaction,
)
from fallback.core.ids import ChatId, DeliveryId, EventId, RoomId, SourceId, UserId
from fallback.core.importing import Brought, Furnishing, Refused, end_of
from fallback.core.pictures import measured
from fallback.core.ports import RoomSpec, RoomState, Seen, SyncBatch
from fallback.core.trust import Keys
from fallback.core.verification import words
from fallback.errors import PermanentError, TransientError
from fallback.matrix.convert import poll_end, to_content


class Room(msgspec.Struct):
    """One room: its description, members and timeline."""

    spec: RoomSpec
    members: dict[UserId, str] = {}
    timeline: list[tuple[UserId, EventId, Canonical]] = []
    admins: tuple[UserId, ...] = ()
    invited: dict[UserId, UserId] = {}
    furnishing: Furnishing | None = None


class MemoryServer:
    """What all accounts of the server share.

    Attributes:
        is_up: while false every request fails as an unreachable server's does.
        crash_after: requests until ``is_up`` becomes false by itself; negative for never.
    """

    def __init__(self, name: str = "memory.example") -> None:
        self.name = name
        self.rooms: dict[RoomId, Room] = {}
        self.aliases: dict[str, RoomId] = {}
        self.profiles: dict[UserId, str] = {}
        self.files: dict[str, bytes] = {}
        self.transactions: dict[tuple[UserId, DeliveryId], EventId] = {}
        self.stream: list[RoomId] = []
        self.typing: dict[RoomId, tuple[UserId, ...]] = {}
        self.is_up = True
        self.crash_after = -1
        self.bell = asyncio.Condition()

    def reach(self) -> None:
        """Count a request; refuse it while the server is down."""
        if self.crash_after == 0:
            self.is_up = False
        self.crash_after -= self.crash_after > 0
        if not self.is_up:
            raise TransientError("the homeserver does not answer")


class MemoryHomeserver:
    """One account of a ``MemoryServer``; implements ``core.ports.Homeserver``."""

    def __init__(self, server: MemoryServer, localpart: str) -> None:
        self.server = server
        self.user = UserId(f"@{localpart}:{server.name}")
        self.keys: Keys | None = None
        self.administration: Administration | None = None
        server.profiles.setdefault(self.user, localpart)

    async def batches(self, token: str) -> AsyncIterator[SyncBatch]:
        """Give all that is new since the token, then wait for more."""
        position, typing = int(token or 0), dict[RoomId, tuple[UserId, ...]]()
        while True:
            self.server.reach()
            events = self._since(position)
            position = len(self.server.stream)
            joined = tuple(room for room, there in self.server.rooms.items() if self.user in there.members)
            invited = self._invitations()
            writing = {room: self.server.typing[room] for room in joined if room in self.server.typing}
            news = tuple(one for one in writing.items() if typing.get(one[0], ()) != one[1])
            typing = writing
            yield SyncBatch(events=events, token=str(position), joined=joined, invited=invited, typing=news)
            await self._news(position, invited, typing)

    def _invitations(self) -> tuple[tuple[RoomId, UserId], ...]:
        rooms = self.server.rooms.items()
        return tuple((room, there.invited[self.user]) for room, there in rooms if self.user in there.invited)

    async def _news(
        self,
        position: int,
        invited: tuple[tuple[RoomId, UserId], ...],
        typing: dict[RoomId, tuple[UserId, ...]],
    ) -> None:
        def any_news() -> bool:
            there = self.server
            if any(there.typing[room] != typing.get(room, ()) for room in there.typing if room in typing):
                return True
            return len(there.stream) > position or not there.is_up or self._invitations() != invited

        async with self.server.bell:
            await self.server.bell.wait_for(any_news)

    def _since(self, position: int) -> tuple[Canonical, ...]:
        seen: dict[RoomId, int] = {}
        events: list[Canonical] = []
        for place, room in enumerate(self.server.stream):
            number = seen[room] = seen.get(room, -1) + 1
            if place >= position and self.user in self.server.rooms[room].members:
                events.append(self._as_seen(room, self.server.rooms[room].timeline[number]))
        return tuple(events)

    def _as_seen(self, room: RoomId, entry: tuple[UserId, EventId, Canonical]) -> Canonical:
        sender, event_id, event = entry
        transaction = next(
            (
                t
                for (user, t), made in self.server.transactions.items()
                if made == event_id and user == self.user
            ),
            "",
        )
        return replace(
            event,
            id=SourceId(event_id),
            chat=ChatId(room),
            sender=Identity(mxid=sender, name=self.server.profiles.get(sender, "")),
            origin=Origin.MATRIX,
            relayed=event.origin if event.origin is not Origin.MATRIX else None,
            transaction=transaction if sender == self.user else "",
        )

    async def create_room(self, spec: RoomSpec) -> RoomId:
        """Create the room, or find it by its alias."""
        self.server.reach()
        if spec.alias in self.server.aliases:
            return self.server.aliases[spec.alias]
        room = RoomId(f"!room{len(self.server.rooms)}")
        self.server.rooms[room] = Room(
            spec=spec,
            members={self.user: self.server.profiles[self.user]},
            timeline=[],
            admins=(self.user, *spec.admins),
            invited={},
        )
        self.server.typing[room] = ()
        if spec.alias:
            self.server.aliases[spec.alias] = room
        return room

    async def furnish(self, room: RoomId, wanted: Furnishing) -> tuple[str, ...]:
        """Set what a room should be."""
        self.server.reach()
        there = self._room(room)
        spec = there.spec
        announces = spec.announce_only if wanted.announce_only is None else wanted.announce_only
        there.spec = replace(
            spec, name=wanted.name or spec.name, topic=wanted.topic or spec.topic, announce_only=announces
        )
        there.admins = tuple(dict.fromkeys((*there.admins, *wanted.powers)))
        there.furnishing = wanted
        return ()

    async def keep_picture(self, data: bytes, mimetype: str) -> str:
        """Store a room's picture."""
        self.server.reach()
        return self._stored(data)

    async def room_state(self, room: RoomId) -> RoomState:
        """Describe a room."""
        self.server.reach()
        there = self._room(room)
        members = tuple(
            Identity(mxid=user, name=self.server.profiles.get(user, "")) for user in there.members
        )
        return RoomState(
            room=room, name=there.spec.name, topic=there.spec.topic, members=members, admins=there.admins
        )

    async def accept(self, room: RoomId) -> None:
        """Join a room that this account was invited to."""
        self.server.reach()
        if self.user not in self._room(room).invited:
            raise PermanentError("there is no invitation to that room")
        del self._room(room).invited[self.user]
        await self.join(room, self.user)

    async def invite(self, room: RoomId, user: UserId) -> None:
        """Invite somebody; harmless when they are invited or there."""
        self.server.reach()
        if user not in self._room(room).members:
            self._room(room).invited[user] = self.user
            await self._ring()

    async def ensure_ghost(self, user: UserId, name: str) -> None:
        """Register a ghost."""
        self.server.reach()
        self.server.profiles[user] = name

    async def join(self, room: RoomId, user: UserId) -> None:
        """Let a ghost join."""
        self.server.reach()
        if user not in self.server.profiles:
            raise PermanentError("there is no such user")
        self._room(room).members[user] = self.server.profiles[user]

    async def leave(self, room: RoomId, user: UserId) -> None:
        """Let a ghost leave."""
        self.server.reach()
        self._room(room).members.pop(user, None)

    async def send(
        self,
        room: RoomId,
        event: Canonical,
        *,
        transaction: DeliveryId,
        sender: UserId | None = None,
        at: int = 0,
    ) -> EventId:
        """Append an event; a transaction that is known gives the event that it made."""
        self.server.reach()
        speaker = sender or self.user
        known = self.server.transactions.get((speaker, transaction))
        if known is not None:
            return known
        there = self._room(room)
        if speaker not in there.members:
            raise PermanentError(f"{speaker} is not in the room")
        digest = hashlib.sha256(f"{room}{len(there.timeline)}".encode()).hexdigest()[:20]
        made = EventId(f"${digest}")
        self.server.transactions[speaker, transaction] = made
        there.timeline.append((speaker, made, replace(event, at=at or event.at)))
        self.server.stream.append(room)
        await self._ring()
        return made

    async def mark_read(self, room: RoomId, event: EventId) -> None:
        """Show the others how far this account has read."""
        receipt = Receipt(
            id=SourceId(""), chat=ChatId(room), targets=(SourceId(event),), kind=ReceiptKind.READ
        )
        await self.send(room, receipt, transaction=DeliveryId(f"{event}/{self.user}"))

    async def mark_typing(self, room: RoomId, *, seconds: int) -> None:
        """Show the others that this account writes, until it says otherwise."""
        self.server.reach()
        others = tuple(user for user in self.server.typing[room] if user != self.user)
        self.server.typing[room] = (*others, self.user) if seconds else others
        await self._ring()

    async def _ring(self) -> None:
        async with self.server.bell:
            self.server.bell.notify_all()

    def importer(self) -> "MemoryImporter":
        """Give what brings history in."""
        return MemoryImporter(self)

    async def upload(
        self, room: RoomId, file: Attachment, data: bytes, *, sender: UserId | None = None
    ) -> Attachment:
        """Store a file."""
        self.server.reach()
        return replace(measured(file, data), source=self._stored(data), size=len(data))

    def _stored(self, data: bytes) -> str:
        source = f"mxc://{self.server.name}/{len(self.server.files)}"
        self.server.files[source] = data
        return source

    async def download(self, file: Attachment) -> bytes:
        """Fetch a file."""
        self.server.reach()
        if file.source not in self.server.files:
            raise PermanentError("the file is gone")
        return self.server.files[file.source]

    async def history(self, room: RoomId, *, newest_first: bool = False) -> AsyncIterator[Canonical]:
        """Read a room back."""
        self.server.reach()
        entries = self._room(room).timeline
        for entry in reversed(entries) if newest_first else list(entries):
            yield self._as_seen(room, entry)

    async def brought(self, room: RoomId, *, newest_first: bool = False) -> AsyncIterator[Seen]:
        """Read back what ghosts said."""
        self.server.reach()
        entries = self._room(room).timeline
        for sender, event_id, event in reversed(entries) if newest_first else list(entries):
            if event.origin is not Origin.MATRIX:
                file = event.attachment if isinstance(event, Message) and not event.deleted else None
                yield Seen(event.id, event_id, sender, event.at, words(event), late=event.late, file=file)

    def _room(self, room: RoomId) -> Room:
        if room not in self.server.rooms:
            raise PermanentError("there is no such room")
        return self.server.rooms[room]

    async def close(self) -> None:
        """Free nothing."""


class MemoryImporter:
    """Brings history into a ``MemoryServer``'s rooms; implements ``core.importing.Importer``."""

    def __init__(self, homeserver: MemoryHomeserver) -> None:
        self._homeserver = homeserver
        self._events: dict[DeliveryId, Canonical] = {}

    def convert(self, event: Canonical, *, sender: UserId, key: DeliveryId) -> Brought | None:
        """Write an event as Synapse would get it; what takes something back has no content of its own."""
        if isinstance(event, Redaction) or (isinstance(event, Reaction) and not event.key):
            return None
        kind, content = to_content(event)
        self._events[key] = event
        return Brought(kind, content, sender, event.at, key)

    def close(self, poll: Message, target: EventId, *, sender: UserId, key: DeliveryId) -> Brought:
        """Write a poll's end, which this server keeps as a notice."""
        kind, content = poll_end(poll, target)
        self._events[key] = Notice(
            id=end_of(poll.id),
            chat=poll.chat,
            at=poll.at,
            origin=poll.origin,
            text=content["body"],
            topic="poll",
        )
        return Brought(kind, content, sender, poll.at, key)

    async def put(self, room: RoomId, batch: Sequence[Brought]) -> list[EventId | Refused]:
        """Append events one by one: a server that goes down half-way keeps the first of them."""
        done: list[EventId | Refused] = []
        for one in batch:
            event = self._events[one.key]
            try:
                made = await self._homeserver.send(
                    room, event, transaction=one.key, sender=one.sender, at=one.at
                )
            except PermanentError as error:
                done.append(Refused(error.message))
            else:
                done.append(made)
        for one in batch:
            del self._events[one.key]
        return done

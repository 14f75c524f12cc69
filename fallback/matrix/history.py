"""History that is imported encrypted, before anybody is invited to it.

One Megolm session a room and run, under sender keys that are thrown away and never published: a strict client
refuses imported keys of a device that it comes to know later, and this one it never can.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Self

import msgspec
import vodozemac
from msgspec.json import decode, encode
from nio.crypto import InboundGroupSession

from fallback.core.events import Canonical, Frozen, Message
from fallback.core.ids import DeliveryId, EventId, RoomId, UserId
from fallback.core.importing import Brought, Importer, Refused
from fallback.core.trust import Facts
from fallback.errors import PermanentError
from fallback.matrix.crypto.backup import Backup
from fallback.matrix.crypto.canonical import Json
from fallback.matrix.crypto.client import SafeClient
from fallback.matrix.crypto.roomkeys import MEGOLM, RoomKey

DEVICE = "WAHISTORY"
"""The device that imported messages name; it does not exist."""
_CLEAR = ("m.reaction",)
"""What clients send in clear in an encrypted room: all that it says is in its relation."""


class Run(Frozen, frozen=True):
    """One session of an import, as it is journaled.

    Args:
        reserved: message indices that may have been used.
    """

    session: str
    room: RoomId
    reserved: int = 0


class HistorySession:
    """A Megolm session that is only ever in memory: after a crash a new one goes on, so no index is used twice.

    ``begin`` makes one that others can read; ``reserve`` comes before what is sealed is sent.
    """

    def __init__(self, room: RoomId) -> None:
        sender = vodozemac.Account()
        self.room = room
        self._sender_key = sender.curve25519_key.to_base64()
        self._session = vodozemac.GroupSession()
        inbound = InboundGroupSession(
            self._session.session_key.to_base64(), sender.ed25519_key.to_base64(), self._sender_key, room
        )
        self._key = RoomKey.of(inbound, shared_history=True)
        self._reserved = 0
        self._journal: Journal | None = None

    @classmethod
    async def begin(cls, client: SafeClient, backup: Backup | None, facts: Facts, room: RoomId) -> Self:
        """Make a session whose key is in the journal, the account's store and its key backup.

        Raises:
            TransientError, PermanentError: the key is not in the backup; nothing may be sent.
        """
        made = cls(room)
        made._journal = Journal(facts, room)
        await made._journal.add(Run(made.room_key().session, room))
        client.take([made.room_key()])
        if backup is not None:
            await client.back_up(backup)
        return made

    def room_key(self) -> RoomKey:
        """Give the key that opens all of it; a secret."""
        return self._key

    async def reserve(self, count: int) -> None:
        """Write down that the next ``count`` messages may go."""
        self._reserved = self._session.message_index + count
        if self._journal is not None:
            await self._journal.reserve(self._key.session, self._reserved)

    def seal(self, kind: str, content: Json) -> tuple[str, Json]:
        """Encrypt an event's type and content; what it relates to stays in clear, as the homeserver needs it.

        Raises:
            PermanentError: more than was reserved.
        """
        if kind in _CLEAR:
            return kind, content
        if self._session.message_index >= self._reserved:
            raise PermanentError("more messages than were reserved in the journal of the history's key")
        relation = content.get("m.relates_to")
        inner = {name: part for name, part in content.items() if name != "m.relates_to"}
        plain = encode({"type": kind, "content": inner, "room_id": self.room})
        sealed: Json = {
            "algorithm": MEGOLM,
            "sender_key": self._sender_key,
            "device_id": DEVICE,
            "session_id": self._key.session,
            "ciphertext": self._session.encrypt(plain).to_base64(),
        }
        return "m.room.encrypted", sealed if relation is None else {**sealed, "m.relates_to": relation}


class SealingImporter:
    """Seals what another importer brings into encrypted rooms; implements ``core.importing.Importer``.

    Args:
        begin: gives a new session for a room; ``None`` for one that is not encrypted.
    """

    def __init__(
        self, importer: Importer, begin: Callable[[RoomId], Awaitable[HistorySession | None]]
    ) -> None:
        self._importer = importer
        self._begin = begin
        self._sessions: dict[RoomId, HistorySession | None] = {}

    def convert(self, event: Canonical, *, sender: UserId, key: DeliveryId) -> Brought | None:
        """Write an event in clear; it is sealed on its way."""
        return self._importer.convert(event, sender=sender, key=key)

    def close(self, poll: Message, target: EventId, *, sender: UserId, key: DeliveryId) -> Brought:
        """Write a poll's end in clear; it is sealed on its way."""
        return self._importer.close(poll, target, sender=sender, key=key)

    async def put(self, room: RoomId, batch: Sequence[Brought]) -> list[EventId | Refused]:
        """Bring events in, sealed where the room is encrypted; what is put again goes under new indices."""
        if room not in self._sessions:
            self._sessions[room] = await self._begin(room)
        session = self._sessions[room]
        if session is None:
            return await self._importer.put(room, batch)
        await session.reserve(len(batch))
        return await self._importer.put(room, [_sealed(session, one) for one in batch])


def _sealed(session: HistorySession, one: Brought) -> Brought:
    kind, content = session.seal(one.kind, one.content)
    return msgspec.structs.replace(one, kind=kind, content=content)


class Journal:
    """The sessions of a room's imports, in the profile's store."""

    def __init__(self, facts: Facts, room: RoomId) -> None:
        self._facts = facts
        self._name = f"history.{room}"

    async def runs(self) -> list[Run]:
        """List the sessions, oldest first."""
        return decode(await self._facts.get(self._name) or "[]", type=list[Run])

    async def add(self, run: Run) -> None:
        """Write a session down before it is used."""
        await self._save([*await self.runs(), run])

    async def reserve(self, session: str, reserved: int) -> None:
        """Write down how many indices of a session may have been used."""
        await self._save(
            [
                msgspec.structs.replace(run, reserved=reserved) if run.session == session else run
                for run in await self.runs()
            ]
        )

    async def _save(self, runs: list[Run]) -> None:
        await self._facts.put(self._name, encode(runs).decode())

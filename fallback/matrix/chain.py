"""History in chains: through our module in the managed homeserver, else one request an event."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from fallback.core.events import Canonical, Message, Reaction, Redaction
from fallback.core.ids import DeliveryId, EventId, RoomId, UserId
from fallback.core.importing import Brought, Refused
from fallback.errors import HomeserverError, TransientError
from fallback.matrix.appservice import Appservice
from fallback.matrix.convert import poll_end, to_content
from fallback.matrix.http import Answer, RefusedError, accepted
from fallback.text import sanitise_name

log = logging.getLogger(__name__)

PATH = "/_synapse/client/fallback/history"
AT_ONCE = 50
"""Events that one call brings in one by one: what a crash finds unjournaled is less than two seconds of work."""
VERSION = 1
"""Of what we and our module in Synapse say to each other."""

_SEALED = ("m.room.encrypted", "m.reaction")
"""What may go into an encrypted room: all that a reaction says is in its relation, which nobody encrypts."""

Guard = Callable[[RoomId], Awaitable[None]]
"""Raises where clear text must not go into a room."""


class _Told(msgspec.Struct):
    event_id: str = ""
    error: str = ""


class _Taken(msgspec.Struct):
    events: list[_Told]


class _Offer(msgspec.Struct):
    version: int
    longest: int


class ChainImporter:
    """Brings history in as the appservice's ghosts; implements ``core.importing.Importer``.

    Args:
        guard: asked before clear text goes into a room.
        say: told once which way it goes where the fast one is closed.
    """

    def __init__(
        self, appservice: Appservice, guard: Guard, *, say: Callable[[str], None] = log.warning
    ) -> None:
        self._appservice = appservice
        self._guard = guard
        self._say = say
        self._longest: int | None = None

    def convert(self, event: Canonical, *, sender: UserId, key: DeliveryId) -> Brought | None:
        """Write an event as it will be in the room; what takes something back has no content of its own."""
        if isinstance(event, Redaction) or (isinstance(event, Reaction) and not event.key):
            return None
        kind, content = to_content(event)
        return Brought(kind, content, sender, event.at, key)

    def close(self, poll: Message, target: EventId, *, sender: UserId, key: DeliveryId) -> Brought:
        """Write the end of a poll that is in the room, with the votes that an export tells."""
        kind, content = poll_end(poll, target)
        return Brought(kind, content, sender, poll.at, key)

    async def put(self, room: RoomId, batch: Sequence[Brought]) -> list[EventId | Refused]:
        """Bring the first events of the batch in."""
        if any(one.kind not in _SEALED for one in batch):
            await self._guard(room)
        if self._longest is None:
            self._longest = await self._offered()
        if self._longest:
            return await self._as_chain(room, batch[: self._longest])
        return await self._one_by_one(room, batch[:AT_ONCE])

    async def _offered(self) -> int:
        """Ask the module how long a chain may be; 0 where there is none that we understand."""
        try:
            offer = msgspec.json.decode(accepted(await self._appservice.exchange("GET", PATH)), type=_Offer)
        except (RefusedError, msgspec.MsgspecError):
            offer = _Offer(0, 0)
        if offer.version == VERSION and offer.longest > 0:
            return offer.longest
        self._say(
            "this homeserver has no fast way in for history: it goes in one by one, about ten times slower"
        )
        return 0

    async def _as_chain(self, room: RoomId, batch: Sequence[Brought]) -> list[EventId | Refused]:
        answer = await self._appservice.exchange(
            "POST", PATH, {"room_id": room, "events": [_link(one) for one in batch]}
        )
        if answer.status == 413 and len(batch) > 1:
            return await self._as_chain(room, batch[: len(batch) // 2])
        if answer.status == 413:
            return [Refused("the event is larger than the homeserver takes")]
        _refuse_full(answer)
        try:
            told = msgspec.json.decode(accepted(answer), type=_Taken).events
        except msgspec.MsgspecError as error:
            raise TransientError("the homeserver's answer to a chain can't be read") from error
        if len(told) != len(batch):
            raise TransientError("the homeserver's answer does not fit the chain")
        return [
            EventId(one.event_id) if one.event_id else Refused(sanitise_name(one.error, 200)) for one in told
        ]

    async def _one_by_one(self, room: RoomId, batch: Sequence[Brought]) -> list[EventId | Refused]:
        done: list[EventId | Refused] = []
        for one in batch:
            try:
                made = await self._appservice.send(
                    room, one.kind, one.content, sender=one.sender, txn=one.key, at=one.at
                )
            except RefusedError as error:
                done.append(Refused(error.message))
            except TransientError:
                if done:
                    break
                raise
            else:
                done.append(EventId(made))
        return done


def _refuse_full(answer: Answer) -> None:
    if answer.status == 507:
        raise HomeserverError(
            "the homeserver has no space left",
            "Free some space, then run the same command again: it goes on.",
        )


def _link(one: Brought) -> dict[str, Any]:
    return {
        "type": one.kind,
        "content": one.content,
        "sender": one.sender,
        "origin_server_ts": one.at,
        "key": one.key,
    }

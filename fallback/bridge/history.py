"""A room's history on its way in: files ahead, events in chains, a journal entry for each chain."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from msgspec.structs import replace

from fallback.bridge.patience import obeyed
from fallback.core.events import Canonical, Edit, Identity, Message, Reaction, Redaction, Vote
from fallback.core.ids import DeliveryId, EventId, SourceId, UserId
from fallback.core.importing import Brought, ImportingHomeserver, Refused, end_of
from fallback.core.migration import is_poll
from fallback.core.ports import Clock, Portal, Store
from fallback.core.routing import MATRIX, delivery_id
from fallback.errors import FallbackError, InterruptedWorkError, ParseError, PermanentError

CHAIN = 200
"""Events a chain."""

UPLOADS = 4
"""Files that are stored at once."""

T = TypeVar("T")


class Media(Protocol):
    """Where an export's files are read from."""

    def read(self, name: str) -> bytes:
        """Give a file's bytes."""
        ...


class History:
    """The events of one run.

    Args:
        imported: what is in the room; grows with each chain.
        mentioned: the account or ghost that a mention of somebody points at.
        say: told in words what a person should know meanwhile.
        stored: told of each file that is done with.
        stopping: asked before each chain whether somebody wants to stop.

    Attributes:
        refused: events that the homeserver did not take as they are, and why.
    """

    def __init__(
        self,
        portal: Portal,
        homeserver: ImportingHomeserver,
        store: Store,
        ghost: Callable[[Identity], UserId],
        imported: dict[SourceId, EventId],
        *,
        mentioned: Callable[[Identity], UserId],
        clock: Clock,
        say: Callable[[str], None],
        stored: Callable[[], None],
        stopping: Callable[[], bool],
    ) -> None:
        self.refused: dict[SourceId, str] = {}
        self._portal = portal
        self._homeserver = homeserver
        self._importer = homeserver.importer()
        self._store = store
        self._ghost = ghost
        self._imported = imported
        self._mentioned = mentioned
        self._clock = clock
        self._say = say
        self._stored = stored
        self._stopping = stopping

    async def bring(self, pending: Sequence[Canonical], media: Media) -> AsyncIterator[int]:
        """Bring events in, in order; gives how many are done whenever some are.

        Raises:
            TransientError, AuthError, HomeserverError, PermanentError: as ``Importer.put``; what was given is journaled.
            InterruptedWorkError: somebody wants to stop; the chain in flight is in.
        """
        ready = await self._with_files(pending[:CHAIN], media)
        for start in range(CHAIN, len(pending) + CHAIN, CHAIN):
            if self._stopping():
                raise InterruptedWorkError("stopped", "Run the same command again: it goes on from here.")
            following = pending[start : start + CHAIN]
            try:
                async with asyncio.TaskGroup() as tasks:
                    ahead = tasks.create_task(self._with_files(following, media))
                    await self._enter(ready)
            except* FallbackError as several:
                raise _first(several) from several
            yield len(ready)
            ready = ahead.result()

    # ── files ────────────────────────────────────────────────────────────────────────────────────

    async def _with_files(self, events: Sequence[Canonical], media: Media) -> list[Canonical]:
        """Store the events' files and point the events at them."""
        gate = asyncio.Semaphore(UPLOADS)
        try:
            async with asyncio.TaskGroup() as tasks:
                done = [tasks.create_task(self._with_file(event, media, gate)) for event in events]
        except* FallbackError as several:
            raise _first(several) from several
        return [task.result() for task in done]

    async def _with_file(self, event: Canonical, media: Media, gate: asyncio.Semaphore) -> Canonical:
        """Store a message's file; one that can't be read or stored is left out, and told."""
        if not isinstance(event, Message) or event.attachment is None or not event.attachment.source:
            return event
        file, sender = event.attachment, self._ghost(event.sender)
        async with gate:
            try:
                data = media.read(file.source)
                stored = await self._patiently(
                    lambda: self._homeserver.upload(self._portal.room, file, data, sender=sender)
                )
            except (ParseError, PermanentError) as error:
                self.refused[event.id] = f"its file is left out: {error.message}"
                stored = replace(file, source="")
        self._stored()
        return replace(event, attachment=stored)

    # ── events ───────────────────────────────────────────────────────────────────────────────────

    async def _enter(self, events: Sequence[Canonical]) -> None:
        """Put events in as chains in which nothing points at its own chain."""
        chain: dict[SourceId, Brought] = {}
        for event in events:
            if event.id in self._imported:
                await self._end(chain, event)
                continue
            if _target(event) in chain:
                await self._put(chain)
            sender, key = self._ghost(event.sender), delivery_id(self._portal, event, MATRIX)
            pointed = _pointed(self._with_mentions(event), self._imported)
            one = self._importer.convert(pointed, sender=sender, key=key)
            if one is None:
                await self._put(chain)
                await self._send(pointed, sender, key)
            else:
                chain[event.id] = one
                await self._end(chain, event)
        await self._put(chain)

    def _with_mentions(self, event: Canonical) -> Canonical:
        """Say whom a text mentions as the room knows them."""
        if not isinstance(event, Message | Edit) or not event.mentions:
            return event
        people = tuple(
            one if one.mxid else replace(one, mxid=self._mentioned(one)) for one in event.mentions if one.key
        )
        return replace(event, mentions=people)

    async def _end(self, chain: dict[SourceId, Brought], event: Canonical) -> None:
        """End a poll with the next chain."""
        if not is_poll(event):
            return
        await self._put(chain)
        if made := self._imported.get(event.id):
            end = end_of(event.id)
            key = delivery_id(self._portal, replace(event, id=end), MATRIX)
            chain[end] = self._importer.close(event, made, sender=self._ghost(event.sender), key=key)

    async def _put(self, chain: dict[SourceId, Brought]) -> None:
        """Put a chain in and journal it; it is empty afterwards."""
        while chain:
            results = await self._patiently(
                lambda: self._importer.put(self._portal.room, tuple(chain.values()))
            )
            made: list[tuple[SourceId, EventId]] = []
            for source, result in zip(list(chain), results, strict=False):
                del chain[source]
                if isinstance(result, Refused):
                    self.refused[source] = result.reason
                else:
                    made.append((source, result))
            await self._journal(made)

    async def _send(self, event: Canonical, sender: UserId, key: DeliveryId) -> None:
        """Say what can't be in a chain."""
        try:
            made = await self._patiently(
                lambda: self._homeserver.send(
                    self._portal.room, event, transaction=key, sender=sender, at=event.at
                )
            )
        except PermanentError as error:
            self.refused[event.id] = error.message
        else:
            await self._journal([(event.id, made)])

    async def _journal(self, made: list[tuple[SourceId, EventId]]) -> None:
        await self._store.save_imported(self._portal.id, made)
        self._imported.update(made)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask, and again after each wait that the homeserver names."""
        return await obeyed(ask, self._clock, self._say)


def _first(several: BaseExceptionGroup[FallbackError]) -> FallbackError:
    """Give the error that a group of tasks ended with."""
    first = several.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _target(event: Canonical) -> SourceId | None:
    """Name the event that this one points at."""
    match event:
        case Message(reply_to=target):
            return target
        case Edit() | Reaction() | Redaction() | Vote():
            return event.target
        case _:
            return None


def _pointed(event: Canonical, imported: dict[SourceId, EventId]) -> Canonical:
    """Turn ids of the export that an event points to into ids of the room."""
    match event:
        case Message(reply_to=str() as target):
            made = imported.get(target)
            return replace(event, reply_to=SourceId(made) if made else None)
        case Edit() | Reaction() | Redaction() | Vote():
            return replace(event, target=SourceId(imported.get(event.target, EventId(event.target))))
        case _:
            return event

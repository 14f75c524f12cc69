"""History retold by one account on any homeserver: in order, once, as fast as the homeserver allows."""

from collections.abc import AsyncIterator, Callable, Sequence

from msgspec.structs import replace

from fallback.bridge.history import Media
from fallback.bridge.patience import obeyed
from fallback.core.events import Message
from fallback.core.ids import EventId, SourceId, UserId
from fallback.core.migration import Plan
from fallback.core.ports import Clock, Homeserver, Portal, Seen, Store
from fallback.core.retelling import Line, Told, sources_of
from fallback.core.routing import MATRIX, delivery_id
from fallback.core.verification import Verification, verify
from fallback.errors import ParseError, PermanentError


async def own_room(homeserver: Homeserver, store: Store, plan: Plan) -> Portal:
    """Give the room of a plan, which is made once; without an alias, which somebody else may have on that server."""
    known = await store.portal(plan.portal)
    if known is not None:
        return known
    room = await homeserver.create_room(replace(plan.room, alias="", announce_only=False))
    portal = Portal(id=plan.portal, chat=plan.chat, room=room, name=plan.room.name, ghosts=False)
    await store.save_portal(portal)
    return portal


class Retelling:
    """The history of one room.

    Args:
        say: told in words what a person should know meanwhile.

    Attributes:
        refused: events that are not in the room as they are, and why.
    """

    def __init__(
        self,
        portal: Portal,
        homeserver: Homeserver,
        store: Store,
        *,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self.refused: dict[SourceId, str] = {}
        self._portal = portal
        self._homeserver = homeserver
        self._store = store
        self._clock = clock
        self._say = say
        self._has_waited = False
        self._there: dict[SourceId, EventId] = {}

    async def remaining(self, lines: Sequence[Line]) -> list[Line]:
        """List what is not in the room: by the journal, and by the room for what was sent after its last write."""
        self._there = await self._store.imported(self._portal.id)
        pending = [line for line in lines if line.id not in self._there]
        places = {line.id: place for place, line in enumerate(pending)}
        async for one in self._homeserver.brought(self._portal.room, newest_first=True):
            if one.source.rpartition("+")[0] in self._there or one.source in self._there:
                break
            await self._journal(sources_of(one.source, pending, places), one.event)
        return [line for line in pending if line.id not in self._there]

    async def bring(self, told: Sequence[Told], media: Media) -> AsyncIterator[int]:
        """Send in order; gives how many events of the export are done whenever some are.

        Raises:
            TransientError, AuthError: as ``Homeserver.send``; what was given is journaled.
        """
        for one in told:
            try:
                made = await self._send(one, media)
            except PermanentError as error:
                self.refused |= dict.fromkeys(one.sources, error.message)
            else:
                await self._journal(one.sources, made)
            yield len(one.sources)

    async def check(self, lines: Sequence[Line]) -> Verification:
        """Read the room back and hold it against what was to be told."""
        told: dict[EventId, list[SourceId]] = {}
        for source, made in (await self._store.imported(self._portal.id)).items():
            told.setdefault(made, []).append(source)
        places = {line.id: place for place, line in enumerate(lines)}
        found: list[Seen] = []
        async for one in self._homeserver.brought(self._portal.room):
            sources = told.get(one.event) or sources_of(one.source, lines, places)
            found += [_seen(source) for source in sorted(sources, key=lambda name: places.get(name, -1))]
        return verify([_seen(line.id) for line in lines], found)

    async def _send(self, one: Told, media: Media) -> EventId:
        event = one.event
        key = delivery_id(self._portal, event, MATRIX)
        if isinstance(event, Message):
            answered = self._there.get(event.reply_to) if event.reply_to else None
            event = replace(event, reply_to=SourceId(answered) if answered else None)
            event = await self._with_file(event, media)
        return await obeyed(
            lambda: self._homeserver.send(self._portal.room, event, transaction=key), self._clock, self._wait
        )

    async def _with_file(self, event: Message, media: Media) -> Message:
        """Store a message's file; one that can't be read or stored is left out, and told."""
        file = event.attachment
        if file is None or not file.source or event.deleted:
            return event
        try:
            data = media.read(file.source)
            stored = await obeyed(
                lambda: self._homeserver.upload(self._portal.room, file, data), self._clock, self._wait
            )
        except (ParseError, PermanentError) as error:
            self.refused[event.id] = f"its file is left out: {error.message}"
            stored = replace(file, source="")
        return replace(event, attachment=stored)

    async def _journal(self, sources: Sequence[SourceId], made: EventId) -> None:
        if sources:
            await self._store.save_imported(self._portal.id, [(source, made) for source in sources])
            self._there.update(dict.fromkeys(sources, made))

    def _wait(self, text: str) -> None:
        """Tell the first wait only: a homeserver that limits asks for one before almost every message."""
        if not self._has_waited:
            self._say(text)
        self._has_waited = True


def _seen(source: SourceId) -> Seen:
    """Name an event for a comparison of what is there and in which order."""
    return Seen(source, EventId(""), UserId(""), 0, "")

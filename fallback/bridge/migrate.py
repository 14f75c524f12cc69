"""Carry a plan out: room, ghosts, history in order; a second run goes on where the first one stopped."""

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec.structs import replace

from fallback.bridge.history import History, Media
from fallback.clock import SystemClock
from fallback.core.events import Canonical, Identity, Message
from fallback.core.ids import EventId, SourceId, UserId
from fallback.core.importing import ImportingHomeserver
from fallback.core.migration import Plan, Verification, timeline, verify
from fallback.core.ports import Clock, Portal, Seen, Store
from fallback.core.roster import ghost

log = logging.getLogger(__name__)


class Progress(Protocol):
    """What a running migration tells: the step and how far it is."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Tell once."""
        ...


def silent(step: str, done: int, total: int) -> None:
    """Tell nobody."""


class Migration:
    """One plan on its way.

    Args:
        server_name: of the homeserver, part of every ghost's id.
        say: told in words what a person should know meanwhile.

    Attributes:
        refused: events that the homeserver did not take as they are, and why.
    """

    def __init__(
        self,
        plan: Plan,
        homeserver: ImportingHomeserver,
        store: Store,
        *,
        server_name: str,
        progress: Progress = silent,
        clock: Clock | None = None,
        say: Callable[[str], None] = log.warning,
    ) -> None:
        self.plan = plan
        self.homeserver = homeserver
        self.store = store
        self.server_name = server_name
        self.progress = progress
        self.clock = clock or SystemClock()
        self.say = say
        self.refused: dict[SourceId, str] = {}
        self._ghosts = {
            identity.key: one.ghost for one in reversed(plan.people) for identity in one.person.identities
        }

    def ghost(self, identity: Identity) -> UserId:
        """Give the ghost of any of a person's identities."""
        return self._ghosts.get(identity.key) or ghost(identity, self.server_name)

    async def prepare(self) -> Portal:
        """Make the room; harmless when it exists."""
        room = await self.homeserver.create_room(self.plan.room)
        portal = Portal(id=self.plan.portal, chat=self.plan.chat, room=room, name=self.plan.room.name)
        known = {one.id: one for one in await self.store.portals()}
        portal = replace(known.get(portal.id, portal), room=room)
        await self.store.save_portal(portal)
        return portal

    async def gather(self, portal: Portal, pending: Iterable[Canonical]) -> None:
        """Let the ghosts in: of all who are in the group, and of all who still have something to say."""
        system = ghost(Identity(), self.server_name)
        names = {system: "WhatsApp"} | {one.ghost: one.person.name for one in self.plan.people}
        speak = {self.ghost(event.sender) for event in pending}
        wanted = dict.fromkeys([*speak, system, *(one.ghost for one in self.plan.people if one.member)])
        for done, user in enumerate(wanted, 1):
            await self.homeserver.ensure_ghost(user, names.get(user, ""))
            await self.homeserver.join(portal.room, user)
            self.progress("people", done, len(wanted))

    async def run(self, events: Iterable[Canonical], media: Media) -> Portal:
        """Do all of it; raises what the homeserver raises, and can be run again at any time."""
        portal = await self.prepare()
        chosen = timeline(events)
        imported = await self._known(portal)
        pending = [event for event in chosen if event.id not in imported]
        await self.gather(portal, pending)
        history = History(
            portal, self.homeserver, self.store, self.ghost, imported, clock=self.clock, say=self.say
        )
        done = len(chosen) - len(pending)
        for number in range(done):
            self.progress("messages", number + 1, len(chosen))
        try:
            async for count in history.bring(pending, media):
                for _ in range(count):
                    done += 1
                    self.progress("messages", done, len(chosen))
        finally:
            self.refused = history.refused
        await self._let_leave(portal)
        return portal

    async def check(self, portal: Portal, events: Iterable[Canonical]) -> Verification:
        """Read the room back and hold it against the export."""
        expected = [
            Seen(
                source=event.id,
                event=EventId(""),
                sender=self.ghost(event.sender),
                at=event.at,
                text=plain(event),
            )
            for event in timeline(events)
        ]
        seen: list[Seen] = []
        async for one in self.homeserver.brought(portal.room):
            seen.append(one)
            self.progress("check", len(seen), max(len(expected), len(seen)))
        return verify(expected, seen)

    async def _known(self, portal: Portal) -> dict[SourceId, EventId]:
        """Tell what is in the room: the journal, and what was sent after its last write."""
        imported = await self.store.imported(portal.id)
        tail: list[tuple[SourceId, EventId]] = []
        async for one in self.homeserver.brought(portal.room, newest_first=True):
            if one.source in imported:
                break
            tail.append((one.source, one.event))
        if tail:
            log.info("found %d events in the room that the journal did not know", len(tail))
            await self.store.save_imported(portal.id, tail)
        return imported | dict(tail)

    async def _let_leave(self, portal: Portal) -> None:
        """Let the ghosts of those leave who had left the group before the export."""
        for one in self.plan.people:
            if not one.member:
                await self.homeserver.leave(portal.room, one.ghost)


def plain(event: Canonical) -> str:
    """Give the text of a plain message, as ``Homeserver.brought`` shows it."""
    if not isinstance(event, Message) or event.deleted or event.attachment or event.location or event.poll:
        return ""
    return event.text

"""Carry a plan out: room, ghosts, history in order; a second run goes on where the first one stopped."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from fallback.bridge.history import History, Media
from fallback.bridge.read_back import Progress, check, told_by_relay
from fallback.clock import SystemClock
from fallback.core.events import Canonical, Identity, Message
from fallback.core.ids import EventId, SourceId, UserId
from fallback.core.importing import Furnishing, ImportingHomeserver
from fallback.core.migration import Plan, ghosts, pins, remaining, timeline
from fallback.core.ports import Clock, Portal, Store
from fallback.core.roster import ghost
from fallback.core.verification import Verification
from fallback.errors import InterruptedWorkError

log = logging.getLogger(__name__)

LEADS, SPEAKS = 100, 50
"""Powers: of the group's admins, and of who may speak where only admins may."""


def leaders_key(portal: str) -> str:
    """Name the small fact that holds the ghosts of a group's admins."""
    return f"leaders:{portal}"


def silent(step: str, done: int, total: int) -> None:
    """Tell nobody."""


class Migration:
    """One plan on its way.

    Args:
        server_name: of the homeserver, part of every ghost's id.
        say: told in words what a person should know meanwhile.

    Attributes:
        refused: events that the homeserver did not take as they are, and why.
        stopping: set it, and the run ends when the chain in flight is in.
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
        self.stopping = False
        self.ghost = ghosts(plan, server_name)

    async def prepare(self) -> Portal:
        """Make the room; harmless when it exists.  All may speak there until the history is in."""
        room = await self.homeserver.create_room(replace(self.plan.room, announce_only=False))
        portal = Portal(id=self.plan.portal, chat=self.plan.chat, room=room, name=self.plan.room.name)
        known = await self.store.portal(portal.id)
        portal = replace(known or portal, room=room, name=portal.name)
        await self.store.save_portal(portal)
        led = [one.ghost for one in self.plan.people if one.person.admin]
        await self.store.put(leaders_key(portal.id), " ".join(led) or None)
        return portal

    async def gather(self, portal: Portal, pending: Iterable[Canonical]) -> None:
        """Let the ghosts in: of all who are in the group, and of all who still have something to say."""
        system = ghost(Identity(), self.server_name)
        names = {system: "WhatsApp"} | {one.ghost: one.person.name for one in self.plan.people}
        speak = {self.ghost(event.sender) for event in pending}
        wanted = dict.fromkeys([*speak, system, *(one.ghost for one in self.plan.people if one.member)])
        for done, user in enumerate(wanted, 1):
            self._may_go_on()
            await self.homeserver.ensure_ghost(user, names.get(user, ""))
            await self.homeserver.join(portal.room, user)
            self.progress("people", done, len(wanted))

    async def run(
        self, events: Iterable[Canonical], media: Media, *, picture: tuple[bytes, str] | None = None
    ) -> Portal:
        """Do all of it; raises what the homeserver raises, and can be run again at any time.

        Args:
            picture: the group's, with its mimetype.

        Raises:
            InterruptedWorkError: ``stopping`` was set; the same run goes on from there.
        """
        portal = await self.prepare()
        chosen = timeline(events)
        imported, newest = await self._known(portal)
        told = await told_by_relay(self.store, portal, chosen)
        rest = remaining(chosen, imported, newest=newest)
        pending = [event for event in rest if event.id in imported or event.id not in told]
        await self.gather(portal, pending)
        wanted = await self._furnishing(portal, pending if imported else (), picture)
        await self.homeserver.furnish(portal.room, replace(wanted, announce_only=None))
        await self._bring(portal, chosen, pending, imported, media)
        pinned = tuple(imported[pin] for pin in pins(chosen) if pin in imported)
        for kept in await self.homeserver.furnish(portal.room, replace(wanted, pinned=pinned)):
            self.say(f"{kept} stays as somebody has set it in the room")
        await self._let_leave(portal)
        return portal

    async def _bring(
        self,
        portal: Portal,
        chosen: Sequence[Canonical],
        pending: Sequence[Canonical],
        imported: dict[SourceId, EventId],
        media: Media,
    ) -> None:
        """Bring the history in and tell how far it is."""
        files = _Count(
            self.progress,
            "files",
            sum(
                isinstance(one, Message) and bool(one.attachment and one.attachment.source) for one in pending
            ),
        )
        messages = _Count(self.progress, "messages", len(chosen))
        history = History(
            portal,
            self.homeserver,
            self.store,
            self.ghost,
            imported,
            mentioned=await self._mentioned(portal),
            clock=self.clock,
            say=self.say,
            stored=files,
            stopping=lambda: self.stopping,
        )
        messages(len(chosen) - len(pending))
        try:
            async for count in history.bring(pending, media):
                messages(count)
        finally:
            self.refused = history.refused

    async def _mentioned(self, portal: Portal) -> Callable[[Identity], UserId]:
        """Give whom a mention points at: an account of the plan; who is in the room is not called again for it."""
        here = {one.mxid for one in (await self.homeserver.room_state(portal.room)).members}
        invited = set(self.plan.invited)
        accounts = {one.ghost: one.account for one in self.plan.people if one.account in invited}

        def who(identity: Identity) -> UserId:
            own = self.ghost(identity)
            account = accounts.get(own, own)
            return own if account in here else account

        return who

    async def check(
        self, portal: Portal, events: Iterable[Canonical], *, media: Media | None = None, most: int = 0
    ) -> Verification:
        """Read the room back and hold it against the export; ``most`` files are compared too."""
        told = await told_by_relay(self.store, portal, events)
        return await check(
            self.homeserver,
            portal,
            events,
            self.ghost,
            told=told,
            media=media,
            most=most,
            progress=self.progress,
        )

    async def _known(self, portal: Portal) -> tuple[dict[SourceId, EventId], int]:
        """Tell what is in the room: the journal, and what was sent after its last write; and the newest one's time."""
        imported = await self.store.imported(portal.id)
        tail: list[tuple[SourceId, EventId]] = []
        newest = 0
        async for one in self.homeserver.brought(portal.room, newest_first=True):
            newest = max(newest, one.at)
            if one.source in imported:
                break
            tail.append((one.source, one.event))
        if tail:
            log.info("found %d events in the room that the journal did not know", len(tail))
            await self.store.save_imported(portal.id, tail)
        return imported | dict(tail), newest

    async def _furnishing(
        self, portal: Portal, speakers: Iterable[Canonical], picture: tuple[bytes, str] | None
    ) -> Furnishing:
        """Say how the group's people know it.

        Args:
            speakers: what is still to be said in a room where only admins may speak already.
        """
        room, powers = self.plan.room, dict.fromkeys(self.plan.leaders, LEADS)
        if room.announce_only:
            heard = [ghost(Identity(), self.server_name), *(self.ghost(event.sender) for event in speakers)]
            admins = [one.ghost for one in self.plan.people if one.person.admin]
            powers |= dict.fromkeys([*heard, *admins], SPEAKS)
        return Furnishing(
            name=room.name,
            topic=room.topic,
            picture=await self._picture(portal, *picture) if picture else "",
            powers=powers,
            announce_only=room.announce_only,
        )

    async def _picture(self, portal: Portal, data: bytes, mimetype: str) -> str:
        """Give the address of the group's picture, which is stored once."""
        key, mark = f"picture:{portal.id}", hashlib.sha256(data).hexdigest()
        before, _, address = (await self.store.get(key) or "").partition(" ")
        if before != mark:
            address = await self.homeserver.keep_picture(data, mimetype)
            await self.store.put(key, f"{mark} {address}")
        return address

    async def _let_leave(self, portal: Portal) -> None:
        """Let the ghosts of those leave who had left the group before the export."""
        for one in self.plan.people:
            if not one.member:
                await self.homeserver.leave(portal.room, one.ghost)

    def _may_go_on(self) -> None:
        if self.stopping:
            raise InterruptedWorkError("stopped", "Run the same command again: it goes on from here.")


class _Count:
    """How far one step is."""

    def __init__(self, progress: Progress, step: str, total: int) -> None:
        self._progress = progress
        self._step = step
        self._total = total
        self._done = 0

    def __call__(self, more: int = 1) -> None:
        for _ in range(more):
            self._done += 1
            self._progress(self._step, self._done, self._total)

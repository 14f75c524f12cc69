"""One account's own loops, what a client runs: sync into the store, empty the outbox, fill gaps."""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from fallback.bridge import ingest
from fallback.bridge.deliver import Deliverer
from fallback.bridge.files import Files
from fallback.core.events import Attachment, Canonical, GroupChange, Membership, Message, Origin, Setting
from fallback.core.ids import ChatId, PortalId, RoomId, SourceId, UserId
from fallback.core.outbox import Delivery, Outcome, Sent
from fallback.core.ports import Clock, Homeserver, Portal, Store, SyncBatch
from fallback.core.roster import is_ghost, relay_of
from fallback.core.routing import MATRIX

FILL_AT_MOST = 5000
"""Events that are read back when a room is new to this device or a sync left a gap."""


class AccountLoops:
    """The loops of one account.

    Args:
        told: a portal's timeline has changed.
        online: told ``None`` when syncing works, else the seconds until the next try.
        files: those that our messages carry; ``None`` where none are sent.
        typing: told who writes in a room, where that has changed.
    """

    def __init__(
        self,
        homeserver: Homeserver,
        store: Store,
        clock: Clock,
        *,
        told: Callable[[Portal], Awaitable[None]],
        online: Callable[[float | None], Awaitable[None]],
        files: Files | None = None,
        typing: Callable[[RoomId, tuple[UserId, ...]], Awaitable[None]] | None = None,
    ) -> None:
        self.homeserver = homeserver
        self.store = store
        self.clock = clock
        self.told = told
        self.online = online
        self.files = files
        self.typing = typing
        self.outbox = Deliverer(MATRIX, self._send, store, clock, owner="client", settled=self._settled)

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self.outbox.run())
            loops.create_task(
                ingest.from_room(
                    self.homeserver,
                    self.store,
                    self.clock,
                    self._keep,
                    self._recorded,
                    adopt=self._adopt,
                    online=self.online,
                )
            )

    def _keep(self, event: Canonical, portal: Portal) -> list[Delivery] | None:
        """Keep all but the coming and going of ghosts, which the network's own words tell."""
        if isinstance(event, Membership) and all(is_ghost(one.mxid) for one in event.members):
            return None
        return []

    async def _recorded(self, portal: Portal, event: Canonical) -> None:
        if isinstance(event, GroupChange) and event.setting is Setting.SUBJECT:
            await self.store.save_portal(
                Portal(id=portal.id, chat=portal.chat, room=portal.room, name=event.value)
            )
        await self.told(portal)

    async def _settled(self, delivery: Delivery, outcome: Outcome) -> None:
        match delivery.event, outcome:
            case Message(attachment=Attachment() as file), Sent() if self.files:
                await self.files.forget(file)
        portal = await self.store.portal(delivery.event.chat)
        if portal:
            await self.told(portal)

    async def _send(self, delivery: Delivery) -> SourceId:
        room, event = RoomId(delivery.event.chat), delivery.event
        match event:
            case Message(attachment=Attachment() as file) if self.files:
                event = replace(event, attachment=await self.files.upload(self.homeserver, room, file))
        return SourceId(await self.homeserver.send(room, event, transaction=delivery.id))

    async def _adopt(self, batch: SyncBatch) -> None:
        for room, host in batch.invited:
            if host == relay_of(self.homeserver.user):
                await self.homeserver.accept(room)
        if self.typing is not None:
            for place, users in batch.typing:
                await self.typing(place, users)
        gaps = {room for room, _ in batch.limited}
        for room in batch.joined:
            portal = await self.store.portal(room)
            if portal is None:
                state = await self.homeserver.room_state(room)
                portal = Portal(id=PortalId(room), chat=ChatId(room), room=room, name=state.name)
                await self.store.save_portal(portal)
                await self._fill(portal)
            elif room in gaps:
                await self._fill(portal)

    async def _fill(self, portal: Portal) -> None:
        """Read a room back to what is known, and record what is not, oldest first."""
        unknown: list[Canonical] = []
        async for event in self.homeserver.history(portal.room, newest_first=True):
            if await self.store.row_of(portal.id, Origin.MATRIX, event.id) or len(unknown) >= FILL_AT_MOST:
                break
            unknown.append(event)
        for event in reversed(unknown):
            await ingest.take(self.store, event, self._keep, self._quietly)
        await self.told(portal)

    async def _quietly(self, portal: Portal, event: Canonical) -> None:
        """Tell once at the end instead."""

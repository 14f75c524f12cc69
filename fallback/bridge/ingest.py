"""Take in what both sides say: record it with its deliveries in one transaction, acknowledge after the commit."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial

from fallback.bridge.patience import Patience
from fallback.core.events import Canonical, Edit, Event, Origin
from fallback.core.ids import PortalId, SourceId
from fallback.core.outbox import Delivery, back_off
from fallback.core.ports import Clock, Connector, Homeserver, Portal, Store, SyncBatch
from fallback.core.routing import MATRIX
from fallback.errors import TransientError

log = logging.getLogger(__name__)
Route = Callable[[Canonical, Portal], list[Delivery] | None]
"""Gives an event's deliveries; ``None`` for one that is not even recorded."""
Told = Callable[[Portal, Canonical], Awaitable[None]]
TOKEN = "sync_token"  # noqa: S105 - a place in a stream, no secret


async def from_network(
    connector: Connector, store: Store, route: Route, told: Told, patience: Patience
) -> None:
    """Record what a connector gives until it is closed; unknown chats are acknowledged and left."""

    async def keep(event: Canonical) -> None:
        portal = await store.portal(event.chat)
        if portal and not await store.is_ours(portal.id, event.id, connector.name):
            await _record(store, portal, event, route, told)

    async for incoming in connector.events():
        await patience.keep(partial(keep, incoming.event))
        await incoming.ack()


async def from_room(
    homeserver: Homeserver,
    store: Store,
    clock: Clock,
    route: Route,
    told: Told,
    *,
    adopt: Callable[[SyncBatch], Awaitable[None]],
    online: Callable[[float | None], Awaitable[None]],
    patience: Patience | None = None,
) -> None:
    """Record what the homeserver syncs, for ever; an unreachable one is asked again.

    Args:
        adopt: called before a batch is recorded, to make portals of joined rooms and fill gaps.
        online: told ``None`` when syncing works, else the seconds until the next try.
    """
    failures, patience = 0, patience or Patience(clock)

    async def keep(batch: SyncBatch) -> None:
        await adopt(batch)
        for event in batch.events:
            await take(store, event, route, told)
        await store.put(TOKEN, batch.token)

    while True:
        try:
            async for batch in homeserver.batches(await store.get(TOKEN) or ""):
                failures = 0
                await online(None)
                await patience.keep(partial(keep, batch))
        except TransientError as error:
            failures += 1
            wait = back_off(failures, asked=error.retry_after)
            log.warning("the homeserver can't be reached (%s); next try in %.0f s", error.message, wait)
            await online(wait)
            await clock.sleep(wait)


async def take(store: Store, event: Canonical, route: Route, told: Told) -> None:
    """Record one event of a room, unless it is the echo of our own request or changes somebody else's words."""
    portal = await store.portal(event.chat)
    if portal is None or await _echo(store, portal.id, event) or await _foreign(store, portal.id, event):
        return
    await _record(store, portal, event, route, told)


async def _echo(store: Store, portal: PortalId, event: Event) -> bool:
    ours = await store.is_ours(portal, event.id, MATRIX)
    return ours or (
        bool(event.transaction) and await store.is_ours(portal, SourceId(event.transaction), MATRIX)
    )


async def _foreign(store: Store, portal: PortalId, event: Canonical) -> bool:
    if not isinstance(event, Edit):
        return False
    row = await store.row_of(portal, Origin.MATRIX, event.target)
    known = await store.timeline(portal, before=row + 1, limit=1) if row else []
    return bool(known) and known[0].event.sender.key != event.sender.key


async def _record(store: Store, portal: Portal, event: Canonical, route: Route, told: Told) -> None:
    deliveries = route(event, portal)
    if deliveries is None:
        return
    if await store.record(portal.id, event, deliveries):
        await told(portal, event)

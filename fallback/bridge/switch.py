"""Act on a verdict: hold the lanes to WhatsApp, tell the rooms, hand over the digest on return; each once."""

import logging
from collections.abc import Callable

import msgspec

from fallback.core import announce, trial
from fallback.core.digest import digest
from fallback.core.events import Canonical, Message, Notice, Origin
from fallback.core.health import Health, State
from fallback.core.ids import SourceId
from fallback.core.outbox import Delivery
from fallback.core.ports import Clock, Portal, Store
from fallback.core.rollcall import question
from fallback.core.routing import MATRIX, delivery_id

log = logging.getLogger(__name__)
KEY = "outage"


class Outage(msgspec.Struct, frozen=True):
    """The outage that is going on, as the store keeps it: since when (ms)."""

    since: int


async def outage(store: Store) -> Outage | None:
    """Give the outage that is going on."""
    kept = await store.get(KEY)
    return msgspec.json.decode(kept, type=Outage) if kept else None


class Switch:
    """Takes all portals of a connector over to Matrix and back.

    Args:
        target: the connector's name.
        link: gives an address where the room can be read.
        ring: says that there is something to deliver.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        target: str,
        link: Callable[[Portal], str],
        ring: Callable[[], None],
    ) -> None:
        self.store = store
        self.clock = clock
        self.target = target
        self.link = link
        self.ring = ring
        self.health = Health()
        self.outage: Outage | None = None
        self.trial: trial.Trial | None = None

    async def load(self) -> None:
        """Take up an outage that was going on when the process ended."""
        self.outage = await outage(self.store)

    def holding(self) -> bool:
        """Tell whether messages to the remote side wait."""
        return self.outage is not None or announce.holds(self.health.state)

    def allowance(self) -> int:
        """Give how many lanes to the remote side may deliver now."""
        return trial.allowance(
            self.health.state, outage=self.outage is not None, last=self.trial, now=self.clock.now()
        )

    def tried(self, *, arrived: bool) -> None:
        """Note what became of a delivery; while WhatsApp seems to come back it was a trial."""
        if self.health.state is State.RECOVERING:
            self.trial = trial.Trial(self.clock.now(), arrived)

    async def on_health(self, health: Health) -> None:
        """Follow a new verdict; a second call with the same one changes nothing."""
        if health.state is not self.health.state:
            self.trial = None
        log.info("health: %s (%s): %s", health.state.value, health.cause, health.why)
        self.health = health
        if health.state is State.DOWN and self.outage is None:
            await self._go(health)
        elif health.state is State.UP and self.outage is not None:
            await self._return(self.outage)

    async def _go(self, health: Health) -> None:
        self.outage = Outage(self.clock.now())
        await self.store.put(KEY, msgspec.json.encode(self.outage).decode())
        for portal in await self.store.portals():
            await self._tell(portal, f"outage-{self.outage.since}-gone", announce.gone(health), announce.GONE)
            await self._ask(portal, self.outage)
        self.ring()

    async def _return(self, outage: Outage) -> None:
        minutes = max(1, round((self.clock.now() - outage.since) / 60_000))
        for portal in await self.store.portals():
            waiting = await self.store.waiting(portal.id, self.target)
            summary = digest([one.event for one in waiting], minutes=minutes, link=self.link(portal))
            if summary is not None:
                event = Message(
                    id=SourceId(f"outage-{outage.since}-digest"),
                    chat=portal.chat,
                    at=self.clock.now(),
                    origin=Origin.MATRIX,
                    text=summary.text,
                )
                delivery = self._delivery(portal, event, self.target)
                await self.store.record(portal.id, event, [delivery], replaces=[one.id for one in waiting])
            await self._tell(
                portal, f"outage-{outage.since}-back", announce.back(minutes, len(waiting)), announce.BACK
            )
        self.outage = None
        await self.store.put(KEY, None)
        self.ring()

    async def _ask(self, portal: Portal, outage: Outage) -> None:
        """Open the roll-call."""
        event = question(SourceId(f"outage-{outage.since}-rollcall"), portal.chat, self.clock.now())
        await self.store.record(portal.id, event, [self._delivery(portal, event, MATRIX)])

    async def _tell(self, portal: Portal, name: str, text: str, topic: str) -> None:
        event = Notice(
            id=SourceId(name),
            chat=portal.chat,
            at=self.clock.now(),
            origin=Origin.MATRIX,
            text=text,
            topic=topic,
        )
        await self.store.record(portal.id, event, [self._delivery(portal, event, MATRIX)])

    def _delivery(self, portal: Portal, event: Canonical, target: str) -> Delivery:
        return Delivery(id=delivery_id(portal, event, target), portal=portal.id, target=target, event=event)

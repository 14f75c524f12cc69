"""A relay: every loop of one connector and one homeserver in one task group."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from msgspec.structs import replace

from fallback.bridge import ingest
from fallback.bridge.deliver import Deliverer, Send
from fallback.bridge.patience import Patience
from fallback.bridge.sharing import Sharing
from fallback.bridge.switch import Switch
from fallback.bridge.watch import Watch
from fallback.core import override
from fallback.core.detector import Detector, DetectorConfig
from fallback.core.events import (
    Attachment,
    Canonical,
    GroupChange,
    Identity,
    Membership,
    Message,
    Origin,
    Receipt,
)
from fallback.core.health import Health, State
from fallback.core.ids import ChatId, RoomId, SourceId, UserId
from fallback.core.outbox import Delivery
from fallback.core.ports import Clock, Connector, Homeserver, Portal, Probe, Store, SyncBatch
from fallback.core.roster import ghost, is_ghost
from fallback.core.routing import MATRIX, to_remote, to_room
from fallback.core.trial import ALL
from fallback.errors import PermanentError, StoreError, TransientError
from fallback.probes.members import Members
from fallback.probes.session import SessionProbe
from fallback.probes.traffic import InboundProbe, ReceiptsProbe, Sends
from fallback.relay.tally import Tally

log = logging.getLogger(__name__)
VOTES = ("/down", "/up")
"""What a member writes in the room to say how WhatsApp is on their phone; not passed on."""
DRAIN = 10.0
"""Seconds that a stopping relay still delivers what is due."""
PAUSED = "paused"
"""Under which the store keeps that somebody paused the relay."""


class Relay:
    """One connector and one homeserver, kept in step.

    Args:
        server_name: of the homeserver, part of every ghost's id.
        probes: what the outage detector looks at, beside the relay's own traffic and its members' words.
        link: gives an address where a portal's room can be read.
        watching: the detector's clock, where it is another one (a demo's is faster).
        drain: seconds that it still delivers what is due when it stops.
        shared: other relays serve portals of this store too.
    """

    def __init__(
        self,
        connector: Connector,
        homeserver: Homeserver,
        store: Store,
        clock: Clock,
        *,
        server_name: str,
        probes: Sequence[Probe] = (),
        link: Callable[[Portal], str] = lambda portal: f"https://matrix.to/#/{portal.room}",
        watching: Clock | None = None,
        drain: float = DRAIN,
        shared: bool = False,
    ) -> None:
        owner = f"relay-{secrets.token_hex(4)}"
        self.connector = connector
        self.homeserver = homeserver
        self.store = store
        self.clock = clock
        self.server_name = server_name
        self.switch = Switch(store, clock, target=connector.name, link=link, ring=self.ring)
        self.sharing = Sharing(store, clock, owner=owner) if shared else None
        self.patience = Patience(clock)
        self.tally = Tally(clock)
        self.to_matrix = self._deliverer(MATRIX, self._say_in_room, lambda: ALL, owner)
        self.to_remote = self._deliverer(connector.name, self._say_there, self.switch.allowance, owner)
        watching = watching or clock
        self.inbound = InboundProbe(watching, name="ld.inbound")
        self.receipts = ReceiptsProbe(watching, confirms=False)
        can = connector.capabilities
        self._own: list[Probe] = (
            [SessionProbe(connector, watching), self.inbound, self.receipts] if can.live else []
        )
        detector = Detector(DetectorConfig(cloud=can.through_graph))
        self.watch = Watch(
            [*self._own, *probes], watching, self.on_health, detector=detector, said=self._said
        )
        self.sends = Sends(self.watch.feed, watching)
        self.members = Members(self.watch.feed, watching)
        self.synced = 0
        self.paused = False
        self.stopping = False
        self._drain = drain
        self._here: set[tuple[RoomId, UserId]] = set()
        self._sizes: dict[ChatId, int] = {}

    async def run(self) -> None:
        """Mirror until cancelled; then deliver what is due for a few seconds and stop."""
        self.paused = await self.store.get(PAUSED) is not None
        await self.switch.load()
        if self.switch.outage is not None:
            await self._take_up()
        await self.connector.start()
        try:
            async with asyncio.TaskGroup() as loops:
                for loop in self._loops():
                    loops.create_task(loop)
        finally:
            self.stopping = True
            await self.drain()
            await self._leave()
            await self.connector.close()

    async def drain(self) -> None:
        """Deliver what is due now, for a few seconds at most."""
        try:
            async with asyncio.timeout(self._drain):
                while await self.to_matrix.once() or await self.to_remote.once():
                    pass
        except TimeoutError:
            log.warning("stopping with deliveries left; they go out at the next start")

    async def _leave(self) -> None:
        if self.sharing:
            try:
                await self.sharing.leave()
            except StoreError as error:
                log.warning("the other relays wait until this one's lease is over: %s", error.message)

    async def pause(self) -> None:
        """Deliver nothing until ``resume``, also after a restart; what comes is still taken in."""
        await self.store.put(PAUSED, "1")
        self.paused = True

    async def resume(self) -> None:
        """Deliver again."""
        await self.store.put(PAUSED, None)
        self.paused = False
        self.ring()

    async def look_with(self, probes: Sequence[Probe]) -> None:
        """Look with other probes from now on, beside the relay's own."""
        await self.watch.use([*self._own, *probes])

    async def on_health(self, health: Health) -> None:
        """Follow a verdict, whoever gave it."""
        await self.patience.keep(lambda: self.store.log_health(health))
        await self.patience.keep(lambda: self.switch.on_health(health))

    async def _said(self) -> override.Override | None:
        return override.decode(await self.store.get(override.KEY))

    async def _take_up(self) -> None:
        """Go on from an outage that was on when the process ended: its end must be proven again."""
        self.switch.health = await self.watch.override(
            State.DOWN, "relay", "it was down when the relay stopped"
        )
        await self.watch.override(None, "relay", "the evidence decides again")

    def _loops(self) -> list[Coroutine[Any, Any, None]]:
        sharing = [self.sharing.run()] if self.sharing else []
        return [
            *sharing,
            ingest.from_network(self.connector, self.store, self._into_room, self._told, self.patience),
            ingest.from_room(
                self.homeserver,
                self.store,
                self.clock,
                self._out_of_room,
                self._told,
                adopt=self._adopt,
                online=self._online,
                patience=self.patience,
            ),
            self.to_matrix.run(),
            self.to_remote.run(),
            self.watch.run(),
        ]

    def _deliverer(self, target: str, send: Send, allowance: Callable[[], int], owner: str) -> Deliverer:
        return Deliverer(
            target,
            send,
            self.store,
            self.clock,
            owner=owner,
            allowance=lambda: 0 if self._waits() else allowance(),
            settled=self.tally.settled,
            patience=self.patience,
        )

    def _waits(self) -> bool:
        return self.paused or (self.sharing is not None and self.sharing.lapsed())

    def ring(self) -> None:
        """Say that something may be due."""
        self.to_matrix.ring()
        self.to_remote.ring()

    def _into_room(self, event: Canonical, portal: Portal) -> list[Delivery]:
        self.inbound.received()
        match event:
            case Receipt():
                for message in event.targets:
                    self.receipts.confirmed(message, event.sender.key)
            case Membership() | GroupChange():
                self._sizes.pop(event.chat, None)
            case _:
                pass
        deliveries = to_room(event, portal, self._ghost)
        self.tally.routed(deliveries)
        return deliveries

    def _out_of_room(self, event: Canonical, portal: Portal) -> list[Delivery] | None:
        sender = event.sender.mxid
        if is_ghost(sender) or sender == self.homeserver.user:
            return None
        if isinstance(event, Message) and event.text.strip() in VOTES:
            self.members.vote(sender, event.text.strip().removeprefix("/"))
            return []
        deliveries = to_remote(
            event, portal, self.connector.name, self.connector.capabilities, self.homeserver.user
        )
        self.tally.routed(deliveries)
        return deliveries

    def _ghost(self, identity: Identity) -> UserId:
        return ghost(identity, self.server_name)

    async def _told(self, portal: Portal, event: Canonical) -> None:
        self.tally.events[MATRIX if event.origin is Origin.MATRIX else self.connector.name] += 1
        self.ring()

    async def _adopt(self, batch: SyncBatch) -> None:
        """Take batches as they are: the relay's portals are made by a migration or an admin."""

    async def _online(self, wait: float | None) -> None:
        if wait is None:
            self.synced = self.clock.now()

    async def _say_in_room(self, delivery: Delivery) -> SourceId:
        portal = await self._portal(delivery)
        if delivery.sender and (portal.room, delivery.sender) not in self._here:
            name = delivery.event.sender.name or delivery.event.sender.key or "WhatsApp"
            await self.homeserver.ensure_ghost(delivery.sender, name)
            await self.homeserver.join(portal.room, delivery.sender)
            self._here.add((portal.room, delivery.sender))
        event = delivery.event
        if isinstance(event, Message) and event.attachment and event.attachment.source:
            event = await self._with_file(portal.room, event, event.attachment, delivery.sender)
        at = min(event.at, self.clock.now()) if delivery.sender else 0
        begun = self.clock.monotonic()
        made = await self.homeserver.send(
            portal.room, event, transaction=delivery.id, sender=delivery.sender, at=at
        )
        self.tally.latency.observe(self.clock.monotonic() - begun)
        return SourceId(made)

    async def _with_file(
        self, room: RoomId, event: Message, file: Attachment, sender: UserId | None
    ) -> Canonical:
        data = await self.connector.download(event, file.source)
        return replace(event, attachment=await self.homeserver.upload(room, file, data, sender=sender))

    async def _say_there(self, delivery: Delivery) -> SourceId:
        others = await self._others(delivery.event.chat)
        try:
            made = await self.connector.send(delivery.event, message_id=SourceId(delivery.id))
        except TransientError:
            self.sends.unanswered()
            self.switch.tried(arrived=False)
            raise
        self.sends.acked()
        self.switch.tried(arrived=True)
        self.receipts.sent(made, others)
        return made

    async def _others(self, chat: ChatId) -> int:
        """Count those of a group who can confirm a message; 0 where the network does not tell."""
        if chat not in self._sizes:
            try:
                self._sizes[chat] = max(0, len((await self.connector.group(chat)).members) - 1)
            except (TransientError, PermanentError):
                return 0
        return self._sizes[chat]

    async def _portal(self, delivery: Delivery) -> Portal:
        return next(one for one in await self.store.portals() if one.id == delivery.portal)

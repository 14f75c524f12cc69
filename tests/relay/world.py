"""A group of two phones, its room with one member, and a relay between them, all in memory."""

import asyncio
import contextlib

from fallback.clock import SystemClock
from fallback.core.events import Group, Identity, Message, Origin
from fallback.core.ids import ChatId, DeliveryId, PortalId, SourceId
from fallback.core.ports import Portal, RoomSpec
from fallback.networks.loopback import LoopbackConnector, LoopbackNetwork
from fallback.relay.daemon import Relay
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.store.memory import MemoryStore

CHAT = ChatId("group")
SARA, OMAR = Identity(name="Sara", phone="+1"), Identity(name="Omar", phone="+2")


class World:
    """A group of two phones, its room with one member, and a relay between them."""

    def __init__(self, store=None):
        self.network, self.server, self.store = LoopbackNetwork(), MemoryServer(), store or MemoryStore()
        self.network.found(Group(chat=CHAT, name="Newsroom", members=(SARA, OMAR)))
        self.connector = LoopbackConnector(self.network)
        self.bot = MemoryHomeserver(self.server, "fallback")
        self.lina = MemoryHomeserver(self.server, "lina")

    async def set_up(self):
        self.room = await self.bot.create_room(RoomSpec(name="Newsroom"))
        await self.bot.join(self.room, self.lina.user)
        await self.store.save_portal(Portal(id=PortalId("p"), chat=CHAT, room=self.room, sending=True))
        return self

    def relay(self, **options):
        return Relay(
            self.connector,
            self.bot,
            self.store,
            SystemClock(50),
            server_name=self.server.name,
            **options,
        )

    @contextlib.asynccontextmanager
    async def running(self):
        relay = self.relay()
        task = asyncio.create_task(relay.run())
        try:
            yield relay
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def phone(self, number, text="hi", who=SARA):
        event = Message(id=SourceId(f"W{number}"), chat=CHAT, sender=who, at=1000 + number, text=text)
        self.network.post(event)
        return event

    async def writes(self, number, text, at=1):
        event = Message(
            id=SourceId(f"L{number}"), chat=ChatId(self.room), origin=Origin.MATRIX, at=at, text=text
        )
        return await self.lina.send(self.room, event, transaction=DeliveryId(f"L{number}"))

    def in_room(self):
        return [(sender, event) for sender, _, event in self.server.rooms[self.room].timeline]

    def on_phones(self):
        return list(self.network.shown)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)

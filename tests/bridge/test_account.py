"""One account's own loops: rooms appear, gaps fill, messages go out once."""

import asyncio
import contextlib

from fallback.bridge.account import AccountLoops
from fallback.clock import SystemClock
from fallback.core.events import Identity, Membership, Message, Origin
from fallback.core.ids import ChatId, DeliveryId, SourceId, UserId
from fallback.core.outbox import Delivery
from fallback.core.ports import RoomSpec
from fallback.core.routing import MATRIX
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.store.memory import MemoryStore

GHOST = UserId("@wa_1:memory.example")


class World:
    """A relay's room, and a person's client."""

    def __init__(self):
        self.server, self.store = MemoryServer(), MemoryStore()
        self.relay, self.sara = (
            MemoryHomeserver(self.server, "fallback"),
            MemoryHomeserver(self.server, "sara"),
        )
        self.waits = []

    async def room(self, messages=0, host=None):
        host = host or self.relay
        room = await host.create_room(RoomSpec(name="Newsroom"))
        await host.ensure_ghost(GHOST, "ليلى")
        await host.join(room, GHOST)
        for number in range(messages):
            event = Message(
                id=SourceId(f"e{number}"),
                chat=ChatId("c"),
                origin=Origin.EXPORT,
                at=number + 1,
                text=f"m{number}",
            )
            await host.send(room, event, transaction=DeliveryId(f"t{number}"), sender=GHOST, at=number + 1)
        return room

    @contextlib.asynccontextmanager
    async def running(self):
        async def told(_portal):
            pass

        async def online(wait):
            self.waits.append(wait)

        loops = AccountLoops(self.sara, self.store, SystemClock(50), told=told, online=online)
        task = asyncio.create_task(loops.run())
        try:
            yield loops
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def rows(self):
        portals = await self.store.portals()
        return await self.store.timeline(portals[0].id, limit=1000) if portals else []

    async def until(self, count):
        async with asyncio.timeout(10):
            while len(await self.rows()) != count:
                await asyncio.sleep(0.005)
        return [row.event for row in await self.rows()]


async def test_an_invitation_of_the_relay_brings_the_room_with_all_its_history_in_order():
    world = World()
    room = await world.room(messages=30)
    await world.relay.invite(room, world.sara.user)
    async with world.running():
        events = await world.until(30)
    assert [event.text for event in events] == [f"m{n}" for n in range(30)]
    assert {event.relayed for event in events} == {Origin.EXPORT}
    assert (await world.store.portals())[0].name == "Newsroom"


async def test_a_strangers_invitation_waits_for_the_person():
    world = World()
    stranger = MemoryHomeserver(world.server, "mallory")
    room = await world.room(host=stranger)
    await stranger.invite(room, world.sara.user)
    async with world.running():
        while not world.waits:
            await asyncio.sleep(0.005)
    assert world.sara.user not in world.server.rooms[room].members


async def test_what_is_written_goes_out_once_and_its_echo_is_no_second_row():
    world = World()
    room = await world.room()
    await world.relay.join(room, world.sara.user)
    async with world.running() as loops:
        while not await world.store.portals():
            await asyncio.sleep(0.005)
        portal = (await world.store.portals())[0]
        event = Message(
            id=SourceId("own"),
            chat=portal.chat,
            sender=Identity(mxid=world.sara.user),
            origin=Origin.MATRIX,
            text="hi",
        )
        await world.store.record(portal.id, event, [Delivery(DeliveryId("own"), portal.id, MATRIX, event)])
        loops.outbox.ring()
        while await world.store.pending():
            await asyncio.sleep(0.005)
        reply = Message(id=SourceId("r"), chat=ChatId(room), origin=Origin.MATRIX, text="hello", at=5)
        await world.relay.send(room, reply, transaction=DeliveryId("r"))
        events = await world.until(2)
    assert [event.text for event in events] == ["hi", "hello"]
    assert len(world.server.rooms[room].timeline) == 2


async def test_written_offline_it_waits_and_goes_out_later():
    world = World()
    room = await world.room()
    await world.relay.join(room, world.sara.user)
    async with world.running() as loops:
        while not await world.store.portals():
            await asyncio.sleep(0.005)
        portal = (await world.store.portals())[0]
        world.server.is_up = False
        event = Message(id=SourceId("own"), chat=portal.chat, origin=Origin.MATRIX, text="hi")
        await world.store.record(portal.id, event, [Delivery(DeliveryId("own"), portal.id, MATRIX, event)])
        loops.outbox.ring()
        async with world.server.bell:
            world.server.bell.notify_all()
        while not any(world.waits):
            await asyncio.sleep(0.005)
        assert await world.store.pending() == 1
        world.server.is_up = True
        while await world.store.pending():
            await asyncio.sleep(0.005)
    assert len(world.server.rooms[room].timeline) == 1


async def test_the_coming_and_going_of_ghosts_is_no_row():
    assert (
        AccountLoops._keep(
            None,
            Membership(id=SourceId("m"), chat=ChatId("c"), change="added", members=(Identity(mxid=GHOST),)),
            None,
        )
        is None
    )

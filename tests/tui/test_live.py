"""The client on an account: what the room tells of WhatsApp, and who is where."""

import asyncio
import contextlib

from fallback.clock import SystemClock
from fallback.core import announce
from fallback.core.contacts import Contact
from fallback.core.events import Identity, Message, Notice, Origin
from fallback.core.health import Health, State
from fallback.core.ids import ChatId, ContactId, DeliveryId, SourceId, UserId
from fallback.core.ports import RoomSpec
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.store.memory import MemoryStore
from fallback.tui.live import Live
from fallback.tui.views import BannerKind, Presence

GHOST = UserId("@wa_1:memory.example")
SYSTEM = UserId("@wa_whatsapp:memory.example")
DOWN = Health(state=State.DOWN, why="nothing answers")


class World:
    """A relay's room with two people and a ghost, and the client of one of them."""

    def __init__(self):
        self.server, self.store = MemoryServer(), MemoryStore()
        self.relay, self.sara, self.omar = (
            MemoryHomeserver(self.server, name) for name in ("fallback", "sara", "omar")
        )
        self.live = Live(
            self.store, SystemClock(), Identity(mxid=self.sara.user, name="Sara", me=True), self._side
        )

    async def _side(self):
        return self.sara

    @contextlib.asynccontextmanager
    async def open(self):
        self.room = await self.relay.create_room(RoomSpec(name="Newsroom"))
        for user, name in ((GHOST, "ليلى"), (SYSTEM, "WhatsApp")):
            await self.relay.ensure_ghost(user, name)
        for user in (GHOST, SYSTEM, self.sara.user, self.omar.user):
            await self.relay.join(self.room, user)
        await self.live.session.connect()
        task = asyncio.create_task(self.live._run_loops())
        async with asyncio.timeout(10):
            while not await self.store.portals():
                await asyncio.sleep(0.005)
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def says(self, who, event):
        await who.send(self.room, event, transaction=DeliveryId(event.id))

    async def banner(self, kind, **fields):
        async with asyncio.timeout(10):
            while True:
                view = await self.live.session.banner()
                if view.kind is kind and all(getattr(view, name) == value for name, value in fields.items()):
                    return view
                await asyncio.sleep(0.005)


def notice(name, text, topic, at=1000):
    return Notice(id=SourceId(name), chat=ChatId("c"), origin=Origin.MATRIX, at=at, text=text, topic=topic)


async def test_the_banner_follows_what_the_relay_announces():
    world = World()
    async with world.open():
        await world.says(world.relay, notice("n1", announce.gone(DOWN), announce.GONE))
        view = await world.banner(BannerKind.DOWN, reached=0, members=3)
        assert "nothing answers" in view.why
        said = Message(id=SourceId("m"), chat=ChatId("c"), origin=Origin.MATRIX, at=2000, text="here")
        await world.says(world.omar, said)
        await world.banner(BannerKind.DOWN, reached=1, members=3)
        await world.says(world.relay, notice("n2", announce.back(5, 0), announce.BACK, at=3000))
        await world.banner(BannerKind.MIRRORING)


async def test_a_strangers_announcement_moves_nothing():
    world = World()
    async with world.open():
        await world.says(world.omar, notice("n1", announce.gone(DOWN), announce.GONE))
        async with asyncio.timeout(10):
            while not await world.store.timeline((await world.store.portals())[0].id):
                await asyncio.sleep(0.005)
        assert (await world.live.session.banner()).kind is BannerKind.OK


async def test_people_are_here_or_only_on_whatsapp():
    world = World()
    async with world.open():
        people = await world.live.session.people((await world.store.portals())[0].id)
    where = {one.name: one.presence for one in people}
    assert where == {
        "sara": Presence.HERE,
        "omar": Presence.HERE,
        "fallback": Presence.HERE,
        "ليلى": Presence.MISSING,
    }
    assert people[0].me


async def test_people_have_the_names_that_ones_own_contacts_give_them():
    world = World()
    async with world.open():
        for name, fields in (("Omar Said", {"mxids": (world.omar.user,)}), ("No name of mine", {})):
            await world.store.save_contact(Contact(id=ContactId(name), name=name, **fields))
        people = await world.live.session.people((await world.store.portals())[0].id)
    assert {one.name for one in people} == {"sara", "Omar Said", "fallback", "ليلى"}


async def test_the_others_see_what_was_read_and_that_one_writes():
    world = World()
    async with world.open():
        said = Message(id=SourceId("m"), chat=ChatId("c"), origin=Origin.MATRIX, at=2000, text="here")
        await world.says(world.omar, said)
        async with asyncio.timeout(10):
            portal = (await world.store.portals())[0].id
            while not (rows := await world.store.timeline(portal)):
                await asyncio.sleep(0.005)
        session = world.live.session
        await session.mark_read(portal, rows[-1].row)
        await session.typing(portal, on=True)
        await world.omar.mark_typing(world.room, seconds=30)
        async with asyncio.timeout(10):
            while set(world.server.typing[world.room]) != {world.sara.user, world.omar.user}:
                await asyncio.sleep(0.005)
            while (await session.groups())[0].typing != ("omar",):
                await asyncio.sleep(0.005)
            timeline = world.server.rooms[world.room].timeline
            while not any(who == world.sara.user for who, _, _ in timeline):
                await asyncio.sleep(0.005)
    assert timeline[-1][2].targets == (rows[-1].event.id,)

"""A relay on the simulated Cloud API: what the phones show and what the room holds are the same, once each."""

import asyncio
import contextlib
import random

import pytest

from fallback.clock import SystemClock
from fallback.compose.connectors import adopt
from fallback.core.events import Attachment, Group, MediaKind, Message, Origin
from fallback.core.ids import ChatId, DeliveryId, SourceId
from fallback.core.ports import ConnectorState
from fallback.core.roster import ghost
from fallback.networks.whatsapp.dropped import DroppedExports
from fallback.relay.daemon import Relay
from fallback.simulator.payloads import Quirks
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.store.memory import MemoryStore
from tests.networks.whatsapp.cloud_world import CHAT, OMAR, SARA, cloud_world


class Mirror:
    """The group, its room, and relays that come and go between them."""

    def __init__(self, world):
        self.world, self.server = world, MemoryServer()
        self.bot = MemoryHomeserver(self.server, "fallback")
        self.lina = MemoryHomeserver(self.server, "lina")
        self.connector = world.connector

    async def set_up(self, *, sending=False):
        await adopt(self.connector, self.bot, self.world.store, server_name=self.server.name)
        (portal,) = await self.world.store.portals()
        await self.bot.invite(portal.room, self.lina.user)
        await self.lina.accept(portal.room)
        if sending:
            await self.world.store.save_portal(type(portal)(**_fields(portal) | {"sending": True}))
        await self.connector.close()
        self.room = portal.room
        return self

    @contextlib.asynccontextmanager
    async def running(self):
        """Run one relay, started anew at the connector's own address."""
        connector = self.world.again()
        relay = Relay(
            connector, self.bot, self.world.store, SystemClock(50), server_name=self.server.name, drain=0.0
        )
        task = asyncio.create_task(relay.run())
        try:
            await until(lambda: connector.state is not ConnectorState.CONNECTING)
            yield connector
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def in_room(self):
        return [
            (sender, event)
            for sender, _, event in self.server.rooms[self.room].timeline
            if isinstance(event, Message)
        ]


def _fields(portal):
    return {name: getattr(portal, name) for name in portal.__struct_fields__}


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("seed", range(6))
async def test_the_room_equals_the_phones_truth_through_faults_outages_and_restarts(seed):
    chance = random.Random(seed)
    async with cloud_world() as world:
        mirror = await Mirror(world).set_up()
        faults = world.webhooks.faults
        faults.batch, faults.duplicated, faults.shuffled, faults.forged = 4, 0.4, True, 0.3
        number = 0
        for phase in range(6):
            faults.quirks = Quirks(
                integer_times=chance.random() < 0.5,
                no_contacts=chance.random() < 0.5,
                unknown_fields=chance.random() < 0.5,
            )
            async with mirror.running():
                for _ in range(chance.randrange(3, 12)):
                    number += 1
                    world.phone_says(number, who=chance.choice((SARA, OMAR)))
                    await asyncio.sleep(0)
                if phase == 2:
                    world.network.cut()
                    world.phone_says(number := number + 1)
                    world.network.restore()
                if chance.random() < 0.5:
                    await until(lambda: not world.webhooks.waiting)
        async with mirror.running():
            await until(lambda: len(mirror.in_room()) >= number and not world.webhooks.waiting)
        assert set(world.webhooks.refused) <= {401}
        told = [
            (ghost(event.sender, mirror.server.name), event.text, event.at) for event in world.network.shown
        ]
        kept = [(sender, event.text, event.at) for sender, event in mirror.in_room()]
        assert sorted(kept) == sorted(told)


async def test_a_relay_that_starts_while_meta_is_down_misses_nothing():
    async with cloud_world() as world:
        await world.connector.close()
        world.network.cut()
        server, connector = MemoryServer(), world.again()
        bot = MemoryHomeserver(server, "fallback")
        await adopt(connector, bot, world.store, server_name=server.name)
        assert await world.store.portals() == []
        relay = Relay(connector, bot, world.store, SystemClock(50), server_name=server.name, drain=0.0)
        task = asyncio.create_task(relay.run())
        world.phone_says(1)
        world.network.restore()
        world.phone_says(2)
        world.network.found(Group(chat=ChatId("LATER"), name="Made later", members=(SARA,)))
        world.network.post(
            Message(id=SourceId("L1"), chat=ChatId("LATER"), sender=SARA, at=world.now(), text="new")
        )
        await until(
            lambda: (
                sum(isinstance(one[2], Message) for room in server.rooms.values() for one in room.timeline)
                == 3
            )
        )
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert {portal.name for portal in await world.store.portals()} == {"Newsroom", "Made later"}


async def test_a_picture_reaches_the_room_with_its_bytes():
    async with cloud_world() as world:
        mirror = await Mirror(world).set_up()
        world.network.files["m1"] = b"picture"
        file = Attachment(kind=MediaKind.IMAGE, source="m1", mimetype="image/jpeg")
        async with mirror.running():
            world.network.post(
                Message(
                    id=SourceId("W1"), chat=CHAT, sender=SARA, at=world.now(), text="look", attachment=file
                )
            )
            await until(mirror.in_room)
        ((_, event),) = mirror.in_room()
        assert event.text == "look"
        assert mirror.server.files[event.attachment.source] == b"picture"


@pytest.mark.parametrize("sending", [False, True])
async def test_the_room_is_said_in_the_group_only_where_an_admin_turned_it_on(sending):
    async with cloud_world() as world:
        mirror = await Mirror(world).set_up(sending=sending)
        async with mirror.running():
            said = Message(
                id=SourceId("L1"), chat=ChatId(mirror.room), origin=Origin.MATRIX, at=1, text="from the room"
            )
            await mirror.lina.send(mirror.room, said, transaction=DeliveryId("L1"))
            world.phone_says(1)
            await until(lambda: "m1" in [event.text for _, event in mirror.in_room()])
            if sending:
                await until(lambda: len(world.network.shown) == 2 and not world.webhooks.waiting)
        texts = [event.text for event in world.network.shown]
        assert sorted(texts) == (["*lina*: from the room", "m1"] if sending else ["m1"])
        assert [event.text for _, event in mirror.in_room()].count("from the room") == 1


async def test_the_graph_counts_for_the_cloud_api_and_a_folder_of_exports_tells_nothing_of_the_network(
    tmp_path,
):
    def relay(connector):
        server = MemoryServer()
        bot = MemoryHomeserver(server, "fallback")
        return Relay(connector, bot, MemoryStore(), SystemClock(), server_name=server.name)

    dropped = relay(DroppedExports(tmp_path, MemoryStore(), SystemClock()))
    assert dropped.watch.probes == []
    async with cloud_world() as world:
        cloud = relay(world.connector)
        assert cloud.watch.detector.config.cloud
        assert [probe.name for probe in cloud.watch.probes][:2] == ["ld.state", "ld.inbound"]

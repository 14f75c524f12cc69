"""A relay between a network and a homeserver in memory."""

import asyncio

from fallback.bridge.ingest import TOKEN
from fallback.clock import SystemClock, VirtualClock
from fallback.core.events import Edit, Message, Notice, Origin, Reaction
from fallback.core.health import Cause, Health, State
from fallback.core.ids import ChatId, DeliveryId, SourceId
from fallback.relay.daemon import Relay
from fallback.relay.status import status
from fallback.store.sqlite import SqliteStore
from tests.relay.world import CHAT, OMAR, SARA, World, until


async def test_phones_and_room_hear_each_other_once():
    world = await World().set_up()
    async with world.running():
        for number in range(5):
            world.phone(number, f"m{number}", (SARA, OMAR)[number % 2])
        await until(lambda: len(world.in_room()) == 5)
        await world.writes(1, "from the room")
        await until(lambda: len(world.on_phones()) == 6)
        world.phone(9, "last")
        await until(lambda: len(world.in_room()) == 7)
    assert [event.text for _, event in world.in_room()] == [
        "m0",
        "m1",
        "m2",
        "m3",
        "m4",
        "from the room",
        "last",
    ]
    assert [sender for sender, _ in world.in_room()][:2] == ["@wa_1:memory.example", "@wa_2:memory.example"]
    assert world.on_phones()[5].text == "*lina*: from the room"


async def test_a_reaction_and_an_edit_find_their_message_on_the_other_side():
    world = await World().set_up()
    async with world.running():
        world.phone(1, "on the phone")
        await until(lambda: len(world.in_room()) == 1)
        event_id = world.server.rooms[world.room].timeline[0][1]
        reaction = Reaction(
            id=SourceId("L2"),
            chat=ChatId(world.room),
            origin=Origin.MATRIX,
            target=SourceId(event_id),
            key="👍",
        )
        await world.lina.send(world.room, reaction, transaction=DeliveryId("L2"))
        await until(lambda: len(world.on_phones()) == 2)
        assert world.on_phones()[1].reply_to == "W1"
        written = await world.writes(3, "draft")
        await until(lambda: len(world.on_phones()) == 3)
        edit = Edit(
            id=SourceId("L4"),
            chat=ChatId(world.room),
            origin=Origin.MATRIX,
            target=SourceId(written),
            text="final",
        )
        await world.lina.send(world.room, edit, transaction=DeliveryId("L4"))
        await until(lambda: len(world.on_phones()) == 4)
    assert world.on_phones()[3].target == world.on_phones()[2].id
    assert world.on_phones()[3].text == "*lina*: final"


async def test_what_comes_while_the_relay_is_away_is_not_lost_or_doubled():
    world = await World().set_up()
    async with world.running():
        world.phone(1)
        await until(lambda: len(world.in_room()) == 1)
        await until(lambda: not world.connector.queue)
    world.phone(2)
    await world.writes(1, "meanwhile")
    world.connector.closed = False
    async with world.running():
        await until(lambda: len(world.in_room()) == 3 and len(world.on_phones()) == 3)
    assert sum(event.text == "hi" for _, event in world.in_room()) == 2


async def test_a_repeated_sync_doubles_nothing():
    world = await World().set_up()
    async with world.running():
        await world.writes(1, "once")
        await until(lambda: len(world.on_phones()) == 1)
    await world.store.put(TOKEN, None)
    world.connector.closed = False
    async with world.running():
        world.phone(1)
        await until(lambda: len(world.in_room()) == 2)
    assert len([event for event in world.on_phones() if "once" in event.text]) == 1


async def test_a_homeserver_that_is_away_only_delays():
    world = await World().set_up()
    async with world.running():
        world.server.is_up = False
        world.phone(1)
        await until(lambda: not world.connector.queue)
        assert world.in_room() == []
        world.server.is_up = True
        await until(lambda: len(world.in_room()) == 1)


async def test_an_outage_holds_the_lane_and_ends_in_one_digest():
    world = await World().set_up()
    async with world.running() as relay:
        world.network.cut()
        await relay.on_health(Health(state=State.DOWN, cause=Cause.META_OUTAGE, why="all dark"))
        for number in range(6):
            await world.writes(number, f"news {number}")
        world.phone(1, "stuck on the phone")
        await until(lambda: sum(isinstance(event, Notice) for _, event in world.in_room()) == 1)
        pending = 0
        async with asyncio.timeout(10):
            while pending != 6:
                pending = await world.store.pending("loopback")
                await asyncio.sleep(0.005)
        assert world.on_phones() == []
        world.network.restore()
        await relay.on_health(Health(state=State.UP))
        await until(lambda: len(world.on_phones()) == 2)
        await until(lambda: any(event.text == "stuck on the phone" for _, event in world.in_room()))
    assert "6 messages" in world.on_phones()[1].text
    late = next(event for _, event in world.in_room() if event.text == "stuck on the phone")
    assert late.late


async def test_a_members_vote_is_counted_and_not_passed_on():
    world = await World().set_up()
    async with world.running() as relay:
        await world.writes(1, "/down")
        await until(lambda: "member" in relay.watch.latest)
        assert relay.watch.latest["member"].outcome == f"down:{world.lina.user}"
    assert world.on_phones() == []


async def test_the_relays_own_traffic_is_evidence():
    world = await World().set_up()
    async with world.running() as relay:
        await world.writes(1, "hello")
        await until(lambda: "ld.send" in relay.watch.latest)
        assert relay.watch.latest["ld.send"].outcome == "ack"
        world.network.cut()
        await world.writes(2, "hello?")
        await until(lambda: relay.watch.latest["ld.send"].outcome == "no_ack")


async def test_an_outage_that_was_on_must_end_by_proof_after_a_restart():
    world = await World().set_up()
    async with world.running() as relay:
        await relay.on_health(Health(state=State.DOWN, cause=Cause.META_OUTAGE, why="all dark"))
        await world.writes(1, "waits")
        await until(lambda: world.in_room())
    world.connector.closed = False
    async with world.running() as relay:
        await until(lambda: relay.watch.health.state is State.DOWN)
        assert relay.switch.holding()
        await world.writes(2, "waits too")
        while await world.store.pending("loopback") != 2:
            await asyncio.sleep(0.005)
        assert world.on_phones() == []
    assert sum(isinstance(event, Notice) for _, event in world.in_room()) == 1


async def recovering(world, relay):
    """Begin an outage with two messages waiting, and let WhatsApp seem to come back."""
    world.network.cut()
    await relay.on_health(Health(state=State.DOWN, cause=Cause.META_OUTAGE, why="all dark"))
    for number in range(6):
        await world.writes(number, f"news {number}")
    async with asyncio.timeout(10):
        while await world.store.pending("loopback") != 6:
            await asyncio.sleep(0.005)
    world.network.restore()
    await relay.on_health(Health(state=State.RECOVERING))


async def test_one_message_goes_on_trial_while_whatsapp_seems_to_come_back():
    world = await World().set_up()
    async with world.running() as relay:
        await recovering(world, relay)
        await until(lambda: relay.switch.trial is not None)
        assert relay.watch.latest["ld.send"].outcome == "ack"
        assert [event.text for event in world.on_phones()] == ["*lina*: news 0"]
        await until(lambda: relay.switch.allowance() == 0)
        await relay.on_health(Health(state=State.UP))
        await until(lambda: len(world.on_phones()) == 2)
    assert "5 messages" in world.on_phones()[1].text


async def test_a_pause_lasts_over_a_restart_and_loses_nothing():
    world = await World().set_up()
    async with world.running() as relay:
        await relay.pause()
        world.phone(1)
        await until(lambda: not world.connector.queue)
        assert world.in_room() == []
    assert world.in_room() == []
    world.connector.closed = False
    async with world.running() as relay:
        await until(lambda: relay.synced)
        assert relay.paused
        await relay.resume()
        await until(lambda: len(world.in_room()) == 1)


async def test_a_message_from_the_future_comes_with_the_present_time():
    world = await World().set_up()
    async with world.running() as relay:
        event = Message(
            id=SourceId("W1"), chat=CHAT, sender=SARA, at=relay.clock.now() + 10**12, text="tomorrow"
        )
        world.network.post(event)
        await until(lambda: len(world.in_room()) == 1)
        assert world.in_room()[0][1].at <= relay.clock.now()


async def test_on_a_full_disk_it_waits_says_so_and_goes_on_when_there_is_space(tmp_path):
    store = await SqliteStore.open(tmp_path / "store.db")

    async def pages(most):
        await store._writer.run(
            lambda db: db.execute(f"PRAGMA max_page_count = {most}").fetchone(), write=False
        )

    world = await World(store).set_up()
    async with world.running() as relay:
        world.phone(1, "before")
        await until(lambda: len(world.in_room()) == 1)
        await pages(1)
        for number in range(2, 5):
            world.phone(number, "x" * 20_000)
        await until(lambda: "no space left" in relay.patience.trouble)
        assert len(world.connector.queue) == 3
        assert (await status(relay)).ills == (relay.patience.trouble,)
        await pages(10**6)
        await until(lambda: len(world.in_room()) == 4)
        assert (await status(relay)).ills == ()
        assert relay.patience.failures
    await store.close()


class Shared(World):
    def relay(self):
        clock = SystemClock(50)
        return Relay(self.connector, self.bot, self.store, clock, server_name=self.server.name, shared=True)


async def test_a_relay_that_shares_takes_a_dead_ones_portals_over_and_leaves_them_when_it_stops():
    world = await Shared().set_up()
    assert await world.store.share("dead", seconds=0.2)
    async with world.running() as relay:
        world.phone(1)
        await until(lambda: len(world.in_room()) == 1)
        assert [one.portal for one in relay.sharing.shares] == ["p"]
    assert [one.portal for one in await world.store.share("heir", seconds=9)] == ["p"]


async def recovered(world, messages):
    """Let WhatsApp come back after an outage; gives the seconds that the detector took to call it well."""
    watching = VirtualClock()
    relay = world.relay(watching=watching)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(relay.run())
        await until(lambda: relay.synced)
        await relay.watch.override(State.DOWN, "test")
        for number in range(messages):
            await world.writes(number, f"news {number}")
        await until(lambda: relay.tally.events["matrix"] == messages)
        await relay.watch.override(None, "test")
        begun = watching.monotonic()
        while relay.switch.outage is not None and watching.monotonic() - begun < 3600:
            await watching.advance(5)
            if messages and relay.switch.allowance() == 1:
                await until(lambda: relay.switch.trial is not None)
        task.cancel()
    return watching.monotonic() - begun


async def test_a_trial_that_arrives_ends_an_outage_in_minutes_not_half_an_hour():
    waiting, quiet = await World().set_up(), await World().set_up()
    assert await recovered(waiting, 2) < 600
    assert [event.text for event in waiting.on_phones()] == ["*lina*: news 0", "*lina*: news 1"]
    assert await recovered(quiet, 0) > 1800

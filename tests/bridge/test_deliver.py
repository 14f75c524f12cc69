"""Lanes: order, back-off, wedges, holds and pointers."""

import pytest

from fallback.bridge.deliver import Deliverer
from fallback.clock import VirtualClock
from fallback.core.events import Edit, Message, Origin, Reaction
from fallback.core.ids import ChatId, DeliveryId, PortalId, RoomId, SourceId
from fallback.core.outbox import Delivery
from fallback.core.ports import Portal
from fallback.errors import AuthError, PermanentError, TransientError
from fallback.store.memory import MemoryStore

PORTAL = PortalId("p")


class World:
    """A store, a clock, and a far side that does as it is told."""

    def __init__(self):
        self.store, self.clock, self.said, self.trouble = MemoryStore(), VirtualClock(), [], {}
        self.worker = Deliverer("matrix", self.send, self.store, self.clock, owner="w")

    async def send(self, delivery):
        trouble = self.trouble.get(delivery.id)
        if trouble:
            raise trouble.pop(0) if len(trouble) > 1 else trouble[0]
        self.said.append(delivery.event)
        return SourceId(f"${delivery.id}")

    async def queue(self, event, target="matrix"):
        delivery = Delivery(DeliveryId(f"d{event.id}"), PORTAL, target, event)
        await self.store.record(PORTAL, event, [delivery])
        return delivery.id

    async def empty(self):
        while await self.worker.once():
            pass


@pytest.fixture
async def world():
    made = World()
    await made.store.save_portal(Portal(PORTAL, ChatId("c"), RoomId("!r")))
    return made


def message(number, **fields):
    return Message(id=SourceId(f"W{number}"), chat=ChatId("c"), text=f"m{number}", **fields)


async def test_a_lane_keeps_its_order(world):
    for number in range(5):
        await world.queue(message(number))
    await world.empty()
    assert [event.text for event in world.said] == [f"m{n}" for n in range(5)]


async def test_a_transient_error_holds_the_lane_until_it_is_over(world):
    first = await world.queue(message(1))
    await world.queue(message(2))
    world.trouble[first] = [TransientError("no", retry_after=30)]
    await world.empty()
    assert world.said == []
    world.trouble.clear()
    await world.clock.advance(29)
    await world.empty()
    assert world.said == []
    await world.clock.advance(2)
    await world.empty()
    assert [event.text for event in world.said] == ["m1", "m2"]


async def test_a_permanent_error_is_set_aside_with_its_reason_and_the_lane_goes_on(world):
    first = await world.queue(message(1))
    await world.queue(message(2))
    world.trouble[first] = [PermanentError("too large")]
    await world.empty()
    assert [event.text for event in world.said] == ["m2"]
    (wedge,) = await world.store.wedges()
    assert (wedge.id, wedge.error) == (first, "too large")
    world.trouble.clear()
    await world.store.retry(first)
    await world.empty()
    assert [event.text for event in world.said] == ["m2", "m1"]


async def test_an_account_that_is_refused_is_no_reason_to_set_a_message_aside(world):
    first = await world.queue(message(1))
    await world.queue(message(2))
    world.trouble[first] = [AuthError("the token was refused")]
    await world.empty()
    assert (world.said, await world.store.wedges()) == ([], [])
    world.trouble.clear()
    await world.clock.advance(61)
    await world.empty()
    assert [event.text for event in world.said] == ["m1", "m2"]


async def test_a_held_lane_waits(world):
    held = [True]
    worker = Deliverer(
        "matrix", world.send, world.store, world.clock, owner="w", allowance=lambda: 0 if held[0] else 1
    )
    await world.queue(message(1))
    import asyncio

    task = asyncio.create_task(worker.run())
    await asyncio.sleep(0)
    worker.ring()
    await asyncio.sleep(0)
    assert world.said == []
    held[0] = False
    worker.ring()
    async with asyncio.timeout(5):
        while not world.said:
            await asyncio.sleep(0.005)
    task.cancel()


async def test_what_points_at_a_message_points_at_its_name_over_there(world):
    await world.queue(message(1))
    base = {"chat": ChatId("c")}
    await world.queue(Edit(**base, id=SourceId("W2"), target=SourceId("W1"), text="new"))
    await world.queue(Reaction(**base, id=SourceId("W3"), target=SourceId("W1"), key="👍"))
    await world.queue(message(4, reply_to=SourceId("W1")))
    await world.empty()
    assert [world.said[1].target, world.said[2].target, world.said[3].reply_to] == ["$dW1"] * 3


async def test_a_reaction_to_what_never_arrived_is_dropped_and_a_reply_loses_its_pointer(world):
    await world.queue(Reaction(id=SourceId("W3"), chat=ChatId("c"), target=SourceId("unknown"), key="👍"))
    await world.queue(message(4, reply_to=SourceId("unknown")))
    await world.empty()
    assert [event.text for event in world.said] == ["m4"]
    assert world.said[0].reply_to is None
    assert await world.store.pending() == 0


async def test_a_message_of_the_room_alone_keeps_its_own_name(world):
    event = Reaction(
        id=SourceId("own"), chat=ChatId("!r"), origin=Origin.MATRIX, target=SourceId("$there"), key="👍"
    )
    await world.queue(event)
    await world.empty()
    assert world.said[0].target == "$there"

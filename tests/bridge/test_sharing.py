"""A relay among others: it renews, takes over, hands over, and stops sending when it is late."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from fallback.bridge.sharing import Sharing
from fallback.clock import VirtualClock
from fallback.core.ids import ChatId, PortalId, RoomId
from fallback.core.ports import Portal
from fallback.core.sharing import LEASE, RENEW
from fallback.errors import StoreBlockedError
from fallback.store.memory import MemoryStore


class Timed(MemoryStore):
    """A store whose own clock is the test's, and which can be away."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.away = clock, False

    async def share(self, owner, *, seconds, now=None):
        if self.away:
            raise StoreBlockedError("the server is away")
        return await super().share(owner, seconds=seconds, now=self.clock.now())


class World:
    def __init__(self):
        self.clock, self.told = VirtualClock(), []
        self.store = Timed(self.clock)
        self.one, self.two = (Sharing(self.store, self.clock, owner=name) for name in ("one", "two"))
        self.one.changed = self.tell

    async def tell(self, shares):
        self.told.append([share.portal for share in shares])

    @asynccontextmanager
    async def running(self, *relays):
        async with asyncio.TaskGroup() as loops:
            tasks = [loops.create_task(relay.run()) for relay in relays]
            await self.clock.advance(0)
            yield
            for task in tasks:
                task.cancel()


@pytest.fixture
async def world():
    made = World()
    for name in "pqrs":
        await made.store.save_portal(Portal(PortalId(name), ChatId(f"c{name}"), RoomId(f"!{name}")))
    return made


def held(relay):
    return "".join(share.portal for share in relay.shares)


async def test_a_relay_sends_nothing_before_its_first_renewal(world):
    assert world.one.lapsed()
    assert not world.one.holds("p")
    await world.one.renew()
    assert not world.one.lapsed()
    assert world.one.holds("p")


async def test_two_relays_end_with_half_each_and_each_change_is_told_once(world):
    async with world.running(world.one):
        await world.clock.advance(RENEW * 3)
        assert world.told == [["p", "q", "r", "s"]]
        async with world.running(world.two):
            await world.clock.advance(RENEW * 2)
            assert (held(world.one), held(world.two)) == ("pq", "rs")
    assert world.told == [["p", "q", "r", "s"], ["p", "q"]]


async def test_a_dead_relay_is_taken_over_within_its_lease_and_a_renewal(world):
    await world.one.renew()
    async with world.running(world.two):
        await world.clock.advance(LEASE)
        assert held(world.two) == ""
        await world.clock.advance(RENEW)
        assert held(world.two) == "pqrs"


async def test_a_relay_that_leaves_is_taken_over_at_the_next_renewal(world):
    await world.one.renew()
    async with world.running(world.two):
        await world.one.leave()
        assert world.one.lapsed()
        await world.clock.advance(RENEW)
        assert held(world.two) == "pqrs"


async def test_a_relay_that_cannot_renew_stops_sending_before_others_take_over_and_comes_back(world):
    async with world.running(world.one):
        world.store.away = True
        await world.clock.advance(LEASE - 0.1)
        assert not world.one.lapsed()
        await world.clock.advance(0.1)
        assert world.one.lapsed()
        world.store.away = False
        await world.clock.advance(RENEW)
        assert not world.one.lapsed()

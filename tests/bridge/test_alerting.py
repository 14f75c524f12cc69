"""Alerts as long as an outage lasts."""

import asyncio

import pytest

from fallback.bridge.alerting import Alerting, told
from fallback.clock import VirtualClock
from fallback.core.acknowledge import Acknowledgement, sign
from fallback.core.alerting import Member, Rules, Rung
from fallback.errors import AuthError, PermanentError
from fallback.store.memory import MemoryStore

KEY = b"k" * 32
SARA = Member("sara", "Sara", (Rung("sara", "ntfy:sara"), Rung("sara", "mailto:s@x")))
OMAR = Member("omar", "Omar", (Rung("omar", "sms:1"), Rung("omar", "broken:x"), Rung("omar", "ntfy:omar")))


class Kept:
    """An alert that keeps what it is given, or refuses."""

    def __init__(self, name, refuse=""):
        self.name, self.refuse, self.sent = name, refuse, []

    async def send(self, title, text, address):
        if self.refuse:
            raise PermanentError(self.refuse)
        self.sent.append(address)


class World:
    def __init__(self, members=(SARA, OMAR)):
        self.store, self.clock, self.members = MemoryStore(), VirtualClock(), list(members)
        self.ntfy, self.mail, self.broken = Kept("ntfy"), Kept("mailto"), Kept("broken", "no such thing")
        alerts = {one.name: one for one in (self.ntfy, self.mail, self.broken)}
        self.alerting = Alerting(
            self.store, self.clock, alerts, self.missing, lambda member, since: ("t", member.name), key=KEY,
            rules=Rules(step=300),
        )  # fmt: skip

    async def missing(self, since):
        return self.members

    async def begin(self):
        self.since = self.clock.now()
        await self.store.put("outage", f'{{"since":{self.since}}}')
        return self

    async def minutes(self, count):
        for _ in range(count):
            await self.alerting.once()
            await self.clock.advance(60)


async def test_nobody_is_told_while_no_outage_is_on():
    world = World()
    assert await world.alerting.once() == 0
    assert world.ntfy.sent == []


async def test_a_failed_alert_is_kept_with_its_reason_and_stops_no_other():
    world = await World().begin()
    await world.minutes(4)
    assert sorted(world.ntfy.sent) == ["omar", "sara"]
    failed = {one.rung.kind: one.error for one in (await told(world.store)).failed}
    assert failed == {"sms": "no alert is set up for sms", "broken": "no such thing"}


async def test_who_is_seen_in_the_room_is_told_no_more():
    world = await World([SARA]).begin()
    await world.alerting.once()
    world.members.clear()
    await world.minutes(20)
    assert world.mail.sent == []


async def test_an_acknowledging_link_ends_the_ladder_once():
    world = await World([SARA]).begin()
    await world.alerting.once()
    token = sign(KEY, Acknowledgement("sara", world.since, world.since + 10**9))
    assert await world.alerting.acknowledge(token) == "sara"
    with pytest.raises(AuthError, match="used"):
        await world.alerting.acknowledge(token)
    await world.minutes(20)
    assert (world.ntfy.sent, world.mail.sent) == (["sara"], [])


async def test_a_restart_tells_nobody_twice_and_a_new_outage_tells_them_again():
    world = await World([SARA]).begin()
    await world.alerting.once()
    again = World([SARA])
    again.store, again.alerting.store = world.store, world.store
    await again.alerting.once()
    assert again.ntfy.sent == []
    await world.clock.advance(10_000)
    await world.begin()
    await world.alerting.once()
    assert world.ntfy.sent == ["sara", "sara"]


async def test_the_loop_looks_on_its_own_clock():
    world = await World([SARA]).begin()
    task = asyncio.create_task(world.alerting.run())
    await world.clock.advance(0)
    await world.clock.advance(400)
    task.cancel()
    assert (world.ntfy.sent, world.mail.sent) == (["sara"], ["s@x"])

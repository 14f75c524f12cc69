import asyncio
import contextlib

import pytest

from fallback.bridge.watch import Watch
from fallback.clock import VirtualClock
from fallback.core.health import Sample, State
from fallback.core.override import Override
from fallback.probes.members import Members
from tests.core.world import BAD, CONTROLS, GOOD, LINKED, OTHERS, SERVICE


class Scripted:
    """A probe that says what the test sets."""

    def __init__(self, name, interval, clock):
        self.name = name
        self.interval = float(interval)
        self.clock = clock
        self.outcome = GOOD.get(name, "ok")
        self.times = []

    async def sample(self):
        self.times.append(self.clock.monotonic())
        return Sample(self.clock.now() / 1000, self.name, self.outcome)


class Watched:
    """A watch over scripted probes, on a clock that moves when it is told."""

    def __init__(self):
        self.clock = VirtualClock()
        names = {**SERVICE, **CONTROLS, **OTHERS, **LINKED}
        self.probes = {name: Scripted(name, every, self.clock) for name, every in names.items()}
        self.told = []
        self.watch = Watch(list(self.probes.values()), self.clock, self.tell, jitter=lambda: 0.5)
        self.members = Members(self.watch.feed, self.clock)

    async def tell(self, health):
        self.told.append(health)

    def set(self, names, outcome=""):
        for name, probe in self.probes.items():
            if name.startswith(tuple(names.split())):
                probe.outcome = outcome or BAD.get(name, "timeout")

    def heal(self):
        for name, probe in self.probes.items():
            probe.outcome = GOOD.get(name, "ok")

    async def pass_time(self, seconds):
        for _ in range(int(seconds // 5)):
            await self.clock.advance(5)

    @property
    def states(self):
        return [one.state.value for one in self.told]


@pytest.fixture
async def watched():
    one = Watched()
    task = asyncio.ensure_future(one.watch.run())
    yield one
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_outage_is_told_once_and_so_is_its_end(watched):
    await watched.pass_time(300)
    watched.set("tls ws http.graph ld. peer")
    await watched.pass_time(600)
    assert watched.states == ["DEGRADED", "DOWN"]
    watched.heal()
    await watched.pass_time(900)
    assert watched.states == ["DEGRADED", "DOWN", "RECOVERING", "UP"]


async def test_looks_are_fewer_while_it_is_down_and_more_while_it_comes_back(watched):
    probe = watched.probes["tls.web"]
    await watched.pass_time(300)
    assert {round(b - a) for a, b in zip(probe.times, probe.times[1:], strict=False)} == {30}
    watched.set("tls ws http.graph ld. peer")
    await watched.pass_time(600)
    assert watched.watch.health.state is State.DOWN
    assert round(probe.times[-1] - probe.times[-2]) == 60
    watched.heal()
    await watched.pass_time(420)
    assert watched.watch.health.state is State.RECOVERING
    assert round(probe.times[-1] - probe.times[-2]) == 15


async def test_two_members_votes_settle_a_doubt(watched):
    await watched.pass_time(300)
    watched.set("ld.state ws")
    await watched.pass_time(120)
    watched.members.vote("@lina:a.org", "down")
    watched.members.vote("@omar:a.org", "down")
    await watched.pass_time(30)
    assert watched.states[-1] == "DOWN"
    assert "2 members say" in watched.told[-1].why


async def test_a_hand_on_the_switch_is_told_at_once(watched):
    await watched.pass_time(60)
    await watched.watch.override(State.DOWN, "@lina:a.org", "drill")
    assert watched.told[-1].why == "Set by @lina:a.org: drill."
    await watched.pass_time(600)
    assert watched.states == ["DOWN"]
    await watched.watch.override(None, "@lina:a.org")
    await watched.pass_time(900)
    assert watched.states[-1] == "UP"


async def test_the_newest_sample_of_each_probe_is_at_hand(watched):
    await watched.pass_time(130)
    assert set(watched.watch.latest) == set(watched.probes)
    assert watched.watch.latest["ld.state"].outcome == "connected"


async def test_what_a_person_says_is_obeyed_once_and_outlasts_a_restart():
    clock, told, left = VirtualClock(), [], []

    async def said():
        return left[-1] if left else None

    async def tell(health):
        told.append(health)

    @contextlib.asynccontextmanager
    async def watching():
        task = asyncio.create_task(Watch([], clock, tell, said=said).run())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async with watching():
        left.append(Override(State.DOWN, "Sara", "calls fail", 1))
        await clock.advance(20)
    assert [(one.state, one.why) for one in told] == [(State.DOWN, "Set by Sara: calls fail.")]
    async with watching():
        await clock.advance(20)
        left.append(Override(None, "Sara", at=2))
        await clock.advance(20)
    assert [one.why for one in told[1:3]] == ["Set by Sara: calls fail.", "Sara handed over to the detector."]
    before = len(told)
    async with watching():
        await clock.advance(20)
    assert not any("Sara" in one.why for one in told[before:])


async def test_other_probes_take_over_without_a_restart():
    world = Watched()
    before, after = (Scripted(name, 10, world.clock) for name in ("dns.sys", "dns.cf"))
    watch = Watch([before], world.clock, world.tell, jitter=lambda: 0.5)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch.run())
        await world.pass_time(60)
        await watch.use([after])
        looked = len(before.times)
        assert looked
        await world.pass_time(60)
        assert (len(before.times), len(after.times) > 3) == (looked, True)
        task.cancel()

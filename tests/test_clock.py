"""Clocks."""

import asyncio

from fallback.clock import SystemClock, VirtualClock


async def test_a_virtual_clock_moves_only_when_told():
    clock, woken = VirtualClock(1000), []

    async def sleeper(seconds):
        await clock.sleep(seconds)
        woken.append((seconds, clock.now()))

    async with asyncio.TaskGroup() as group:
        for seconds in (3, 1, 2):
            group.create_task(sleeper(seconds))
        await asyncio.sleep(0)
        assert woken == []
        await clock.advance(2)
        assert woken == [(1, 2000), (2, 3000)]
        await clock.advance(5)
    assert woken[-1] == (3, 4000)
    assert clock.monotonic() == 7


async def test_a_fast_clock_passes_a_minute_in_an_instant():
    clock = SystemClock(100_000)
    before, date = clock.monotonic(), clock.now()
    await clock.sleep(60)
    assert clock.monotonic() - before >= 60
    assert clock.now() - date >= 60_000

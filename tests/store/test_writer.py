"""Group commit."""

import asyncio
import threading

import pytest

from fallback.core.events import Message
from fallback.errors import StoreError


async def held(sqlite):
    """Hold the writer's thread, so that what comes meanwhile waits together; gives the release."""
    begun, go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work(_):
        loop.call_soon_threadsafe(begun.set)
        go.wait(10)

    holding = asyncio.ensure_future(sqlite._writer.run(work, write=False))
    await begun.wait()
    return go, holding


async def traced(sqlite):
    seen = []
    await sqlite._writer.run(lambda db: db.set_trace_callback(seen.append), write=False)
    return seen


def record(sqlite, number):
    return asyncio.ensure_future(sqlite.record("news", Message(id=f"m{number}", chat="c", text="hi")))


async def test_what_waits_together_is_committed_together(sqlite):
    seen = await traced(sqlite)
    go, holding = await held(sqlite)
    seen.clear()
    records = [record(sqlite, number) for number in range(100)]
    await asyncio.sleep(0)
    go.set()
    rows = await asyncio.gather(*records)
    await holding
    assert rows == list(range(1, 101))
    assert [one for one in seen if one.startswith(("BEGIN", "COMMIT"))].count("BEGIN IMMEDIATE") == 1


async def test_one_that_fails_does_not_fail_its_neighbours(sqlite):
    go, holding = await held(sqlite)
    before, bad, after = record(sqlite, 1), asyncio.ensure_future(sqlite.drop("nothing")), record(sqlite, 2)
    await asyncio.sleep(0)
    go.set()
    assert (await before, await after) == (1, 2)
    with pytest.raises(StoreError, match="no delivery"):
        await bad
    await holding
    assert len(await sqlite.timeline("news")) == 2


async def test_a_failed_job_leaves_nothing(sqlite):
    def work(db):
        db.execute("INSERT INTO facts (name, value) VALUES ('a', 'b')")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await sqlite._writer.run(work)
    assert await sqlite.get("a") is None


async def test_a_caller_that_left_harms_nobody(sqlite):
    go, holding = await held(sqlite)
    left, stays = record(sqlite, 1), record(sqlite, 2)
    await asyncio.sleep(0)
    left.cancel()
    go.set()
    assert await stays
    await holding
    assert left.cancelled()

"""What the store costs: durable records with company against alone, and pages of a large store against a small one."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks import Row
from fallback.core.events import Message
from fallback.core.ids import ChatId, DeliveryId, PortalId, SourceId
from fallback.core.outbox import Delivery
from fallback.store.sqlite import SqliteStore

NEWS = PortalId("news")


async def record(store: SqliteStore, total: int, workers: int) -> float:
    """Record messages, each with a delivery, by that many callers at once; gives messages a second."""

    async def work(worker: int) -> None:
        for number in range(total // workers):
            name = f"{total}-{workers}-{worker}-{number}"
            event = Message(id=SourceId(name), chat=ChatId("c"), text=f"hello world {number} مرحبا بالعالم")
            await store.record(NEWS, event, [Delivery(DeliveryId("d" + name), NEWS, "matrix", event)])

    start = time.perf_counter()
    await asyncio.gather(*(work(worker) for worker in range(workers)))
    return total / (time.perf_counter() - start)


async def median_ms(times: int, work: Callable[[], Awaitable[object]]) -> float:
    """Time one call many times."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


async def measure(folder: Path, total: int) -> list[Row]:
    """Fill a store and measure it, small and large."""
    store = await SqliteStore.open(folder / "store.db")
    alone = await record(store, 500, 1)
    company = await record(store, 3200, 32)
    small = await median_ms(100, lambda: store.timeline(NEWS, limit=50))
    sought = await median_ms(30, lambda: store.search("hello wor"))
    await record(store, total, 512)
    large = await median_ms(100, lambda: store.timeline(NEWS, limit=50))
    found = await median_ms(30, lambda: store.search("hello wor"))
    await store.close()
    size = f"{total:,} messages"
    return [
        {
            "name": "durable records, 32 callers",
            "ratio": company / alone,
            "goal": ">= 2",
            "detail": f"{company:.0f}/s, one caller {alone:.0f}/s, every one committed with FULL sync",
        },
        {
            "name": f"newest page at {size}",
            "ratio": large / small,
            "goal": "<= 1.5",
            "detail": f"{large:.2f} ms, at 3,700 {small:.2f} ms",
        },
        {
            "name": f"search at {size}",
            "ratio": found / sought,
            "goal": "<= 20",
            "detail": f"{found:.1f} ms where every message matches, at 3,700 {sought:.1f} ms",
        },
    ]


def run(quick: bool) -> list[Row]:
    """Measure the store."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measure(Path(folder), 10_240 if quick else 92_160))

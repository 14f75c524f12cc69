"""Measure the store: durable records, pages, leases and searches at 100,000 messages.

Run ``python benchmarks/store.py [folder]``; the folder decides which disk is measured.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from fallback.core.events import Message
from fallback.core.ids import ChatId, DeliveryId, PortalId, SourceId
from fallback.core.outbox import Delivery, Sent
from fallback.store.sqlite import SqliteStore

NEWS = PortalId("news")
FAR = 10**13


async def record(store: SqliteStore, total: int, workers: int) -> None:
    """Record messages, each with a delivery, by that many callers at once."""

    async def work(worker: int) -> None:
        for number in range(total // workers):
            name = f"{total}-{worker}-{number}"
            event = Message(id=SourceId(name), chat=ChatId("c"), text=f"hello world {number} مرحبا بالعالم")
            await store.record(NEWS, event, [Delivery(DeliveryId("d" + name), NEWS, "matrix", event)])

    start = time.perf_counter()
    await asyncio.gather(*(work(worker) for worker in range(workers)))
    print(f"record, {workers:4} at once   {total / (time.perf_counter() - start):8.0f} /s")


async def repeat(name: str, times: int, work: Callable[[int], Awaitable[object]]) -> None:
    """Time one call many times."""
    taken = []
    for number in range(times):
        start = time.perf_counter()
        await work(number)
        taken.append((time.perf_counter() - start) * 1000)
    taken.sort()
    print(f"{name:22} p50 {taken[times // 2]:7.2f} ms   p99 {taken[int(times * 0.99)]:7.2f} ms")


async def main(folder: Path) -> None:
    """Fill a store and measure it."""
    path = folder / "bench" / "store.db"
    store = await SqliteStore.open(path)
    for total, workers in ((1000, 1), (9600, 32), (92_160, 512)):
        await record(store, total, workers)

    async def deliver(number: int) -> None:
        (one,) = await store.lease("matrix", owner="bench", now=FAR, seconds=5)
        await store.settle(one, Sent(SourceId(f"$r{number}")), now=FAR)

    await repeat("lease and settle", 500, deliver)
    await repeat("newest page of 50", 200, lambda _: store.timeline(NEWS, limit=50))
    await repeat("deep page of 50", 200, lambda _: store.timeline(NEWS, before=20_000, limit=50))
    await repeat("search, all match", 50, lambda _: store.search("hello wor"))
    await repeat("search, few match", 50, lambda _: store.search("مرحبا 777"))
    await repeat("translate an id", 500, lambda n: store.counterpart(NEWS, SourceId(f"$r{n}"), "whatsapp"))
    await store.close()
    print(f"size                  {path.stat().st_size / 1e6:.1f} MB")
    start = time.perf_counter()
    store = await SqliteStore.open(path)
    await store.timeline(NEWS, limit=50)
    print(f"open and first page   {(time.perf_counter() - start) * 1000:.1f} ms")
    await store.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as made:
        asyncio.run(main(Path(made)))

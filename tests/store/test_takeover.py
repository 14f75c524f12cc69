"""Two real relays on one server: one is killed or stopped with messages in flight, the other goes on for it."""

import asyncio
import signal
import sys
import time
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from fallback.core.events import Message
from fallback.core.ids import ChatId, PortalId, RoomId
from fallback.core.outbox import Delivery
from fallback.core.ports import Portal

PORTALS = [f"p{number}" for number in range(8)]
RELAY = """
import asyncio, sys
import aiohttp
from fallback.bridge.deliver import Deliverer
from fallback.bridge.sharing import Sharing
from fallback.clock import SystemClock
from fallback.core.outbox import Delivery
from fallback.store.postgres import PostgresStore

async def main(owner, homeserver, url):
    store, clock = await PostgresStore.open(url), SystemClock()
    sharing = Sharing(store, clock, owner=owner)
    async with aiohttp.ClientSession(homeserver) as session, asyncio.TaskGroup() as loops:

        async def send(delivery: Delivery):
            async with session.put(f"/{owner}/{delivery.portal}/{delivery.id}", data=delivery.event.text) as answer:
                return await answer.text()

        allowance = lambda: 0 if sharing.lapsed() else 16
        loops.create_task(sharing.run())
        loops.create_task(Deliverer("matrix", send, store, clock, owner=owner, allowance=allowance).run())

asyncio.run(main(*sys.stdin.read().split()))
"""


class Homeserver:
    """Keeps each room's timeline; a transaction that it has seen gives the same event again.

    Attributes:
        hangs: the relay that gets no answer.
        hears: what that relay says is kept before it waits for the answer.
    """

    def __init__(self):
        self.rooms = {portal: [] for portal in PORTALS}
        self.seen, self.senders, self.news = set(), {}, asyncio.Condition()
        self.hanging, self.released = set(), asyncio.Event()
        self.hangs = ""
        self.hears = False

    async def put(self, request):
        relay, portal, transaction = (request.match_info[name] for name in ("relay", "portal", "transaction"))
        if relay == self.hangs:
            self.hanging.add(portal)
            await self._tell()
            if not self.hears:
                await self.released.wait()
        if transaction not in self.seen:
            self.seen.add(transaction)
            self.rooms[portal].append(await request.text())
        self.senders.setdefault(portal, []).append(relay)
        await self._tell()
        if relay == self.hangs:
            await self.released.wait()
        return web.Response(text=f"${transaction}")

    async def _tell(self):
        async with self.news:
            self.news.notify_all()

    async def until(self, happened, seconds):
        async with asyncio.timeout(seconds), self.news:
            await self.news.wait_for(happened)

    def latest(self):
        return {portal: senders[-1] for portal, senders in self.senders.items()}


@asynccontextmanager
async def serving(homeserver):
    app = web.Application()
    app.router.add_put("/{relay}/{portal}/{transaction}", homeserver.put)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        homeserver.released.set()
        await runner.cleanup()


@asynccontextmanager
async def relay(owner, homeserver, url):
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", RELAY, stdin=asyncio.subprocess.PIPE)
    process.stdin.write(f"{owner} {homeserver} {url}".encode())
    process.stdin.close()
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def say(store, numbers):
    for number in numbers:
        for portal in PORTALS:
            event = Message(id=f"{portal}-{number}", chat=portal, text=str(number))
            await store.record(portal, event, [Delivery(f"d-{portal}-{number}", portal, "matrix", event)])


@pytest.mark.parametrize(("end", "heard"), [(signal.SIGKILL, True), (signal.SIGSTOP, False)])
async def test_another_relay_goes_on_within_fifteen_seconds_nothing_lost_nothing_twice(
    url, postgres, end, heard
):
    for portal in PORTALS:
        await postgres.save_portal(Portal(PortalId(portal), ChatId(portal), RoomId(f"!{portal}")))
    homeserver, last = Homeserver(), 0

    async def said(count):
        nonlocal last
        await say(postgres, range(last, last + count))
        last += count
        await homeserver.until(lambda: all(len(room) == last for room in homeserver.rooms.values()), 20)

    async with serving(homeserver) as address, relay("one", address, url) as one, relay("two", address, url):
        while set(homeserver.latest().values()) != {"one", "two"}:
            await said(1)
        theirs = [portal for portal, owner in homeserver.latest().items() if owner == "one"]
        homeserver.hangs, homeserver.hears = "one", heard
        await say(postgres, range(last, last + 3))
        last += 3
        await homeserver.until(lambda: homeserver.hanging, 20)
        killed = time.monotonic()
        one.send_signal(end)
        await homeserver.until(lambda: all(homeserver.latest()[portal] == "two" for portal in theirs), 20)
        assert time.monotonic() - killed < 15
        homeserver.hangs = ""
        homeserver.released.set()
        if end is signal.SIGSTOP:
            one.send_signal(signal.SIGCONT)
        await said(5)
        async with asyncio.timeout(20):
            while await postgres.pending():
                pass
    assert homeserver.rooms == {portal: [str(number) for number in range(last)] for portal in PORTALS}

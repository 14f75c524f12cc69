"""A relay before a real homeserver that answers badly: nothing is lost, nothing doubled, nothing reaches the room."""

import asyncio
import contextlib
from collections import deque

import aiohttp
import pytest
from aiohttp import web

from fallback.clock import SystemClock
from fallback.core.events import Group, Identity, Message
from fallback.core.ids import ChatId, PortalId, SourceId
from fallback.core.ports import Portal, RoomSpec
from fallback.matrix.appservice import Appservice
from fallback.networks.loopback import LoopbackConnector, LoopbackNetwork
from fallback.relay.daemon import Relay
from fallback.store.memory import MemoryStore
from tests.live_synapse import side_at

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]
CHAT = ChatId("group")
HOP = {"host", "transfer-encoding", "content-encoding", "content-length", "connection"}


class Bad:
    """A proxy before a homeserver that answers the next sends as ``faults`` say (empty: truly), and all else truly."""

    def __init__(self, behind, session):
        self.behind, self.session = behind, session
        self.faults = deque()

    async def answer(self, request):
        if "/send/" not in request.path or not self.faults:
            return await self.forward(request)
        fault = self.faults.popleft()
        match fault:
            case "":
                return await self.forward(request)
            case "429":
                return web.json_response({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 200}, status=429)
            case "500":
                return web.Response(status=500, text="<html>Internal Server Error</html>")
            case "nonsense":
                return web.Response(text="[1, 2", content_type="application/json")
            case "half":
                response = web.StreamResponse(headers={"Content-Length": "4000"})
                await response.prepare(request)
                await response.write(b'{"event_id": "$abc')
            case "done and lost":
                await self.forward(request)
        request.transport.abort()
        return web.Response()

    async def forward(self, request):
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        async with self.session.request(
            request.method, self.behind + request.raw_path, headers=headers, data=await request.read()
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


@contextlib.asynccontextmanager
async def proxy(behind):
    async with aiohttp.ClientSession() as session:
        bad = Bad(behind, session)
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", bad.answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield bad, f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


@pytest.fixture
async def mirrored(live, tmp_path):
    """A relay that runs, its network, its room and the proxy between it and the homeserver."""
    network, store = LoopbackNetwork(), MemoryStore()
    people = (Identity(name="Sara", phone="+9647711"), Identity(name="Omar", phone="+9647712"))
    network.found(Group(chat=CHAT, name="Newsroom", members=people))
    user, token, device = await live.signed_in("relay")
    async with proxy(live.url) as (bad, url):
        side = side_at(url, user, device, token, folder=tmp_path / "relay")
        side.appservice = Appservice(side.http, live.as_token, live.server_name)
        room = await side.create_room(RoomSpec(name="Newsroom"))
        await store.save_portal(Portal(id=PortalId("p"), chat=CHAT, room=room, sending=True))
        connector = LoopbackConnector(network)
        relay = Relay(connector, side, store, SystemClock(), server_name=live.server_name)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(relay.run())
            yield relay, network, people, room, bad
            task.cancel()
        await side.close()


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)


async def said(relay, room):
    return [event async for event in relay.homeserver.history(room) if isinstance(event, Message)]


async def test_whatever_the_homeserver_answers_each_message_comes_once_and_in_order(mirrored):
    relay, network, people, room, bad = mirrored
    await until(lambda: relay.synced)
    bad.faults.extend(["429", "", "500", "", "half", "", "nothing", "", "nonsense", "", "done and lost"])
    for number in range(6):
        network.post(
            Message(
                id=SourceId(f"W{number}"), chat=CHAT, sender=people[number % 2], at=1000, text=f"m{number}"
            )
        )
    await until(lambda: relay.tally.outcomes["matrix", "sent"] == 6)
    assert not bad.faults
    assert [event.text for event in await said(relay, room)] == [f"m{number}" for number in range(6)]
    assert relay.tally.outcomes["matrix", "retry"]
    assert await relay.store.wedges() == []


async def test_what_the_homeserver_never_takes_is_set_aside_with_its_reason_and_the_lane_goes_on(mirrored):
    relay, network, people, room, _ = mirrored
    marks = "e" + "\u0301" * 65_536
    for number, text in enumerate((marks, "after")):
        network.post(Message(id=SourceId(f"W{number}"), chat=CHAT, sender=people[0], at=1000, text=text))
    await until(lambda: relay.tally.outcomes["matrix", "sent"])
    assert [event.text for event in await said(relay, room)] == ["after"]
    (stuck,) = await relay.store.wedges()
    assert stuck.error
    assert "\u0301" not in stuck.error


async def test_a_message_from_the_future_stands_at_the_present(mirrored):
    relay, network, people, room, _ = mirrored
    now = relay.clock.now()
    network.post(Message(id=SourceId("W"), chat=CHAT, sender=people[0], at=now + 10**12, text="tomorrow"))
    await until(lambda: relay.tally.outcomes["matrix", "sent"])
    (event,) = await said(relay, room)
    assert now <= event.at <= relay.clock.now()

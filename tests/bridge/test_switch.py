"""The switch to Matrix and back."""

import pytest

from fallback.bridge.switch import Switch
from fallback.clock import VirtualClock
from fallback.core.events import Identity, Message, Origin
from fallback.core.health import Cause, Health, State
from fallback.core.ids import ChatId, PortalId, RoomId, SourceId
from fallback.core.ports import Capabilities, Portal
from fallback.core.routing import MATRIX, to_remote
from fallback.store.memory import MemoryStore

PORTAL = Portal(id=PortalId("p"), chat=ChatId("chat"), room=RoomId("!r"), name="Newsroom", sending=True)
DOWN = Health(at=1.0, state=State.DOWN, cause=Cause.META_OUTAGE, why="nothing of Meta answers")
UP = Health(at=2.0, state=State.UP)


@pytest.fixture
async def store():
    made = MemoryStore()
    await made.save_portal(PORTAL)
    return made


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
async def switch(store, clock):
    made = Switch(
        store, clock, target="whatsapp", link=lambda portal: f"link-{portal.room}", ring=lambda: None
    )
    await made.load()
    return made


async def write(store, number):
    event = Message(
        id=SourceId(f"${number}"),
        chat=ChatId("!r"),
        sender=Identity(mxid="@sara:s", name="Sara"),
        origin=Origin.MATRIX,
        text=f"m{number}",
    )
    await store.record(PORTAL.id, event, to_remote(event, PORTAL, "whatsapp", Capabilities(), "@us:s"))


async def said(store, target):
    taken = []
    while due := await store.lease(target, owner="t", now=2**53, seconds=1):
        from fallback.core.outbox import Sent

        for delivery in due:
            poll = getattr(delivery.event, "poll", None)
            taken.append(poll.question if poll else delivery.event.text)
            await store.settle(delivery, Sent(SourceId(delivery.id)), now=2**53)
    return taken


async def test_down_tells_each_room_once_and_holds_the_lane(store, switch):
    await switch.on_health(DOWN)
    await switch.on_health(DOWN)
    assert switch.holding()
    notice, rollcall = await said(store, MATRIX)
    assert "Who is here?" in rollcall
    assert "WhatsApp is down" in notice
    assert "واتساب متوقف" in notice
    assert "nothing of Meta answers" in notice


async def test_many_waiting_messages_become_one_digest(store, switch, clock):
    await switch.on_health(DOWN)
    for number in range(7):
        await write(store, number)
    await clock.advance(3600)
    await switch.on_health(UP)
    (digest,) = await said(store, "whatsapp")
    assert "7 messages" in digest
    assert "link-!r" in digest
    assert not switch.holding()
    assert "works again" in (await said(store, MATRIX))[-1]


async def test_a_few_waiting_messages_go_out_as_they_are(store, switch):
    await switch.on_health(DOWN)
    for number in range(2):
        await write(store, number)
    await switch.on_health(UP)
    assert await said(store, "whatsapp") == ["*Sara*: m0", "*Sara*: m1"]


async def test_an_outage_survives_a_restart(store, switch, clock):
    await switch.on_health(DOWN)
    again = Switch(store, clock, target="whatsapp", link=lambda portal: "", ring=lambda: None)
    await again.load()
    assert again.holding()
    await again.on_health(DOWN)
    assert len(await said(store, MATRIX)) == 2


@pytest.mark.parametrize("state", [State.DEGRADED, State.UNKNOWN])
async def test_what_is_no_outage_switches_nobody(store, switch, state):
    await switch.on_health(Health(state=state, cause=Cause.LOCAL_NETWORK))
    assert not switch.holding()
    assert await store.pending() == 0


async def test_recovering_is_not_yet_back(store, switch):
    await switch.on_health(DOWN)
    await write(store, 1)
    await switch.on_health(Health(state=State.RECOVERING))
    assert switch.holding()

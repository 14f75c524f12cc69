"""A store that can't be written for the moment."""

import asyncio

import pytest

from fallback.bridge.deliver import Deliverer
from fallback.bridge.ingest import from_network
from fallback.bridge.patience import Patience
from fallback.clock import VirtualClock
from fallback.core.events import Group, Message
from fallback.core.ids import ChatId, DeliveryId, PortalId, RoomId, SourceId
from fallback.core.outbox import Delivery
from fallback.core.ports import Portal
from fallback.errors import StoreBlockedError, StoreError
from fallback.networks.loopback import LoopbackConnector, LoopbackNetwork
from fallback.store.memory import MemoryStore

FULL = StoreBlockedError("there is no space left for the store")
CHAT, PORTAL = ChatId("c"), PortalId("p")


class FullStore(MemoryStore):
    """Refuses to write while ``full``, as SQLite on a full disk does."""

    full = False

    async def record(self, *arguments, **named):
        self.refuse()
        return await super().record(*arguments, **named)

    async def settle(self, *arguments, **named):
        self.refuse()
        return await super().settle(*arguments, **named)

    def refuse(self):
        if self.full:
            raise FULL


@pytest.fixture
async def store():
    made = FullStore()
    await made.save_portal(Portal(PORTAL, CHAT, RoomId("!r")))
    return made


async def test_what_comes_while_the_disk_is_full_is_not_acknowledged_and_is_kept_once_later(store, caplog):
    network, clock, kept = LoopbackNetwork(), VirtualClock(), []
    network.found(Group(chat=CHAT))
    connector, patience = LoopbackConnector(network), Patience(clock)

    async def told(portal, event):
        kept.append(event.id)

    store.full = True
    for number in range(3):
        network.post(Message(id=SourceId(f"W{number}"), chat=CHAT, text="hi"))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(from_network(connector, store, lambda *_: [], told, patience))
        await clock.advance(0)
        await clock.advance(10)
        assert (kept, len(connector.queue), patience.trouble) == ([], 3, FULL.message)
        assert patience.failures > 2
        store.full = False
        await clock.advance(70)
        assert (kept, len(connector.queue), patience.trouble) == (["W0", "W1", "W2"], 0, "")
        task.cancel()
    assert sum("no space left" in one.message for one in caplog.records) == 1


async def test_an_outcome_is_written_down_later_and_nothing_is_sent_twice(store):
    clock, sent = VirtualClock(), []

    async def send(delivery):
        sent.append(delivery.id)
        store.full = True
        return SourceId("$1")

    worker = Deliverer("matrix", send, store, clock, owner="w")
    event = Message(id=SourceId("W"), chat=CHAT, text="hi")
    await store.record(PORTAL, event, [Delivery(DeliveryId("d"), PORTAL, "matrix", event)])
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.once())
        await clock.advance(30)
        assert worker.patience.trouble
        store.full = False
        await clock.advance(60)
    assert (sent, await store.pending(), worker.patience.trouble) == (["d"], 0, "")


async def test_a_store_that_is_damaged_is_no_matter_of_patience():
    async def work():
        raise StoreError("damaged")

    with pytest.raises(StoreError, match="damaged"):
        await Patience(VirtualClock()).keep(work)

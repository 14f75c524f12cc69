"""The Connector port's contract; a new connector joins ``NETWORKS``."""

import contextlib
import tempfile
from pathlib import Path

import pytest

from fallback.core.events import Group, Identity, Message
from fallback.core.ids import ChatId, SourceId
from fallback.core.ports import ConnectorState
from fallback.errors import PermanentError, TransientError
from fallback.networks.loopback import LoopbackConnector, LoopbackNetwork
from tests.networks.whatsapp.cloud_world import CHAT as CLOUD_CHAT
from tests.networks.whatsapp.cloud_world import cloud_world
from tests.networks.whatsapp.dropped_world import dropped_world


class Loopback:
    """The network in memory, and what its servers can do to a connector."""

    chat = ChatId("group")

    def __init__(self):
        self.network = LoopbackNetwork()
        self.network.found(Group(chat=self.chat, name="Newsroom", members=(Identity(name="Sara"),)))
        self.connector = LoopbackConnector(self.network)

    def phone_says(self, number):
        self.network.post(
            Message(
                id=SourceId(f"W{number}"),
                chat=self.chat,
                sender=Identity(name="Sara"),
                at=1000 * number,
                text=f"m{number}",
            )
        )

    def file(self, data):
        self.network.files["f"] = data
        return "f"

    async def cut(self):
        self.network.cut()

    async def restore(self):
        self.network.restore()

    def shown(self):
        return [event.text for event in self.network.shown]


class Cloud(Loopback):
    """The simulated Cloud API."""

    chat = CLOUD_CHAT

    def __init__(self, world):
        self.network, self.connector = world.network, world.connector

    async def cut(self):
        self.network.cut()
        await self.connector.look()

    async def restore(self):
        self.network.restore()
        await self.connector.look()


class Dropped:
    """Exports of a phone, dropped into a folder."""

    def __init__(self, world):
        self.world, self.connector, self.chat = world, world.connector, world.chat

    def phone_says(self, number):
        self.world.says(f"15/03/2024, 09:0{number} - Sara: m{number}")
        self.world.drop()

    def file(self, data):
        (self.world.folder / "IMG-1.jpg").write_bytes(data)
        self.world.drop()
        return "chat.txt/IMG-1.jpg"

    async def learns(self):
        await self.world.record(1)


@contextlib.asynccontextmanager
async def loopback():
    network = Loopback()
    await network.connector.start()
    yield network
    await network.connector.close()


@contextlib.asynccontextmanager
async def cloud():
    async with cloud_world() as world:
        yield Cloud(world)


@contextlib.asynccontextmanager
async def dropped():
    with tempfile.TemporaryDirectory() as folder:
        async with dropped_world(Path(folder)) as world:
            yield Dropped(world)


NETWORKS = [loopback, cloud, dropped]
SENDING = [loopback, cloud]
"""Those that are no way in only."""


@pytest.fixture(params=NETWORKS, ids=lambda made: made.__name__)
def opened(request):
    return request.param


@pytest.fixture(params=SENDING, ids=lambda made: made.__name__)
def sending(request):
    return request.param


def message(network, text="hi", chat=None):
    return Message(id=SourceId("x"), chat=chat or network.chat, text=text)


async def test_what_is_not_acknowledged_comes_again(opened):
    async with opened() as network:
        network.phone_says(1)
        network.phone_says(2)
        events = network.connector.events()
        first = await anext(events)
        await first.ack()
        second = await anext(events)
        await events.aclose()
        again = network.connector.events()
        assert (await anext(again)).event.text == second.event.text == "m2"
        await again.aclose()


async def test_a_message_reaches_the_phones_once_though_it_is_sent_twice(sending):
    async with sending() as network:
        made = {await network.connector.send(message(network), message_id=SourceId("ours")) for _ in range(2)}
        assert len(made) == 1
        assert made == {"ours"} or not network.connector.capabilities.fixed_ids
        assert network.shown() == ["hi"]


async def test_sending_fails_for_now_while_the_network_is_down_and_works_after(sending):
    async with sending() as network:
        await network.cut()
        assert network.connector.state is ConnectorState.DISCONNECTED
        with pytest.raises(TransientError):
            await network.connector.send(message(network), message_id=SourceId("a"))
        network.phone_says(7)
        assert network.shown() == []
        await network.restore()
        assert network.connector.state is ConnectorState.CONNECTED
        events = network.connector.events()
        late = await anext(events)
        assert (late.event.id, late.event.late) == ("W7", True)
        await events.aclose()


async def test_an_unknown_group_is_refused_for_good(opened):
    async with opened() as network:
        nowhere = message(network, chat=ChatId("nowhere"))
        with pytest.raises(PermanentError):
            await network.connector.send(nowhere, message_id=SourceId("a"))
        with pytest.raises(PermanentError):
            await network.connector.group(ChatId("nowhere"))
        if isinstance(network, Dropped):
            network.phone_says(1)
            await network.learns()
        assert (await network.connector.group(network.chat)).name == "Newsroom"


async def test_a_missing_file_is_refused_for_good(opened):
    async with opened() as network:
        source = network.file(b"x")
        assert await network.connector.download(message(network), source) == b"x"
        with pytest.raises(PermanentError):
            await network.connector.download(message(network), "gone")


async def test_closing_ends_the_stream(opened):
    async with opened() as network:
        await network.connector.close()
        assert [event async for event in network.connector.events()] == []

"""The Connector port's contract; a new connector joins ``network``."""

import pytest

from fallback.core.events import Group, Identity, Message
from fallback.core.ids import ChatId, SourceId
from fallback.core.ports import ConnectorState
from fallback.errors import PermanentError, TransientError
from fallback.networks.loopback import LoopbackConnector, LoopbackNetwork

CHAT = ChatId("group")


class Loopback:
    """The network in memory, and what its servers can do to a connector."""

    def __init__(self):
        self.network = LoopbackNetwork()
        self.network.found(Group(chat=CHAT, name="Newsroom", members=(Identity(name="Sara"),)))
        self.connector = LoopbackConnector(self.network)

    def phone_says(self, number):
        self.network.post(
            Message(
                id=SourceId(f"W{number}"),
                chat=CHAT,
                sender=Identity(name="Sara"),
                at=number,
                text=f"m{number}",
            )
        )

    def shown(self):
        return [event.text for event in self.network.shown]


@pytest.fixture(params=[Loopback])
async def network(request):
    made = request.param()
    await made.connector.start()
    yield made
    await made.connector.close()


def message(text="hi", chat=CHAT):
    return Message(id=SourceId("x"), chat=chat, text=text)


async def test_what_is_not_acknowledged_comes_again(network):
    network.phone_says(1)
    network.phone_says(2)
    events = network.connector.events()
    first = await anext(events)
    await first.ack()
    second = await anext(events)
    await events.aclose()
    again = network.connector.events()
    assert (await anext(again)).event.id == second.event.id == "W2"
    await again.aclose()


async def test_a_message_reaches_the_phones_once_though_it_is_sent_twice(network):
    for _ in range(2):
        made = await network.connector.send(message(), message_id=SourceId("ours"))
    assert made == "ours"
    assert network.shown() == ["hi"]


async def test_sending_fails_for_now_while_the_network_is_down_and_works_after(network):
    network.network.cut()
    assert network.connector.state is ConnectorState.DISCONNECTED
    with pytest.raises(TransientError):
        await network.connector.send(message(), message_id=SourceId("a"))
    network.phone_says(7)
    assert network.shown() == []
    network.network.restore()
    assert network.connector.state is ConnectorState.CONNECTED
    late = await anext(network.connector.events())
    assert (late.event.id, late.event.late) == ("W7", True)


async def test_an_unknown_group_is_refused_for_good(network):
    with pytest.raises(PermanentError):
        await network.connector.send(message(chat=ChatId("nowhere")), message_id=SourceId("a"))
    with pytest.raises(PermanentError):
        await network.connector.group(ChatId("nowhere"))
    assert (await network.connector.group(CHAT)).name == "Newsroom"


async def test_a_missing_file_is_refused_for_good(network):
    network.network.files["f"] = b"x"
    assert await network.connector.download(message(), "f") == b"x"
    with pytest.raises(PermanentError):
        await network.connector.download(message(), "gone")


async def test_closing_ends_the_stream(network):
    await network.connector.close()
    assert [event async for event in network.connector.events()] == []

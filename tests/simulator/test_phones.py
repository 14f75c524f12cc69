"""Scripted phones."""

from fallback.clock import SystemClock
from fallback.core.events import Group, Identity, Message, Reaction
from fallback.core.ids import ChatId
from fallback.networks.loopback import LoopbackNetwork
from fallback.simulator.phones import Line, Phones

CHAT = ChatId("g")
SARA, OMAR = Identity(name="Sara"), Identity(name="Omar")


async def test_a_script_is_followed_in_order_by_the_right_people():
    network = LoopbackNetwork()
    network.found(Group(chat=CHAT, members=(SARA, OMAR)))
    phones = Phones(network, CHAT, [SARA, OMAR], SystemClock(100_000))
    await phones.play([Line(60, "Sara", "hi"), Line(60, "Omar", "👍", react=True), Line(60, "Omar", "hello")])
    first, reaction, last = network.shown
    assert isinstance(first, Message)
    assert isinstance(reaction, Reaction)
    assert (reaction.target, reaction.key, reaction.sender) == (first.id, "👍", OMAR)
    assert (last.text, last.sender) == ("hello", OMAR)
    assert phones.said == network.shown
    assert len({event.id for event in network.shown}) == 3

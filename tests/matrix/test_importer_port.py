"""The Importer port's contract: in memory, through our module in Synapse, and one by one."""

import pytest

from fallback.core.events import Message, Origin, Poll, PollOption, Reaction, Redaction
from fallback.core.ids import ChatId, DeliveryId, SourceId, UserId
from fallback.core.importing import Refused
from fallback.core.ports import RoomSpec
from fallback.errors import PermanentError
from fallback.matrix.chain import ChainImporter
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from tests.matrix.test_chain import KIND, THEN, Lacking, Scene

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]


class Memory:
    """A room in memory with a ghost in it."""

    async def open(self):
        self.server = MemoryServer()
        side = MemoryHomeserver(self.server, "fallback")
        self.importer = side.importer()
        self.room = await side.create_room(RoomSpec(name="r"))
        self.ghost = UserId("@wa_1:memory.example")
        await side.ensure_ghost(self.ghost, "Salma")
        await side.join(self.room, self.ghost)
        return self

    async def told(self):
        timeline = self.server.rooms[self.room].timeline
        return [(event_id, sender, event.at) for sender, event_id, event in timeline]

    async def close(self):
        """Free nothing."""


class Real:
    """The same in Synapse; without the module it goes one by one."""

    def __init__(self, live, token, *, fast):
        self.scene = Scene(live, token)
        self.fast = fast

    async def open(self):
        await self.scene.open()
        self.room, self.ghost = self.scene.room, self.scene.ghosts[0]
        slow = Lacking(self.scene, "/_synapse/client/nothing")
        self.importer = self.scene.importer if self.fast else self.scene.through(slow)
        return self

    async def told(self):
        timeline = await self.scene.timeline()
        return [
            (one["event_id"], one["sender"], one["origin_server_ts"])
            for one in timeline
            if one["type"] in (KIND, "m.reaction")
        ]

    async def close(self):
        await self.scene.appservice.close()


@pytest.fixture(params=["memory", "chain", "one by one"])
async def world(request):
    if request.param == "memory":
        made = Memory()
    else:
        live = request.getfixturevalue("live")
        made = Real(live, (await live.owner())[1], fast=request.param == "chain")
    await made.open()
    yield made
    await made.close()


def brought(world, numbers, *, sender=None):
    return [
        world.importer.convert(
            Message(
                id=SourceId(f"e{n}"), chat=ChatId("c"), origin=Origin.EXPORT, at=THEN - n, text=f"message {n}"
            ),
            sender=sender or world.ghost,
            key=DeliveryId(f"t{n}"),
        )
        for n in numbers
    ]


async def test_events_go_in_in_their_order_with_their_times(world):
    made = await world.importer.put(world.room, brought(world, range(12)))
    assert await world.told() == [(made[n], world.ghost, THEN - n) for n in range(12)]


async def test_the_same_keys_are_the_same_events(world):
    made = await world.importer.put(world.room, brought(world, range(4)))
    assert await world.importer.put(world.room, brought(world, range(2, 4))) == made[2:]
    assert len(await world.told()) == 4


async def test_who_may_not_speak_is_refused_and_the_others_are_not(world):
    stranger = UserId(world.ghost.replace("@wa_", "@wa_other_"))
    batch = [*brought(world, [1]), *brought(world, [2], sender=stranger), *brought(world, [3])]
    first, refused, last = await world.importer.put(world.room, batch)
    assert isinstance(refused, Refused)
    assert [event for event, _, _ in await world.told()] == [first, last]


async def test_a_later_batch_may_point_at_an_earlier_one(world):
    (made,) = await world.importer.put(world.room, brought(world, [1]))
    base = {"chat": ChatId("c"), "origin": Origin.EXPORT, "at": THEN}
    liked = Reaction(**base, id=SourceId("r"), target=SourceId(made), key="👍")
    one = world.importer.convert(liked, sender=world.ghost, key=DeliveryId("r"))
    (reaction,) = await world.importer.put(world.room, [one])
    assert (await world.told())[-1][0] == reaction


async def test_a_poll_that_was_brought_is_ended_with_its_votes(world):
    poll = Poll("When?", (PollOption("Today", 2), PollOption("Tomorrow")))
    asked = Message(id=SourceId("p"), chat=ChatId("c"), origin=Origin.EXPORT, at=THEN, poll=poll)
    one = world.importer.convert(asked, sender=world.ghost, key=DeliveryId("p"))
    (made,) = await world.importer.put(world.room, [one])
    end = world.importer.close(asked, made, sender=world.ghost, key=DeliveryId("p/end"))
    assert end.content["m.relates_to"] == {"rel_type": "m.reference", "event_id": made}
    assert "Today 2" in end.content["body"]
    (ended,) = await world.importer.put(world.room, [end])
    assert not isinstance(ended, Refused)


async def test_what_takes_something_back_is_for_the_ordinary_way(world):
    base = {"id": SourceId("x"), "chat": ChatId("c"), "target": SourceId("$1"), "origin": Origin.EXPORT}
    for event in (Redaction(**base), Reaction(**base, key="")):
        assert world.importer.convert(event, sender=world.ghost, key=DeliveryId("x")) is None


async def test_clear_text_is_stopped_before_anything_is_sent(live):
    scene = await Scene(live, (await live.owner())[1]).open()

    async def refuse(room):
        raise PermanentError("the room is encrypted")

    guarded = ChainImporter(scene.appservice, refuse)
    with pytest.raises(PermanentError, match="encrypted"):
        await guarded.put(scene.room, scene.batch([1]))
    assert await scene.told() == []
    await scene.appservice.close()

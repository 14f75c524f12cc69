"""The Homeserver port's contract, over the one in memory and the real Synapse."""

import itertools

import pytest

from fallback.core.events import (
    Attachment,
    Edit,
    Identity,
    MediaKind,
    Message,
    Notice,
    Origin,
    Reaction,
    Redaction,
)
from fallback.core.ids import ChatId, DeliveryId, SourceId, UserId
from fallback.core.ports import RoomSpec
from fallback.errors import PermanentError
from fallback.matrix.appservice import Appservice
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]
count = itertools.count()


class World:
    """An account that may speak as ghosts, another person, and a ghost."""

    def __init__(self, bot, person, server_name):
        self.bot, self.person = bot, person
        self.ghost = UserId(f"@wa_{900000 + next(count)}:{server_name}")

    async def room(self, **fields):
        room = await self.bot.create_room(RoomSpec(name="غرفة الأخبار", topic="news", **fields))
        await self.bot.ensure_ghost(self.ghost, "ليلى")
        await self.bot.join(room, self.ghost)
        return room


@pytest.fixture(params=["memory", "synapse"])
async def world(request, tmp_path):
    if request.param == "memory":
        server = MemoryServer()
        bot, person = MemoryHomeserver(server, "fallback"), MemoryHomeserver(server, "sara")
        yield World(bot, person, server.name)
        return
    live = request.getfixturevalue("live")
    sides = [await live.side(tmp_path, name, display_name=name) for name in ("bot", "person")]
    sides[0].appservice = Appservice(sides[0].http, live.as_token, live.server_name)
    yield World(*sides, live.server_name)
    for side in sides:
        await side.close()


def said(number, text="hi", **fields):
    base = {
        "id": SourceId(f"e{number}"),
        "chat": ChatId("c"),
        "origin": Origin.EXPORT,
        "at": 1_633_000_000_000 + number,
    }
    return Message(**{**base, **fields}, text=text)


async def send(world, room, event, transaction=None):
    at = event.at if event.origin is Origin.EXPORT else 0
    sender = world.ghost if event.origin is Origin.EXPORT else None
    return await world.bot.send(
        room, event, transaction=DeliveryId(transaction or f"t{event.id}"), sender=sender, at=at
    )


async def read(side, room):
    return [
        event
        async for event in side.history(room)
        if isinstance(event, Message | Edit | Reaction | Redaction | Notice)
    ]


async def test_a_room_is_found_again_by_its_alias(world):
    alias = f"wa_alias{next(count)}"
    assert await world.room(alias=alias) == await world.room(alias=alias)


async def test_a_ghost_speaks_under_its_name_with_the_original_time_in_order(world):
    room = await world.room()
    for number in range(10):
        await send(world, room, said(number, f"m{number}"))
    events = await read(world.bot, room)
    assert [(event.text, event.at) for event in events] == [
        (f"m{n}", 1_633_000_000_000 + n) for n in range(10)
    ]
    assert {(event.sender.mxid, event.sender.name, event.relayed) for event in events} == {
        (world.ghost, "ليلى", Origin.EXPORT)
    }


async def test_the_same_transaction_makes_one_event(world):
    room = await world.room()
    assert await send(world, room, said(1), "same") == await send(world, room, said(1), "same")
    assert len(await read(world.bot, room)) == 1


async def test_what_ghosts_brought_is_read_back_both_ways(world):
    room = await world.room()
    await send(world, room, said(1, "one"))
    await send(
        world, room, Notice(id=SourceId("n"), chat=ChatId("c"), origin=Origin.MATRIX, text="a machine")
    )
    await send(world, room, said(2, "two"))
    forth = [one async for one in world.bot.brought(room)]
    back = [one async for one in world.bot.brought(room, newest_first=True)]
    assert [(one.source, one.text, one.sender, one.at) for one in forth] == [
        ("e1", "one", world.ghost, 1_633_000_000_001),
        ("e2", "two", world.ghost, 1_633_000_000_002),
    ]
    assert back == forth[::-1]


async def test_edits_reactions_and_redactions_point_at_their_message(world):
    room = await world.room()
    made = SourceId(await send(world, room, said(1, "draft")))
    base = {"chat": ChatId("c"), "origin": Origin.EXPORT}
    await send(world, room, Edit(**base, id=SourceId("x1"), target=made, text="final"))
    await send(world, room, Reaction(**base, id=SourceId("x2"), target=made, key="👍"))
    await send(world, room, Redaction(**base, id=SourceId("x3"), target=made))
    events = await read(world.bot, room)
    assert [getattr(event, "target", None) for event in events[1:]] == [made, made, made]
    assert events[1].text == "final"


async def test_a_file_comes_back_as_it_was(world):
    room = await world.room()
    photo = Attachment(kind=MediaKind.IMAGE, filename="صورة.png", source="1.png", mimetype="image/png")
    photo = await world.bot.upload(room, photo, b"\x89PNG not really", sender=world.ghost)
    await send(world, room, said(1, "caption", attachment=photo))
    (event,) = await read(world.bot, room)
    assert (event.text, event.attachment.filename, event.attachment.size) == ("caption", "صورة.png", 15)
    assert await world.bot.download(event.attachment) == b"\x89PNG not really"


async def test_syncing_gives_each_event_once_and_marks_our_own(world):
    room = await world.room()
    batches = world.bot.batches("")
    batch = await anext(batches)
    assert room in batch.joined
    mine = Message(id=SourceId("own"), chat=ChatId("c"), sender=Identity(), origin=Origin.MATRIX, text="mine")
    made = await world.bot.send(room, mine, transaction=DeliveryId("own-1"))
    seen = []
    while not seen:
        batch = await anext(batches)
        seen += [event for event in batch.events if event.id == made]
    assert (seen[0].transaction, seen[0].sender.mxid) == ("own-1", world.bot.user)
    await batches.aclose()
    again = world.bot.batches(batch.token)
    await send(world, room, said(5, "after a restart"))
    later = []
    while not later:
        later += [event for event in (await anext(again)).events if isinstance(event, Message)]
    await again.aclose()
    assert [event.text for event in later] == ["after a restart"]


async def test_who_is_not_in_the_room_cannot_speak_there(world):
    room = await world.room()
    await world.bot.leave(room, world.ghost)
    await world.bot.leave(room, world.ghost)
    with pytest.raises(PermanentError):
        await send(world, room, said(1))


async def test_a_room_is_described(world):
    room = await world.room()
    state = await world.bot.room_state(room)
    assert (state.name, state.topic, state.encrypted) == ("غرفة الأخبار", "news", False)
    assert {member.mxid for member in state.members} == {world.bot.user, world.ghost}
    assert state.admins == (world.bot.user,)


@pytest.mark.parametrize("version", ["11", "12"])
async def test_both_room_versions_work(world, version):
    room = await world.room(version=version)
    assert (await world.bot.room_state(room)).admins == (world.bot.user,)
    await send(world, room, said(1))
    assert len(await read(world.bot, room)) == 1

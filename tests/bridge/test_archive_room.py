"""The history of a group that lives in a room already: a room of its own, and a space around them."""

import pytest

from fallback.bridge.archive_room import archive_room, put_in_space
from fallback.bridge.retold import own_room
from fallback.core.events import Group, Notice
from fallback.core.ids import ChatId
from fallback.core.migration import plan
from fallback.core.portal import RoomSpec
from fallback.errors import TransientError
from fallback.matrix.linking import RoomLinks
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.store.memory import MemoryStore

GROUP = Group(chat=ChatId("c1"), name="Newsroom")


class Topics:
    """Ties in memory."""

    def __init__(self):
        self.topics, self.spaces = {}, {}

    async def mention(self, room, text):
        self.topics.setdefault(room, set()).add(text)
        return True

    async def create_space(self, name):
        space = f"!space{len(self.spaces)}"
        self.spaces[space] = set()
        return space

    async def put_in_space(self, space, room):
        self.spaces[space].add(room)


async def test_the_two_rooms_lead_to_each_other_and_are_tied_once():
    server, store, links = MemoryServer(), MemoryStore(), Topics()
    homeserver = MemoryHomeserver(server, "me")
    live = await homeserver.create_room(RoomSpec(name="Newsroom"))
    planned = plan(GROUP, [], server_name=server.name)
    portals = [await archive_room(homeserver, links, store, planned, live) for _ in range(2)]
    assert portals[0] == portals[1]
    archive = server.rooms[portals[0].room].spec
    assert archive.name == "Newsroom (archive)"
    assert live in archive.topic
    assert [event.topic for _, _, event in server.rooms[live].timeline] == ["archive"]
    assert portals[0].room in next(iter(links.topics[live]))


async def test_what_stops_between_the_rooms_goes_on():
    server, store, links = MemoryServer(), MemoryStore(), Topics()
    homeserver = MemoryHomeserver(server, "me")
    live = await homeserver.create_room(RoomSpec(name="Newsroom"))
    planned = plan(GROUP, [], server_name=server.name)
    server.crash_after = 1
    with pytest.raises(TransientError):
        await archive_room(homeserver, links, store, planned, live)
    server.is_up, server.crash_after = True, -1
    await archive_room(homeserver, links, store, planned, live)
    assert len(server.rooms) == 2
    assert len(server.rooms[live].timeline) == 1


async def test_a_space_of_a_name_is_made_once():
    store, links = MemoryStore(), Topics()
    for room in ("!a", "!b", "!a"):
        await put_in_space(links, store, "Ward 7", (room,))
    assert links.spaces == {"!space0": {"!a", "!b"}}


@pytest.mark.live
@pytest.mark.xdist_group("synapse")
async def test_on_a_real_homeserver_rooms_topics_and_the_space_name_each_other(live, tmp_path):
    side, store = await live.side(tmp_path, "archivist"), MemoryStore()
    links = RoomLinks(side.http, side.user)
    try:
        planned = plan(GROUP, [], server_name=live.server_name)
        now = await own_room(side, store, planned)
        before = await archive_room(side, links, store, planned, now.room)
        await archive_room(side, links, store, planned, now.room)
        space = await put_in_space(links, store, "Ward 7", (now.room, before.room))
        assert before.room in (await side.room_state(now.room)).topic
        assert now.room in (await side.room_state(before.room)).topic
        told = [
            one async for one in side.history(now.room) if isinstance(one, Notice) and one.topic == "archive"
        ]
        assert len(told) == 1
        state = await side.http.json("GET", f"/_matrix/client/v3/rooms/{space}/state")
        children = {one["state_key"] for one in state if one["type"] == "m.space.child"}
        assert children == {now.room, before.room}
        for room in children:
            state = await side.http.json("GET", f"/_matrix/client/v3/rooms/{room}/state")
            assert [one["state_key"] for one in state if one["type"] == "m.space.parent"] == [space]
    finally:
        await side.close()


@pytest.mark.live
@pytest.mark.xdist_group("synapse")
async def test_a_topic_that_is_somebody_elses_to_set_stays(live, tmp_path):
    owner, guest = await live.side(tmp_path / "a", "owner"), await live.side(tmp_path / "b", "guest")
    try:
        room = await owner.create_room(RoomSpec(name="Newsroom", topic="Ours"))
        await owner.invite(room, guest.user)
        await guest.accept(room)
        assert not await RoomLinks(guest.http, guest.user).mention(room, "more")
        assert (await owner.room_state(room)).topic == "Ours"
        assert await RoomLinks(owner.http, owner.user).mention(room, "more")
        assert (await owner.room_state(room)).topic == "Ours\nmore"
    finally:
        await owner.close()
        await guest.close()

"""A group's room on a real homeserver: as its people know the group, and never against a member's own change."""

import itertools

import pytest

from fallback.core.ids import EventId, UserId
from fallback.core.importing import Furnishing
from fallback.core.ports import RoomSpec
from fallback.matrix.rooms import room_path

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]
count = itertools.count()


class World:
    def __init__(self, owner, sara):
        self.owner, self.sara = owner, sara

    async def room(self, **fields):
        room = await self.owner.create_room(RoomSpec(name="Newsroom", topic="news", **fields))
        await self.owner.rooms.invite(room, self.sara.user)
        await self.sara.rooms.accept(room)
        return room

    async def state(self, room, kind):
        return await self.owner.http.json("GET", f"{room_path(room)}/state/{kind}")

    async def set(self, side, room, kind, content):
        await side.http.json("PUT", f"{room_path(room)}/state/{kind}/", body=content)

    async def events(self, room):
        return [one["event_id"] for one in await self.owner.http.json("GET", f"{room_path(room)}/state")]

    def wanted(self, **fields):
        base = {"name": "Newsroom", "topic": "news", "powers": {self.sara.user: 100}}
        return Furnishing(**base | fields)


@pytest.fixture
async def world(live, tmp_path):
    sides = [await live.side(tmp_path, name) for name in ("owner", "sara")]
    yield World(*sides)
    for side in sides:
        await side.close()


@pytest.mark.parametrize("version", ["11", "12"])
async def test_an_admin_of_the_group_gets_power_in_every_version(world, version):
    room = await world.room(version=version)
    assert await world.owner.furnish(room, world.wanted()) == ()
    levels = await world.state(room, "m.room.power_levels")
    assert levels["users"][world.sara.user] == 100
    assert (world.owner.user in levels["users"]) == (version == "11")
    assert levels["notifications"]["room"] == 50
    assert set((await world.owner.room_state(room)).admins) == {world.owner.user, world.sara.user}


async def test_a_version_that_the_homeserver_does_not_have_becomes_its_own_choice(world):
    room = await world.room(version="999")
    assert (await world.state(room, "m.room.create"))["room_version"] == "12"
    assert world.owner.user in (await world.owner.room_state(room)).admins


async def test_only_who_is_invited_joins_and_they_see_what_was_before(world):
    room = await world.room()
    assert (await world.state(room, "m.room.join_rules"))["join_rule"] == "invite"
    assert (await world.state(room, "m.room.history_visibility"))["history_visibility"] == "shared"


async def test_name_topic_picture_and_pins_follow_a_later_export(world):
    room = await world.room()
    picture = await world.owner.keep_picture(b"a picture", "image/png")
    later = world.wanted(name="News", topic="more news", picture=picture, pinned=(EventId("$one"),))
    assert await world.owner.furnish(room, later) == ()
    assert (await world.state(room, "m.room.name"))["name"] == "News"
    assert (await world.state(room, "m.room.topic"))["topic"] == "more news"
    assert (await world.state(room, "m.room.avatar"))["url"] == picture
    assert (await world.state(room, "m.room.pinned_events"))["pinned"] == ["$one"]


async def test_what_is_so_already_is_not_set_again(world):
    room = await world.room()
    await world.owner.furnish(room, world.wanted())
    before = await world.events(room)
    assert await world.owner.furnish(room, world.wanted()) == ()
    assert await world.events(room) == before


async def test_what_a_member_has_set_stays_and_is_named(world):
    room = await world.room()
    await world.owner.furnish(room, world.wanted())
    await world.set(world.sara, room, "m.room.name", {"name": "Sara's room"})
    assert await world.owner.furnish(room, world.wanted(name="News")) == ("the name",)
    assert (await world.state(room, "m.room.name"))["name"] == "Sara's room"


async def test_only_admins_may_speak_as_in_the_group_unless_somebody_says_otherwise(world):
    room = await world.room()
    for announces, power in ((True, 50), (False, 0), (True, 50)):
        assert await world.owner.furnish(room, world.wanted(announce_only=announces)) == ()
        assert (await world.state(room, "m.room.power_levels"))["events_default"] == power
    levels = await world.state(room, "m.room.power_levels")
    await world.set(world.sara, room, "m.room.power_levels", levels | {"events_default": 20})
    kept = await world.owner.furnish(room, world.wanted(announce_only=False))
    assert kept == ("who may speak",)
    assert (await world.state(room, "m.room.power_levels"))["events_default"] == 20


async def test_a_power_that_somebody_has_set_stays(world):
    room = await world.room()
    await world.owner.furnish(room, world.wanted())
    levels = await world.state(room, "m.room.power_levels")
    users = levels["users"] | {"@omar:s": 10}
    await world.set(world.sara, room, "m.room.power_levels", levels | {"users": users})
    await world.owner.furnish(room, world.wanted(powers={UserId("@omar:s"): 100}))
    assert (await world.state(room, "m.room.power_levels"))["users"]["@omar:s"] == 10

"""What an admin does with a room, on a real homeserver."""

import pytest

from fallback.core.events import Message, Origin
from fallback.core.ids import ChatId, DeliveryId, SourceId, UserId
from fallback.core.ports import RoomSpec
from fallback.errors import PermanentError
from tests.live_synapse import Live

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]


@pytest.fixture
async def room(live: Live, tmp_path):
    """A room with its admin and a member."""
    admin, member = await live.side(tmp_path, "admin"), await live.side(tmp_path, "member")
    made = await admin.create_room(RoomSpec(name="News", invite=(member.user,)))
    await member.rooms.accept(made)
    yield made, admin, member
    await admin.close()
    await member.close()


async def test_name_and_topic_are_seen_by_the_others(room):
    made, admin, member = room
    await admin.administration.rename(made, "Night\x1b[2J desk")
    await admin.administration.describe(made, "who is on call")
    state = await member.room_state(made)
    assert (state.name, state.topic) == ("Night[2J desk", "who is on call")


async def test_who_may_write_is_changed_and_changed_back(room):
    made, admin, member = room
    said = Message(id=SourceId("m"), chat=ChatId(made), origin=Origin.MATRIX, text="x")
    await admin.administration.set_announce_only(made, on=True)
    assert await member.administration.is_announce_only(made)
    with pytest.raises(PermanentError):
        await member.send(made, said, transaction=DeliveryId("m1"))
    await admin.administration.set_announce_only(made, on=False)
    assert await member.send(made, said, transaction=DeliveryId("m2"))


async def test_an_admin_is_made_may_do_it_and_is_one_no_more(room):
    made, admin, member = room
    with pytest.raises(PermanentError):
        await member.administration.rename(made, "mine")
    await admin.administration.promote(made, member.user)
    assert member.user in (await admin.room_state(made)).admins
    await member.administration.rename(made, "ours")
    await admin.administration.demote(made, member.user)
    with pytest.raises(PermanentError):
        await member.administration.rename(made, "mine")


async def test_messages_are_pinned_and_unpinned(room):
    made, admin, member = room
    said = Message(id=SourceId("m"), chat=ChatId(made), origin=Origin.MATRIX, text="read this")
    first = await admin.send(made, said, transaction=DeliveryId("p1"))
    second = await admin.send(made, said, transaction=DeliveryId("p2"))
    assert await member.administration.pinned(made) == ()
    await admin.administration.set_pinned(made, first, on=True)
    await admin.administration.set_pinned(made, second, on=True)
    await admin.administration.set_pinned(made, first, on=False)
    assert await member.administration.pinned(made) == (second,)


async def test_who_is_removed_is_out_and_a_strangers_removal_is_refused(room):
    made, admin, member = room
    with pytest.raises(PermanentError):
        await admin.administration.remove(made, UserId("@nobody:elsewhere.example"))
    await admin.administration.remove(made, member.user)
    assert [one.mxid for one in (await admin.room_state(made)).members] == [admin.user]


async def test_receipts_and_typing_are_taken(room):
    made, admin, member = room
    said = Message(id=SourceId("m"), chat=ChatId(made), origin=Origin.MATRIX, text="x")
    event = await admin.send(made, said, transaction=DeliveryId("r1"))
    await member.mark_read(made, event)
    await member.mark_typing(made, seconds=30)
    typing, read = set(), set()
    async for batch in admin.batches(""):
        typing |= {user for room, users in batch.typing if room == made for user in users}
        read |= {one.sender.mxid for one in batch.events if getattr(one, "targets", ()) == (event,)}
        break
    assert (typing, read) == ({member.user}, {member.user})
    await member.mark_typing(made, seconds=0)

"""Which room an export goes on with: the same group, one that was renamed, another one."""

import pytest

from fallback.compose import continued, keep_span
from fallback.core.events import Group, Identity, Message, Origin
from fallback.core.ids import ChatId, EventId, RoomId, SourceId
from fallback.core.migration import plan
from fallback.core.ports import Portal
from fallback.errors import UsageError
from fallback.store.memory import MemoryStore

SARA = Identity(name="Sara")


def said(name, numbers):
    base = {"chat": ChatId("c"), "sender": SARA, "origin": Origin.EXPORT, "text": "x"}
    return [Message(**base, id=SourceId(f"{name}{n}"), at=n) for n in numbers]


def planned(chat, events):
    return plan(Group(chat=ChatId(chat), name=chat), events, server_name="s")


async def moved(events, chat="news"):
    """Give a store that knows a group's history."""
    store, made = MemoryStore(), planned(chat, events)
    await store.save_portal(Portal(id=made.portal, chat=ChatId(chat), room=RoomId("!r"), name=chat))
    await store.save_imported(made.portal, [(event.id, EventId(f"${event.id}")) for event in events])
    await keep_span(made, store)
    return store, made


async def test_a_later_export_goes_on_in_its_room():
    store, before = await moved(said("a", range(40)))
    later = said("a", range(50))
    made, there = await continued(planned("news", later), later, store)
    assert (made.portal, made.known) == (before.portal, 40)
    assert SourceId("a39") in there


async def test_a_renamed_group_is_known_by_its_messages():
    store, before = await moved(said("a", range(40)))
    later = said("a", range(10, 50))
    made, _ = await continued(planned("desk", later), later, store)
    assert (made.portal, made.room.alias, made.room.name) == (before.portal, before.room.alias, "desk")


async def test_another_group_with_the_same_notices_is_no_renamed_one():
    store, _ = await moved(said("a", range(100)))
    other = [*said("a", range(12)), *said("b", range(12, 100))]
    made, there = await continued(planned("desk", other), other, store)
    assert (made.portal, made.known, there) == ("portal-desk", 0, ())


async def test_another_group_of_the_same_name_and_time_is_refused():
    store, _ = await moved(said("a", range(100)))
    other = [*said("a", range(3)), *said("b", range(3, 100))]
    with pytest.raises(UsageError, match="another group"):
        await continued(planned("news", other), other, store)


async def test_a_part_that_follows_without_overlap_is_only_doubted():
    store, before = await moved(said("a", range(100)))
    later = said("a", range(200, 300))
    made, _ = await continued(planned("news", later), later, store)
    assert made.portal == before.portal
    assert "nothing of this export" in made.warnings[-1]


async def test_the_room_of_the_same_name_comes_before_one_that_shares_messages():
    store, before = await moved(said("a", range(40)))
    copy = Portal(id="portal-copy", chat=ChatId("copy"), room=RoomId("!c"), name="copy")
    await store.save_portal(copy)
    await store.save_imported(copy.id, [(SourceId(f"a{n}"), EventId("$x")) for n in range(40)])
    again = said("a", range(40))
    made, _ = await continued(planned("news", again), again, store)
    assert made.portal == before.portal

"""Relays that share a store: what each of them is given, and what becomes of a dead one's work."""

import pytest

from fallback.core.events import Message
from fallback.core.ids import ChatId, PortalId, RoomId
from fallback.core.outbox import Delivery, Sent
from fallback.core.ports import Portal

NOW = 1_700_000_000_000


@pytest.fixture
async def shared(store):
    for name in "pqrs":
        await store.save_portal(Portal(PortalId(name), ChatId(f"chat-{name}"), RoomId(f"!{name}")))
        for number in range(2):
            event = Message(id=f"{name}{number}", chat=f"chat-{name}")
            await store.record(name, event, [Delivery(f"d{name}{number}", name, "matrix", event)])
    return store


async def held(store, owner, *, now=NOW, seconds=9.0):
    return [one.portal for one in await store.share(owner, seconds=seconds, now=now)]


async def lease(store, owner, *, now=NOW):
    return await store.lease("matrix", owner=owner, now=now, seconds=120, limit=16)


async def test_one_relay_serves_all_and_two_share(shared):
    assert await held(shared, "a") == ["p", "q", "r", "s"]
    assert await held(shared, "b") == []
    assert await held(shared, "a") == ["p", "q"]
    assert await held(shared, "b") == ["r", "s"]


async def test_a_token_grows_with_every_change_of_hands_and_not_with_a_renewal(shared):
    (before,) = [one for one in await shared.share("a", seconds=9, now=NOW) if one.portal == "s"]
    assert before in await shared.share("a", seconds=9, now=NOW + 1000)
    await shared.unshare("a")
    (after,) = [one for one in await shared.share("b", seconds=9, now=NOW + 2000) if one.portal == "s"]
    assert after.token > before.token


async def test_a_relay_is_dead_only_after_its_end(shared):
    await held(shared, "a")
    assert await held(shared, "b", now=NOW + 9000) == []
    assert await held(shared, "b", now=NOW + 9001) == ["p", "q", "r", "s"]


async def test_what_a_dead_relay_had_in_flight_is_due_for_its_heir_and_its_own_outcome_is_ignored(shared):
    await held(shared, "a")
    flying = await lease(shared, "a")
    assert [one.id for one in flying] == ["dp0", "dq0", "dr0", "ds0"]
    assert await held(shared, "b", now=NOW + 9001)
    taken = await lease(shared, "b", now=NOW + 9001)
    assert [(one.id, one.token) for one in taken] == [("dp0", 2), ("dq0", 2), ("dr0", 2), ("ds0", 2)]
    await shared.settle(flying[0], Sent("$late"), now=NOW + 9002)
    assert (await shared.timeline("p"))[0].state == "leased"


async def test_a_relay_that_was_taken_for_dead_is_given_nothing_of_what_others_hold(shared):
    await held(shared, "a")
    await held(shared, "b", now=NOW + 9001)
    assert await lease(shared, "a", now=NOW + 9001) == []
    assert await held(shared, "a", now=NOW + 9002) == []
    assert await held(shared, "b", now=NOW + 9003) == ["p", "q"]
    assert await held(shared, "a", now=NOW + 9004) == ["r", "s"]
    assert [one.id for one in await lease(shared, "a", now=NOW + 9005)] == ["dr0", "ds0"]


async def test_what_is_in_flight_stays_with_a_living_relay_that_gave_the_portal(shared):
    await held(shared, "a")
    flying = await lease(shared, "a")
    for owner in ("b", "a", "b"):
        await held(shared, owner)
    assert await lease(shared, "b") == []
    for one in flying:
        await shared.settle(one, Sent(f"${one.id}"), now=NOW)
    assert [one.id for one in await lease(shared, "b")] == ["dr1", "ds1"]


async def test_a_relay_that_leaves_is_replaced_at_once(shared):
    await held(shared, "a")
    await shared.unshare("a")
    await shared.unshare("a")
    assert await held(shared, "b") == ["p", "q", "r", "s"]


async def test_a_portal_without_relays_is_anybodys(shared):
    assert [one.id for one in await lease(shared, "client")] == ["dp0", "dq0", "dr0", "ds0"]


async def test_time_is_the_stores_own_where_none_is_given(shared):
    await shared.share("a", seconds=3600)
    assert await shared.share("b", seconds=3600) == []

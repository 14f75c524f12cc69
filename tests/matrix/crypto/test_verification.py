"""Verification by emoji through the keys of an account, with an independent client: both roles, both ways."""

import asyncio

import pytest

from fallback.core.trust import IdentityState, VerificationStage
from fallback.matrix.crypto.sas import EMOJI
from fallback.matrix.crypto.verification import Verifier
from tests.matrix.crypto.rooms import encrypted_room, settle, sync

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]
OVER = (VerificationStage.DONE, VerificationStage.CANCELLED)


async def until(side, *stages):
    """Sync until the newest verification is there; gives it."""
    async with asyncio.timeout(30):
        while True:
            await sync(side)
            newest = side.keys.verifications()[:1]
            if newest and newest[0].stage in (*stages, VerificationStage.CANCELLED):
                assert newest[0].stage in stages, newest[0].why
                return newest[0]


async def together(us, them):
    """Share a room, so that both follow the other's devices."""
    room = await encrypted_room(us.client, them.user)
    await them("join", room=room)
    await us.client.fetch_keys(them.user)
    await settle(us)
    await them("known", user=us.user)
    return room


async def compared(us, them, *, they_start):
    """Both sides look at their emojis, which are the same; gives the verification."""
    seen = asyncio.create_task(them("emoji", start=they_start))
    mine = await until(us, VerificationStage.COMPARE)
    assert [EMOJI[number][1] for number in mine.emoji] == (await seen)["emoji"]
    return mine


async def agreed(us, them, mine):
    confirmed = asyncio.create_task(them("confirm"))
    await us.keys.confirm(mine.id)
    await until(us, VerificationStage.DONE)
    assert (await confirmed)["error"] is None


@pytest.fixture
async def people(sides, witness):
    """Us and the witness, both with an identity, in a room."""
    us, them = await sides(), await witness()
    await us.keys.begin()
    await them("bootstrap")
    return us, them, await together(us, them)


async def test_we_ask_another_person_in_a_room(people):
    us, them, room = people
    assert not us.client.trust.verified(them.user)
    await us.keys.verify(them.user, room)
    await them("verify")
    await agreed(us, them, await compared(us, them, they_start=False))
    assert us.client.trust.verified(them.user)
    assert (await them("trust", user=us.user, want="verified"))["verified"]


@pytest.mark.parametrize("in_room", [False, True], ids=["to-device", "in-room"])
async def test_another_person_asks_us(people, in_room):
    us, them, room = people
    where = {"room": room} if in_room else {"device": us.client.device_id}
    await them("verify", user=us.user, **where)
    asked = await until(us, VerificationStage.ASKED)
    assert (asked.user, asked.ours) == (them.user, False)
    await us.keys.accept(asked.id)
    await agreed(us, them, await compared(us, them, they_start=True))
    assert us.client.trust.verified(them.user)


async def test_emojis_that_differ_sign_nothing(people):
    us, them, _ = people
    await them("verify", user=us.user, device=us.client.device_id)
    await us.keys.accept((await until(us, VerificationStage.ASKED)).id)
    mine = await compared(us, them, they_start=True)
    await us.keys.cancel(mine.id, mismatch=True)
    assert (await them("cancelled"))["code"] == "m.mismatched_sas"
    await us.client.refresh_keys(them.user)
    assert not us.client.trust.verified(them.user)


async def test_a_new_device_gets_the_secrets_from_another_client_that_verified_it(sides, witness):
    them = await witness()
    await them("bootstrap")
    us = await sides(account=them.account)
    room = await encrypted_room(us.client)
    await them("join", room=room)
    event = (await them("send", room=room, text="before"))["event"]
    await them("backed_up")
    late = await sides(account=them.account)
    await late.keys.verify(late.user)
    await them("verify")
    await agreed(late, them, await compared(late, them, they_start=False))
    async with asyncio.timeout(30):
        while not (read := [one async for one in late.history(room) if one.id == event]):
            await sync(late)  # the backup's secret may come after the others
    assert [(one.text, one.trust) for one in read] == [("before", "imported")]
    assert (await late.keys.state()).identity is IdentityState.READY


async def test_our_new_device_gets_the_secrets_and_the_history_from_our_old_one(sides):
    old = await sides()
    await old.keys.begin()
    room = await encrypted_room(old.client)
    await old.client.room_send(room, "m.room.message", {"msgtype": "m.text", "body": "before"})
    new = await sides(account=old.account)
    await new.keys.gossip.ask()
    await settle(old, new)
    assert new.keys.gossip.received == {}  # nobody verified it yet
    await new.keys.verify(new.user)
    await settle(old, new)
    (asked,) = old.keys.verifications()
    await old.keys.accept(asked.id)
    await settle(old, new)
    (mine,), (theirs,) = new.keys.verifications(), old.keys.verifications()
    assert mine.emoji == theirs.emoji
    await new.keys.confirm(mine.id)
    await old.keys.confirm(theirs.id)
    await settle(old, new)
    assert (await new.keys.state()).identity is IdentityState.READY
    assert (await new.keys.state()).backup == (await old.keys.state()).backup != ""
    assert "before" in [getattr(event, "text", "") async for event in new.history(room)]
    assert {device.signed for device in await new.keys.devices()} == {True}


async def test_an_old_request_is_passed_over(sides):
    one, other = await sides("one"), await sides("other")
    verifier = Verifier(one.client, None, now=lambda: 1_000_000)
    await verifier.request(other.user, other.client.device_id)
    await settle(other)
    assert other.keys.verifications() == []

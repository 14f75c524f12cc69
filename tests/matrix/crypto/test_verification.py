"""Verification by emoji with an independent client, both roles, to-device and in a room; secrets after it."""

import asyncio

import pytest

from fallback.errors import PermanentError
from fallback.matrix.crypto.gossip import Gossip
from fallback.matrix.crypto.identity import CrossSigningKeys, Identity
from fallback.matrix.crypto.sas import Stage
from fallback.matrix.crypto.setup import BACKUP_SECRET, first_sign_in
from fallback.matrix.crypto.verification import Verifier
from tests.matrix.crypto.rooms import encrypted_room

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]


async def until(client, verifier, test):
    async with asyncio.timeout(30):
        while not test():
            await client.receive(5000)
            await verifier.step()


async def both_until(sides, test):
    async with asyncio.timeout(30):
        while not test():
            for client, verifier in sides:
                await client.receive()
                await verifier.step()


async def together(us, them):
    """Share a room, so that both follow the other's devices."""
    room = await encrypted_room(us, them.user)
    await them("join", room=room)
    await us.receive()
    await us.fetch_keys(them.user, us.user_id)
    await them("known", user=us.user_id)
    return room


async def compared(us, verifier, flow, them, *, they_start):
    """Both sides look at their emojis; gives what they see."""
    seen = asyncio.create_task(them("emoji", start=they_start))
    await until(us, verifier, lambda: flow.stage in (Stage.SHOWN, Stage.CANCELLED))
    assert flow.stage is Stage.SHOWN, flow.cancelled
    theirs = await seen
    assert [name for _, name in flow.emoji] == theirs["emoji"]
    assert list(flow.decimals) == theirs["decimal"]


async def agreed(us, verifier, flow, them):
    confirmed = asyncio.create_task(them("confirm"))
    await verifier.confirm(flow)
    await until(us, verifier, lambda: flow.stage in (Stage.DONE, Stage.CANCELLED))
    assert flow.stage is Stage.DONE, flow.cancelled
    assert (await confirmed)["error"] is None


@pytest.mark.parametrize("in_room", [False, True], ids=["to-device", "in-room"])
async def test_we_ask_another_person(devices, witness, in_room):
    us, them = await devices("us"), await witness()
    signed_in = await first_sign_in(us.http, us.own)
    us.trust.hold(signed_in.keys.public("master"), signed_in.keys.public("user_signing"))
    await them("bootstrap")
    verifier = Verifier(us, signed_in.keys)
    room = await together(us, them)
    assert not us.trust.verified(them.user)
    if in_room:
        flow = await verifier.request_in_room(them.user, room)
    else:
        flow = await verifier.request(them.user, them.device)
    await them("verify")
    await compared(us, verifier, flow, them, they_start=False)
    await agreed(us, verifier, flow, them)
    assert us.trust.verified(them.user)
    assert (await them("trust", user=us.user_id, want="verified"))["verified"]


@pytest.mark.parametrize("in_room", [False, True], ids=["to-device", "in-room"])
async def test_another_person_asks_us(devices, witness, in_room):
    us, them = await devices("us"), await witness()
    signed_in = await first_sign_in(us.http, us.own)
    us.trust.hold(signed_in.keys.public("master"), signed_in.keys.public("user_signing"))
    await them("bootstrap")
    verifier = Verifier(us, signed_in.keys)
    room = await together(us, them)
    where = {"room": room} if in_room else {"device": us.device_id}
    await them("verify", user=us.user_id, **where)
    await until(us, verifier, verifier.waiting)
    (flow,) = verifier.waiting()
    await verifier.accept(flow)
    await compared(us, verifier, flow, them, they_start=True)
    await agreed(us, verifier, flow, them)
    assert us.trust.verified(them.user)


async def test_a_new_device_gets_the_secrets_from_one_that_verified_it(devices, witness):
    them = await witness()
    await them("bootstrap")
    us = await devices(account=them.account)
    verifier, gossip = Verifier(us, None), Gossip(us)
    await us.fetch_keys(us.user_id)
    flow = await verifier.request(us.user_id, them.device)
    await them("verify")
    await compared(us, verifier, flow, them, they_start=False)
    await agreed(us, verifier, flow, them)
    await gossip.ask()
    await until(us, verifier, lambda: len(gossip.received) == 4)
    chain = await Identity(us.http, us.own).chain()
    assert us.device_id in chain.owned
    assert CrossSigningKeys.matching(gossip.seeds(), chain).public("master") == chain.master
    assert BACKUP_SECRET in gossip.received


async def test_our_new_device_gets_the_secrets_from_our_old_one(devices):
    old = await devices("us")
    signed_in = await first_sign_in(old.http, old.own)
    old.trust.hold(signed_in.keys.public("master"), signed_in.keys.public("user_signing"))
    new = await devices(account=old.account)
    sides = [(old, Verifier(old, signed_in.keys)), (new, Verifier(new, None))]
    give, take = Gossip(old, {BACKUP_SECRET: signed_in.backup.key.key}), Gossip(new)
    await take.ask((BACKUP_SECRET,))
    await old.receive()
    assert await give.step() == 0  # not yet
    flow = await sides[0][1].request(new.user_id, new.device_id)
    await until(*sides[1], sides[1][1].waiting)
    (other,) = sides[1][1].waiting()
    await sides[1][1].accept(other)
    await both_until(sides, lambda: (flow.stage, other.stage) == (Stage.SHOWN, Stage.SHOWN))
    assert flow.emoji == other.emoji
    await sides[0][1].confirm(flow)
    await sides[1][1].confirm(other)
    await both_until(sides, lambda: (flow.stage, other.stage) == (Stage.DONE, Stage.DONE))
    await take.ask((BACKUP_SECRET,))
    await old.receive()
    assert await give.step() == 1
    await new.refresh_keys(new.user_id)
    await until(*sides[1], lambda: take.received)
    assert take.received[BACKUP_SECRET] == signed_in.backup.key.key


async def test_emojis_that_differ_sign_nothing(devices, witness):
    us, them = await devices("us"), await witness()
    signed_in = await first_sign_in(us.http, us.own)
    us.trust.hold(signed_in.keys.public("master"), signed_in.keys.public("user_signing"))
    await them("bootstrap")
    verifier = Verifier(us, signed_in.keys)
    await together(us, them)
    flow = await verifier.request(them.user, them.device)
    await them("verify")
    await compared(us, verifier, flow, them, they_start=False)
    await verifier.cancel(flow, "m.mismatched_sas")
    assert (await them("cancelled"))["code"] == "m.mismatched_sas"
    await us.refresh_keys(them.user)
    assert not us.trust.verified(them.user)
    with pytest.raises(PermanentError):
        flow.check(await Identity(us.http, us.own).chain(us.user_id))

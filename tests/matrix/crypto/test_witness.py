"""What an independent client in strict mode refuses, and what we refuse: unsigned devices, reset identities."""

import pytest

from fallback.errors import AuthError, PermanentError
from fallback.matrix.crypto.bundle import BundleInbox, share_history
from fallback.matrix.crypto.client import IdentityChangedError
from fallback.matrix.crypto.identity import CrossSigningKeys, Identity
from fallback.matrix.crypto.setup import first_sign_in, sign_in_with
from fallback.matrix.crypto.ssss import encode_recovery_key
from fallback.matrix.crypto.trust import Verdict
from fallback.matrix.http import InteractiveAuthError
from tests.matrix.crypto.rooms import encrypted_room, event_of, say

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]


async def test_a_strict_client_does_not_read_an_unsigned_device(devices, witness):
    us, them = await devices("us"), await witness()
    await them("bootstrap")
    room = await encrypted_room(us, them.user)
    await them("join", room=room)
    await us.receive()
    seen = await them("read", room=room, event=await say(us, room, "unsigned"))
    assert seen["failure"] == "UNSIGNED_SENDER_DEVICE"


async def test_a_person_without_a_signed_device_gets_no_history(devices):
    us, them = await devices("us"), await devices("them")
    await first_sign_in(us.http, us.own)
    room = await encrypted_room(us)
    await say(us, room, "long ago")
    assert (await share_history(us, room, them.user)).devices == 0


async def test_we_read_the_history_of_who_invited_us(devices):
    one, two = await devices("one"), await devices("two")
    for side in (one, two):
        await first_sign_in(side.http, side.own)
    inbox = BundleInbox(two)
    room = await encrypted_room(one)
    event = await say(one, room, "long ago")
    await two.fetch_keys(one.user_id)
    await share_history(one, room, two.user_id)
    await one.room_invite(room, two.user_id)
    await two.receive()
    await two.join(room)
    assert await inbox.accept(room, "@somebody:else") == 0
    assert await inbox.accept(room, one.user_id) == 1
    answer = await two.room_get_event(room, event)
    assert (answer.event.body, two.verdict(answer.event)) == ("long ago", Verdict.IMPORTED)


async def reset(client):
    """Replace an account's identity, as somebody with its password could."""
    keys, identity = CrossSigningKeys(), Identity(client.http, client.own)
    with pytest.raises(InteractiveAuthError):
        await identity.publish(keys, replace=True)
    await identity.publish(keys, client.account.password, replace=True)
    await identity.sign_device(keys)
    return keys


async def test_a_reset_identity_blocks_sending_until_it_is_accepted(devices, witness):
    us, them, seer = await devices("us"), await devices("them"), await witness()
    for side in (us, them):
        await first_sign_in(side.http, side.own)
    room = await encrypted_room(us, them.user_id, seer.user)
    await seer("join", room=room)
    await them.join(room)
    await them.receive()
    await us.receive()
    await say(us, room, "one")
    await seer("known", user=them.user_id)
    keys = await reset(them)
    assert (await seer("trust", user=them.user_id, want="changed"))["changed"]
    await us.receive()
    with pytest.raises(IdentityChangedError) as refusal:
        await say(us, room, "two")
    assert refusal.value.user == them.user_id
    with pytest.raises(PermanentError, match="changed again"):
        us.accept_identity(them.user_id, "another key")
    us.accept_identity(them.user_id, keys.public("master"))
    assert (await event_of(them, room, await say(us, room, "three"))).body == "three"


async def test_our_identity_is_never_reset_by_itself(devices):
    us = await devices("us")
    await first_sign_in(us.http, us.own)
    before = await Identity(us.http, us.own).chain()
    again = await devices(account=us.account)
    with pytest.raises(PermanentError, match="identity already"):
        await first_sign_in(again.http, again.own)
    assert (await Identity(us.http, us.own).chain()).master == before.master
    keys = await reset(us)
    assert (await Identity(us.http, us.own).chain()).master == keys.public("master")


async def test_a_wrong_recovery_key_changes_nothing(devices):
    us = await devices("us")
    await first_sign_in(us.http, us.own)
    late = await devices(account=us.account)
    with pytest.raises(AuthError, match="not the account's"):
        await sign_in_with(late.http, late.own, encode_recovery_key(bytes(32)))
    assert late.device_id not in (await Identity(late.http, late.own).chain()).owned

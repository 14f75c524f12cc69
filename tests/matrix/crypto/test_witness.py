"""What an independent client in strict mode sees of us: no shield, and one recovery key for both."""

import pytest

from fallback.matrix.crypto.setup import first_sign_in, sign_in_with
from fallback.matrix.crypto.trust import Verdict
from tests.matrix.crypto.rooms import encrypted_room, event_of, say

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]


async def test_a_strict_client_reads_us_without_a_shield_and_we_read_it(devices, witness):
    us, them = await devices("us"), await witness()
    await first_sign_in(us.http, us.own)
    await them("bootstrap")
    room = await encrypted_room(us, them.user)
    await them("join", room=room)
    await us.receive()
    seen = await them("read", room=room, event=await say(us, room, "good morning"))
    assert seen == {
        "text": "good morning",
        "encrypted": True,
        "failure": None,
        "shield": "NONE",
        "reason": None,
    }
    theirs = await them("send", room=room, text="and to you")
    event = await event_of(us, room, theirs["event"])
    assert (event.body, us.verdict(event)) == ("and to you", Verdict.OK)


async def test_a_strict_client_does_not_read_an_unsigned_device(devices, witness):
    us, them = await devices("us"), await witness()
    await them("bootstrap")
    room = await encrypted_room(us, them.user)
    await them("join", room=room)
    await us.receive()
    seen = await them("read", room=room, event=await say(us, room, "unsigned"))
    assert seen["failure"] == "UNSIGNED_SENDER_DEVICE"


async def test_our_recovery_key_opens_identity_and_backup_in_another_client(devices, witness):
    us = await devices("us")
    signed_in = await first_sign_in(us.http, us.own)
    room = await encrypted_room(us)
    event = await say(us, room, "before you came")
    assert await us.back_up(signed_in.backup) == 1
    them = await witness(account=us.account)
    restored = await them("recover", recovery=signed_in.recovery_key)
    assert restored == {
        "total": 1,
        "imported": 1,
        "ready": True,
        "trusted": {"trusted": True, "matchesDecryptionKey": True},
    }
    seen = await them("read", room=room, event=event)
    assert seen["text"] == "before you came"


async def test_another_clients_recovery_key_opens_its_identity_and_backup_for_us(devices, witness):
    them = await witness()
    recovery = (await them("bootstrap"))["recovery"]
    us = await devices(account=them.account)
    room = await encrypted_room(us)
    await us.receive()
    await them("join", room=room)
    theirs = await them("send", room=room, text="kept")
    await them("backed_up")
    late = await devices(account=them.account)
    signed_in = await sign_in_with(late.http, late.own, recovery)
    restored = await signed_in.backup.restore()
    assert (len(restored.keys), restored.unreadable) == (1, 0)
    assert late.take(restored.keys) == 1
    answer = await late.room_get_event(room, theirs["event"])
    assert (answer.event.body, late.verdict(answer.event)) == ("kept", Verdict.IMPORTED)

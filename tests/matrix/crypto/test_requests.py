"""Keys that messages wait for, between two devices of ours."""

import pytest

from fallback.core.events import Message
from tests.matrix.crypto.rooms import encrypted_room, say, settle, sync

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]


@pytest.fixture
async def devices_of_ours(sides):
    """A device with an identity, a new one that is not signed yet, and a room where the new one lacks a key."""
    old = await sides()
    old.recovery = await old.keys.begin()
    new = await sides(account=old.account)
    room = await encrypted_room(old.client)
    await settle(new)
    await old.client.receive()
    event = await say(old.client, room, "withheld")
    await sync(new)
    assert new.client.waiting_count() == 1
    return old, new, room, event


async def test_a_verified_device_gets_the_keys_that_its_messages_wait_for(devices_of_ours):
    old, new, _, event = devices_of_ours
    assert await new.keys.recover(old.recovery) == 0  # the backup does not have it yet
    came = await settle(new, old)
    assert {(one.id, one.text, one.trust) for one in came[new] if isinstance(one, Message)} == {
        (event, "withheld", "imported")
    }
    assert new.client.machine.outgoing_key_requests == {}


async def test_a_device_that_is_not_verified_gets_no_key(devices_of_ours):
    old, new, room, _ = devices_of_ours
    (key,) = old.client.room_keys(room)
    await new.keys.requests._ask(room, key.session, key.sender_key)
    await settle(old, new)
    assert not new.client.machine.has(room, key.session)
    assert old.client.machine.key_request_from_untrusted == {}


def forwarded(key):
    written = key.write()
    return {**written, "sender_claimed_ed25519_key": written.pop("sender_claimed_keys")["ed25519"]}


async def test_a_forwarded_key_is_taken_only_from_a_verified_device_and_only_if_asked_for(devices_of_ours):
    old, new, room, _ = devices_of_ours
    (key,) = old.client.room_keys(room)
    machine, own = new.client.machine, old.client.machine.account.identity_keys
    payload = {
        "sender": old.user,
        "keys": {"ed25519": own["ed25519"]},
        "type": "m.forwarded_room_key",
        "content": forwarded(key),
    }

    def take():
        machine._handle_olm_event(old.user, own["curve25519"], payload)
        return machine.has(room, key.session)

    machine.ask_for(room, key.session, key.sender_key)
    assert not take()  # not verified
    await new.keys.recover(old.recovery)
    del machine.outgoing_key_requests[key.session]
    assert not take()  # not asked for
    machine.ask_for(room, key.session, key.sender_key)
    assert take()
    assert (room, key.session) in machine.imported

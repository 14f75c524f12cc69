"""Messages without a key wait for it; what is replayed or mislabelled does not; schema, rotation, refusals."""

import asyncio
import json

import pytest
from nio import RoomEncryptionEvent, SyncResponse, UnknownToDeviceEvent
from nio.events import Event
from nio.exceptions import EncryptionError

from fallback.errors import StoreError, TransientError
from fallback.matrix.crypto import store as store_module
from fallback.matrix.crypto.client import SafeClient
from fallback.matrix.crypto.roomkeys import RoomKey
from fallback.matrix.crypto.rotation import Rotation
from fallback.matrix.crypto.store import SCHEMA, CryptoStore
from fallback.matrix.crypto.trust import Verdict
from fallback.matrix.crypto.waiting import LAST, fill_in
from fallback.matrix.sync import AT_ONCE, read_late
from tests.matrix.crypto.conftest import KEY
from tests.matrix.crypto.test_guards import ALICE, BOB, MALLORY, ROOM, TEXT, known, machine, plain_machine


def opened_client(folder):
    return SafeClient("http://localhost:1", BOB, "BOB", "t", folder=folder, key=KEY, allow_unsigned=True)


@pytest.fixture
async def bob(tmp_path):
    client = opened_client(tmp_path)
    yield client
    await client.close()


@pytest.fixture
def alice():
    made = plain_machine(ALICE, "ALICE")
    made.create_outbound_group_session(ROOM)
    made.outbound_group_sessions[ROOM].shared = True
    return made


def message(alice, name, *, sender=ALICE, drop=()):
    content = alice.group_encrypt(ROOM, {"type": TEXT, "content": {"msgtype": "m.text", "body": name}})
    content = {key: value for key, value in content.items() if key not in drop}
    source = {"type": "m.room.encrypted", "event_id": f"${name}:x", "sender": sender, "origin_server_ts": 1}
    return {**source, "room_id": ROOM, "content": content}


def parsed(source):
    return Event.parse_encrypted_event(fill_in(source))


def give_key(client, alice, *, index=0):
    keys, name = alice.account.identity_keys, alice.outbound_group_sessions[ROOM].id
    session = alice.inbound_group_store.get(ROOM, keys["curve25519"], name)
    exported = session.export_session(index)
    return client.take([RoomKey(ROOM, name, keys["curve25519"], keys["ed25519"], exported)])


async def test_a_message_waits_for_its_key_over_a_restart(tmp_path, alice):
    bob = opened_client(tmp_path)
    assert bob.put_aside(parsed(message(alice, "one")))
    assert bob.put_aside(parsed(message(alice, "two")))
    assert (bob.waiting_count(), bob.waiting_count(ROOM), bob.waiting_count("!other:x")) == (2, 2, 0)
    assert list(bob.opened()) == []
    await bob.close()
    bob = opened_client(tmp_path)
    give_key(bob, alice)
    found = list(bob.opened())
    assert [(room, event.body) for room, event in found] == [(ROOM, "one"), (ROOM, "two")]
    assert len(list(bob.opened())) == 2  # until they are acknowledged
    assert [event.body for _, event in bob.opened(limit=1)] == ["one"]
    bob.forget_opened(event.event_id for _, event in found)
    assert (list(bob.opened()), bob.waiting_count()) == ([], 0)
    await bob.close()


async def test_messages_before_the_key_are_not_looked_at_again(bob, alice):
    for name in "abcd":
        bob.put_aside(parsed(message(alice, name)))
    bob.crypto.database.execute_sql("UPDATE fallback_waiting SET position = ?", (LAST,))  # an older version's
    give_key(bob, alice, index=2)
    assert list(bob.opened(limit=2)) == []
    assert [event.body for _, event in bob.opened(limit=2)] == ["c", "d"]
    give_key(bob, alice)
    assert [event.body for _, event in bob.opened()] == ["a", "b", "c", "d"]


async def test_others_have_their_turn_while_many_messages_are_read(bob, alice):
    for number in range(3 * AT_ONCE):
        bob.put_aside(parsed(message(alice, str(number))))
    give_key(bob, alice)
    turns = 0

    async def count():
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    assert len(await read_late(bob)) == 3 * AT_ONCE
    counting.cancel()
    assert turns >= 2


async def test_a_message_older_than_the_key_that_we_have_waits_for_more_of_it(bob, alice):
    first = parsed(message(alice, "first"))
    message(alice, "second")
    give_key(bob, alice, index=1)
    assert bob.put_aside(first)
    assert list(bob.opened()) == []
    give_key(bob, alice)
    assert [event.body for _, event in bob.opened()] == ["first"]


async def test_a_replayed_or_mislabelled_message_is_not_put_aside(bob, alice):
    known(bob.machine, alice, plain_machine(MALLORY, "MALLORY"))
    give_key(bob, alice)
    source = message(alice, "one")
    bob.machine.decrypt_megolm_event(parsed(source))
    assert not bob.put_aside(parsed({**source, "event_id": "$again:x"}))
    assert not bob.put_aside(parsed(message(alice, "two", sender=MALLORY)))
    assert (bob.waiting_count(), bob.refused) == (0, 2)


async def test_a_mislabelled_message_that_waited_is_refused_when_its_key_comes(bob, alice):
    known(bob.machine, alice, plain_machine(MALLORY, "MALLORY"))
    assert bob.put_aside(parsed(message(alice, "false", sender=MALLORY)))
    give_key(bob, alice)
    assert (list(bob.opened()), bob.waiting_count(), bob.refused) == ([], 0, 1)


async def test_the_oldest_of_too_many_waiting_messages_go(bob, alice, monkeypatch, caplog):
    monkeypatch.setattr(store_module, "WAITING_LIMIT", 3)
    for name in "abcde":
        bob.put_aside(parsed(message(alice, name)))
    assert bob.waiting_count(ROOM) == 3
    assert "no longer wait" in caplog.text
    give_key(bob, alice)
    assert [event.body for _, event in bob.opened()] == ["c", "d", "e"]


def test_a_message_need_not_say_whose_session_it_is(tmp_path, alice):
    olm, source = machine(tmp_path), message(alice, "short", drop=("sender_key", "device_id"))
    known(olm, alice)
    keys, outbound = alice.account.identity_keys, alice.outbound_group_sessions[ROOM]
    exported = alice.inbound_group_store.get(ROOM, keys["curve25519"], outbound.id).export_session(0)
    with pytest.raises(EncryptionError):
        olm.decrypt_megolm_event(parsed(source))
    olm.take(RoomKey(ROOM, outbound.id, keys["curve25519"], keys["ed25519"], exported))
    event = olm.decrypt_megolm_event(parsed(source))
    assert (event.body, event.sender_key) == ("short", keys["curve25519"])
    assert olm.verdict(event) is Verdict.IMPORTED


def test_a_message_that_lies_about_its_session_is_judged_by_the_session(tmp_path, alice):
    olm, mallory = machine(tmp_path), plain_machine(MALLORY, "MALLORY")
    known(olm, alice, mallory)
    keys, outbound = alice.account.identity_keys, alice.outbound_group_sessions[ROOM]
    olm.create_group_session(keys["curve25519"], keys["ed25519"], ROOM, outbound.id, outbound.session_key)
    false = message(alice, "false", sender=MALLORY)
    false["content"]["sender_key"] = mallory.account.identity_keys["curve25519"]
    with pytest.raises(EncryptionError, match="somebody else"):
        olm.decrypt_megolm_event(parsed(false))


def test_an_answer_is_filled_in_wherever_messages_are():
    bare = {"type": "m.room.encrypted", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
    filled = fill_in({"chunk": [bare, {"type": "x"}], "n": 1})
    assert filled["chunk"][0]["content"].keys() == {"algorithm", "sender_key", "device_id"}
    assert (filled["chunk"][1], filled["n"], len(bare["content"])) == ({"type": "x"}, 1, 1)


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────


def refusal(sender, **content):
    return UnknownToDeviceEvent({"type": "m.room_key.withheld", "content": content}, sender, "x")


async def test_a_refused_key_says_why_until_it_comes(bob, alice):
    name = alice.outbound_group_sessions[ROOM].id
    for code in ("made.up", "m.unverified"):
        bob.machine.handle_to_device_event(refusal(ALICE, code=code, room_id=ROOM, session_id=name))
    assert (bob.withheld(ROOM, name), bob.withheld(ROOM, "other")) == ("m.unverified", "")
    give_key(bob, alice)
    assert bob.withheld(ROOM, name) == ""


def test_where_there_is_no_olm_session_one_is_made(tmp_path, alice):
    olm, key = machine(tmp_path), alice.account.identity_keys["curve25519"]
    known(olm, alice)
    for _ in range(2):
        olm.handle_to_device_event(refusal(ALICE, code="m.no_olm", sender_key=key))
    assert [device.id for device in olm.wedged_devices] == ["ALICE"]
    assert olm.handle_to_device_event(refusal(ALICE, code=["x"])) is None


# ── rotation ─────────────────────────────────────────────────────────────────────────────────────


def test_a_rooms_wish_for_rotation_is_heard_within_bounds():
    assert Rotation.of({}) == Rotation.of({"rotation_period_msgs": "7", "rotation_period_ms": True})
    wild = Rotation.of({"rotation_period_msgs": -1, "rotation_period_ms": 10**30})
    assert (wild.messages, wild.age.days) == (1, 365)


def joined(*state, token="s2"):
    room = {"state": {"events": list(state)}, "timeline": {"events": [], "limited": False, "prev_batch": ""}}
    rooms = {"join": {ROOM: {**room, "ephemeral": {"events": []}, "account_data": {"events": []}}}}
    return SyncResponse.from_dict({"next_batch": token, "rooms": rooms, "to_device": {"events": []}})


def state(kind, **content):
    base = {"type": kind, "state_key": "", "event_id": "$s:x", "sender": ALICE, "origin_server_ts": 1}
    return {**base, "content": content}


async def test_a_session_is_replaced_when_the_room_wants(bob):
    wish = state("m.room.encryption", algorithm="m.megolm.v1.aes-sha2", rotation_period_msgs=2)
    assert isinstance(Event.parse_event(wish), RoomEncryptionEvent)
    await bob.receive_response(joined(wish))
    bob.machine.create_outbound_group_session(ROOM)
    outbound = bob.machine.outbound_group_sessions[ROOM]
    outbound.shared = True
    for _ in range(2):
        assert not bob.machine.should_share_group_session(ROOM)
        bob.machine.group_encrypt(ROOM, {"type": TEXT, "content": {}})
    assert bob.machine.should_share_group_session(ROOM)


def test_a_session_is_replaced_when_its_later_readers_change(tmp_path):
    olm = machine(tmp_path)
    olm.plan_shares(ROOM, [], shared_history=True)
    first = olm.outbound_group_sessions[ROOM].id
    olm.retire(ROOM, shared_history=True)
    assert olm.outbound_group_sessions[ROOM].id == first
    olm.retire(ROOM, shared_history=False)
    assert ROOM not in olm.outbound_group_sessions
    olm.plan_shares(ROOM, [], shared_history=False)
    second = olm.outbound_group_sessions[ROOM].id
    assert olm.crypto.marked("shared") == {(ROOM, first)} != {(ROOM, second)}


# ── sticky, and the schema ───────────────────────────────────────────────────────────────────────


async def test_a_server_that_denies_a_rooms_encryption_gets_no_plaintext(tmp_path):
    bob = opened_client(tmp_path)
    await bob.receive_response(joined(state("m.room.encryption", algorithm="m.megolm.v1.aes-sha2")))
    await bob.close()
    bob = opened_client(tmp_path)
    await bob.receive_response(joined(token="s3"))
    bob.rooms[ROOM].encrypted = False
    asked = []

    async def refuse(kind, method, path, *rest, **named):
        asked.append(json.dumps([path, *map(str, rest)]))
        raise TransientError("not now")

    bob._send = refuse
    with pytest.raises(TransientError):
        await bob.room_send(ROOM, TEXT, {"msgtype": "m.text", "body": "secret"})
    assert not [request for request in asked if "secret" in request or "/send/" in request]
    await bob.close()


@pytest.mark.parametrize("version", range(len(SCHEMA)))
def test_a_store_of_each_older_version_is_brought_up_to_date(tmp_path, monkeypatch, version):
    with monkeypatch.context() as older:
        older.setattr(store_module, "SCHEMA", SCHEMA[: max(version, 1)])
        store = CryptoStore(BOB, "BOB", str(tmp_path), KEY.hex())
    store.mark([(ROOM, "s")], imported=True)
    store.database.execute_sql(f"PRAGMA user_version = {version}")  # 0: from before it was numbered
    store.close()
    store = CryptoStore(BOB, "BOB", str(tmp_path), KEY.hex())
    assert store.marked("imported") == {(ROOM, "s")}
    assert (store.waiting_count(), store.withheld(ROOM, "s")) == (0, "")
    store.close()


def test_a_newer_store_is_refused_and_left_alone(tmp_path):
    store = CryptoStore(BOB, "BOB", str(tmp_path), KEY.hex())
    store.database.execute_sql(f"PRAGMA user_version = {len(SCHEMA) + 1}")
    store.close()
    for _ in range(2):
        with pytest.raises(StoreError, match="newer"):
            CryptoStore(BOB, "BOB", str(tmp_path), KEY.hex())

"""Each defect of nio's that loses or leaks messages (B1 to B10): shown on plain nio, then guarded against."""

import aiohttp
import pytest
from nio import AsyncClient, AsyncClientConfig, KeysUploadError, MegolmEvent, RoomSendResponse, SyncResponse
from nio.crypto import Olm, OlmDevice
from nio.events import OlmEvent
from nio.exceptions import EncryptionError
from nio.store import SqliteMemoryStore, SqliteStore

from fallback.errors import PermanentError, ProfileBusyError, StoreError, TransientError
from fallback.matrix.crypto.client import SafeClient
from fallback.matrix.crypto.olm import GuardedOlm
from fallback.matrix.crypto.store import CryptoStore
from fallback.matrix.crypto.trust import Trust, Verdict
from tests.matrix.crypto.conftest import KEY
from tests.matrix.crypto.rooms import TEXT, encrypted_room, event_of, say

ALICE, BOB, MALLORY, ROOM = "@alice:x", "@bob:x", "@mallory:x", "!room:x"


class Killed(BaseException):
    """The process is gone."""


class PlainSide:
    """nio as it is, with its own store."""

    def __init__(self, live, folder, account):
        self.live, self.folder, self.account, self.login = live, folder, account, None

    async def open(self):
        if self.login is None:
            self.login = await self.live.server.login(self.account.user, self.account.password)
        config = AsyncClientConfig(store=SqliteStore, store_sync_tokens=True, max_timeouts=0)
        client = AsyncClient(self.live.url, self.account.user, store_path=str(self.folder), config=config)
        client.restore_login(self.account.user, self.login[1], self.login[0])
        return client


async def turn(client):
    """What nio's sync_forever does in one round."""
    await client.sync(0, full_state=not client.rooms)
    if client.should_upload_keys:
        await client.keys_upload()
    if client.should_query_keys:
        await client.keys_query()


@pytest.fixture
async def plain(live, tmp_path):
    clients = []

    async def make(name):
        folder = tmp_path / name
        folder.mkdir()
        side = PlainSide(live, folder, await live.account(name))
        open_ = side.open

        async def opened():
            clients.append(await open_())
            return clients[-1]

        side.open = opened
        return side

    yield make
    for client in clients:
        await client.close()
        client.store.database.close()


def reopened(client):
    """Open the store of a device again, as after a restart."""
    client.crypto.close()
    return SafeClient(
        client.homeserver,
        client.user_id,
        client.device_id,
        client.access_token,
        folder=client.store_path,
        key=KEY,
        allow_unsigned=True,
    )


def failing(client, word):
    """Let every request whose path has ``word`` fail on the way back."""
    send = client.send

    async def cut(method, path, *rest, **named):
        answer = await send(method, path, *rest, **named)
        if word in path:
            answer.close()
            raise aiohttp.ClientConnectionError("cut")
        return answer

    client.send = cut
    return lambda: setattr(client, "send", send)


def machine(tmp_path, user=BOB, device="BOB"):
    store = CryptoStore(user, device, str(tmp_path), KEY.hex())
    return GuardedOlm(user, device, store, Trust(user, store))


def plain_machine(user=BOB, device="BOB"):
    return Olm(user, device, SqliteMemoryStore(user, device, "x"))


def known(olm, *others):
    for other in others:
        keys = dict(other.account.identity_keys)
        olm.device_store.add(OlmDevice(other.user_id, other.device_id, keys))


# ── B1 ───────────────────────────────────────────────────────────────────────────────────────────


async def killed_in_a_sync(client):
    async def die(response):
        raise Killed

    client._handle_to_device = die
    with pytest.raises(Killed):
        await client.sync(0)


@pytest.mark.live
@pytest.mark.xdist_group("synapse")
async def test_b1_plain_nio_loses_the_room_keys_of_a_sync_that_was_cut(devices, plain):
    alice, side = await devices("alice", allow_unsigned=True), await plain("bob")
    bob = await side.open()
    await turn(bob)
    room = await encrypted_room(alice, side.account.user)
    await bob.join(room)
    await turn(bob)
    await alice.receive()
    event = await say(alice, room, "once")
    await killed_in_a_sync(bob)
    bob.store.database.close()
    again = await side.open()
    await turn(again)
    answer = await again.room_get_event(room, event)
    assert isinstance(answer.event, MegolmEvent)


@pytest.mark.live
@pytest.mark.xdist_group("synapse")
async def test_b1_a_sync_is_taken_in_whole_or_not_at_all(devices):
    alice, bob = await devices("alice", allow_unsigned=True), await devices("bob", allow_unsigned=True)
    room = await encrypted_room(alice, bob.user_id)
    await bob.join(room)
    await bob.receive()
    await alice.receive()
    event = await say(alice, room, "once")
    await killed_in_a_sync(bob)
    again = reopened(bob)
    assert (await event_of(again, room, event)).body == "once"
    await again.close()


@pytest.mark.live
@pytest.mark.xdist_group("synapse")
async def test_b1_the_same_process_goes_on_after_a_sync_that_failed(devices):
    alice, bob = await devices("alice", allow_unsigned=True), await devices("bob", allow_unsigned=True)
    room = await encrypted_room(alice, bob.user_id)
    await bob.join(room)
    await bob.receive()
    await alice.receive()
    event = await say(alice, room, "once")

    async def die(response):
        raise Killed

    bob._handle_joined_rooms = die  # by now the key is in memory
    with pytest.raises(Killed):
        await bob.sync(0)
    del bob._handle_joined_rooms
    assert (await event_of(bob, room, event)).body == "once"
    bob.crypto.close()
    again = reopened(bob)
    assert [key.room for key in again.room_keys()] == [room]
    await again.close()


@pytest.mark.live
@pytest.mark.xdist_group("synapse")
async def test_b1_a_callback_that_waits_is_refused(devices):
    bob = await devices("bob")

    async def waits(event):
        await bob.whoami()

    bob.add_global_account_data_callback(waits, None)
    await bob.http.json("PUT", f"/_matrix/client/v3/user/{bob.user_id}/account_data/x", body={})
    with pytest.raises(RuntimeError, match="queue"):
        await bob.sync(0)


# ── B2 and B3 ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.live
@pytest.mark.xdist_group("synapse")
async def test_b2_plain_nio_never_uploads_again_when_an_answer_is_lost(plain):
    side = await plain("bob")
    bob = await side.open()
    failing(bob, "keys/upload")
    with pytest.raises(aiohttp.ClientConnectionError):
        await bob.keys_upload()
    bob.store.database.close()
    again = await side.open()
    answer = await again.keys_upload()
    assert isinstance(answer, KeysUploadError)
    assert "already exists" in answer.message


@pytest.mark.live
@pytest.mark.xdist_group("synapse")
async def test_b2_an_upload_whose_answer_is_lost_is_made_good(live, devices, tmp_path):
    user, token, device = await live.signed_in("bob")
    bob = SafeClient(live.url, user, device, token, folder=tmp_path / "bob", key=KEY, allow_unsigned=True)
    failing(bob, "keys/upload")
    with pytest.raises(TransientError):
        await bob.receive()
    await bob.close()
    again = reopened(bob)
    await again.receive()
    alice = await devices("alice", allow_unsigned=True)
    room = await encrypted_room(alice, user)
    await again.join(room)
    await again.receive()
    await alice.receive()
    assert (await event_of(again, room, await say(alice, room, "hello"))).body == "hello"
    await again.close()


def sync_answer(**more):
    return SyncResponse.from_dict({"next_batch": "s2", "rooms": {}, "to_device": {"events": []}, **more})


async def test_b3_plain_nio_never_fills_up_one_time_keys_that_ran_out(tmp_path):
    config = AsyncClientConfig(store=SqliteStore)
    client = AsyncClient("http://localhost:1", BOB, store_path=str(tmp_path), config=config)
    client.restore_login(BOB, "BOB", "t")
    client.olm.account.shared = True
    await client.receive_response(sync_answer(device_one_time_keys_count={"signed_curve25519": 0}))
    assert not client.should_upload_keys
    client.store.database.close()


async def test_b3_one_time_keys_that_ran_out_are_filled_up(tmp_path):
    client = SafeClient("http://localhost:1", BOB, "BOB", "t", folder=tmp_path, key=KEY)
    client.machine.account.shared = True
    await client.receive_response(sync_answer(device_one_time_keys_count={"signed_curve25519": 0}))
    assert client.should_upload_keys
    body = client.machine.share_keys()
    assert (len(body["one_time_keys"]), len(body["fallback_keys"])) == (50, 1)
    await client.close()


def test_a_one_time_key_is_never_offered_twice(tmp_path):
    olm = machine(tmp_path)
    first = olm.share_keys()
    second = olm.share_keys()
    assert not first["one_time_keys"].keys() & second["one_time_keys"].keys()
    assert not first["fallback_keys"].keys() & second["fallback_keys"].keys()


# ── B4 and B5 ────────────────────────────────────────────────────────────────────────────────────


async def in_a_room(alice, bob):
    room = await encrypted_room(alice, bob.user_id)
    await bob.join(room)
    await turn(bob)
    await alice.receive()
    return room


async def plain_room(plain, devices):
    bob, side = await devices("bob", allow_unsigned=True), await plain("alice")
    alice = await side.open()
    await turn(alice)
    room = await encrypted_room(bob, side.account.user)
    await alice.join(room)
    await turn(alice)
    await turn(alice)
    return alice, room


@pytest.mark.live
@pytest.mark.xdist_group("synapse")
async def test_b4_plain_nio_sends_what_nobody_can_read(plain, devices):
    alice, room = await plain_room(plain, devices)
    failing(alice, "sendToDevice")
    content = {"msgtype": "m.text", "body": "lost"}
    answer = await alice.room_send(room, TEXT, content, ignore_unverified_devices=True)
    assert isinstance(answer, RoomSendResponse)
    assert not alice.olm.outbound_group_sessions[room].users_shared_with


@pytest.mark.live
@pytest.mark.xdist_group("synapse")
async def test_b4_nothing_is_sent_before_everybody_has_the_key(devices):
    alice, bob = await devices("alice", allow_unsigned=True), await devices("bob", allow_unsigned=True)
    room = await in_a_room(alice, bob)
    alice.rooms[room].members_synced = False
    alice.machine.users_for_key_query.add(bob.user_id)
    for step in ("joined_members", "keys/query", "keys/claim", "sendToDevice/m.room.encrypted"):
        mend = failing(alice, step)
        with pytest.raises(TransientError):
            await say(alice, room, "not yet")
        mend()
    event = await say(alice, room, "now")
    assert (await event_of(bob, room, event)).body == "now"
    page = await alice.room_messages(room, limit=10)
    assert [found.body for found in page.chunk if hasattr(found, "body")] == ["now"]


@pytest.mark.live
@pytest.mark.xdist_group("synapse")
async def test_b5_plain_nio_waits_for_ever_after_a_claim_that_failed(plain, devices):
    alice, room = await plain_room(plain, devices)
    mend = failing(alice, "keys/claim")
    content = {"msgtype": "m.text", "body": "x"}
    with pytest.raises(aiohttp.ClientConnectionError):
        await alice.room_send(room, TEXT, content, ignore_unverified_devices=True)
    mend()
    assert not alice.sharing_session[room].is_set()  # the next send waits for this, which nobody sets


@pytest.mark.live
@pytest.mark.xdist_group("synapse")
async def test_an_answer_that_refuses_a_room_key_is_not_taken_for_success(devices):
    alice, bob = await devices("alice", allow_unsigned=True), await devices("bob", allow_unsigned=True)
    room = await in_a_room(alice, bob)
    plan = alice.machine.plan_shares

    def broken(*arguments, **named):
        return [(who, {"messages": 3}) for who, _ in plan(*arguments, **named)[0]], []

    alice.machine.plan_shares = broken
    with pytest.raises(TransientError):
        await say(alice, room, "x")


# ── B6, B7, B8, B10 ──────────────────────────────────────────────────────────────────────────────


def test_b6_plain_nio_gives_no_keys_to_a_device_with_our_device_id():
    olm, other = plain_machine(BOB, "SAME"), plain_machine(ALICE, "SAME")
    known(olm, other)
    assert olm.get_missing_sessions([ALICE]) == {}


def test_b6_another_persons_device_may_have_our_device_id(tmp_path):
    olm, other = machine(tmp_path, BOB, "SAME"), plain_machine(ALICE, "SAME")
    known(olm, other)
    assert olm.get_missing_sessions([ALICE]) == {ALICE: ["SAME"]}
    other.account.generate_one_time_keys(1)
    (key,) = other.account.one_time_keys["curve25519"].values()
    olm.create_session(key, other.account.identity_keys["curve25519"])
    shares, withheld = olm.plan_shares(ROOM, [ALICE], shared_history=True)
    assert ([who for who, _ in shares], withheld) == ([{(ALICE, "SAME")}], [])


def relabelled(olm, alice, sender, *, event="$e:x"):
    """Alice's ciphertext as a homeserver shows it in somebody's name."""
    if ROOM not in alice.outbound_group_sessions:
        alice.create_outbound_group_session(ROOM)
        outbound = alice.outbound_group_sessions[ROOM]
        keys = alice.account.identity_keys
        olm.create_group_session(keys["curve25519"], keys["ed25519"], ROOM, outbound.id, outbound.session_key)
        outbound.shared = True
    content = alice.group_encrypt(ROOM, {"type": TEXT, "content": {"msgtype": "m.text", "body": "pay him"}})
    source = {"type": "m.room.encrypted", "event_id": event, "sender": sender, "origin_server_ts": 1}
    return MegolmEvent.from_dict({**source, "room_id": ROOM, "content": content})


def test_b7_plain_nio_shows_a_relabelled_message_as_the_wrong_persons():
    olm, alice = plain_machine(), plain_machine(ALICE, "ALICE")
    known(olm, alice, plain_machine(MALLORY, "MALLORY"))
    opened = olm.decrypt_megolm_event(relabelled(olm, alice, MALLORY))
    assert (opened.sender, opened.body) == (MALLORY, "pay him")


def test_b7_a_message_is_opened_only_as_its_senders(tmp_path):
    olm, alice = machine(tmp_path), plain_machine(ALICE, "ALICE")
    known(olm, alice, plain_machine(MALLORY, "MALLORY"))
    false = relabelled(olm, alice, MALLORY)
    with pytest.raises(EncryptionError, match="somebody else"):
        olm.decrypt_megolm_event(false)
    assert olm.verdict(false) is Verdict.MISMATCHED
    assert olm.decrypt_megolm_event(relabelled(olm, alice, ALICE, event="$f:x")).body == "pay him"


def test_b7_what_we_said_is_not_shown_as_anothers(tmp_path):
    olm = machine(tmp_path)
    known(olm, plain_machine(MALLORY, "MALLORY"))
    with pytest.raises(EncryptionError, match="somebody else"):
        olm.decrypt_megolm_event(relabelled(olm, olm, MALLORY))


def olm_payload(sender, keys, **more):
    made = plain_machine(ALICE, "X")
    made.create_outbound_group_session(ROOM)
    outbound = made.outbound_group_sessions[ROOM]
    content = {
        "algorithm": "m.megolm.v1.aes-sha2",
        "room_id": ROOM,
        "session_id": outbound.id,
        "session_key": outbound.session_key,
    }
    base = {
        "type": "m.room_key",
        "sender": sender,
        "sender_device": "ALICE",
        "keys": keys,
        "content": content,
    }
    return {**base, **more}


def test_b8_plain_nio_takes_a_claimed_signing_key_that_is_not_the_devices():
    olm, alice = plain_machine(), plain_machine(ALICE, "ALICE")
    known(olm, alice)
    payload = olm_payload(ALICE, {"ed25519": plain_machine().account.identity_keys["ed25519"]})
    olm._handle_olm_event(ALICE, alice.account.identity_keys["curve25519"], payload)
    assert len(list(olm.inbound_group_store)) == 1


def test_b8_a_claimed_signing_key_is_checked_against_the_device(tmp_path):
    olm, alice = machine(tmp_path), plain_machine(ALICE, "ALICE")
    known(olm, alice)
    curve = alice.account.identity_keys["curve25519"]
    false = olm_payload(ALICE, {"ed25519": plain_machine().account.identity_keys["ed25519"]})
    assert olm._handle_olm_event(ALICE, curve, false) is None
    true = {"ed25519": alice.account.identity_keys["ed25519"]}
    unsigned = olm_payload(
        ALICE, true, sender_device_keys={"user_id": ALICE, "device_id": "ALICE", "keys": {}}
    )
    assert olm._handle_olm_event(ALICE, curve, unsigned) is None
    assert not list(olm.inbound_group_store)
    assert olm._handle_olm_event(ALICE, curve, olm_payload(ALICE, true)) is not None
    assert len(list(olm.inbound_group_store)) == 1


def test_b10_a_store_has_one_owner(tmp_path):
    first = machine(tmp_path)
    with pytest.raises(ProfileBusyError, match="another process"):
        machine(tmp_path)
    first.crypto.close()
    machine(tmp_path).crypto.close()


def test_a_wrong_key_is_refused_and_nothing_is_readable_on_disk(tmp_path):
    olm = machine(tmp_path)
    known(olm, plain_machine(ALICE, "ALICE"))
    olm.crypto.mark([(ROOM, "s")], imported=True)
    found = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not [word for word in (ROOM, BOB, ALICE, "fallback_pins", "SQLite") if word.encode() in found]
    olm.crypto.close()
    with pytest.raises(StoreError, match="wrong key"):
        CryptoStore(BOB, "BOB", str(tmp_path), bytes(32).hex())


def test_a_malformed_to_device_event_does_not_stop_a_sync(tmp_path):
    olm = machine(tmp_path)
    hostile = olm_payload(ALICE, {"ed25519": "x"})
    hostile["content"]["session_key"] = "AAAA"
    before = len(list(olm.inbound_group_store))

    olm.decrypt_event = lambda event: olm._handle_olm_event(ALICE, "k", hostile)
    assert olm.handle_to_device_event(OlmEvent({}, ALICE, "k", {})) is None
    assert len(list(olm.inbound_group_store)) == before


# ── never in clear ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.live
@pytest.mark.xdist_group("synapse")
async def test_a_room_that_was_ever_encrypted_stays_so(devices):
    alice = await devices("alice")
    room = await encrypted_room(alice)
    await say(alice, room, "one")
    again = reopened(alice)
    await again.receive()
    again.rooms[room].encrypted = False
    event = await say(again, room, "two")
    path = f"/_matrix/client/v3/rooms/{room}/event/{event}"
    assert (await again.http.json("GET", path))["type"] == "m.room.encrypted"
    again.olm = None
    with pytest.raises(PermanentError, match="no encryption"):
        await say(again, room, "three")
    again.load_store()
    await again.close()

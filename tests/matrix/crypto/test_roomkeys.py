"""Room keys in backups and files, and what may replace what."""

import base64

import pytest
from nio.crypto import InboundGroupSession, Olm, OutboundGroupSession

from fallback.errors import AuthError, ParseError
from fallback.matrix.crypto.backup import BackupKey
from fallback.matrix.crypto.keyfile import read_key_file, write_key_file
from fallback.matrix.crypto.olm import GuardedOlm
from fallback.matrix.crypto.roomkeys import RoomKey
from fallback.matrix.crypto.store import CryptoStore
from fallback.matrix.crypto.trust import Trust, Verdict

ROOM, ANN, ME = "!room:x", "@ann:x", "@me:x"


def room_key(index=0, outbound=None, *, sender_key="curve", ed25519="ed", room=ROOM):
    outbound = outbound or OutboundGroupSession()
    session = InboundGroupSession(outbound.session_key, ed25519, sender_key, room)
    made = RoomKey.of(session)
    return RoomKey.read({**made.write(), "session_key": session.export_session(index)})


@pytest.fixture
def olm(tmp_path):
    store = CryptoStore(ME, "DEVICE", str(tmp_path), bytes(32).hex())
    yield GuardedOlm(ME, "DEVICE", store, Trust(ME, store))
    store.close()


def test_a_key_file_comes_back_and_only_with_its_passphrase():
    keys = [room_key(), room_key()]
    text = write_key_file(keys, "long and secret", rounds=1000)
    assert read_key_file(text, "long and secret").keys == tuple(keys)
    with pytest.raises(AuthError):
        read_key_file(text, "another")


def test_nio_reads_our_file_and_we_read_nios(tmp_path):
    path = tmp_path / "keys.txt"
    key = room_key()
    path.write_text(write_key_file([key], "pass", rounds=1000))
    (session,) = Olm.import_keys_static(str(path), "pass")
    assert (session.id, session.room_id, session.sender_key) == (key.session, ROOM, "curve")
    theirs = tmp_path / "theirs.txt"
    Olm.export_keys_static([session], str(theirs), "pass", 1000)
    assert read_key_file(theirs.read_text(), "pass").keys == (key,)


@pytest.mark.parametrize("cut", [0, 10, 60, 200])
def test_a_damaged_key_file_is_refused(cut):
    lines = write_key_file([room_key()], "pass", rounds=10).splitlines()
    body = "".join(lines[1:-1])[:cut]
    with pytest.raises((ParseError, AuthError)):
        read_key_file("\n".join([lines[0], body, lines[-1]]), "pass")


@pytest.mark.parametrize("text", ["", "hello", "\0" * 100])
def test_any_other_file_is_no_key_file(text):
    with pytest.raises(ParseError, match="no file of room keys"):
        read_key_file(text, "pass")


def test_a_key_file_of_unreasonable_work_is_refused():
    text = write_key_file([], "pass", rounds=10)
    lines = text.splitlines()
    raw = bytearray(base64.b64decode("".join(lines[1:-1])))
    raw[33:37] = b"\xff" * 4
    with pytest.raises(ParseError, match="unreasonable"):
        read_key_file("\n".join([lines[0], base64.b64encode(raw).decode(), lines[-1]]), "pass")


def test_a_backup_entry_comes_back_and_only_with_its_key():
    backup, key = BackupKey(), room_key()
    entry = backup.seal(key)
    assert entry["first_message_index"] == 0
    assert backup.open(entry, ROOM, key.session) == key
    with pytest.raises(ValueError, match=r".*"):
        BackupKey().open(entry, ROOM, key.session)
    with pytest.raises(ValueError, match=r".*"):
        backup.open({"session_data": {"ciphertext": "AA"}}, ROOM, key.session)
    with pytest.raises(ValueError, match="another session"):
        backup.open(entry, ROOM, "another").open()


def test_an_imported_key_opens_messages_and_stays_imported_after_a_restart(olm):
    key = room_key()
    assert olm.take(key)
    assert not olm.take(key)
    olm.crypto.mark([], imported=True)
    again = GuardedOlm(ME, "DEVICE", olm.crypto, olm.trust)
    (session,) = again.inbound_group_store
    assert again.judge(ANN, session) is Verdict.IMPORTED


def test_only_earlier_messages_of_the_same_session_are_taken_from_a_second_source(olm):
    outbound = OutboundGroupSession()
    later, earlier = room_key(5, outbound), room_key(0, outbound)
    assert olm.take(later)
    assert olm.take(earlier)
    assert not olm.take(later)
    (session,) = olm.inbound_group_store
    assert session.first_known_index == 0


def test_an_import_never_takes_a_session_from_its_device(olm):
    outbound = OutboundGroupSession()
    olm.create_group_session("curve", "ed", ROOM, outbound.id, outbound.session_key)
    for false in (room_key(0, outbound, sender_key="mine"), room_key(0, outbound, room="!other:x")):
        assert not olm.take(false)
    (session,) = olm.inbound_group_store
    assert (session.sender_key, olm.imported) == ("curve", set())


def test_another_device_cannot_take_over_a_session(olm):
    outbound = OutboundGroupSession()
    olm.create_group_session("curve", "ed", ROOM, outbound.id, outbound.session_key)
    olm.create_group_session("thief", "ed2", ROOM, outbound.id, outbound.session_key)
    again = GuardedOlm(ME, "DEVICE", olm.crypto, olm.trust)
    assert [session.sender_key for session in again.inbound_group_store] == ["curve"]


def test_a_sessions_own_device_vouches_for_an_imported_one(olm):
    outbound = OutboundGroupSession()
    olm.take(room_key(0, outbound))
    olm.create_group_session("curve", "ed", ROOM, outbound.id, outbound.session_key)
    assert not olm.imported
    assert not GuardedOlm(ME, "DEVICE", olm.crypto, olm.trust).imported


def test_a_device_takes_its_session_back_from_a_false_import(olm):
    outbound = OutboundGroupSession()
    olm.take(room_key(0, outbound, sender_key="thief"))
    olm.create_group_session("curve", "ed", ROOM, outbound.id, outbound.session_key)
    again = GuardedOlm(ME, "DEVICE", olm.crypto, olm.trust)
    assert [session.sender_key for session in again.inbound_group_store] == ["curve"]
    assert not again.imported


@pytest.mark.parametrize(
    "change",
    [{"algorithm": "m.other"}, {"sender_claimed_keys": 3}, {"session_key": 3}, {"sender_key": None}],
)
def test_a_malformed_room_key_is_refused(change):
    with pytest.raises(ValueError, match="room key"):
        RoomKey.read({**room_key().write(), **change})


def test_of_the_two_names_of_shared_history_one_is_written_and_both_are_read():
    value = room_key().write()
    assert [name for name in value if "shared_history" in name] == ["m.shared_history"]
    old = {**value, "org.matrix.msc3061.shared_history": True}
    del old["m.shared_history"]
    assert RoomKey.read(old).shared_history

"""Sealing history: what stays in clear, and that no index of a session is ever used twice."""

import json

import pytest
import vodozemac
from hypothesis import given
from hypothesis import strategies as st

from fallback.core.ids import DeliveryId, EventId, PortalId, RoomId, UserId
from fallback.core.importing import Brought
from fallback.errors import PermanentError
from fallback.matrix.attachments import Sealer, open_file, seal_file
from fallback.matrix.history import DEVICE, HistorySession, Journal, Run, SealingImporter
from fallback.store.memory import MemoryStore

ROOM = RoomId("!room")
PORTAL = PortalId("p")
TEXT = {"msgtype": "m.text", "body": "صباح الخير"}


async def session(count=10):
    made = HistorySession(ROOM)
    await made.reserve(count)
    return made


def opened(key, content):
    inbound = vodozemac.InboundGroupSession.import_session(vodozemac.ExportedSessionKey(key.session_key))
    plain = inbound.decrypt(vodozemac.MegolmMessage.from_base64(content["ciphertext"]))
    return json.loads(plain.plaintext), plain.message_index


async def test_what_is_sealed_opens_with_the_rooms_key():
    made = await session()
    kind, content = made.seal("m.room.message", TEXT)
    assert kind == "m.room.encrypted"
    assert (content["algorithm"], content["device_id"]) == ("m.megolm.v1.aes-sha2", DEVICE)
    key = made.room_key()
    assert (content["session_id"], content["sender_key"]) == (key.session, key.sender_key)
    assert key.shared_history
    assert opened(key, content) == ({"type": "m.room.message", "content": TEXT, "room_id": ROOM}, 0)


async def test_what_an_event_relates_to_stays_in_clear():
    relation = {"m.in_reply_to": {"event_id": "$1"}}
    made = await session()
    _, content = made.seal("m.room.message", {**TEXT, "m.relates_to": relation})
    assert content["m.relates_to"] == relation
    assert "m.relates_to" not in opened(made.room_key(), content)[0]["content"]


async def test_reactions_go_in_clear_as_clients_send_them():
    content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$1", "key": "👍"}}
    assert HistorySession(ROOM).seal("m.reaction", content) == ("m.reaction", content)


async def test_nothing_is_sealed_that_was_not_reserved():
    made = await session(1)
    made.seal("m.room.message", TEXT)
    with pytest.raises(PermanentError, match="reserved"):
        made.seal("m.room.message", TEXT)
    await made.reserve(1)
    assert opened(made.room_key(), made.seal("m.room.message", TEXT)[1])[1] == 1


async def test_two_sessions_have_nothing_in_common():
    one, two = (await session()).room_key(), (await session()).room_key()
    assert one.session != two.session
    assert one.sender_key != two.sender_key
    assert one.ed25519 != two.ed25519


async def test_the_journal_keeps_every_session_and_how_far_it_went():
    store = MemoryStore()
    journal = Journal(store, ROOM)
    await journal.add(Run("one", ROOM))
    await journal.reserve("one", 50)
    await journal.add(Run("two", ROOM))
    assert await Journal(store, ROOM).runs() == [Run("one", ROOM, 50), Run("two", ROOM)]
    assert await Journal(store, RoomId("!other")).runs() == []


class Room:
    """An importer that takes one event at a time."""

    def __init__(self):
        self.taken = []

    async def put(self, room, batch):
        self.taken.append(batch[0])
        return [EventId(f"${len(self.taken)}")]


async def test_what_an_importer_left_over_goes_under_an_index_of_its_own():
    room, made = Room(), HistorySession(ROOM)

    async def begin(place):
        return made if place == ROOM else None

    importer = SealingImporter(room, begin)
    batch = [Brought("m.room.message", TEXT, UserId("@wa_1:s"), 1, DeliveryId(f"k{n}")) for n in range(2)]
    assert await importer.put(ROOM, batch) == ["$1"]
    assert await importer.put(ROOM, batch[1:]) == ["$2"]
    assert [one.key for one in room.taken] == ["k0", "k1"]
    assert [opened(made.room_key(), one.content)[1] for one in room.taken] == [0, 2]
    await importer.put(RoomId("!open"), batch[:1])
    assert room.taken[-1] == batch[0]


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_a_file_opens_as_it_was_sealed(chunks):
    sealer = Sealer()
    sealed = b"".join(sealer.update(chunk) for chunk in chunks)
    assert open_file(sealed, sealer.finish()) == b"".join(chunks)


def test_a_file_opens_with_another_implementation():
    nio = pytest.importorskip("nio.crypto")
    sealed, file = seal_file(b"picture" * 1000)
    told = file["key"]["k"], file["hashes"]["sha256"], file["iv"]
    assert nio.decrypt_attachment(sealed, *told) == b"picture" * 1000
    sealed, file = nio.encrypt_attachment(b"theirs")
    assert open_file(sealed, file) == b"theirs"


@pytest.mark.parametrize("damage", ["bytes", "key", "iv", "hashes"])
def test_a_file_that_is_not_what_was_announced_is_refused(damage):
    sealed, file = seal_file(b"picture")
    if damage == "bytes":
        sealed = bytes([sealed[0] ^ 1]) + sealed[1:]
    else:
        file = {**file, damage: 1}
    with pytest.raises(PermanentError):
        open_file(sealed, file)

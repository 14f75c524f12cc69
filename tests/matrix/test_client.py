"""What only the real homeserver shows: no plaintext into an encrypted room, invitations, refused tokens."""

import asyncio

import pytest
from msgspec.structs import replace

from fallback.core.events import Attachment, MediaKind, Message, Origin, Reaction
from fallback.core.ids import ChatId, DeliveryId, SourceId, UserId
from fallback.core.ports import RoomSpec
from fallback.errors import AuthError, PermanentError, TransientError
from fallback.matrix.appservice import Appservice
from tests.live_synapse import side_at

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]
MESSAGE = Message(id=SourceId("m"), chat=ChatId("c"), origin=Origin.MATRIX, text="secret")


@pytest.fixture
async def sides(live, tmp_path):
    made = [await live.side(tmp_path, name) for name in ("one", "two")]
    yield made
    for side in made:
        await side.close()


async def kept(side, room):
    """Give the kinds of the events that the homeserver keeps, and all that it can read of them."""
    page = await side.http.json("GET", f"/_matrix/client/v3/rooms/{room}/messages", params={"dir": "b"})
    return [event["type"] for event in page["chunk"]], str(page)


async def texts(side, room):
    return [event.text async for event in side.history(room) if isinstance(event, Message)]


async def test_a_message_into_an_encrypted_room_is_readable_by_its_members_alone(sides):
    one, two = sides
    await one.keys.begin()
    await two.keys.begin()
    room = await one.create_room(RoomSpec(name="locked", encrypted=True))
    await one.send(room, MESSAGE, transaction=DeliveryId("t0"))
    await one.invite(room, two.user)
    batches = two.batches("")
    batch = await anext(batches)
    assert (room, one.user) in batch.invited
    await two.accept(room)
    own = one.batches("")
    await anext(own)
    await own.aclose()
    await one.send(room, MESSAGE, transaction=DeliveryId("t1"))
    async with asyncio.timeout(30):
        while not [event for event in batch.events if isinstance(event, Message)]:
            batch = await anext(batches)
    await batches.aclose()
    (message,) = [event for event in batch.events if isinstance(event, Message)][-1:]
    assert (message.text, message.trust, message.sender.mxid) == ("secret", "ok", one.user)
    assert await texts(two, room) == ["secret", "secret"]
    kinds, whole = await kept(one, room)
    assert kinds.count("m.room.encrypted") == 2
    assert "secret" not in whole


async def test_words_in_clear_in_an_encrypted_room_are_marked(sides):
    one, _ = sides
    room = await one.create_room(RoomSpec(name="locked", encrypted=True))
    await one.send(room, MESSAGE, transaction=DeliveryId("t0"))
    path = f"/_matrix/client/v3/rooms/{room}/send/m.room.message/t1"
    await one.http.json("PUT", path, body={"msgtype": "m.text", "body": "forged"})
    seen = [event async for event in one.history(room) if isinstance(event, Message)]
    assert [(event.text, event.trust) for event in seen] == [("secret", "ok"), ("forged", "clear")]


async def test_a_room_that_becomes_encrypted_is_encrypted_from_then_on(sides):
    one, _ = sides
    room = await one.create_room(RoomSpec(name="open"))
    await one.send(room, MESSAGE, transaction=DeliveryId("t1"))
    path = f"/_matrix/client/v3/rooms/{room}/state/m.room.encryption"
    await one.http.json("PUT", path, body={"algorithm": "m.megolm.v1.aes-sha2"})
    batches = one.batches("")
    await anext(batches)
    await batches.aclose()
    await one.send(room, MESSAGE, transaction=DeliveryId("t2"))
    kinds, _ = await kept(one, room)
    assert (kinds.count("m.room.message"), kinds.count("m.room.encrypted")) == (1, 1)
    assert await texts(one, room) == ["secret", "secret"]


async def test_an_open_invitation_is_left_alone_and_one_without_a_signed_device_waits(sides):
    one, two = sides
    await one.keys.begin()
    room = await one.create_room(RoomSpec(name="locked", encrypted=True))
    await one.send(room, MESSAGE, transaction=DeliveryId("t0"))
    with pytest.raises(PermanentError, match="no device with signed keys"):
        await one.invite(room, two.user)
    await two.keys.begin()
    await one.invite(room, two.user)
    await one.invite(room, two.user)
    kinds, _ = await kept(one, room)
    assert kinds.count("m.room.member") == 2


async def test_history_goes_sealed_into_an_encrypted_room(sides, live):
    one, _ = sides
    one.appservice = Appservice(one.http, live.as_token, live.server_name)
    await one.keys.begin()
    room, ghost = await one.create_room(RoomSpec(name="locked", encrypted=True)), UserId(live.ghost())
    await one.ensure_ghost(ghost, "ليلى")
    await one.join(room, ghost)
    photo = Attachment(kind=MediaKind.IMAGE, filename="a.png", mimetype="image/png")
    photo = await one.upload(room, photo, b"pixels", sender=ghost)
    said = replace(MESSAGE, origin=Origin.EXPORT, at=1_600_000_000_000, attachment=photo)
    importer = one.importer()
    brought = importer.convert(said, sender=ghost, key=DeliveryId("k"))
    (made,) = await importer.put(room, [brought])
    kinds, whole = await kept(one, room)
    assert kinds.count("m.room.encrypted") == 1
    assert "secret" not in whole
    (message,) = [event async for event in one.history(room) if isinstance(event, Message)]
    assert (message.id, message.text, message.at, message.trust) == (made, "secret", said.at, "imported")
    assert await one.download(message.attachment) == b"pixels"
    assert await one.download(replace(message.attachment, keys="")) != b"pixels"
    (seen,) = [seen async for seen in one.brought(room)]
    assert (seen.source, seen.sender, seen.at) == ("m", ghost, said.at)


async def test_a_ghost_that_was_only_invited_when_we_were_killed_joins_the_next_time(sides, live):
    one, _ = sides
    one.appservice = Appservice(one.http, live.as_token, live.server_name)
    room, ghost = await one.create_room(RoomSpec(name="r")), UserId(live.ghost())
    await one.ensure_ghost(ghost, "ليلى")
    await one.invite(room, ghost)
    await one.catch_up()
    await one.join(room, ghost)
    assert ghost in {member.mxid for member in (await one.room_state(room)).members}


async def test_what_is_written_before_a_sync_is_encrypted_too_and_a_repeat_is_the_same_event(sides):
    one, _ = sides
    room = await one.create_room(RoomSpec(name="locked", encrypted=True))
    made = await one.send(room, MESSAGE, transaction=DeliveryId("t"))
    assert await one.send(room, MESSAGE, transaction=DeliveryId("t")) == made


async def test_an_invited_person_joins_and_is_not_invited_twice(sides):
    one, two = sides
    room = await one.create_room(RoomSpec(name="r"))
    await one.invite(room, two.user)
    await one.invite(room, two.user)
    await two.accept(room)
    await one.invite(room, two.user)
    assert two.user in {member.mxid for member in (await one.room_state(room)).members}


async def test_a_refused_token_is_an_auth_error_and_is_not_shown(live, tmp_path):
    side = side_at(live.url, f"@x:{live.server_name}", "D", "syt_wrong_token", folder=tmp_path)
    with pytest.raises(AuthError) as refusal:
        await anext(side.batches(""))
    assert "syt_wrong" not in str(refusal.value)
    await side.close()


async def test_a_homeserver_that_is_not_there_is_transient(tmp_path):
    side = side_at("http://127.0.0.1:9", "@x:s", "D", "t", folder=tmp_path)
    with pytest.raises(TransientError):
        await anext(side.batches(""))
    with pytest.raises(TransientError):
        await side.send("!r", MESSAGE, transaction=DeliveryId("t"))
    await side.close()


@pytest.mark.parametrize(
    "source", ["https://x/y", "mxc://../../../v3/account/whoami", "mxc://s/../x", "mxc://s/a?b=c", "mxc://s"]
)
async def test_an_address_that_leads_elsewhere_is_never_asked(sides, source):
    with pytest.raises(PermanentError, match="no address of a file"):
        await sides[0].download(Attachment(kind=MediaKind.IMAGE, source=source))


async def test_who_invites_is_told(sides):
    one, two = sides
    room = await one.create_room(RoomSpec(name="r"))
    await one.invite(room, two.user)
    batches = two.batches("")
    batch = await anext(batches)
    await batches.aclose()
    assert (room, one.user) in batch.invited


async def test_a_reaction_taken_back_leaves_the_message_alone(sides):
    one, _ = sides
    room = await one.create_room(RoomSpec(name="r"))
    made = SourceId(await one.send(room, MESSAGE, transaction=DeliveryId("t1")))
    base = {"chat": ChatId("c"), "origin": Origin.MATRIX, "target": made}
    await one.send(room, Reaction(**base, id=SourceId("r1"), key="👍"), transaction=DeliveryId("t2"))
    await one.send(room, Reaction(**base, id=SourceId("r2"), key=""), transaction=DeliveryId("t3"))
    events = [event async for event in one.history(room)]
    (message,) = [event for event in events if isinstance(event, Message) and event.id == made]
    assert message.text == "secret"
    assert not message.deleted
    with pytest.raises(PermanentError, match="no reaction"):
        await one.send(room, Reaction(**base, id=SourceId("r3"), key=""), transaction=DeliveryId("t4"))

"""What only the real homeserver shows: no plaintext into an encrypted room, invitations, refused tokens."""

import pytest

from fallback.core.events import Message, Origin, Reaction
from fallback.core.ids import ChatId, DeliveryId, SourceId
from fallback.core.ports import RoomSpec
from fallback.errors import AuthError, PermanentError, TransientError
from tests.live_synapse import side_at

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]
MESSAGE = Message(id=SourceId("m"), chat=ChatId("c"), origin=Origin.MATRIX, text="secret")


@pytest.fixture
async def sides(live, tmp_path):
    made = [await live.side(tmp_path, name) for name in ("one", "two")]
    yield made
    for side in made:
        await side.close()


async def test_nothing_is_sent_in_clear_into_an_encrypted_room(sides):
    one, _ = sides
    room = await one.create_room(RoomSpec(name="locked", encrypted=True))
    with pytest.raises(PermanentError, match="encrypted"):
        await one.send(room, MESSAGE, transaction=DeliveryId("t"))
    assert not [event async for event in one.history(room) if isinstance(event, Message)]


async def test_a_room_that_becomes_encrypted_is_refused_from_then_on(sides):
    one, _ = sides
    room = await one.create_room(RoomSpec(name="open"))
    await one.send(room, MESSAGE, transaction=DeliveryId("t1"))
    path = f"/_matrix/client/v3/rooms/{room}/state/m.room.encryption"
    await one.http.json("PUT", path, body={"algorithm": "m.megolm.v1.aes-sha2"})
    batches = one.batches("")
    await anext(batches)
    await batches.aclose()
    with pytest.raises(PermanentError, match="encrypted"):
        await one.send(room, MESSAGE, transaction=DeliveryId("t2"))


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
        await sides[0].download(source)


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

"""An account through the port, with an independent client in strict mode on the other side: all kinds, both ways."""

import asyncio
import base64

import pytest

from fallback.core.events import (
    Attachment,
    Edit,
    Identity,
    MediaKind,
    Message,
    Origin,
    Poll,
    PollOption,
    Reaction,
    Vote,
)
from fallback.core.ids import ChatId, DeliveryId, SourceId, UserId
from fallback.core.trust import IdentityState
from fallback.errors import PermanentError
from fallback.matrix.convert import POLL_RESPONSE, POLL_START, option_id
from fallback.matrix.crypto.identity import MASTER, CrossSigningKeys
from fallback.matrix.crypto.identity import Identity as Published
from tests.matrix.crypto.rooms import encrypted_room, settle, sync

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]
DATA = bytes(range(256)) * 40


def base(name):
    return {"id": SourceId(name), "chat": ChatId("c"), "sender": Identity(), "origin": Origin.MATRIX}


async def send(side, room, event):
    return await side.send(room, event, transaction=DeliveryId(event.id))


async def came(side, *ids):
    """Sync until all of these are there."""
    found = {}
    async with asyncio.timeout(30):
        while not found.keys() >= set(ids):
            found |= {event.id: event for event in (await sync(side)).events}
    return [found[one] for one in ids]


@pytest.fixture
async def pair(sides, witness):
    """Us and the witness, both with an identity, in an encrypted room."""
    us, them = await sides(), await witness()
    us.recovery = await us.keys.begin()
    await them("bootstrap")
    room = await encrypted_room(us.client, them.user)
    await them("join", room=room)
    await settle(us)
    return us, them, room


async def test_a_strict_client_reads_all_that_we_send_without_a_shield(pair):
    us, them, room = pair
    photo = Attachment(MediaKind.IMAGE, filename="صورة.png", source="1.png", mimetype="image/png")
    photo = await us.upload(room, photo, DATA)
    poll = Poll("Where?", (PollOption("here"), PollOption("there")), selectable=1)
    text = await send(us, room, Message(**base("a"), text="good morning"))
    media = await send(us, room, Message(**base("b"), text="caption", attachment=photo))
    asked = await send(us, room, Message(**base("c"), poll=poll))
    edit = await send(us, room, Edit(**base("d"), target=text, text="good evening"))
    reaction = await send(us, room, Reaction(**base("e"), target=text, key="👍"))
    vote = await send(us, room, Vote(**base("f"), target=asked, options=("there",)))

    sent = (text, media, asked, edit, vote)
    seen = {event: await them("open", room=room, event=event) for event in sent}
    assert {(one["shield"], one["failure"]) for one in seen.values()} == {("NONE", None)}
    assert seen[text]["content"]["body"] == "good morning"
    assert (await them("edited", room=room, event=text))["text"] == "good evening"
    picture = seen[media]["content"]
    assert (picture["msgtype"], picture["body"], picture["filename"]) == ("m.image", "caption", "صورة.png")
    assert base64.b64decode((await them("download", file=picture["file"]))["data"]) == DATA
    assert (await them("open", room=room, event=reaction))["relation"] == {
        "rel_type": "m.annotation",
        "event_id": text,
        "key": "👍",
    }
    here, there = option_id("here"), option_id("there")
    assert await them("poll", room=room, event=asked) == {
        "question": "Where?",
        "answers": [[here, "here"], [there, "there"]],
        "votes": [[us.user, [there]]],
    }


async def test_we_read_all_that_a_strict_client_sends_with_the_verdict_ok(pair):
    us, them, room = pair

    async def post(kind, content):
        return (await them("post", room=room, type=kind, content=content))["event"]

    def related(kind, event, **more):
        return {"m.relates_to": {"rel_type": kind, "event_id": event, **more}}

    message = "m.room.message"
    text = await post(message, {"msgtype": "m.text", "body": "draft"})
    new = {"msgtype": "m.text", "body": "final"}
    edit = await post(message, {**new, "body": "* final", "m.new_content": new, **related("m.replace", text)})
    file = await them("upload", data=base64.b64encode(DATA).decode())
    info = {"mimetype": "image/png", "size": len(DATA)}
    media = await post(message, {"msgtype": "m.image", "body": "1.png", "file": file, "info": info})
    reaction = await post("m.reaction", related("m.annotation", text, key="❤️"))
    answers = [{"id": name, "org.matrix.msc1767.text": name} for name in ("yes", "no")]
    question = {"org.matrix.msc1767.text": "Agreed?"}
    poll = {"question": question, "answers": answers, "max_selections": 1}
    asked = await post(POLL_START, {POLL_START: {**poll, "kind": "org.matrix.msc3381.poll.disclosed"}})
    vote = await post(POLL_RESPONSE, {POLL_RESPONSE: {"answers": ["yes"]}, **related("m.reference", asked)})

    sealed = await came(us, text, edit, media, asked, vote)
    assert {event.trust for event in sealed} == {"ok"}
    assert {event.sender.mxid for event in sealed} == {them.user}
    said, edited, picture, poll, voted = sealed
    assert (said.text, edited.target, edited.text) == ("draft", text, "final")
    assert await us.download(picture.attachment) == DATA
    assert (poll.poll.question, [option.text for option in poll.poll.options]) == ("Agreed?", ["yes", "no"])
    assert (voted.target, voted.options) == (asked, ("yes",))
    back = [event async for event in us.history(room)]
    assert [(event.target, event.key) for event in back if event.id == reaction] == [(text, "❤️")]


async def test_a_strict_client_opens_our_identity_and_backup_and_a_late_joiner_the_history(pair, witness):
    us, _, room = pair
    event = await send(us, room, Message(**base("a"), text="before you came"))
    await settle(us)
    second = await witness(account=us.account)
    restored = await second("recover", recovery=us.recovery)
    trusted = {"trusted": True, "matchesDecryptionKey": True}
    assert restored == {"total": 1, "imported": 1, "ready": True, "trusted": trusted}
    assert (await second("read", room=room, event=event))["text"] == "before you came"
    late = await witness("late")
    await late("bootstrap")
    await us.invite(room, UserId(late.user))
    await late("join", room=room, bundle=True)
    seen = await late("fetch", room=room, event=event)
    assert (seen["text"], seen["reason"]) == ("before you came", "AUTHENTICITY_NOT_GUARANTEED")


async def test_we_open_a_strict_clients_identity_and_backup(sides, witness):
    them = await witness()
    recovery = (await them("bootstrap"))["recovery"]
    us = await sides(account=them.account)
    assert (await us.keys.state()).identity is IdentityState.LOCKED
    room = await encrypted_room(us.client)
    await them("join", room=room)
    event = (await them("send", room=room, text="kept"))["event"]
    await them("backed_up")
    assert await us.keys.recover(recovery) == 1
    assert (await us.keys.state()).identity is IdentityState.READY
    (read,) = [one async for one in us.history(room) if one.id == event]
    assert (read.text, read.trust) == ("kept", "imported")


async def test_nothing_is_sent_to_a_reset_identity_until_it_is_accepted(sides):
    us, them = await sides(), await sides("them")
    await them.keys.begin()
    room = await encrypted_room(us.client, them.user)
    await them.accept(room)
    await settle(us, them)
    assert us.keys.changed() == {}
    keys = CrossSigningKeys()
    published = Published(them.http, them.client.own)
    await published.publish(keys, them.account.password, replace=True)
    await settle(us)
    assert us.keys.changed() == {them.user: keys.public(MASTER)}
    with pytest.raises(PermanentError, match="has changed"):
        await send(us, room, Message(**base("a"), text="secret"))
    await us.keys.accept_identity(them.user, keys.public(MASTER))
    assert await send(us, room, Message(**base("b"), text="known"))

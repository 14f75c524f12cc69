import asyncio
import os
import signal

import pytest

from fallback.errors import AuthError
from fallback.homeserver import ManagedHomeserver
from fallback.matrix.appservice import DEVICE, Appservice
from fallback.matrix.http import MatrixHttp, RefusedError
from tests.live_synapse import Live

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]

THEN = 1_633_360_000_000
"""4 October 2021."""


class Scene:
    """A room on the live homeserver, its owner, and the appservice."""

    def __init__(self, live: Live, owner: str, token: str) -> None:
        self.live = live
        self.owner = owner
        self.http = MatrixHttp(live.url, token)
        self.appservice = Appservice(self.http, live.as_token, live.server_name)
        self.room = ""

    async def open(self, **options: object) -> "Scene":
        body = {"preset": "private_chat", **options}
        self.room = (await self.http.json("POST", "/_matrix/client/v3/createRoom", body=body))["room_id"]
        return self

    async def joined_ghost(self, name: str = "Salma") -> str:
        user = self.live.ghost()
        await self.appservice.ensure_ghost(user, name)
        await self.http.json("POST", f"/_matrix/client/v3/rooms/{self.room}/invite", body={"user_id": user})
        await self.appservice.join(self.room, user)
        return user

    async def event(self, event_id: str) -> dict:
        return await self.http.json("GET", f"/_matrix/client/v3/rooms/{self.room}/event/{event_id}")


@pytest.fixture
async def scene(live):
    owner, token, _ = await live.owner()
    made = await Scene(live, owner, token).open()
    yield made
    await made.appservice.close()


def text(body: str) -> dict[str, str]:
    return {"msgtype": "m.text", "body": body}


async def test_a_ghost_is_made_once_with_a_device_and_a_name(scene):
    user = scene.live.ghost()
    await scene.appservice.ensure_ghost(user, "سلمى")
    other = Appservice(scene.http, scene.live.as_token, scene.live.server_name)
    await other.ensure_ghost(user, "سلمى")
    devices = await scene.http.json(
        "GET", "/_matrix/client/v3/devices", params={"user_id": user}, headers=scene.appservice._headers
    )
    assert [device["device_id"] for device in devices["devices"]] == [DEVICE]
    assert await other.display_name(user) == "سلمى"


async def test_a_ghost_s_name_follows(scene):
    user = await scene.joined_ghost("Salma")
    await scene.appservice.ensure_ghost(user, "Salma Haddad")
    async with asyncio.timeout(20):  # Synapse tells the rooms in the background
        while (await scene.appservice.members(scene.room, sender=user))[user] != "Salma Haddad":
            pass


async def test_a_name_that_is_not_ours_is_refused(scene):
    with pytest.raises(RefusedError):
        await scene.appservice.ensure_ghost(f"@salma_not_ours:{scene.live.server_name}", "Salma")


async def test_a_room_can_have_many_ghosts_each_with_its_name(scene):
    ghosts = [await scene.joined_ghost(f"Person {number}") for number in range(3)]
    members = await scene.appservice.members(scene.room, sender=ghosts[0])
    assert set(members) == {*ghosts, scene.owner}
    assert members[ghosts[2]] == "Person 2"


async def test_joining_and_leaving_twice_is_harmless_and_power_is_asked_for(live):
    owner, token, _ = await live.owner()
    scene = await Scene(live, owner, token).open(power_level_content_override={"invite": 50})
    first = await scene.joined_ghost()
    await scene.appservice.join(scene.room, first)
    second = scene.live.ghost()
    await scene.appservice.ensure_ghost(second, "Omar")
    with pytest.raises(RefusedError):
        await scene.appservice.invite(
            scene.room, second, sender=first
        )  # a ghost has no such power in this room
    await scene.appservice.leave(scene.room, first)
    await scene.appservice.leave(scene.room, first)
    assert first not in await scene.http.json("GET", f"/_matrix/client/v3/rooms/{scene.room}/joined_members")
    await scene.appservice.close()


async def test_a_ghost_with_the_power_invites_and_again_harmlessly(live):
    owner, token, _ = await live.owner()
    scene = await Scene(live, owner, token).open()
    first, second = await scene.joined_ghost(), live.ghost()
    await scene.appservice.ensure_ghost(second, "Omar")
    for _ in range(2):
        await scene.appservice.invite(scene.room, second, sender=first)
    assert await scene.appservice.membership(scene.room, second, sender=first) == "invite"
    await scene.appservice.join(scene.room, second)
    await scene.appservice.invite(scene.room, second, sender=first)
    await scene.appservice.close()


async def test_a_message_has_its_own_sender_and_its_own_time(scene):
    user = await scene.joined_ghost()
    sent = await scene.appservice.send(
        scene.room, "m.room.message", text("مرحبا"), sender=user, txn="t1", at=THEN
    )
    event = await scene.event(sent)
    assert (event["sender"], event["origin_server_ts"]) == (user, THEN)
    assert event["content"]["body"] == "مرحبا"


async def test_a_ghost_of_another_namespace_can_not_be_spoken_for(scene):
    with pytest.raises(RefusedError):
        await scene.appservice.send(
            scene.room, "m.room.message", text("x"), sender=scene.owner, txn="t1", at=THEN
        )


async def test_state_and_a_join_keep_their_time(scene):
    user = scene.live.ghost()
    await scene.appservice.ensure_ghost(user, "Salma")
    await scene.http.json("POST", f"/_matrix/client/v3/rooms/{scene.room}/invite", body={"user_id": user})
    content = {"membership": "join", "displayname": "Salma"}
    joined = await scene.appservice.send_state(
        scene.room, "m.room.member", user, content, sender=user, at=THEN
    )
    event = await scene.event(joined)
    assert (event["origin_server_ts"], event["content"]["membership"]) == (THEN, "join")


async def test_a_redaction_takes_the_text_away(scene):
    user = await scene.joined_ghost()
    sent = await scene.appservice.send(scene.room, "m.room.message", text("secret"), sender=user, txn="t1")
    first = await scene.appservice.redact(scene.room, sent, sender=user, txn="t2", reason="deleted")
    again = await scene.appservice.redact(scene.room, sent, sender=user, txn="t2", reason="deleted")
    assert first == again
    assert (await scene.event(sent))["content"] == {}


async def test_a_ghost_s_file_comes_back_as_it_was(scene):
    user = await scene.joined_ghost()
    data = os.urandom(300_000)
    address = await scene.appservice.upload(data, "application/pdf", "تقرير.pdf", sender=user)
    assert (
        await scene.http.download(f"/_matrix/client/v1/media/download/{address.removeprefix('mxc://')}")
        == data
    )


async def test_a_thumbnail_is_made_when_it_is_asked_for(scene):
    image = pytest.importorskip("PIL.Image")
    import io

    buffer = io.BytesIO()
    image.new("RGB", (400, 300), "teal").save(buffer, "PNG")
    address = await scene.appservice.upload(buffer.getvalue(), "image/png", "a.png")
    path = (
        f"/_matrix/client/v1/media/thumbnail/{address.removeprefix('mxc://')}?width=64&height=48&method=scale"
    )
    small = image.open(io.BytesIO(await scene.http.download(path)))
    assert max(small.size) <= 64


async def test_the_timeline_is_read_back_in_order_from_both_ends_over_pages(scene, monkeypatch):
    monkeypatch.setattr("fallback.matrix.appservice.PAGE", 7)
    user = await scene.joined_ghost()
    sent = [
        await scene.appservice.send(
            scene.room, "m.room.message", text(str(number)), sender=user, txn=f"t{number}", at=THEN - number
        )
        for number in range(20)
    ]
    for newest_first in (False, True):
        read = [
            event["event_id"]
            async for event in scene.appservice.messages(scene.room, sender=user, newest_first=newest_first)
            if event["type"] == "m.room.message"
        ]
        assert (list(reversed(read)) if newest_first else read) == sent


async def test_a_wrong_token_is_an_auth_error_that_does_not_name_it(scene):
    wrong = Appservice(scene.http, "not-the-token", scene.live.server_name)
    with pytest.raises(AuthError) as raised:
        await wrong.ensure_ghost(scene.live.ghost(), "x")
    assert "not-the-token" not in str(raised.value)


async def test_a_send_repeated_after_kill_9_of_the_homeserver_makes_no_second_event(tmp_path):
    server = ManagedHomeserver(tmp_path / "homeserver")
    await server.start()
    scene = await Scene(Live(server), *(await Live(server).signed_in("owner"))[:2]).open()
    user = await scene.joined_ghost()
    kind = "m.room.message"

    async def send_all() -> list[str]:
        return [
            await scene.appservice.send(
                scene.room, kind, text(str(number)), sender=user, txn=f"t{number}", at=THEN + number
            )
            for number in range(30)
        ]

    sent = await send_all()
    os.kill(server.pid, signal.SIGKILL)
    await server.wait()
    await server.stop()
    await server.start()
    assert await send_all() == sent
    kept = [
        event["event_id"]
        async for event in scene.appservice.messages(scene.room, sender=user)
        if event["type"] == kind
    ]
    assert kept == sent
    await scene.appservice.close()
    await server.stop()


async def test_analyze_works_while_messages_are_being_sent(scene):
    user = await scene.joined_ghost()

    async def talk() -> None:
        for number in range(10):
            await scene.appservice.send(
                scene.room, "m.room.message", text(str(number)), sender=user, txn=f"a{number}"
            )

    await asyncio.gather(talk(), scene.live.server.analyze(), scene.live.server.analyze())

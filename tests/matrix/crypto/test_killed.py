"""A real process that is killed (SIGKILL) in a sync, in a key upload, and while it sends: no room key is lost."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from fallback.matrix.crypto.client import SafeClient
from tests.matrix.crypto.conftest import KEY
from tests.matrix.crypto.rooms import TEXT, encrypted_room, event_of, say
from tests.matrix.crypto.test_guards import reopened

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]
SHARING, SENDING = "sendToDevice", "/send/"


async def killed(client, step, moment="", room=""):
    """Let another process be this device until it is killed; gives the device, opened again."""
    await client.close()
    script = [sys.executable, str(Path(__file__).parent / "killed.py"), str(client.store_path)]
    arguments = [client.homeserver, client.user_id, client.device_id, step, moment, *([room] if room else [])]
    process = await asyncio.create_subprocess_exec(*script, *arguments, stdin=subprocess.PIPE, cwd=Path.cwd())
    await process.communicate(client.access_token.encode())
    assert process.returncode == -9
    return reopened(client)


@pytest.fixture
async def pair(devices):
    """Two people in an encrypted room."""
    alice, bob = await devices("alice", allow_unsigned=True), await devices("bob", allow_unsigned=True)
    room = await encrypted_room(alice, bob.user_id)
    await bob.join(room)
    await bob.receive()
    await alice.receive()
    return alice, bob, room


async def test_b1_a_process_killed_at_any_step_of_a_sync_loses_no_room_key(pair):
    alice, bob, room = pair
    for step in ("between", "token", "after"):
        alice.invalidate_outbound_session(room)
        event = await say(alice, room, step)
        bob = await killed(bob, step)
        await bob.receive()
        answer = await bob.room_get_event(room, event)
        assert getattr(answer.event, "body", None) == step
    await bob.close()


async def test_a_restarted_device_sends_at_once_though_nothing_came_meanwhile(pair):
    alice, bob, room = pair
    await bob.close()
    bob = reopened(bob)
    await bob.receive()
    assert (await event_of(alice, room, await say(bob, room, "here again"))).body == "here again"
    await bob.close()


@pytest.mark.parametrize("moment", ["asked", "answered"])
async def test_b2_a_process_killed_in_a_key_upload_loses_no_room_key(live, devices, tmp_path, moment):
    alice = await devices("alice", allow_unsigned=True)
    account = await live.account("bob")
    token, device = await live.server.login(account.user, account.password)
    fresh = SafeClient(live.url, account.user, device, token, folder=tmp_path / "bob", key=KEY)
    bob = await killed(fresh, "keys/upload", moment)
    await bob.receive()
    room = await encrypted_room(alice, bob.user_id)
    await bob.join(room)
    await bob.receive()
    await alice.receive()
    assert (await event_of(bob, room, await say(alice, room, "hello"))).body == "hello"
    await bob.close()


async def test_b4_a_process_killed_while_it_sends_loses_no_room_key_and_says_it_once(pair):
    alice, bob, room = pair
    for step, moment in (
        (SHARING, "asked"),
        (SHARING, "answered"),
        (SENDING, "asked"),
        (SENDING, "answered"),
    ):
        bob = await killed(bob, step, moment, room)
        await bob.receive()
        again = await bob.room_send(room, TEXT, {"msgtype": "m.text", "body": step}, tx_id=f"{step}")
        for side in (alice, bob):
            await side.receive()
            answer = await side.room_get_event(room, again.event_id)
            assert getattr(answer.event, "body", None) == step
    await bob.close()

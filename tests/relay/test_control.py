"""The control socket of a relay and who may ask at it."""

import asyncio
import json
import os
import socket
import subprocess
import sys

import pytest

from fallback.core.outbox import Wedge
from fallback.errors import StoreError, UsageError
from fallback.relay.client import NoRelayError, ask
from fallback.relay.control import commands, listening, peer
from fallback.relay.protocol import NAME
from tests.relay.world import World, until

ASK = """
import asyncio, os, sys
from pathlib import Path
from fallback.relay.client import ask
os.setgid(65534), os.setuid(65534)
print(asyncio.run(ask(Path(sys.argv[1]), "status")))
"""


@pytest.fixture
async def world():
    return await World().set_up()


@pytest.fixture
def folder(tmp_path):
    deep = tmp_path / ("d" * 100)
    deep.mkdir(mode=0o700)
    return deep


async def raw(folder, line):
    reader, writer = await asyncio.open_unix_connection(str(short(folder)))
    writer.write(line)
    await writer.drain()
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def short(folder):
    return f"/proc/self/fd/{os.open(folder, os.O_PATH)}/{NAME}"


async def test_it_tells_how_the_relay_stands(world, folder):
    async with world.running() as relay, listening(folder, commands(relay)):
        await until(lambda: relay.synced)
        told = await ask(folder, "status")
    assert (told["running"], told["pid"], told["connector_state"]) == (True, os.getpid(), "connected")
    assert (told["health"]["state"], told["ills"], told["waiting"]) == ("UP", [], 0)
    assert [one["room"] for one in told["groups"]] == [world.room]


async def test_it_is_for_its_owner_alone_and_gone_afterwards(world, folder):
    relay = world.relay()
    async with listening(folder, commands(relay)):
        assert (folder / NAME).stat().st_mode & 0o777 == 0o600
    assert not (folder / NAME).exists()
    with pytest.raises(NoRelayError):
        await ask(folder, "status")


async def test_the_socket_of_a_killed_relay_is_no_relay_and_no_hindrance(world, folder):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(short(folder))
    with pytest.raises(NoRelayError):
        await ask(folder, "status")
    async with listening(folder, commands(world.relay())):
        assert await ask(folder, "wedges") == []


async def test_pause_and_resume(world, folder):
    async with world.running() as relay, listening(folder, commands(relay)):
        await ask(folder, "pause")
        world.phone(1)
        await until(lambda: not world.connector.queue)
        assert (await ask(folder, "status"))["paused"]
        assert world.in_room() == []
        await ask(folder, "resume")
        await until(lambda: len(world.in_room()) == 1)


async def test_what_is_stuck_is_listed_tried_again_or_given_up(world, folder):
    relay = world.relay()
    async with listening(folder, commands(relay)):
        portal = (await world.store.portals())[0]
        for number in (1, 2):
            event = world.phone(number)
            await world.store.record(portal.id, event, relay._into_room(event, portal))
            (leased,) = await world.store.lease("matrix", owner="t", now=0, seconds=9)
            await world.store.settle(leased, Wedge("too large"), now=0)
        first, second = await ask(folder, "wedges")
        assert (first["error"], first["target"]) == ("too large", "matrix")
        assert "hi" not in json.dumps(first)
        await ask(folder, "retry", delivery=first["id"])
        await ask(folder, "drop", delivery=second["id"])
        assert await ask(folder, "wedges") == []
        assert await world.store.pending() == 1
        with pytest.raises(StoreError, match="there is no delivery x"):
            await ask(folder, "drop", delivery="x")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"nonsense\n", "this is no request"),
        (b'{"command": 3}\n', "this is no request"),
        (b'{"command":"status","version":99}\n', "speaks version 1"),
        (b'{"command":"\\u001b[2J"}\n', "knows no command"),
        (b"\n", "this is no request"),
    ],
)
async def test_nonsense_is_refused_in_words(world, folder, line, says):
    async with listening(folder, commands(world.relay())):
        answer = json.loads(await raw(folder, line))
    assert says in answer["refusal"]["message"]


async def test_a_request_without_end_is_cut_and_others_are_served(world, folder):
    async with listening(folder, commands(world.relay())):
        assert await raw(folder, b"x" * 200_000) == b""
        assert await ask(folder, "wedges") == []


async def test_a_command_that_is_not_known_comes_back_as_the_error_it_is(world, folder):
    async with listening(folder, commands(world.relay())):
        with pytest.raises(UsageError, match="knows no command 'dance'"):
            await ask(folder, "dance")


def test_the_kernel_says_who_is_at_the_other_end():
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        assert peer(here) == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_a_real_process_of_another_user_is_not_served(world, tmp_path):
    folder = tmp_path / "open"
    folder.mkdir()
    async with listening(folder, commands(world.relay())):
        for one in (folder, *folder.parents):
            if str(one).startswith("/tmp/") and one.stat().st_uid == 0:
                one.chmod(0o755)
        (folder / NAME).chmod(0o666)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ASK, str(folder), stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )
        shown, error = await process.communicate()
    assert shown == b""
    assert b"the relay does not answer" in error

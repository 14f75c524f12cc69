"""A relay as a process on a real homeserver: killed in mid-flight, told to reload, told to stop."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import Counter
from random import Random

import pytest

from fallback import compose
from fallback.core.events import Group, Identity, Message, Origin
from fallback.core.ids import ChatId, DeliveryId, PortalId, SourceId
from fallback.core.ports import Portal, RoomSpec
from fallback.errors import TransientError
from fallback.homeserver import ManagedHomeserver
from fallback.networks.loopback import LoopbackNetwork
from fallback.paths import Profile
from fallback.relay.client import ask
from tests.live_synapse import run, side_at
from tests.relay.wire import Exchange

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("relay process")]
CHAT = ChatId("group")
PEOPLE = (Identity(name="Sara", phone="+9647701"), Identity(name="Omar", phone="+9647702"))
MESSAGES, KILLS = 30, 3


class Team:
    """Phones of a group, its room with Lina in it, and a relay between them that can be killed."""

    def __init__(self, profile, server, tmp_path):
        self.profile, self.server, self.tmp_path = profile, server, tmp_path
        self.network = LoopbackNetwork()
        self.network.found(Group(chat=CHAT, name="Newsroom", members=PEOPLE))
        self.wire = str(tmp_path / "w")
        self.process = None

    async def set_up(self, *, encrypted):
        self.encrypted = encrypted
        account = await self.server.create_account("lina", display_name="Lina")
        token, device = await self.server.login(account.user, account.password)
        self.lina = side_at(self.server.url, account.user, device, token, folder=self.tmp_path / "lina")
        await self.lina.keys.begin()
        async with (
            compose.open_profile(self.profile) as (store, vault),
            compose.hosted(self.profile, store, vault) as (_, side),
        ):
            self.room = await side.create_room(
                RoomSpec(name="Newsroom", invite=(account.user,), encrypted=encrypted)
            )
            await store.save_portal(
                Portal(id=PortalId("p"), chat=CHAT, room=self.room, name="Newsroom", sending=True)
            )
        await self.lina.accept(self.room)
        return self

    async def start(self, **environment):
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.relay.wire", self.wire, env={**os.environ, **environment}
        )

    async def kill(self):
        self.process.kill()
        await self.process.wait()

    async def stop(self):
        self.process.terminate()
        return await self.process.wait()

    def phone(self, number):
        who = PEOPLE[number % 2]
        at = 1_700_000_000_000 + number * 1000
        self.network.post(
            Message(id=SourceId(f"W{number}"), chat=CHAT, sender=who, at=at, text=f"phone {number}")
        )

    async def writes(self, number):
        said = Message(
            id=SourceId(f"L{number}"), chat=ChatId(self.room), origin=Origin.MATRIX, text=f"lina {number}"
        )

        async def sent():
            with contextlib.suppress(TransientError):
                return await self.lina.send(self.room, said, transaction=DeliveryId(f"L{number}"))

        await self.until(sent)

    async def in_room(self):
        return [event async for event in self.lina.history(self.room) if isinstance(event, Message)]

    async def until(self, condition):
        async with asyncio.timeout(30):
            while not await condition():
                await asyncio.sleep(0.5)

    async def status(self):
        with contextlib.suppress(Exception):
            return await ask(self.profile.data, "status")
        return {}


@pytest.fixture
async def team(request, tmp_path):
    profile = Profile("default")
    profile.config_file.parent.mkdir(parents=True)
    profile.config_file.write_text(
        '[relay]\nlisten = "127.0.0.1:0"\n[probing]\ncontrols = []\nresolvers = []\n'
    )
    server = ManagedHomeserver(profile.homeserver)
    await asyncio.to_thread(run, server.start())
    made = await Team(profile, server, tmp_path).set_up(encrypted=getattr(request, "param", False))
    async with Exchange(made.network).serving(made.wire), asyncio.TaskGroup() as group:
        following = group.create_task(made.lina.follow())
        yield made
        following.cancel()
        if made.process is not None and made.process.returncode is None:
            await made.kill()
    await made.lina.close()
    await asyncio.to_thread(run, server.stop())


@pytest.mark.parametrize("team", [False, True], ids=["in clear", "encrypted"], indirect=True)
async def test_killed_in_mid_flight_it_loses_nothing_and_doubles_nothing(team):
    random = Random(2021)
    await team.start()
    fates = Counter(random.sample(range(5, MESSAGES), KILLS))
    for number in range(MESSAGES):
        team.phone(number)
        await team.writes(number)
        if fates[number]:
            await asyncio.sleep(random.random() * 2)
            await team.kill()
            await team.start()

    async def all_there():
        return len(team.network.shown) >= 2 * MESSAGES and len(await team.in_room()) >= 2 * MESSAGES

    await team.until(all_there)
    await team.until(lambda: drained(team))
    assert await team.stop() == 0

    room, phones = await team.in_room(), team.network.shown
    assert Counter(event.text for event in room) == Counter(
        [f"phone {n}" for n in range(MESSAGES)] + [f"lina {n}" for n in range(MESSAGES)]
    )
    relayed = [event for event in room if event.text.startswith("phone")]
    assert [event.text for event in relayed] == [f"phone {n}" for n in range(MESSAGES)]
    for number, event in enumerate(relayed):
        who = PEOPLE[number % 2]
        if team.encrypted:
            assert (event.sender.name, event.relayed) == (who.name, Origin.WHATSAPP)
        else:
            assert event.at == 1_700_000_000_000 + number * 1000
            assert event.sender.mxid == f"@wa_{who.phone.removeprefix('+')}:{team.server.server_name}"
    said = [event.text for event in phones if event.text.startswith("*Lina*")]
    assert said == [f"*Lina*: lina {n}" for n in range(MESSAGES)]


async def drained(team):
    return (await team.status()).get("waiting") == 0


async def test_the_service_manager_hears_of_start_life_reload_and_stop(team):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(team.tmp_path / "n"))
        manager.setblocking(False)
        told = asyncio.Queue()
        loop = asyncio.get_running_loop()
        loop.add_reader(manager, lambda: told.put_nowait(manager.recv(999).decode()))
        await team.start(NOTIFY_SOCKET=str(team.tmp_path / "n"), WATCHDOG_USEC="20000000")

        async def heard(word):
            async with asyncio.timeout(90):
                while word not in (text := await told.get()):
                    pass
            return text

        assert "STATUS=mirroring 1 groups" in await heard("READY=1")
        await heard("WATCHDOG=1")
        await team.until(lambda: synced(team))
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fallback", "relay"), stderr=asyncio.subprocess.PIPE
        )
        _, refused = await second.communicate()
        assert (second.returncode, f"process {team.process.pid}" in refused.decode()) == (7, True)
        for command in (("status",), ("relay", "status"), ("relay", "wedges"), ("relay", "pause")):
            asked = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "fallback", *command), stdout=asyncio.subprocess.PIPE
            )
            shown, _ = await asked.communicate()
            assert asked.returncode == 0
            assert command[-1] != "status" or "Newsroom" in shown.decode()
        assert (await team.status())["paused"]
        with team.profile.config_file.open("a") as file:
            file.write('[logging]\nlevel = "DEBUG"\njson = true\n')
        team.process.send_signal(signal.SIGHUP)
        await heard("RELOADING=1")
        await heard("READY=1")
        team.process.terminate()
        await heard("STOPPING=1")
        assert await team.process.wait() == 0
        loop.remove_reader(manager)
    assert await team.status() == {}


async def synced(team):
    return (await team.status()).get("synced")

"""Which connector a profile has, what it needs, and the rooms of the Cloud API's groups."""

import msgspec
import pytest

from fallback.clock import SystemClock
from fallback.compose.connectors import adopt, connector
from fallback.config import Cloud, Config, Connector, Dropped, Whatsapp
from fallback.core.events import Group, Identity
from fallback.core.ids import ChatId
from fallback.errors import ConfigError
from fallback.networks.loopback import LoopbackConnector
from fallback.networks.whatsapp.cloud import CloudConnector
from fallback.networks.whatsapp.dropped import DroppedExports
from fallback.paths import private_file
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.store.memory import MemoryStore
from tests.networks.whatsapp.cloud_world import CHAT, SARA, cloud_world


@pytest.fixture
def cloud(tmp_path):
    names = ("app_secret", "access_token", "verify_token")
    for name in names:
        private_file(tmp_path / name, f"the {name}\n".encode())
    files = {f"{name}_file": str(tmp_path / name) for name in names}
    return Config(
        connector=Connector(kind="cloud"), cloud=Cloud(number="1065", listen="127.0.0.1:0", **files)
    )


def made(config):
    return connector(config, MemoryStore(), SystemClock())


def changed(config, **values):
    return msgspec.structs.replace(config, cloud=msgspec.structs.replace(config.cloud, **values))


def test_without_a_choice_it_is_the_network_in_memory():
    assert isinstance(made(Config()), LoopbackConnector)


def test_the_cloud_api_is_made_of_its_section_and_its_secret_files(cloud):
    found = made(cloud)
    assert isinstance(found, CloudConnector)
    assert found.number == "1065"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"number": ""}, "cloud.number"),
        ({"listen": "8419"}, "cloud.listen"),
        ({"listen": "127.0.0.1:99999"}, "cloud.listen"),
        ({"path": "webhook"}, "cloud.path"),
        ({"app_secret_file": ""}, "cloud.app_secret_file"),
        ({"access_token_file": "/nowhere"}, "can't be read"),
    ],
)
def test_what_the_cloud_api_lacks_is_named(cloud, values, says):
    with pytest.raises(ConfigError, match=says):
        made(changed(cloud, **values))


def test_a_secret_that_others_may_read_is_refused(cloud, tmp_path):
    (tmp_path / "access_token").chmod(0o644)
    with pytest.raises(ConfigError, match="others may read"):
        made(cloud)


def test_a_folder_of_exports_must_be_there(tmp_path):
    config = Config(
        connector=Connector(kind="dropped"),
        dropped=Dropped(folder=str(tmp_path), me="Lina"),
        whatsapp=Whatsapp(timezone="Asia/Baghdad"),
    )
    assert isinstance(made(config), DroppedExports)
    for folder in ("", str(tmp_path / "nowhere")):
        with pytest.raises(ConfigError, match=r"dropped\.folder"):
            made(msgspec.structs.replace(config, dropped=Dropped(folder=folder)))


async def test_each_of_the_numbers_groups_gets_a_room_once():
    server, store = MemoryServer(), MemoryStore()
    side = MemoryHomeserver(server, "fallback")
    async with cloud_world(store=store) as world:
        second = ChatId(f"{CHAT}2")
        world.network.found(Group(chat=second, name="Night desk", members=(SARA, Identity(name="Zaid"))))
        for _ in range(2):
            await adopt(world.connector, side, store, server_name=server.name)
        portals = await store.portals()
        assert {(one.chat, one.name, one.sending) for one in portals} == {
            (CHAT, "Newsroom", False),
            (second, "Night desk", False),
        }
        assert len({one.room for one in portals}) == 2
        members = server.rooms[portals[0].room].members
        assert f"@wa_9647700000001:{server.name}" in members


async def test_groups_that_can_not_be_listed_wait_for_the_next_start():
    server, store = MemoryServer(), MemoryStore()
    side = MemoryHomeserver(server, "fallback")
    async with cloud_world(store=store) as world:
        world.network.cut()
        await adopt(world.connector, side, store, server_name=server.name)
        assert await store.portals() == []
        world.network.restore()
        await adopt(world.connector, side, store, server_name=server.name)
        assert len(await store.portals()) == 1


async def test_other_connectors_bring_no_rooms():
    server, store = MemoryServer(), MemoryStore()
    await adopt(made(Config()), MemoryHomeserver(server, "fallback"), store, server_name=server.name)
    assert server.rooms == {}

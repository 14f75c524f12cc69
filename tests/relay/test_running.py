"""What surrounds a relay: what it takes from the configuration, at the start and on SIGHUP."""

import asyncio
import logging

import pytest

from fallback import compose
from fallback.clock import SystemClock
from fallback.errors import ConfigError
from fallback.paths import Profile
from fallback.relay.client import ask
from fallback.relay.running import Running
from tests.relay.world import World, until


@pytest.fixture
def profile():
    made = Profile("default")
    made.config_file.parent.mkdir(parents=True)
    return made


@pytest.fixture(autouse=True)
def level():
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


def write(profile, text):
    profile.config_file.write_text('[relay]\nlisten = "127.0.0.1:0"\n' + text, "utf-8")


async def running(profile, *, live_network=False):
    world = await World().set_up()
    world.connector.name = "elsewhere" if live_network else world.connector.name
    relay = world.relay(watching=SystemClock())  # no probe gets to look in the time of a test
    return Running(profile, relay, compose.settings(profile), compose.unlock(profile))


async def test_a_reload_changes_level_alerts_and_probes_and_a_wrong_one_changes_nothing(profile, caplog):
    write(profile, '[ntfy]\nurl = "https://ntfy.example"\n')
    made = await running(profile, live_network=True)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(made.run())
        await until(lambda: made.relay.synced)
        probes = made.relay.watch.probes
        assert "dns.sys" in [one.name for one in probes]
        for wrong in ('[alerts]\nquiet = "x"\n', "[probing]\nresolvers = ['1.1.1.1:x']\n", "not toml"):
            write(profile, wrong)
            await made.reload()
            assert list(made.telling.loop.alerts) == ["ntfy"]
            assert made.relay.watch.probes == probes
        assert sum("stays as it was" in one.message for one in caplog.records) == 3
        write(profile, '[logging]\nlevel = "ERROR"\n[probing]\npeers = ["https://peer.example"]\n')
        await made.reload()
        assert made.telling.loop.alerts == {}
        assert "peer.1" in [one.name for one in made.relay.watch.probes]
        assert made.relay.watch.probes[:3] == probes[:3]
        assert logging.getLogger().level == logging.ERROR
        assert (await ask(profile.data, "status"))["running"]
        task.cancel()


async def test_pages_that_others_can_reach_need_a_token(profile, tmp_path):
    file = tmp_path / "token"
    file.write_text("secret")
    file.chmod(0o600)
    profile.config_file.write_text('[relay]\nlisten = "0.0.0.0:0"\n')
    with pytest.raises(ConfigError, match=r"relay\.listen: 0\.0\.0\.0:0 is open to others"):
        await running(profile)
    profile.config_file.write_text(f'[relay]\nlisten = "0.0.0.0:0"\ntoken_file = "{file}"\n')
    assert await running(profile)
    profile.config_file.write_text('[relay]\nlisten = "nowhere"\n')
    with pytest.raises(ConfigError, match="is no address"):
        await running(profile)


async def test_without_an_address_there_are_no_pages(profile):
    profile.config_file.write_text('[relay]\nlisten = ""\n')
    made = await running(profile)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(made.run())
        await until(lambda: made.relay.synced)
        assert made.url == ""
        task.cancel()

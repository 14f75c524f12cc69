"""``fallback simulate``: a profile's own Meta, and a relay's connector that takes what it says."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from fallback import compose
from fallback.cli import main
from fallback.cli import simulate as module
from fallback.clock import SystemClock
from fallback.compose.connectors import connector
from fallback.paths import Profile
from fallback.store.memory import MemoryStore


@pytest.fixture
def profile(unused_port):
    """A profile that is configured as the command says, on ports that nobody has."""
    where = Profile("try")
    done = CliRunner().invoke(
        main, ["--profile", "try", "simulate", "--print-config", "--port", str(unused_port())]
    )
    assert done.exit_code == 0, done.output
    where.config_file.parent.mkdir(parents=True)
    where.config_file.write_text(done.stdout.replace("127.0.0.1:8419", f"127.0.0.1:{unused_port()}"), "utf-8")
    return where


@pytest.fixture
def unused_port():
    import socket

    def find():
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            return one.getsockname()[1]

    return find


def test_the_configuration_that_it_prints_is_one_and_its_secrets_are_the_owners_alone(profile):
    config = compose.settings(profile)
    assert config.connector.kind == "cloud"
    assert connector(config, MemoryStore(), SystemClock()).number == config.cloud.number
    files = list((profile.data / "simulated").iterdir())
    assert {file.name for file in files} == {"app_secret", "access_token", "verify_token"}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    again = CliRunner().invoke(main, ["--profile", "try", "simulate", "--print-config"])
    assert str(files[0]) in again.stdout
    assert all(file.read_text() not in again.output for file in files)


async def test_all_that_the_phones_show_reaches_the_connector_once_through_an_outage(profile, capsys):
    config, store = compose.settings(profile), MemoryStore()
    port = int(config.whatsapp.graph.split(":")[2].partition("/")[0])
    there = connector(config, store, SystemClock())
    await there.start()
    taken = []

    async def take():
        async for incoming in there.events():
            taken.append(incoming.event)
            await incoming.ack()

    async with asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(take())
        await module._simulate(
            profile,
            module._secrets(profile),
            port,
            speed=2000,
            outage=300,
            faults=True,
            rounds=2,
            as_json=True,
        )
        taking.cancel()
    await there.close()
    shown = capsys.readouterr()
    told = [json.loads(line) for line in shown.out.splitlines()]
    assert len(told) == 18
    assert {event.id for event in taken} == {one["id"] for one in told}
    assert sum(one.get("late", False) for one in told) == 2
    assert "the outage begins" in shown.err
    assert "were not taken" not in shown.err


def test_a_port_that_is_taken_is_told_in_words(profile):
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        port = str(one.getsockname()[1])
        done = CliRunner().invoke(main, ["--profile", "try", "simulate", "--port", port])
    assert "can't listen" in done.exception.message

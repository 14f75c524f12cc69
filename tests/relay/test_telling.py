"""The alerts of a relay, from its configuration to somebody else's server."""

import asyncio
import json

import pytest
from aiohttp import web

from fallback.alerts.ntfy import NtfyAlert
from fallback.bridge.alerting import told
from fallback.config import Alerts, Config, Ntfy, Smtp, Webhook
from fallback.core.contacts import Contact
from fallback.core.health import Cause, Health, State
from fallback.core.ids import ContactId
from fallback.errors import ConfigError
from fallback.relay.telling import Telling, channels, rules
from fallback.simulator.rooms import MemoryHomeserver
from tests.relay.world import World, until

KEY = b"k" * 32


def secret(tmp_path, text="s3cret", mode=0o600):
    file = tmp_path / "secret"
    file.write_text(text + "\n")
    file.chmod(mode)
    return str(file)


@pytest.fixture
async def ntfy():
    """A server of ntfy that keeps what it is sent."""
    got = []

    async def take(request):
        got.append((dict(request.headers), json.loads(await request.text())))
        return web.Response()

    application = web.Application()
    application.router.add_post("/", take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", got
    await runner.cleanup()


async def test_who_is_missing_is_told_once_and_who_wrote_is_not(ntfy, tmp_path):
    url, got = ntfy
    world = await World().set_up()
    for name, mxid in (("Lina", "@lina:memory.example"), ("Omar", "@omar:memory.example")):
        contact = Contact(id=ContactId(name), name=name, mxids=(mxid,), channels=(f"ntfy:{name}",))
        await world.store.save_contact(contact)
    await world.bot.join(world.room, MemoryHomeserver(world.server, "omar").user)
    config = Config(ntfy=Ntfy(url=url, token_file=secret(tmp_path)), alerts=Alerts(link="https://r.example/"))
    async with world.running() as relay, asyncio.TaskGroup() as group:
        await until(lambda: relay.synced)
        await relay.on_health(Health(state=State.DOWN, cause=Cause.META_OUTAGE))
        await until(lambda: len(world.in_room()) == 2)
        await world.writes(1, "I am here", at=relay.clock.now())
        await until(lambda: relay.tally.events["matrix"])
        telling = Telling(relay, config, key=KEY)
        task = group.create_task(telling.run())
        await until(lambda: got)
        (headers, body) = got[0]
        assert (body["topic"], headers["Authorization"]) == ("Omar", "Bearer s3cret")
        link = next(line for line in body["message"].splitlines() if line.startswith("https://"))
        await telling.loop.acknowledge(link.removeprefix("https://r.example/ack/"))
        assert (await told(world.store)).acknowledged == ("Omar",)
        task.cancel()
    assert len(got) == 1


def test_channels_are_those_that_are_configured(tmp_path):
    assert channels(Config(), None) == {}
    config = Config(
        smtp=Smtp(host="mail.example", sender="a@example.org", password_file=secret(tmp_path)),
        webhook=Webhook(secret_file=secret(tmp_path)),
        alerts=Alerts(desktop=True),
        ntfy=Ntfy(url="https://ntfy.example"),
    )
    made = channels(config, None)
    assert list(made) == ["mailto", "ntfy", "webhook", "desktop"]
    assert isinstance(made["ntfy"], NtfyAlert)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (Config(alerts=Alerts(quiet="late")), r"alerts\.quiet"),
        (Config(alerts=Alerts(quiet="24:00-06:00")), r"alerts\.quiet"),
    ],
)
def test_rules_that_make_no_sense_are_named(config, says):
    with pytest.raises(ConfigError, match=says):
        rules(config)


def test_quiet_hours_are_minutes_of_the_day():
    assert rules(Config(alerts=Alerts(quiet="22:00-6:30"))).quiet == (1320, 390)
    assert rules(Config()).quiet is None


@pytest.mark.parametrize(("text", "mode", "says"), [("x", 0o640, "others may read"), ("", 0o600, "is empty")])
def test_a_secret_that_others_may_read_or_that_is_none_is_refused(tmp_path, text, mode, says):
    with pytest.raises(ConfigError, match=says):
        channels(Config(webhook=Webhook(secret_file=secret(tmp_path, text, mode))), None)


def test_mail_in_plain_text_to_another_machine_is_refused():
    with pytest.raises(ConfigError, match="smtp: "):
        channels(Config(smtp=Smtp(host="mail.example", security="plain")), None)


async def test_a_wrong_configuration_changes_nothing(tmp_path):
    world = await World().set_up()
    telling = Telling(world.relay(), Config(ntfy=Ntfy(url="https://ntfy.example")), key=KEY)
    with pytest.raises(ConfigError):
        telling.reload(Config(alerts=Alerts(quiet="late")))
    assert list(telling.loop.alerts) == ["ntfy"]
    telling.reload(Config(alerts=Alerts(quiet="1:00-2:00")))
    assert (telling.loop.alerts, telling.loop.rules.quiet) == ({}, (60, 120))

"""The relay's pages, asked over loopback."""

import re

import aiohttp
import pytest

from fallback.bridge.alerting import Alerting, told
from fallback.clock import SystemClock
from fallback.config import address
from fallback.core.acknowledge import Acknowledgement, sign
from fallback.core.health import Cause, Health, State
from fallback.core.ids import PortalId
from fallback.core.ports import ConnectorState, Portal
from fallback.errors import ConfigError
from fallback.relay.page import language_of
from fallback.relay.web import LOOPBACK, Pages, is_loopback, serving
from tests.relay.world import CHAT, World, until

KEY = b"k" * 32


class Asked:
    """The pages of a relay and somebody who opens them."""

    def __init__(self, relay, session, url):
        self.relay, self.session, self.url = relay, session, url

    async def get(self, path, method="GET", **headers):
        async with self.session.request(
            method, self.url + path, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text(), answer.headers


@pytest.fixture
async def world():
    return await World().set_up()


@pytest.fixture
async def asked(world):
    relay = world.relay()
    alerting = Alerting(world.store, SystemClock(), {}, None, None, key=KEY)
    pages = Pages(relay, alerting, hosts=frozenset(LOOPBACK))
    async with serving(pages, "127.0.0.1", 0) as url, aiohttp.ClientSession() as session:
        yield Asked(relay, session, url)


async def test_health_is_that_of_a_relay_that_is_really_connected(world):
    async with world.running() as relay, aiohttp.ClientSession() as session:
        await until(lambda: relay.synced)
        async with serving(Pages(relay), "127.0.0.1", 0) as url:
            asked = Asked(relay, session, url)
            assert (await asked.get("/healthz"))[0] == 200
            assert (await asked.get("/readyz"))[0] == 200
            world.connector.trouble = ConnectorState.LOGGED_OUT
            status, text, _ = await asked.get("/healthz")
            assert (status, "loopback is logged_out" in text) == (503, True)
            world.connector.trouble = None
            relay.patience.trouble = "there is no space left for the store"
            status, text, _ = await asked.get("/healthz")
            assert (status, "no space left" in text) == (503, True)
            relay.patience.trouble = ""
            relay.synced -= 10**6
            status, text, _ = await asked.get("/healthz")
            assert (status, "homeserver does not answer" in text) == (503, True)


async def test_an_outage_of_whatsapp_is_no_illness_of_the_relay(world):
    async with world.running() as relay, aiohttp.ClientSession() as session:
        await until(lambda: relay.synced)
        relay.watch.detector.health = Health(state=State.DOWN, cause=Cause.META_OUTAGE)
        world.network.cut()
        async with serving(Pages(relay), "127.0.0.1", 0) as url:
            assert (await Asked(relay, session, url).get("/healthz"))[0] == 200


async def test_a_relay_that_has_not_synced_or_is_paused_is_not_ready(asked):
    assert (await asked.get("/readyz"))[0] == 503
    asked.relay.synced = asked.relay.clock.now()
    assert (await asked.get("/readyz"))[0] == 200
    await asked.relay.pause()
    assert (await asked.get("/readyz"))[0] == 503


async def test_the_metrics_count_what_went_through(world):
    async with world.running() as relay, aiohttp.ClientSession() as session:
        world.phone(1)
        await until(lambda: relay.tally.outcomes["matrix", "sent"])
        await world.writes(1, "hello")
        await until(lambda: relay.tally.outcomes["loopback", "sent"])
        async with serving(Pages(relay), "127.0.0.1", 0) as url:
            _, text, headers = await Asked(relay, session, url).get("/metrics")
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in (
        'fallback_deliveries_total{target="matrix",outcome="sent"} 1',
        'fallback_delivery_lag_seconds_count{target="loopback"} 1',
        "fallback_homeserver_latency_seconds_count 1",
        'fallback_connector_state{connector="loopback",state="connected"} 1',
        'fallback_health_state{state="UP"} 1',
        'fallback_outbox_depth{target="matrix"} 0',
        "fallback_wedges 0",
        "fallback_store_writable 1",
        'fallback_events_total{side="loopback"} 1',
    ):
        assert line in text.splitlines()


async def test_the_page_loads_nothing_and_speaks_the_readers_language(world, asked):
    evil = "<script>alert(1)</script>"
    await world.store.save_portal(Portal(id=PortalId("q"), chat=CHAT, room="!q", name=evil))
    _, english, headers = await asked.get("/", **{"Accept-Language": "en-GB,en;q=0.9,ar;q=0.1"})
    _, arabic, _ = await asked.get("/", **{"Accept-Language": "ar-IQ,ar;q=0.9,en;q=0.5"})
    assert '<html lang="en" dir="ltr">' in english
    assert '<html lang="ar" dir="rtl">' in arabic
    assert "المجموعات" in arabic
    for page in (english, arabic):
        assert evil not in page
        assert not re.search(r"<script|<link|<img|src=|href=|url\(|@import", page)
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_a_link_is_taken_by_the_button_alone_and_once(world, asked):
    await world.store.put("outage", '{"since":1}')
    await world.store.put("alerts", '{"outage":1}')
    token = sign(KEY, Acknowledgement("c1", 1, asked.relay.clock.now() + 10**6))
    status, page, _ = await asked.get(f"/ack/{token}")
    assert (status, "<button>" in page) == (200, True)
    assert (await told(world.store)).acknowledged == ()
    assert (await asked.get(f"/ack/{token}", "POST"))[0] == 200
    assert (await told(world.store)).acknowledged == ("c1",)
    status, page, _ = await asked.get(f"/ack/{token}", "POST", **{"Accept-Language": "ar"})
    assert (status, "هذا الرابط لا يعمل" in page) == (403, True)


@pytest.mark.parametrize("token", ["x", "x.y", "%00", "a" * 3000, "é.é"])
async def test_a_forged_link_is_refused(asked, token):
    assert (await asked.get(f"/ack/{token}", "POST"))[0] == 403


async def test_another_name_for_this_machine_is_refused(asked):
    assert (await asked.get("/", Host="rebound.example"))[0] == 421
    assert (await asked.get("/", Host="localhost:1"))[0] == 200


async def test_without_the_token_nothing_is_shown_but_the_page_of_a_link(world):
    pages = Pages(world.relay(), token="secret")
    async with serving(pages, "127.0.0.1", 0) as url, aiohttp.ClientSession() as session:
        asked = Asked(None, session, url)
        for path in ("/", "/healthz", "/readyz", "/metrics"):
            assert (await asked.get(path))[0] == 401
            assert (await asked.get(path, Authorization="Bearer wrong"))[0] == 401
            assert (await asked.get(path, Authorization="Bearer secret"))[0] in (200, 503)
        assert (await asked.get("/ack/x"))[0] == 200


async def test_a_port_that_is_taken_stops_nothing(world):
    async with serving(Pages(world.relay()), "127.0.0.1", 0) as url:
        port = int(url.rpartition(":")[2])
        async with serving(Pages(world.relay()), "127.0.0.1", port) as second:
            assert second == ""


@pytest.mark.parametrize(("path", "status"), [("/no", 404), ("/../../etc/passwd", 404)])
async def test_what_is_not_there_is_said_plainly(asked, path, status):
    got, text, headers = await asked.get(path)
    assert (got, "Traceback" in text) == (status, False)
    assert "default-src" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("ar", "ar"),
        ("fr, ar;q=0.5", "ar"),
        ("en;q=0.9, ar;q=0.8", "en"),
        ("ar;q=x, en", "en"),
        ("AR-eg", "ar"),
    ],
)
def test_the_language_is_the_one_that_is_liked_more(accepted, language):
    assert language_of(accepted) == language


def test_addresses():
    assert address("127.0.0.1:8418", "relay.listen") == ("127.0.0.1", 8418)
    assert address("[::1]:0", "relay.listen") == ("::1", 0)
    for wrong in ("", "8418", "host:", "host:x", "host:70000"):
        with pytest.raises(ConfigError, match=r"relay\.listen"):
            address(wrong, "relay.listen")
    assert [is_loopback(one) for one in ("127.9.9.9", "::1", "localhost", "0.0.0.0", "example.org")] == [
        True, True, True, False, False,
    ]  # fmt: skip

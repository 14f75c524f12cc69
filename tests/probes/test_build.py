import asyncio

import msgspec
import pytest

from fallback.config import Config, Probing
from fallback.core.vocabulary import Kind, kind_of
from fallback.probes.build import probes, settings_from
from fallback.probes.settings import POLITE, Edge, Resolver, Settings
from fallback.simulator.endpoints import Fault


@pytest.fixture
def settings(endpoints):
    there = endpoints
    return Settings(
        resolvers=(
            Resolver("sys", "127.0.0.1", there.dns.port),
            Resolver("cf", url=there.url(there.dns, "/dns-query")),
        ),
        edges=(
            Edge("tls.web", "web.whatsapp.com", (there.edge.port,), address="127.0.0.1"),
            Edge("tls.g", "g.whatsapp.net", (there.edge.port,), must_speak_tls=False, address="127.0.0.1"),
        ),
        chat=there.url(there.chat, "/ws/chat", scheme="ws"),
        graph=there.url(there.graph),
        status=there.url(there.status, "/orgs.json"),
        controls=(there.url(there.control, "/generate_204"), there.url(there.graph, "/page")),
        homeserver=there.url(there.homeserver),
        cafile=str(there.cafile),
    )


async def look(settings, clock):
    async with probes(settings, clock) as made, asyncio.TaskGroup() as looks:
        tasks = [looks.create_task(probe.sample()) for probe in made]
    return {task.result().probe: task.result().outcome for task in tasks}


async def test_all_probes_see_a_healthy_world(settings, clock):
    seen = await look(settings, clock)
    assert seen.pop("meta.status") == "none"
    assert set(seen.values()) == {"ok"}
    assert set(seen) == {
        *("dns.sys", "doh.cf", "ctl.dns.sys", "ctl.doh.cf", "tls.web", "tls.g", "ws.web", "http.graph"),
        *("ctl.http204", "ctl.https", "ctl.matrix"),
    }


async def test_all_probes_see_meta_gone_and_the_controls_stay(settings, clock, endpoints):
    for endpoint in (endpoints.edge, endpoints.chat, endpoints.status):
        await endpoint.fail(Fault.REFUSE)
    seen = await look(settings, clock)
    assert {seen[name] for name in ("tls.web", "tls.g", "ws.web")} == {"refused"}
    assert {outcome for name, outcome in seen.items() if name.startswith("ctl.")} == {"ok"}


def test_the_real_hosts_are_looked_at_politely_whatever_the_file_says():
    made = settings_from(
        Config(probing=Probing(interval=1.0, resolvers=("9.9.9.9", "[::1]:5353", "10.0.0.1:53")))
    )
    assert made.interval == POLITE
    assert [(one.label, one.address, one.port) for one in made.resolvers] == [
        ("dns.sys", "", 53),
        ("dns.q9", "9.9.9.9", 53),
        ("dns.--1", "::1", 5353),
        ("dns.10-0-0-1", "10.0.0.1", 53),
        ("doh.cf", "", 53),
    ]
    assert made.graph == "https://graph.facebook.com/"


async def test_every_probe_is_evidence_of_a_kind(settings, clock):
    async with probes(msgspec.structs.replace(settings), clock) as made:
        assert all(kind_of(probe.name, "ok", {}) is not Kind.SHOWN for probe in made)
        assert all(probe.interval >= POLITE for probe in made)

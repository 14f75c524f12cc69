"""All probes that look at hosts, from settings; those that watch a connector or people are made by their owner."""

import contextlib
import ssl
from collections.abc import AsyncIterator

import aiohttp

from fallback.config import Config, secret
from fallback.core.ports import Clock, Probe
from fallback.errors import ConfigError
from fallback.probes.dns import DnsProbe
from fallback.probes.graph import GraphProbe
from fallback.probes.http import EMPTY, HomeserverProbe, PageProbe
from fallback.probes.metastatus import StatusProbe
from fallback.probes.peer import PeerProbe
from fallback.probes.settings import POLITE, Edge, Resolver, Settings
from fallback.probes.tls import TlsProbe
from fallback.probes.websocket import WebSocketProbe

_KNOWN = {"1.1.1.1": "cf", "8.8.8.8": "gg", "9.9.9.9": "q9"}


def settings_from(config: Config, *, homeserver: str = "") -> Settings:
    """Take the probes' settings from ``fallback.toml``.

    Raises:
        ConfigError: an address or a secret can't be read.
    """
    there, looks = config.whatsapp, config.probing
    interval = (
        looks.interval if looks.interval >= POLITE or there.web in ("localhost", "127.0.0.1") else POLITE
    )
    return Settings(
        resolvers=(
            Resolver("sys"),
            *(_resolver(address) for address in looks.resolvers),
            Settings().resolvers[-1],
        ),
        names=(there.web, there.chat),
        control_name=looks.control_name,
        edges=(Edge("tls.web", there.web), Edge("tls.g", there.chat, (443, 5222), must_speak_tls=False)),
        chat=f"wss://{there.web}/ws/chat",
        origin=f"https://{there.web}",
        graph=there.graph.rpartition("/v")[0] + "/" if "/v" in there.graph else there.graph,
        status=f"{there.status.rstrip('/')}/orgs.json",
        controls=looks.controls,
        homeserver=homeserver or config.account.homeserver,
        peers=looks.peers,
        peers_token=secret(looks.peers_token_file),
        interval=interval,
        slow=2 * interval,
    )


@contextlib.asynccontextmanager
async def probes(settings: Settings, clock: Clock) -> AsyncIterator[list[Probe]]:
    """Make the probes; they share a session that keeps no connection, since each look must make its own."""
    context = ssl.create_default_context(cafile=settings.cafile or None)
    connector = aiohttp.TCPConnector(ssl=context, force_close=True, use_dns_cache=False)
    timeout = aiohttp.ClientTimeout(total=settings.timeout)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    ) as session:
        yield [
            *_names(settings, clock, session),
            *(
                TlsProbe(
                    edge,
                    settings.resolvers,
                    clock,
                    session,
                    context=context,
                    interval=settings.interval,
                    timeout=settings.timeout,
                )
                for edge in settings.edges
            ),
            *_pages(settings, clock, session),
        ]


def _names(settings: Settings, clock: Clock, session: aiohttp.ClientSession) -> list[Probe]:
    found: list[Probe] = []
    for number, resolver in enumerate(settings.resolvers):
        host = settings.names[number % len(settings.names)]
        for name, asked, prefixes in (
            (resolver.label, host, settings.prefixes),
            (f"ctl.{resolver.label}", settings.control_name, ()),
        ):
            found.append(
                DnsProbe(
                    name,
                    resolver,
                    asked,
                    clock,
                    session,
                    interval=settings.interval,
                    timeout=settings.timeout,
                    prefixes=prefixes,
                )
            )
    return found


def _pages(settings: Settings, clock: Clock, session: aiohttp.ClientSession) -> list[Probe]:
    slow, timeout = settings.slow, settings.timeout
    found: list[Probe] = [
        WebSocketProbe(settings.chat, clock, session, origin=settings.origin, interval=slow, timeout=timeout),
        GraphProbe(settings.graph, clock, session, interval=slow, timeout=timeout),
        StatusProbe(settings.status, clock, session, interval=2 * slow, timeout=timeout),
    ]
    for number, url in enumerate(settings.controls):
        empty = url.rstrip("/").endswith(EMPTY)
        name = ("ctl.http204" if empty else "ctl.https") + (f".{number}" if number > 1 else "")
        every = settings.interval if empty else slow
        found.append(PageProbe(name, url, clock, session, interval=every, timeout=timeout))
    found += [
        PeerProbe(
            f"peer.{number}",
            url,
            clock,
            session,
            token=settings.peers_token,
            interval=slow,
            timeout=timeout,
        )
        for number, url in enumerate(settings.peers, 1)
    ]
    if settings.homeserver:
        found.append(
            HomeserverProbe(settings.homeserver, clock, session, interval=settings.interval, timeout=timeout)
        )
    return found


def _resolver(text: str) -> Resolver:
    """Read ``address`` or ``address:port``; an IPv6 address with a port stands in brackets."""
    address, port = text, "53"
    if text.startswith("["):
        address, _, tail = text[1:].partition("]")
        port = tail.removeprefix(":") or port
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    if not port.isdecimal():
        raise ConfigError(f"probing.resolvers: {text!r} is no address", "Write it as 9.9.9.9 or 9.9.9.9:53.")
    name = _KNOWN.get(address, address.replace(".", "-").replace(":", "-"))
    return Resolver(name, address, int(port))

"""Meta's weather on loopback: its hosts, which the real probes look at, and the chat network, failing and returning."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from fallback.core.ports import Clock, Probe
from fallback.networks.loopback import LoopbackNetwork
from fallback.probes.build import probes
from fallback.probes.settings import Edge, Resolver, Settings
from fallback.simulator.endpoints import LOOPBACK, Endpoints, Fault


class Weather:
    """Fair until ``storm``; what fails then is what failed on 4 October 2021.

    Attributes:
        probes: real ones, looking at the simulated hosts and the real homeserver.
    """

    def __init__(self, hosts: Endpoints, network: LoopbackNetwork, made: list[Probe]) -> None:
        self.hosts = hosts
        self.network = network
        self.probes = made

    @property
    def stormy(self) -> bool:
        """Whether the outage is on."""
        return self.network.is_cut

    async def storm(self) -> None:
        """Begin the outage: names gone, edges dead, the chat network silent."""
        self.network.cut()
        await self._all(Fault.SERVFAIL, Fault.REFUSE)

    async def clear(self) -> None:
        """End it."""
        await self._all(None, None)
        self.network.restore()

    async def _all(self, names: Fault | None, hosts: Fault | None) -> None:
        await self.hosts.dns.fail(names)
        for endpoint in (self.hosts.edge, self.hosts.chat, self.hosts.graph, self.hosts.status):
            await endpoint.fail(hosts)


@contextlib.asynccontextmanager
async def fair(network: LoopbackNetwork, clock: Clock, homeserver: str) -> AsyncIterator[Weather]:
    """Open the simulated hosts, and probes that look at them."""
    with tempfile.TemporaryDirectory() as folder:
        async with Endpoints(Path(folder)) as hosts:
            settings = Settings(
                resolvers=(
                    Resolver("sys", LOOPBACK, hosts.dns.port),
                    Resolver("cf", LOOPBACK, hosts.dns.port),
                    Resolver("gg", url=hosts.url(hosts.dns, "/dns-query")),
                ),
                edges=(
                    Edge("tls.web", "web.whatsapp.com", (hosts.edge.port,), address=LOOPBACK),
                    Edge(
                        "tls.g", "g.whatsapp.net", (hosts.edge.port,), must_speak_tls=False, address=LOOPBACK
                    ),
                ),
                chat=hosts.url(hosts.chat, "/ws/chat", scheme="ws"),
                graph=hosts.url(hosts.graph),
                status=hosts.url(hosts.status, "/orgs.json"),
                controls=(hosts.url(hosts.control, "/generate_204"), hosts.url(hosts.control, "/page")),
                homeserver=homeserver,
                cafile=str(hosts.cafile),
            )
            async with probes(settings, clock) as made:
                yield Weather(hosts, network, made)

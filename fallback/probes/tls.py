"""Can WhatsApp's servers be reached: a TCP connection and a TLS handshake."""

import asyncio
import ssl
from collections.abc import Sequence

import aiohttp

from fallback.core.health import Sample
from fallback.core.ports import Clock
from fallback.probes.dns import resolve
from fallback.probes.outcomes import look, word
from fallback.probes.settings import Edge, Resolver


class TlsProbe:
    """One edge; the address comes from the first resolver that answers."""

    def __init__(
        self,
        edge: Edge,
        resolvers: Sequence[Resolver],
        clock: Clock,
        session: aiohttp.ClientSession,
        *,
        context: ssl.SSLContext | None = None,
        interval: float = 30.0,
        timeout: float = 10.0,
    ) -> None:
        self.name = edge.name
        self.interval = interval
        self._edge = edge
        self._resolvers = resolvers
        self._clock = clock
        self._session = session
        self._context = context or ssl.create_default_context()
        self._timeout = timeout

    async def sample(self) -> Sample:
        """Shake hands once and hang up."""
        return await look(self._clock, self.name, 3 * self._timeout, self._try)

    async def _try(self) -> str:
        edge = self._edge
        address = edge.address or await resolve(self._resolvers, edge.host, self._timeout / 4, self._session)
        if not address:
            return "dns_fail"
        outcome = "unreachable"
        for port in edge.ports:
            outcome = await self._shake(address, port)
            if outcome == "ok":
                break
        return outcome

    async def _shake(self, address: str, port: int) -> str:
        try:
            async with asyncio.timeout(self._timeout / len(self._edge.ports)):
                _, writer = await asyncio.open_connection(
                    address, port, ssl=self._context, server_hostname=self._edge.host
                )
        except ssl.SSLCertVerificationError as error:
            return word(error)
        except ssl.SSLError as error:
            return word(error) if self._edge.must_speak_tls else "ok"
        except (OSError, TimeoutError) as error:
            return word(error)
        writer.transport.abort()
        return "ok"

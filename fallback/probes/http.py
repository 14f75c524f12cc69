"""Is our own way to the Internet open: unrelated pages, and the homeserver."""

import aiohttp
import msgspec

from fallback.core.health import Sample
from fallback.core.ports import Clock
from fallback.probes.outcomes import look

EMPTY = "generate_204"


class _Versions(msgspec.Struct):
    versions: list[str]


class PageProbe:
    """An unrelated page: an empty 204 where its address promises one, else any answer but an error of the server."""

    def __init__(
        self,
        name: str,
        url: str,
        clock: Clock,
        session: aiohttp.ClientSession,
        *,
        interval: float = 30.0,
        timeout: float = 10.0,
    ) -> None:
        self.name = name
        self.interval = interval
        self._url = url
        self._clock = clock
        self._session = session
        self._timeout = timeout

    async def sample(self) -> Sample:
        """Fetch once."""
        return await look(self._clock, self.name, self._timeout, self._fetch)

    async def _fetch(self) -> str:
        async with self._session.get(self._url, allow_redirects=False) as response:
            empty = self._url.rstrip("/").endswith(EMPTY)
            if empty and response.status == 204:
                return "ok"
            if 300 <= response.status < 400 and empty:
                return "redirect"
            return f"http_{response.status}" if empty or response.status >= 500 else "ok"


class HomeserverProbe(PageProbe):
    """The homeserver: where the team would move."""

    def __init__(
        self,
        base: str,
        clock: Clock,
        session: aiohttp.ClientSession,
        *,
        interval: float = 30.0,
        timeout: float = 10.0,
    ) -> None:
        url = f"{base.rstrip('/')}/_matrix/client/versions"
        super().__init__("ctl.matrix", url, clock, session, interval=interval, timeout=timeout)

    async def _fetch(self) -> str:
        async with self._session.get(self._url, allow_redirects=False) as response:
            body = await response.content.read(65_536)
        try:
            msgspec.json.decode(body, type=_Versions)
        except msgspec.MsgspecError:
            return "redirect" if 300 <= response.status < 400 else f"http_{response.status}"
        return "ok" if response.status == 200 else f"http_{response.status}"

"""Does the Graph API answer: an unauthenticated request, which it must refuse in its own words."""

import aiohttp
import msgspec

from fallback.core.health import Sample
from fallback.core.ports import Clock
from fallback.probes.outcomes import look

_OUTAGE_CODES = (1, 2)


class _Error(msgspec.Struct):
    code: int = 0


class _Refusal(msgspec.Struct):
    error: _Error


class GraphProbe:
    """The base of the Graph API; shown for linked devices, counted for the Cloud API."""

    name = "http.graph"

    def __init__(
        self,
        url: str,
        clock: Clock,
        session: aiohttp.ClientSession,
        *,
        interval: float = 60.0,
        timeout: float = 10.0,
    ) -> None:
        self.interval = interval
        self._url = url
        self._clock = clock
        self._session = session
        self._timeout = timeout

    async def sample(self) -> Sample:
        """Ask once."""
        return await look(self._clock, self.name, self._timeout, self._ask)

    async def _ask(self) -> str:
        async with self._session.get(self._url, allow_redirects=False) as response:
            body = await response.content.read(65_536)
            if response.status >= 500 or response.status == 429:
                return f"http_{response.status}"
        try:
            refusal = msgspec.json.decode(body, type=_Refusal)
        except msgspec.MsgspecError:
            return "redirect" if 300 <= response.status < 400 else f"http_{response.status}"
        return f"err_{refusal.error.code}" if refusal.error.code in _OUTAGE_CODES else "ok"

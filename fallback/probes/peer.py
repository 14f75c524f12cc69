"""Another relay's verdict, from its health page: somebody else's view of WhatsApp, on another network."""

import aiohttp
import msgspec
from msgspec.structs import replace

from fallback.core.health import Sample, State
from fallback.core.ports import Clock
from fallback.probes.http import PageProbe

_VERDICTS = {State.UP: "service_ok", State.DOWN: "service_bad"}


class _Verdict(msgspec.Struct):
    state: State


class _Page(msgspec.Struct):
    health: _Verdict


class PeerProbe(PageProbe):
    """One other relay; what it can't tell itself is no evidence.

    Args:
        url: its base; ``/healthz`` is asked for.
        token: what it wants to be shown; empty for none.
    """

    def __init__(
        self,
        name: str,
        url: str,
        clock: Clock,
        session: aiohttp.ClientSession,
        *,
        token: str = "",
        interval: float = 60.0,
        timeout: float = 10.0,
    ) -> None:
        page = f"{url.rstrip('/')}/healthz"
        super().__init__(name, page, clock, session, interval=interval, timeout=timeout)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def sample(self) -> Sample:
        """Ask once; a peer that does not answer says nothing of WhatsApp."""
        seen = await super().sample()
        return seen if seen.outcome in _VERDICTS.values() else replace(seen, outcome="none")

    async def _fetch(self) -> str:
        async with self._session.get(self._url, headers=self._headers, allow_redirects=False) as response:
            body = await response.content.read(1_000_000)
        try:
            page = msgspec.json.decode(body, type=_Page)
        except msgspec.MsgspecError:
            return "none"
        return _VERDICTS.get(page.health.state, "none")

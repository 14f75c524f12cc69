"""Does WhatsApp's chat endpoint open: a WebSocket handshake, closed at once, without a login."""

import aiohttp

from fallback.core.health import Sample
from fallback.core.ports import Clock
from fallback.probes.outcomes import look


class WebSocketProbe:
    """The endpoint that linked devices and browsers use."""

    name = "ws.web"

    def __init__(
        self,
        url: str,
        clock: Clock,
        session: aiohttp.ClientSession,
        *,
        origin: str = "",
        interval: float = 60.0,
        timeout: float = 10.0,
    ) -> None:
        self.interval = interval
        self._url = url
        self._origin = origin or None
        self._clock = clock
        self._session = session
        self._timeout = timeout

    async def sample(self) -> Sample:
        """Shake hands once."""
        return await look(self._clock, self.name, self._timeout, self._open)

    async def _open(self) -> str:
        try:
            socket = await self._session.ws_connect(self._url, origin=self._origin, autoclose=False)
        except aiohttp.WSServerHandshakeError as error:
            return "redirect" if 300 <= error.status < 400 else f"http_{error.status}"
        await socket.close()
        return "ok"

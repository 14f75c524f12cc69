"""Does WhatsApp's chat endpoint open: a WebSocket handshake, closed at once, without a login."""

import base64
import hashlib
import secrets

import aiohttp

from fallback.core.health import Sample
from fallback.core.ports import Clock
from fallback.probes.outcomes import look

_UPGRADE = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HEADERS = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}


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
        self._origin = origin
        self._clock = clock
        self._session = session
        self._timeout = timeout

    async def sample(self) -> Sample:
        """Shake hands once."""
        return await look(self._clock, self.name, self._timeout, self._open)

    async def _open(self) -> str:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        headers = {**_HEADERS, "Sec-WebSocket-Key": key, **({"Origin": self._origin} if self._origin else {})}
        url = "http" + self._url.removeprefix("ws")
        async with self._session.get(url, headers=headers, allow_redirects=False) as response:
            status, accepted = response.status, response.headers.get("Sec-WebSocket-Accept")
            response.close()
        if status != 101:
            return "redirect" if 300 <= status < 400 else f"http_{status}"
        digest = hashlib.sha1(f"{key}{_UPGRADE}".encode(), usedforsecurity=False).digest()
        return "ok" if accepted == base64.b64encode(digest).decode() else "bogus"

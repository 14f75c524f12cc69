"""What Meta's status page says of the business platform: a hint, never counted."""

import aiohttp
import msgspec

from fallback.core.health import Sample
from fallback.core.ports import Clock
from fallback.probes.outcomes import look

_RANKS = (("major", "high"), ("high", "high"), ("medium", "medium"), ("some", "medium"), ("low", "low"))
_ORDER = ("none", "low", "medium", "high")


class _Service(msgspec.Struct):
    status: str = ""


class _Organisation(msgspec.Struct):
    id: str = ""
    name: str = ""
    services: list[_Service] = []


class StatusProbe:
    """The worst status of the services whose organisation is WhatsApp's."""

    name = "meta.status"

    def __init__(
        self,
        url: str,
        clock: Clock,
        session: aiohttp.ClientSession,
        *,
        interval: float = 120.0,
        timeout: float = 10.0,
    ) -> None:
        self.interval = interval
        self._url = url
        self._clock = clock
        self._session = session
        self._timeout = timeout

    async def sample(self) -> Sample:
        """Read once; a page that is gone or has changed tells nothing."""
        found = await look(self._clock, self.name, self._timeout, self._read)
        return found if found.outcome in _ORDER else msgspec.structs.replace(found, outcome="unreachable")

    async def _read(self) -> str:
        async with self._session.get(self._url, allow_redirects=False) as response:
            body = await response.content.read(1 << 20)
        try:
            organisations = msgspec.json.decode(body, type=list[_Organisation], strict=False)
        except msgspec.MsgspecError:
            return "unreachable"
        mine = [one for one in organisations if "whatsapp" in f"{one.id} {one.name}".lower()]
        words = [rank(service.status) for one in mine for service in one.services]
        return max(words, key=_ORDER.index, default="unreachable")


def rank(status: str) -> str:
    """Turn a status ("Major disruptions") into a rank from ``none`` to ``high``."""
    text = status.lower()
    return next((rank for word, rank in _RANKS if word in text), "none")

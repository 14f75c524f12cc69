"""The door for Meta's webhooks: the challenge, the signature, the size, and 200 only for what is safe."""

import asyncio
import hashlib
import hmac
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from fallback.errors import FallbackError, ParseError

log = logging.getLogger(__name__)
LARGEST: Final = 3 * 1024 * 1024
"""Bytes of a body, by Meta's own rule."""
_AT_ONCE: Final = 32
"""Bodies in memory at one time."""
_READING: Final = 20.0
"""Seconds that a body may take to arrive."""
_FORGED: Final = 100
"""How many forged POSTs there are to one line of the log."""
SIGNATURE: Final = "X-Hub-Signature-256"


class Webhook:
    """Answers Meta.

    Args:
        take: returns when all that a body says is committed; raises what stopped it.

    Attributes:
        answered: how many POSTs got which answer.
    """

    def __init__(self, app_secret: str, verify_token: str, take: Callable[[bytes], Awaitable[None]]) -> None:
        self.answered: Counter[int] = Counter()
        self._secret = app_secret.encode()
        self._token = verify_token.encode()
        self._take = take
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int, path: str) -> int:
        """Listen; gives the port, which is a free one for 0.

        Raises:
            OSError: the address is taken or not ours.
        """
        app = web.Application(client_max_size=LARGEST)
        app.router.add_get(path, self._challenge)
        app.router.add_post(path, self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop to listen, when all open POSTs have their answer."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _challenge(self, request: web.Request) -> web.Response:
        token = request.query.get("hub.verify_token", "").encode("utf-8", "replace")
        right = hmac.compare_digest(token, self._token)
        if request.query.get("hub.mode") != "subscribe" or not right:
            return web.Response(status=403)
        return web.Response(text=request.query.get("hub.challenge", "")[:256])

    async def _receive(self, request: web.Request) -> web.Response:
        async with self._gate:
            status = await self._judge(request)
        self.answered[status] += 1
        return web.Response(status=status)

    async def _judge(self, request: web.Request) -> int:
        """Give the answer's status: whatever is not 200 makes Meta send the body again."""
        try:
            async with asyncio.timeout(_READING):
                body = await request.read()
        except TimeoutError:
            return 408
        except web.HTTPRequestEntityTooLarge:
            return 413
        if not signed(body, request.headers.get(SIGNATURE, ""), self._secret):
            if self.answered[401] % _FORGED == 0:
                log.warning("a webhook with a wrong signature was refused; %d before it", self.answered[401])
            return 401
        try:
            await self._take(body)
        except ParseError as error:
            log.warning("a signed webhook can't be read: %s", error.message)
            return 400
        except FallbackError as error:
            log.warning("a webhook was not taken and will come again: %s", error.message)
            return 503
        return 200


def sign(body: bytes, app_secret: bytes) -> str:
    """Give the header's value for a body."""
    return "sha256=" + hmac.digest(app_secret, body, hashlib.sha256).hex()


def signed(body: bytes, header: str, app_secret: bytes) -> bool:
    """Tell in constant time whether a header is the signature of the body as it came."""
    return hmac.compare_digest(header.strip().encode("utf-8", "replace"), sign(body, app_secret).encode())

"""The relay's web side: health, metrics, a status page, and the page that acknowledges an alert."""

import base64
import contextlib
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from fallback.errors import AuthError, FallbackError
from fallback.relay import page
from fallback.relay.families import families
from fallback.relay.metrics import CONTENT_TYPE, render
from fallback.relay.status import status

if TYPE_CHECKING:
    from fallback.bridge.alerting import Alerting
    from fallback.relay.daemon import Relay

log = logging.getLogger(__name__)
ACKNOWLEDGE = "/ack/"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_STYLE = base64.b64encode(hashlib.sha256(page.STYLE.encode()).digest()).decode()
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Pages:
    """What is served.

    Args:
        alerting: takes acknowledgements; ``None`` where there are no alerts.
        token: what a caller must show, except for links of alerts; empty for none.
        hosts: names by which it may be called, against pages that rebind theirs; empty for any.
    """

    def __init__(
        self,
        relay: "Relay",
        alerting: "Alerting | None" = None,
        *,
        token: str = "",
        hosts: frozenset[str] = frozenset(),
    ) -> None:
        self.relay = relay
        self.alerting = alerting
        self._token = token
        self._hosts = hosts

    def application(self) -> web.Application:
        """Give the application with its routes."""
        made = web.Application(middlewares=[self._guard], client_max_size=4096)
        made.add_routes(
            [
                web.get("/", self._status),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
                web.get(ACKNOWLEDGE + "{token}", self._question),
                web.post(ACKNOWLEDGE + "{token}", self._acknowledge),
            ]
        )
        return made

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._admit(request)
            response = await handler(request)
        except web.HTTPException as refusal:
            response = web.Response(status=refusal.status, text=refusal.reason)
        except FallbackError as error:
            response = web.Response(status=503, text=error.message)
        response.headers.update(HEADERS)
        return response

    def _admit(self, request: web.Request) -> None:
        if self._hosts and request.url.host not in self._hosts:
            raise web.HTTPMisdirectedRequest
        shown = request.headers.get("Authorization", "").encode(errors="replace")
        wanted = f"Bearer {self._token}".encode()
        if (
            self._token
            and not request.path.startswith(ACKNOWLEDGE)
            and not hmac.compare_digest(shown, wanted)
        ):
            raise web.HTTPUnauthorized

    async def _status(self, request: web.Request) -> web.Response:
        return _html(page.status_page(await status(self.relay), _language(request)))

    async def _healthz(self, _: web.Request) -> web.Response:
        now = await status(self.relay)
        return _json(now.told(), fine=not now.ills)

    async def _readyz(self, _: web.Request) -> web.Response:
        now = await status(self.relay)
        return _json({"ready": now.ready, "paused": now.paused, "stopping": now.stopping}, fine=now.ready)

    async def _metrics(self, _: web.Request) -> web.Response:
        text = render(await families(self.relay, await status(self.relay)))
        return web.Response(text=text, headers={"Content-Type": CONTENT_TYPE})

    async def _question(self, request: web.Request) -> web.Response:
        return _html(page.question_page(_language(request)))

    async def _acknowledge(self, request: web.Request) -> web.Response:
        language, alerting = _language(request), self.alerting
        try:
            taken = alerting and await alerting.acknowledge(request.match_info["token"])
        except AuthError:
            taken = None
        if not taken:
            return _html(page.refused_page(language), status=403)
        return _html(page.thanks_page(language))


@contextlib.asynccontextmanager
async def serving(pages: Pages, host: str, port: int) -> AsyncIterator[str]:
    """Serve meanwhile; gives the base URL, empty where the address is taken, which stops no relay."""
    runner = web.AppRunner(pages.application(), access_log=None, handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            log.warning("no pages and no metrics: %s:%d is taken (%s)", host, port, error.strerror)
            yield ""
            return
        port = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        await runner.cleanup()


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can come by that address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _language(request: web.Request) -> str:
    return page.language_of(request.headers.get("Accept-Language", ""))


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status)


def _json(value: object, *, fine: bool) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(body=body, content_type="application/json", status=200 if fine else 503)

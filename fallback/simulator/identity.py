"""Stand-ins for who says who a person is: a CAS server, and a homeserver that speaks OAuth 2.0."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

_CAS = "http://www.yale.edu/tp/cas"


class _Served:
    """A web application at a free port of loopback."""

    def __init__(self) -> None:
        self.app = web.Application()
        self.url = ""
        self._runner = web.AppRunner(self.app, access_log=None)

    async def __aenter__(self) -> Self:
        """Listen."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Free the port."""
        await self._runner.cleanup()


class CasServer(_Served):
    """A CAS server where everybody is the same person, at once.

    Args:
        user: the localpart of who signs in.
    """

    def __init__(self, user: str) -> None:
        super().__init__()
        self.user = user
        self._tickets: set[str] = set()
        self.app.router.add_get("/login", self._login)
        self.app.router.add_get("/proxyValidate", self._validate)

    async def _login(self, request: web.Request) -> web.Response:
        ticket = f"ST-{secrets.token_hex(8)}"
        self._tickets.add(ticket)
        raise web.HTTPFound(f"{request.query['service']}&ticket={ticket}")

    async def _validate(self, request: web.Request) -> web.Response:
        ticket = request.query.get("ticket", "")
        known = ticket in self._tickets
        self._tickets.discard(ticket)
        inner = (
            f"<cas:authenticationSuccess><cas:user>{self.user}</cas:user></cas:authenticationSuccess>"
            if known
            else '<cas:authenticationFailure code="INVALID_TICKET"/>'
        )
        return web.Response(
            text=f'<cas:serviceResponse xmlns:cas="{_CAS}">{inner}</cas:serviceResponse>',
            content_type="text/xml",
        )


class OAuthHomeserver(_Served):
    """A homeserver's sign-in by OAuth 2.0, with the errors of RFC 6749 and RFC 8628 and nothing else of Matrix.

    Args:
        user: the Matrix id of who signs in.

    Attributes:
        answers: what the next requests for a device code's tokens get, oldest first; then they succeed.
        shut: nothing is revoked.
        interval: seconds between two questions of a client.
        devices: that are signed in, with their access token.
        asked: the path and form of all that came, for a test to look at.
        tokens: the access tokens that it was shown.
    """

    def __init__(self, user: str, *answers: str) -> None:
        super().__init__()
        self.user = user
        self.answers = list(answers)
        self.interval = 5
        self.shut = False
        self.devices: dict[str, str] = {}
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.tokens: list[str] = []
        self._clients: set[str] = set()
        self._granted: dict[str, dict[str, str]] = {}
        self._refresh: dict[str, str] = {}
        self.app.router.add_get("/_matrix/client/versions", _answering({"versions": ["v1.15"]}))
        self.app.router.add_get("/_matrix/client/v3/login", _answering({"flows": []}))
        self.app.router.add_get("/_matrix/client/v1/auth_metadata", self._metadata)
        self.app.router.add_get("/_matrix/client/v3/account/whoami", self._whoami)
        self.app.router.add_get("/authorize", self._authorize)
        for path, handler in (
            ("/register", self._register),
            ("/device", self._device),
            ("/token", self._token),
            ("/revoke", self._revoke),
        ):
            self.app.router.add_post(path, handler)

    def expire(self) -> None:
        """Let all access tokens expire."""
        self.devices = dict.fromkeys(self.devices, "")

    async def _metadata(self, _request: web.Request) -> web.Response:
        names = {
            "issuer": "/",
            "registration_endpoint": "/register",
            "device_authorization_endpoint": "/device",
            "authorization_endpoint": "/authorize",
            "token_endpoint": "/token",
            "revocation_endpoint": "/revoke",
        }
        return web.json_response({name: self.url + path for name, path in names.items()})

    async def _whoami(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.tokens.append(token)
        device = next((name for name, known in self.devices.items() if token and known == token), "")
        if not device:
            no = {"errcode": "M_UNKNOWN_TOKEN", "error": "expired", "soft_logout": bool(self.devices)}
            return web.json_response(no, status=401)
        return web.json_response({"user_id": self.user, "device_id": device})

    async def _register(self, request: web.Request) -> web.Response:
        about = await request.json()
        self.asked.append((request.path, about))
        self._clients.add(client := secrets.token_hex(8))
        return web.json_response({**about, "client_id": client}, status=201)

    async def _form(self, request: web.Request) -> dict[str, str]:
        form = dict(parse_qsl((await request.read()).decode()))
        self.asked.append((request.path, form))
        if form.get("client_id") not in self._clients:
            raise web.HTTPUnauthorized(text='{"error": "invalid_client"}', content_type="application/json")
        return form

    async def _device(self, request: web.Request) -> web.Response:
        self._granted[code := secrets.token_hex(8)] = await self._form(request)
        answer = {
            "device_code": code,
            "user_code": "WDJB-MJHT",
            "verification_uri": f"{self.url}/link",
            "expires_in": 300,
            "interval": self.interval,
        }
        return web.json_response(answer)

    async def _authorize(self, request: web.Request) -> web.Response:
        self._granted[code := secrets.token_hex(8)] = dict(request.query)
        back = urlencode({"code": code, "state": request.query["state"]})
        raise web.HTTPFound(f"{request.query['redirect_uri']}?{back}")

    async def _token(self, request: web.Request) -> web.Response:
        form = await self._form(request)
        kind = form["grant_type"].rpartition(":")[2]
        if kind == "refresh_token":
            device = self._refresh.pop(form["refresh_token"], "")
            return self._tokens(device) if device in self.devices else _no("invalid_grant")
        if kind == "device_code" and self.answers:
            return _no(self.answers.pop(0))
        granted = self._granted.pop(form.get("device_code") or form.get("code", ""), None)
        if granted is None or not _proven(granted, form):
            return _no("invalid_grant")
        return self._tokens(granted["scope"].rpartition(":")[2])

    def _tokens(self, device: str) -> web.Response:
        self.devices[device] = secrets.token_hex(8)
        self._refresh[refresh := secrets.token_hex(8)] = device
        answer = {"access_token": self.devices[device], "token_type": "Bearer", "refresh_token": refresh}
        return web.json_response(answer | {"expires_in": 300})

    async def _revoke(self, request: web.Request) -> web.Response:
        form = await self._form(request)
        if self.shut:
            raise web.HTTPServiceUnavailable
        self.devices.pop(self._refresh.pop(form["token"], ""), None)
        return web.json_response({})


def _proven(granted: Mapping[str, str], form: Mapping[str, str]) -> bool:
    """Check PKCE, where the grant was begun with it."""
    if "code_challenge" not in granted:
        return True
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return proof == granted["code_challenge"] and form.get("redirect_uri") == granted["redirect_uri"]


def _no(error: str) -> web.Response:
    return web.json_response({"error": error}, status=400)


def _answering(body: object) -> Any:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response(body)

    return handler

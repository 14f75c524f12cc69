"""OAuth 2.0 as the specification has it since 1.15: metadata, registration, two grants, refresh, revocation."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from fallback.core.ports import Clock
from fallback.errors import AuthError, PermanentError, TransientError, UsageError
from fallback.matrix.http import Answer, MatrixHttp, refusal
from fallback.matrix.signin.addresses import safe_address
from fallback.matrix.signin.listener import PATIENCE, Listener
from fallback.matrix.signin.session import LIMIT, Session, Tell, Visit, Way, read, whoami, whole
from fallback.text import sanitise_name

SCOPE = "urn:matrix:client:api:* urn:matrix:client:device:{device}"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
CALLBACK = "/callback"
ABOUT = "https://fallback.invalid/"
"""What a registration must name is a page about the program; it has none yet."""
_FORM = "application/x-www-form-urlencoded"


class Metadata(msgspec.Struct, frozen=True):
    """The authorization server's endpoints that we use."""

    issuer: str
    token_endpoint: str
    registration_endpoint: str = ""
    authorization_endpoint: str = ""
    device_authorization_endpoint: str = ""
    revocation_endpoint: str = ""


class _Tokens(msgspec.Struct):
    access_token: str
    refresh_token: str = ""


class _DeviceCode(msgspec.Struct):
    device_code: str
    user_code: str
    verification_uri: str
    expires_in: float
    verification_uri_complete: str = ""
    interval: float = 5.0


class _Registered(msgspec.Struct):
    client_id: str


class _No(msgspec.Struct):
    error: str = ""
    error_description: str = ""


class GrantError(AuthError):
    """The authorization server said no.

    Args:
        code: its word for it (RFC 6749, RFC 8628).
    """

    def __init__(self, code: str, reason: str = "") -> None:
        super().__init__(f"the sign-in was refused: {reason or code}", "Start again: fallback login")
        self.code = code


def metadata(raw: bytes) -> Metadata:
    """Read the homeserver's word of its authorization server.

    Raises:
        PermanentError: an endpoint is no safe address.
        TransientError: it can't be read.
    """
    found = read(raw, Metadata)
    for endpoint in msgspec.structs.astuple(found):
        if endpoint:
            _safe(endpoint)
    return found


def _safe(url: str) -> str:
    """Give an address of the authorization server back, if secrets may be sent there."""
    try:
        safe_address(url.partition("?")[0])
    except UsageError as error:
        raise PermanentError(
            f"the homeserver's sign-in can't be used: {error.message}", "Tell its admin."
        ) from error
    return url


async def fetch_metadata(http: MatrixHttp) -> Metadata:
    """Ask the homeserver for its authorization server."""
    return metadata(await http.request("GET", "/_matrix/client/v1/auth_metadata", headers={}, limit=LIMIT))


def device_code(found: Metadata, tell: Tell, clock: Clock) -> Way:
    """Sign in with a code that is typed into a browser, on any machine (RFC 8628)."""

    async def way(http: MatrixHttp, device: str) -> Session:
        if not found.device_authorization_endpoint:
            raise PermanentError("the homeserver gives no codes to sign in with", "Use the browser: --sso")
        client = await _client_id(found)
        scope = SCOPE.format(device=device)
        begun = read(
            await _post(found.device_authorization_endpoint, {"client_id": client, "scope": scope}),
            _DeviceCode,
        )
        address = _safe(begun.verification_uri_complete or begun.verification_uri)
        tell(Visit(address, sanitise_name(begun.user_code)))
        form = {"grant_type": DEVICE_GRANT, "device_code": begun.device_code, "client_id": client}
        return await _poll(begun, clock, lambda: _exchange(http, found, form, device))

    return way


def browser(found: Metadata, tell: Tell, *, patience: float = PATIENCE) -> Way:
    """Sign in with the browser of this machine: the authorization code grant with PKCE."""

    async def way(http: MatrixHttp, device: str) -> Session:
        client = await _client_id(found)
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        async with Listener("code", path=CALLBACK, state=state) as listener:
            asked = {
                "response_type": "code",
                "response_mode": "query",
                "client_id": client,
                "redirect_uri": listener.address,
                "scope": SCOPE.format(device=device),
                "state": state,
                "code_challenge_method": "S256",
                "code_challenge": _challenge(verifier),
            }
            mark = "&" if "?" in found.authorization_endpoint else "?"
            tell(Visit(f"{found.authorization_endpoint}{mark}{urlencode(asked)}", here=True))
            answer = await listener.answer(patience)
            form = {
                "grant_type": "authorization_code",
                "code": answer["code"],
                "redirect_uri": listener.address,
                "client_id": client,
                "code_verifier": verifier,
            }
        return await whole(_exchange(http, found, form, device))

    return way


async def refresh(http: MatrixHttp, old: Session) -> Session:
    """Exchange the refresh token for new tokens.

    Raises:
        GrantError: it is no longer valid.
        TransientError: the server does not answer.
    """
    form = {
        "grant_type": "refresh_token",
        "refresh_token": old.refresh_token,
        "client_id": old.client_id,
    }
    fresh = read(await _post((await fetch_metadata(http)).token_endpoint, form), _Tokens)
    return msgspec.structs.replace(
        old, token=fresh.access_token, refresh_token=fresh.refresh_token or old.refresh_token
    )


async def revoke(http: MatrixHttp, old: Session) -> None:
    """End the session, and with it the device (RFC 7009)."""
    found = await fetch_metadata(http)
    form = {"token": old.token, "token_type_hint": "access_token", "client_id": old.client_id}
    if old.refresh_token:
        form |= {"token": old.refresh_token, "token_type_hint": "refresh_token"}
    await _post(found.revocation_endpoint, form)


async def _client_id(found: Metadata) -> str:
    """Register as a client (RFC 7591)."""
    if not found.registration_endpoint:
        raise PermanentError("the homeserver takes no new programs", "Ask its admin.")
    about: dict[str, Any] = {
        "client_name": "fallback",
        "client_uri": ABOUT,
        "application_type": "native",
        "redirect_uris": [f"http://127.0.0.1{CALLBACK}"],
        "response_types": ["code"],
        "grant_types": ["authorization_code", "refresh_token", DEVICE_GRANT],
        "token_endpoint_auth_method": "none",
    }
    raw = await _post(found.registration_endpoint, msgspec.json.encode(about))
    return read(raw, _Registered).client_id


async def _poll(begun: _DeviceCode, clock: Clock, ask: Callable[[], Coroutine[Any, Any, Session]]) -> Session:
    """Ask until the person has said yes or no."""
    end = clock.monotonic() + min(begun.expires_in, 3600.0)
    interval = min(max(begun.interval, 1.0), 60.0)
    while clock.monotonic() < end:
        await clock.sleep(interval)
        try:
            return await whole(ask())
        except TransientError:
            interval = min(interval * 2, 60.0)
        except GrantError as no:
            match no.code:
                case "authorization_pending":
                    continue
                case "slow_down":
                    interval += 5.0
                case "access_denied":
                    raise GrantError(no.code, "the request was declined") from no
                case "expired_token":
                    break
                case _:
                    raise
    raise GrantError("expired_token", "the code has expired")


async def _exchange(http: MatrixHttp, found: Metadata, form: dict[str, str], device: str) -> Session:
    """Get the tokens, and learn whose they are."""
    tokens = read(await _post(found.token_endpoint, form), _Tokens)
    known = await whoami(http, tokens.access_token)
    if known.device != device:
        raise AuthError("the homeserver gave another device than was asked for")
    return msgspec.structs.replace(known, refresh_token=tokens.refresh_token, client_id=form["client_id"])


async def _post(url: str, body: dict[str, str] | bytes) -> bytes:
    """Post a form, or JSON, to an endpoint; an error in the words of OAuth is a ``GrantError``."""
    parts = urlsplit(url)
    http = MatrixHttp(f"{parts.scheme}://{parts.netloc}")
    form = isinstance(body, dict)
    try:
        answer = await http.exchange(
            "POST",
            parts.path + (f"?{parts.query}" if parts.query else ""),
            urlencode(body).encode() if isinstance(body, dict) else body,
            headers={"Accept": "application/json"},
            mimetype=_FORM if form else "application/json",
            limit=LIMIT,
        )
    finally:
        await http.close()
    if answer.status >= 300:
        raise _refused(answer)
    return answer.body


def _refused(answer: Answer) -> Exception:
    try:
        no = msgspec.json.decode(answer.body, type=_No)
    except msgspec.MsgspecError:
        no = _No()
    if answer.status in (400, 401, 403) and no.error:
        return GrantError(sanitise_name(no.error), sanitise_name(no.error_description, 200).rstrip("."))
    return refusal(answer.status, answer.body, answer.headers)


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")

"""Find a homeserver by a Matrix id or an address, and the ways in that it offers."""

from urllib.parse import urljoin, urlsplit

import msgspec

from fallback.errors import AuthError, PermanentError, TransientError, UsageError
from fallback.matrix.http import Answer, MatrixHttp, accepted
from fallback.matrix.signin.addresses import safe_address
from fallback.matrix.signin.oauth import Metadata, metadata
from fallback.matrix.signin.session import LIMIT, read
from fallback.text import sanitise_name

PATIENCE = 20.0
"""Seconds for one answer."""
REDIRECTS = 3

_BY_HAND = "Give the homeserver's address: --homeserver https://HOST"


class Provider(msgspec.Struct, frozen=True):
    """Somebody who can say who a person is, for single sign-on."""

    id: str
    name: str = ""


class SignInOptions(msgspec.Struct, frozen=True):
    """The ways into a homeserver.

    Args:
        url: its base URL.
        versions: of the specification, as it tells them.
        providers: of single sign-on.
        oauth: the authorization server's endpoints, where it speaks OAuth 2.0.
    """

    url: str
    versions: tuple[str, ...] = ()
    password: bool = False
    sso: bool = False
    providers: tuple[Provider, ...] = ()
    oauth: Metadata | None = None


async def discover(user: str, address: str = "", *, lookup: str = "") -> SignInOptions:
    """Find the homeserver and its ways in.

    Args:
        user: a Matrix id, or a server's name; not looked at where there is an ``address``.
        address: the homeserver's, given by hand; ``https://`` may be left out.
        lookup: where the server's ``.well-known`` stands.  [default: at its name, by https]

    Raises:
        UsageError: neither makes sense.
        AuthError: the server's name does not lead to a homeserver.
        TransientError: it does not answer.
    """
    if address:
        return await options(safe_address(address))
    host = _host(user)
    try:
        found = await well_known(lookup or f"https://{host}")
    except TransientError as error:
        raise TransientError(f"{host} does not answer, so its homeserver is not known", _BY_HAND) from error
    if found is None:
        return await options(f"https://{host}")
    try:
        return await options(safe_address(found))
    except (UsageError, PermanentError) as error:
        raise AuthError(
            f"{host} names a homeserver that can't be used: {error.message}",
            "Tell its admin, or give the right address: --homeserver https://HOST",
        ) from error


async def options(url: str) -> SignInOptions:
    """Ask a homeserver for its ways in.

    Raises:
        PermanentError: it is none.
        TransientError: it does not answer.
    """
    http = MatrixHttp(url, timeout=PATIENCE)
    try:
        versions = read(accepted(await _ask(http, "versions")), _Versions).versions
        flows = await _ask(http, "v3/login")
        oauth = await _ask(http, "v1/auth_metadata")
    finally:
        await http.close()
    if not versions:
        raise PermanentError(f"what answers at {http.url} is no Matrix homeserver", _BY_HAND)
    offered = read(flows.body, _Flows).flows if flows.status == 200 else []
    return SignInOptions(
        url=http.url,
        versions=tuple(sanitise_name(one) for one in versions),
        password=any(flow.type == "m.login.password" for flow in offered),
        sso=any(flow.type == "m.login.sso" for flow in offered),
        providers=tuple(
            Provider(one.id, sanitise_name(one.name)) for flow in offered for one in flow.identity_providers
        ),
        oauth=metadata(oauth.body) if oauth.status == 200 else None,
    )


async def well_known(base: str) -> str | None:
    """Ask a server's website for its homeserver; ``None`` where it names none (the specification's IGNORE).

    Raises:
        AuthError: what it says can't be read (FAIL_PROMPT), or names no address (FAIL_ERROR).
        TransientError: nothing answers there.
    """
    answer = await _redirected(f"{base}/.well-known/matrix/client")
    if answer.status == 404:
        return None
    try:
        body = msgspec.json.decode(answer.body, type=_WellKnown) if answer.status == 200 else None
    except msgspec.MsgspecError:
        body = None
    if body is None or body.homeserver is None:
        raise AuthError(f"what {base} says of its homeserver can't be read", _BY_HAND)
    if not body.homeserver.base_url:
        raise AuthError(f"{base} names no homeserver", _BY_HAND)
    return body.homeserver.base_url


def _host(user: str) -> str:
    """Give the host of a Matrix id or a server's name, without the port."""
    server = user.partition(":")[2] if user.startswith("@") else user
    try:
        parts = urlsplit(f"//{server}")
        valid = parts.netloc == server and "@" not in server and parts.port != 0
        host = parts.hostname if valid else ""
    except ValueError:
        host = ""
    if not host or any(character.isspace() for character in server):
        raise UsageError(f"{sanitise_name(user)!r} is no Matrix id", "Write it whole: @name:server")
    return f"[{host}]" if ":" in host else host


async def _redirected(url: str) -> Answer:
    """Fetch a page that may have moved, by https alone."""
    for _ in range(REDIRECTS + 1):
        parts = urlsplit(url)
        http = MatrixHttp(f"{parts.scheme}://{parts.netloc}", timeout=PATIENCE)
        try:
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            answer = await http.exchange("GET", path, limit=LIMIT)
        except PermanentError as error:
            raise AuthError(
                f"what stands at {url} is no word of a homeserver: {error.message}", _BY_HAND
            ) from error
        finally:
            await http.close()
        if answer.status not in (301, 302, 303, 307, 308):
            return answer
        url = urljoin(url, answer.headers.get("Location", ""))
        if urlsplit(url).scheme != "https" or "@" in urlsplit(url).netloc:
            break
    raise AuthError("the server sends us in circles, or away from https", _BY_HAND)


async def _ask(http: MatrixHttp, path: str) -> Answer:
    return await http.exchange("GET", f"/_matrix/client/{path}", limit=LIMIT)


class _Base(msgspec.Struct):
    base_url: str = ""


class _WellKnown(msgspec.Struct):
    homeserver: _Base | None = msgspec.field(name="m.homeserver", default=None)


class _Versions(msgspec.Struct):
    versions: list[str] = []


class _Flow(msgspec.Struct):
    type: str
    identity_providers: list[Provider] = []


class _Flows(msgspec.Struct):
    flows: list[_Flow] = []

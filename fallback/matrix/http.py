"""A small JSON client of the Client-Server API: the token in the header alone, errors as our own."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from fallback.errors import AuthError, PermanentError, TransientError
from fallback.text import sanitise_name

MEDIA_LIMIT = 100_000_000
"""Bytes of a file that we take."""

ANSWER_LIMIT = 200_000_000
"""Bytes of a JSON answer that we take; a first sync of a large account is tens of megabytes."""

LONGEST_WAIT = 3600.0
"""Seconds of a server's wish to wait that we believe."""

Renew = Callable[[str], Awaitable[str]]
"""Gets a new access token in place of an expired one, and keeps it before it gives it."""

_BASE = re.compile(r"https?://[^/?#@\s]+(/[^?#\s]*)?")


class RefusedError(PermanentError):
    """The homeserver said no.

    Args:
        errcode: Matrix' own word for it (``M_FORBIDDEN``…); empty where it gave none.
        status: of HTTP.
    """

    def __init__(self, message: str, hint: str = "", *, errcode: str = "", status: int = 0) -> None:
        super().__init__(message, hint)
        self.errcode = errcode
        self.status = status


class UnknownTokenError(AuthError):
    """The access token has expired, or was ended.

    Args:
        soft: the device and its keys live on; the next sign-in is to use them again.
    """

    def __init__(self, reason: str, *, soft: bool) -> None:
        super().__init__(
            f"the homeserver refused the sign-in: {reason}",
            "Sign in again, this device and its keys are kept: fallback login"
            if soft
            else "Sign this profile in again: fallback login",
        )
        self.soft = soft


class InteractiveAuthError(AuthError):
    """The homeserver wants one more proof of who asks (user-interactive authentication).

    Args:
        session: to be sent back with the proof.
        flows: each the stages of one way to go.
        completed: the stages that are done.
    """

    def __init__(self, session: str, flows: list[list[str]], completed: list[str] | None = None) -> None:
        super().__init__("the homeserver wants the account's password again", "Give the password.")
        self.session = session
        self.flows = flows
        self.completed = completed or []


class Answer(msgspec.Struct, frozen=True):
    """What came back, whatever it is."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class MatrixHttp:
    """One session with keep-alive to one homeserver; the connection is made at the first request.

    Args:
        url: base URL of the homeserver, without a path as a rule.
        token: access token of the account; a secret.
        timeout: seconds for one request.
        renew: called when the token has expired; the request is then made again.

    Attributes:
        token: the present one.

    Raises:
        PermanentError: ``url`` is no address of a homeserver.
    """

    def __init__(
        self, url: str, token: str = "", *, timeout: float = 60.0, renew: Renew | None = None
    ) -> None:
        self.url = url.rstrip("/")
        if not _BASE.fullmatch(self.url):
            raise PermanentError(
                f"{sanitise_name(url)!r} is no address of a homeserver", "Write it as https://HOST"
            )
        self.token = token
        self._renew = renew
        self._renewing = asyncio.Lock()
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def json(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Ask, and give the decoded answer.

        Args:
            path: already quoted, with a query if need be.
            body: anything that JSON can say; ``None`` for no body.
            params: added to the query.
            headers: instead of the account's own (``bearer``).

        Raises:
            TransientError: unreachable, 5xx, or 429 with its ``retry_after``.
            AuthError: the token was refused.
            RefusedError: any other no.
        """
        data = None if body is None else msgspec.json.encode(body)
        raw = await self.request(method, path, data, params=params, headers=headers)
        try:
            return msgspec.json.decode(raw)
        except msgspec.DecodeError as error:
            raise TransientError(
                f"what answers at {self.url} is no Matrix homeserver",
                "Check the address and the network's sign-in page.",
            ) from error

    async def request(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        mimetype: str = "application/json",
        limit: int = ANSWER_LIMIT,
    ) -> bytes:
        """Ask with raw bytes, and give the answer's; redirects are not followed.

        Args:
            limit: bytes of the answer that are taken.

        Raises:
            TransientError, AuthError, RefusedError: as ``json``.
        """
        ask = partial(
            self.exchange,
            method,
            path,
            data,
            params=params,
            headers=headers,
            mimetype=mimetype,
            limit=limit,
        )
        used = self.token
        try:
            return accepted(await ask())
        except UnknownTokenError as expired:
            if headers is not None or self._renew is None:
                raise
            try:
                await self.renew(used)
            except AuthError as refused:
                raise expired from refused
        return accepted(await ask())

    async def renew(self, expired: str) -> str:
        """Get a new access token in place of one that expired, once however many ask; gives the present one.

        Raises:
            AuthError: it can't be renewed; sign in again.
            TransientError: the homeserver does not answer.
        """
        async with self._renewing:
            if self.token == expired and self._renew is not None:
                self.token = await self._renew(expired)
        return self.token

    async def exchange(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        mimetype: str = "application/json",
        limit: int = ANSWER_LIMIT,
    ) -> Answer:
        """Ask once, and give what is answered, be it yes or no.

        Raises:
            TransientError: unreachable.
            PermanentError: the answer is larger than ``limit``.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), timeout=self._timeout, auto_decompress=True
            )
        query = f"{'&' if '?' in path else '?'}{_query(params)}" if params else ""
        try:
            async with self._session.request(
                method,
                f"{self.url}{path}{query}",
                data=data,
                headers={
                    **(bearer(self.token) if headers is None else headers),
                    "Content-Type": mimetype,
                },
                allow_redirects=False,
            ) as response:
                return Answer(response.status, await _bounded(response, limit), response.headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError(f"the homeserver at {self.url} does not answer") from error

    async def upload(
        self,
        data: bytes,
        *,
        mimetype: str,
        filename: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Store a file; returns its ``mxc://`` address.

        Raises:
            TransientError, AuthError, RefusedError: as ``json``; a file that is too large is refused.
        """
        raw = await self.request(
            "POST",
            "/_matrix/media/v3/upload",
            data,
            params={**(params or {}), "filename": filename},
            headers=headers,
            mimetype=mimetype or "application/octet-stream",
        )
        return str(msgspec.json.decode(raw)["content_uri"])

    async def download(self, path: str, *, limit: int = MEDIA_LIMIT) -> bytes:
        """Fetch a file, which may have ``limit`` bytes at most.

        Raises:
            TransientError, AuthError, RefusedError: as ``json``.
        """
        return await self.request("GET", path, limit=limit)

    async def close(self) -> None:
        """Free the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def bearer(token: str) -> dict[str, str]:
    """Give the headers of a JSON request in somebody's name."""
    headers = {"Content-Type": "application/json", "User-Agent": "fallback"}
    return headers | {"Authorization": f"Bearer {token}"} if token else headers


async def _bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if (response.content_length or 0) > limit:
        raise PermanentError(f"the answer is larger than {limit // 1_000_000} MB")
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > limit:
            raise PermanentError(f"the answer is larger than {limit // 1_000_000} MB")
        parts.append(part)
    return b"".join(parts)


def _query(params: Mapping[str, str]) -> str:
    return "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in params.items())


class _Flow(msgspec.Struct):
    stages: list[str] = []


class _ErrorBody(msgspec.Struct):
    errcode: str = ""
    error: str = ""
    retry_after_ms: float = 0.0
    session: str = ""
    flows: list[_Flow] = []
    completed: list[str] = []
    soft_logout: bool = False


def accepted(answer: Answer) -> bytes:
    """Give the body of a success.

    Raises:
        TransientError, AuthError, RefusedError: it is none.
    """
    if answer.status >= 300:
        raise refusal(answer.status, answer.body, answer.headers)
    return answer.body


def refusal(
    status: int, raw: bytes, headers: Mapping[str, str]
) -> TransientError | AuthError | PermanentError:
    """Translate an answer that is no success."""
    try:
        body = msgspec.json.decode(raw, type=_ErrorBody)
    except msgspec.MsgspecError:
        body = _ErrorBody()
    reason = sanitise_name(body.error, 200).rstrip(".") or f"HTTP {status}"
    match status:
        case 429:
            return TransientError("the homeserver asks us to wait", retry_after=_wait(body, headers))
        case 408 | 425 | 500 | 502 | 503 | 504 | 520 | 521 | 522 | 523 | 524:
            return TransientError(
                f"the homeserver has trouble (HTTP {status})", retry_after=_wait(body, headers)
            )
        case 401 if body.session:
            return InteractiveAuthError(body.session, [flow.stages for flow in body.flows], body.completed)
        case 401 if body.errcode == "M_UNKNOWN_TOKEN":
            return UnknownTokenError(reason, soft=body.soft_logout)
        case 401:
            return AuthError(f"the homeserver refused the sign-in: {reason}", "Sign this profile in again.")
        case 413:
            return RefusedError(
                "the file is larger than the homeserver takes",
                errcode=body.errcode or "M_TOO_LARGE",
                status=status,
            )
        case _ if status >= 500:
            return TransientError(f"the homeserver has trouble (HTTP {status})")
        case _ if status < 400:
            return RefusedError("the homeserver sends us elsewhere", "Use its final address.", status=status)
        case _:
            return RefusedError(f"the homeserver refused: {reason}", errcode=body.errcode, status=status)


def _wait(body: _ErrorBody, headers: Mapping[str, str]) -> float:
    """Give the seconds that the server asked for; its own field is finer than the header."""
    if body.retry_after_ms > 0:
        return min(body.retry_after_ms / 1000, LONGEST_WAIT)
    header = headers.get("Retry-After", "")
    return min(float(header), LONGEST_WAIT) if header.isdecimal() else 0.0

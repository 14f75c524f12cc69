"""What every way of signing in leads to, and what it shows to the person on the way."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from fallback.core.ids import UserId
from fallback.errors import AuthError, FallbackError, TransientError
from fallback.matrix.http import MatrixHttp, RefusedError, bearer

T = TypeVar("T")
V3 = "/_matrix/client/v3"
LIMIT = 1_000_000
"""Bytes of an answer that are taken before anybody is signed in."""
DEVICE_NAME = "fallback"
"""What the account's list of devices shows."""


class Session(msgspec.Struct, frozen=True):
    """A device that is signed in.

    Args:
        token, refresh_token: secrets; without the second one the first does not expire, or can't be renewed.
        client_id: of OAuth 2.0; empty for the older ways.
    """

    user: UserId
    device: str
    token: str
    refresh_token: str = ""
    client_id: str = ""

    def __repr__(self) -> str:
        return f"Session({self.user!r}, {self.device!r})"


class Visit(msgspec.Struct, frozen=True):
    """A page where the person is to say yes.

    Args:
        address: of the page.
        code: to be typed there, or compared with what it shows; empty where there is none.
        here: it must be opened on this machine, since the answer comes to a port of it.
    """

    address: str
    code: str = ""
    here: bool = False


Tell = Callable[[Visit], None]
Way = Callable[[MatrixHttp, str], Awaitable[Session]]
"""A way of signing in: with the homeserver and a device id."""


class _LoginAnswer(msgspec.Struct):
    user_id: str
    device_id: str
    access_token: str
    refresh_token: str = ""


def read(raw: bytes, kind: type[T]) -> T:
    """Read a JSON answer.

    Raises:
        TransientError: it is none.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        raise TransientError(
            "what answers there is no Matrix homeserver",
            "Check the address and the network's sign-in page.",
        ) from error


async def log_in(http: MatrixHttp, device: str, proof: dict[str, Any]) -> Session:
    """Sign in with the older API, and ask for a refresh token.

    Raises:
        AuthError: refused.
        TransientError: the homeserver does not answer.
    """
    body = {
        **proof,
        "device_id": device,
        "initial_device_display_name": DEVICE_NAME,
        "refresh_token": True,
    }
    try:
        return await whole(exchange(http, "login", body))
    except RefusedError as error:
        raise AuthError(error.message, "Check the name and the password.") from error


async def exchange(http: MatrixHttp, path: str, body: dict[str, Any]) -> Session:
    """Ask ``/login`` or ``/register`` for a session."""
    raw = await http.request("POST", f"{V3}/{path}", msgspec.json.encode(body), limit=LIMIT)
    answer = read(raw, _LoginAnswer)
    return Session(UserId(answer.user_id), answer.device_id, answer.access_token, answer.refresh_token)


async def whoami(http: MatrixHttp, token: str) -> Session:
    """Say whose token it is.

    Raises:
        UnknownTokenError: it is not, or no longer, valid; ``soft`` says whether its device lives on.
        AuthError: it has no device.
        TransientError: the homeserver does not answer.
    """
    answer = await http.json("GET", f"{V3}/account/whoami", headers=bearer(token))
    user, device = str(answer.get("user_id", "")), str(answer.get("device_id") or "")
    if not user or not device:
        raise AuthError("this access token has no device", "Take the token of an ordinary sign-in.")
    return Session(UserId(user), device, token)


class InterruptedSignInError(asyncio.CancelledError):
    """The person stopped the sign-in while the homeserver was making a device.

    Args:
        session: what it made.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session


async def whole(exchange: Coroutine[Any, Any, Session]) -> Session:
    """Let an exchange for a session end even where it's cancelled, so that what it made can be taken back.

    Raises:
        InterruptedSignInError: cancelled, and there is a session.
    """
    task = asyncio.ensure_future(exchange)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(FallbackError):
            raise InterruptedSignInError(await task) from None
        raise

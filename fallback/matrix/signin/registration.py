"""Make a new account, with a registration token where the homeserver wants one."""

from typing import Any

from fallback.core.ids import UserId
from fallback.errors import AuthError, PermanentError
from fallback.matrix.http import InteractiveAuthError, MatrixHttp, RefusedError
from fallback.matrix.signin.session import DEVICE_NAME, Session, Way, exchange, whole

TOKEN = "m.login.registration_token"  # noqa: S105 - the name of a stage
DUMMY = "m.login.dummy"
_TAKEN = {"M_USER_IN_USE", "M_EXCLUSIVE"}


def register(user: UserId, password: str, registration_token: str = "") -> Way:
    """Make the account and sign in with it."""

    async def way(http: MatrixHttp, device: str) -> Session:
        body: dict[str, Any] = {
            "username": user.partition(":")[0].removeprefix("@"),
            "password": password,
            "device_id": device,
            "initial_device_display_name": DEVICE_NAME,
            "refresh_token": True,
        }
        try:
            return await _register(http, body, registration_token)
        except RefusedError as error:
            if error.errcode in _TAKEN:
                raise AuthError(f"the name {user} is taken", "Choose another one.") from error
            raise

    return way


async def _register(http: MatrixHttp, body: dict[str, Any], registration_token: str) -> Session:
    """Go through the stages that the homeserver asks for."""
    done: set[str] = set()
    auth: dict[str, str] = {}
    while True:
        try:
            return await whole(exchange(http, "register", body | ({"auth": auth} if auth else {})))
        except InteractiveAuthError as challenge:
            completed = set(challenge.completed)
            if auth and auth["type"] not in completed:
                raise AuthError(
                    "the registration token was refused", "Ask the homeserver's admin for a new one."
                ) from challenge
            done |= completed
            stage = _next(challenge.flows, done, known=bool(registration_token))
            auth = {"type": stage, "session": challenge.session}
            auth |= {"token": registration_token} if stage == TOKEN else {}


def _next(flows: list[list[str]], done: set[str], *, known: bool) -> str:
    """Choose the stage to do next, on a way that we can go to its end."""
    able = {DUMMY, *([TOKEN] if known else [])}
    for flow in flows:
        missing = [stage for stage in flow if stage not in done]
        if missing and set(missing) <= able:
            return missing[0]
    if any(TOKEN in flow for flow in flows):
        raise AuthError(
            "the homeserver makes accounts for a registration token alone", "Ask its admin for one."
        )
    raise PermanentError(
        "the homeserver wants what can't be done here (a captcha, an e-mail)",
        "Make the account in a browser.",
    )

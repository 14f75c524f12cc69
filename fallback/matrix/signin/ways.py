"""The older ways of signing in: a password, a token got elsewhere, single sign-on."""

from functools import partial
from urllib.parse import quote

from fallback.core.ids import UserId
from fallback.matrix.http import MatrixHttp
from fallback.matrix.signin.listener import PATIENCE, Listener
from fallback.matrix.signin.session import V3, Session, Tell, Visit, Way, log_in, whoami


def password(user: UserId, secret: str) -> Way:
    """Sign in with a password."""
    proof = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user},
        "password": secret,
    }
    return partial(log_in, proof=proof)


def token(secret: str) -> Way:
    """Use an access token that was got elsewhere, with the device that it belongs to."""

    async def way(http: MatrixHttp, _device: str) -> Session:
        return await whoami(http, secret)

    return way


def single_sign_on(tell: Tell, provider: str = "", *, patience: float = PATIENCE) -> Way:
    """Sign in with the browser, at the homeserver's identity provider."""

    async def way(http: MatrixHttp, device: str) -> Session:
        async with Listener("loginToken") as listener:
            path = f"{V3}/login/sso/redirect" + (f"/{quote(provider, safe='')}" if provider else "")
            tell(Visit(f"{http.url}{path}?redirectUrl={quote(listener.address, safe='')}", here=True))
            answer = await listener.answer(patience)
        return await log_in(http, device, {"type": "m.login.token", "token": answer["loginToken"]})

    return way

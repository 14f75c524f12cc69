"""Renew a session whose access token has expired, and end one."""

import msgspec

from fallback.errors import AuthError
from fallback.matrix.http import MatrixHttp, RefusedError
from fallback.matrix.signin import oauth
from fallback.matrix.signin.session import V3, Session, read


class _Fresh(msgspec.Struct):
    access_token: str
    refresh_token: str = ""


async def renew(http: MatrixHttp, old: Session) -> Session:
    """Exchange the refresh token; the old one stays valid until a new token is used, so a crash loses nothing.

    Raises:
        AuthError: there is none, or it was refused: sign in again.
        TransientError: the homeserver does not answer.
    """
    if not old.refresh_token:
        raise AuthError("this sign-in can't be renewed", "Sign in again: fallback login")
    if old.client_id:
        return await oauth.refresh(http, old)
    body = msgspec.json.encode({"refresh_token": old.refresh_token})
    try:
        fresh = read(await http.request("POST", f"{V3}/refresh", body, headers={}), _Fresh)
    except RefusedError as error:
        raise AuthError(
            "the homeserver no longer renews this sign-in", "Sign in again: fallback login"
        ) from error
    return msgspec.structs.replace(
        old, token=fresh.access_token, refresh_token=fresh.refresh_token or old.refresh_token
    )


async def end(http: MatrixHttp, session: Session) -> None:
    """Sign out, which deletes the device; ``http`` holds its token.

    Raises:
        UnknownTokenError: it has ended already, or (``soft``) its device can't be deleted without a new sign-in.
        TransientError: the homeserver does not answer.
    """
    if session.client_id:
        await oauth.revoke(http, session)
    else:
        await http.request("POST", f"{V3}/logout", b"{}")

"""The account that a profile is signed in with: signing in, renewing, signing out."""

import logging
import secrets
from typing import TYPE_CHECKING

import msgspec

from fallback.core.ids import UserId
from fallback.core.ports import Store
from fallback.errors import AuthError, FallbackError, PermanentError, TransientError

if TYPE_CHECKING:
    from fallback.matrix.http import MatrixHttp, Renew
    from fallback.matrix.signin import Session, Way

log = logging.getLogger(__name__)
ACCOUNT = "account"
FORMER = "account.former"
"""Who was signed in before the sign-out: the timeline is theirs."""


class Account(msgspec.Struct, frozen=True):
    """A signed-in account, as the profile's store keeps it.

    Args:
        token, refresh_token: secrets; they never leave the store but in a request to the homeserver.
        client_id: of OAuth 2.0; empty where the sign-in was by the older API.
    """

    url: str
    user: UserId
    device: str
    token: str
    refresh_token: str = ""
    client_id: str = ""

    def __repr__(self) -> str:
        return f"Account({self.url!r}, {self.user!r}, {self.device!r})"


async def account(store: Store) -> Account:
    """Give the account that this profile is signed in with.

    Raises:
        AuthError: it is not signed in.
    """
    known = await _known(store)
    if known is None:
        raise AuthError(
            "this profile has no Matrix account yet",
            "Sign in: fallback login @you:server; or see all of it at work: fallback demo",
        )
    return known


async def sign_in(store: Store, url: str, user: UserId, password: str) -> Account:
    """Sign in with a password and a device of our own.

    Args:
        password: empty for an account that the profile is signed in with already; only its address is renewed.

    Raises:
        AuthError: refused, or the profile has another account.
    """
    from fallback.matrix import signin

    known = await _known(store)
    if known is None or password:
        return await enter(store, url, signin.password(user, password), user=user)
    _refuse_another(known.user, user)
    return await _keep(store, msgspec.structs.replace(known, url=url))


async def enter(store: Store, url: str, way: "Way", *, user: UserId | None = None) -> Account:
    """Sign in by any way; whatever stops it, nothing is half stored and no new device is left behind.

    After a soft logout the device is the same again, and so are its keys.

    Args:
        user: who it must be; ``None`` for whoever the homeserver says.

    Raises:
        AuthError: refused, or the profile belongs to another account.
        TransientError: the homeserver does not answer.
    """
    from fallback.matrix.http import MatrixHttp
    from fallback.matrix.signin import InterruptedSignInError

    known = await _known(store)
    owner = known.user if known else UserId(await store.get(FORMER) or "")
    if user:
        _refuse_another(owner, user)
    kept = known.device if known and await _lives(known) else ""
    device = kept or f"FALLBACK{secrets.token_hex(8).upper()}"
    http = MatrixHttp(url)
    try:
        try:
            session = await way(http, device)
        except InterruptedSignInError as stop:
            if stop.session.device == kept:
                await _keep(store, _account(http.url, stop.session))
            else:
                await _take_back(http, stop.session, device)
            raise
        try:
            _refuse_another(user or owner, session.user)
            return await _keep(store, _account(http.url, session))
        except BaseException:
            if session.device != kept:
                await _take_back(http, session, device)
            raise
    finally:
        await http.close()


async def sign_out(store: Store) -> bool:
    """Delete the device on the homeserver and forget the account; the timeline stays.

    Returns:
        Whether the homeserver deleted the device; it does not where it had ended the sign-in before.

    Raises:
        AuthError: the profile is not signed in.
        TransientError: the homeserver does not answer; nothing was forgotten.
    """
    from fallback.matrix.http import MatrixHttp
    from fallback.matrix.signin import end

    known = await account(store)
    http = MatrixHttp(known.url, known.token, renew=renewal(store))
    try:
        await end(http, _session(known))
        deleted = True
    except (AuthError, PermanentError):
        deleted = False
    finally:
        await http.close()
    await store.put(FORMER, known.user)
    await store.put(ACCOUNT, None)
    return deleted


def renewal(store: Store) -> "Renew":
    """Give what renews the profile's access token: the new one is stored before it is used.

    Several clients of one account share it: one that comes late is given the token that another got.
    """

    async def renewed(expired: str) -> str:
        from fallback.matrix.http import MatrixHttp
        from fallback.matrix.signin import renew

        known = await account(store)
        http = MatrixHttp(known.url)
        try:
            if known.token != expired and await _valid(http, known):
                return known.token
            fresh = _account(known.url, await renew(http, _session(known)))
        finally:
            await http.close()
        return (await _keep(store, fresh)).token

    return renewed


async def _known(store: Store) -> Account | None:
    kept = await store.get(ACCOUNT)
    return None if kept is None else msgspec.json.decode(kept, type=Account)


async def _keep(store: Store, known: Account) -> Account:
    await store.put(ACCOUNT, msgspec.json.encode(known).decode())
    return known


def _refuse_another(owner: str, user: str) -> None:
    if owner and owner != user:
        raise AuthError(f"this sign-in is for {owner}, not for {user}", "Use another profile: --profile NAME")


async def _lives(known: Account) -> bool:
    """Whether the homeserver still has the account's device: then it and its keys are used again."""
    from fallback.matrix.http import MatrixHttp, UnknownTokenError
    from fallback.matrix.signin import whoami

    http = MatrixHttp(known.url)  # the token goes to nobody else, whatever the address is now
    try:
        return (await whoami(http, known.token)).device == known.device
    except UnknownTokenError as error:
        return error.soft
    except (TransientError, PermanentError):
        return True
    finally:
        await http.close()


async def _valid(http: "MatrixHttp", known: Account) -> bool:
    """Whether the homeserver takes the account's token now."""
    from fallback.matrix.http import UnknownTokenError
    from fallback.matrix.signin import whoami

    try:
        await whoami(http, known.token)
    except UnknownTokenError:
        return False
    return True


async def _take_back(http: "MatrixHttp", session: "Session", device: str) -> None:
    """Delete the device that this sign-in made; not one that somebody else made."""
    from fallback.matrix.signin import end

    if session.device == device:
        http.token = session.token
        try:
            await end(http, session)
        except FallbackError:
            log.warning("device %s of %s stays: delete it from another one", session.device, session.user)


def _account(url: str, session: "Session") -> Account:
    return Account(url, session.user, session.device, session.token, session.refresh_token, session.client_id)


def _session(known: Account) -> "Session":
    from fallback.matrix.signin import Session

    return Session(known.user, known.device, known.token, known.refresh_token, known.client_id)

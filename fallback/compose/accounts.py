"""The account that a profile is signed in with."""

import secrets

import msgspec

from fallback.core.ids import UserId
from fallback.core.ports import Store
from fallback.errors import AuthError

ACCOUNT = "account"


class Account(msgspec.Struct, frozen=True):
    """A signed-in account, as the profile's store keeps it.

    Args:
        token: the access token; never leaves the store but in a request's header.
    """

    url: str
    user: UserId
    device: str
    token: str


async def account(store: Store) -> Account:
    """Give the account that this profile is signed in with.

    Raises:
        AuthError: it is not signed in.
    """
    kept = await store.get(ACCOUNT)
    if kept is None:
        raise AuthError(
            "this profile has no Matrix account yet", "See all of it at work with `fallback demo`."
        )
    return msgspec.json.decode(kept, type=Account)


async def sign_in(store: Store, url: str, user: UserId, password: str) -> Account:
    """Sign in with a device of our own.

    Args:
        password: empty for an account that the profile is signed in with already; only its address is renewed.

    Raises:
        AuthError: refused, or the profile has another account.
    """
    from fallback.matrix.login import log_in

    kept = await store.get(ACCOUNT)
    if kept is not None:
        known = msgspec.json.decode(kept, type=Account)
        if known.user != user:
            raise AuthError(f"this profile is signed in as {known.user}", "Use another one: --profile NAME")
        if not password:
            present = msgspec.structs.replace(known, url=url)
            await store.put(ACCOUNT, msgspec.json.encode(present).decode())
            return present
    device = known.device if kept is not None else "FALLBACK" + secrets.token_hex(8).upper()
    token = await log_in(url, user, password, device)
    fresh = Account(url, user, device, token)
    await store.put(ACCOUNT, msgspec.json.encode(fresh).decode())
    return fresh

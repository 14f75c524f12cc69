"""Accounts on the managed homeserver: made with the registration secret, mended with an internal admin."""

import contextlib
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fallback.errors import AuthError, HomeserverError, UsageError
from fallback.homeserver.api import call
from fallback.homeserver.keys import Keys

ADMIN = "fallback_admin"
"""Localpart of the account that resets passwords and makes registration tokens."""

_LOCALPART = re.compile(r"[a-z0-9._=/+-]{1,200}")
_REGISTER = "/_synapse/admin/v1/register"


@dataclass(frozen=True, slots=True)
class Account:
    """An account with the password that was just set; no ``repr`` shows it.

    Args:
        created: it is new; else it was there and its password was reset.
    """

    user: str
    password: str = field(repr=False)
    created: bool = True


def create(
    url: str, server_name: str, keys: Keys, localpart: str, *, display_name: str = "", admin: bool = False
) -> Account:
    """Make an account, or give one that exists a new password; its sign-ins stay.  Blocks.

    Raises:
        UsageError: the name can't be used.
        HomeserverError: the homeserver refused.
        TransientError: it does not answer.
    """
    if not _LOCALPART.fullmatch(localpart) or localpart == ADMIN:
        raise UsageError(
            f"{localpart!r} can't be the name of an account", "Use small letters, digits and . _ = - / +"
        )
    user, password = f"@{localpart}:{server_name}", secrets.token_urlsafe(18)
    status, answer = _register(url, keys, localpart, password, display_name or localpart, admin=admin)
    match status, answer.get("errcode"):
        case 200, _:
            return Account(user, password)
        case 400, "M_USER_IN_USE":
            account = Account(user, password, created=False)
            _reset(url, keys, account, display_name, admin=admin)
            return account
        case 400, "M_EXCLUSIVE":
            raise UsageError(f"the name {localpart!r} is kept for people on WhatsApp", "Choose another name.")
    raise HomeserverError(f"the homeserver did not make {user}: {_reason(status, answer)}")


def login(url: str, user: str, password: str, *, device: str = "", device_name: str = "") -> tuple[str, str]:
    """Sign in; gives the access token and the device id.  Blocks.

    Raises:
        AuthError: wrong password or unknown user.
        TransientError: the homeserver does not answer.
    """
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user},
        "password": password,
    } | {
        key: value
        for key, value in (("device_id", device), ("initial_device_display_name", device_name))
        if value
    }
    status, answer = call(url, "POST", "/_matrix/client/v3/login", body)
    if status != 200:
        raise AuthError(
            f"{user} can't sign in: {_reason(status, answer)}",
            f"Set a new password: fallback homeserver add-user {user.partition(':')[0].removeprefix('@')}",
        )
    return str(answer["access_token"]), str(answer["device_id"])


def registration_token(url: str, server_name: str, keys: Keys, *, expires_at: int) -> str:
    """Make a token with which one person can make one account; a secret.  Blocks.

    Args:
        expires_at: ms since the epoch.

    Raises:
        HomeserverError: the homeserver refused.
        TransientError: it does not answer.
    """
    body = {"uses_allowed": 1, "expiry_time": expires_at, "length": 16}
    with _admin(url, server_name, keys) as token:
        status, answer = call(url, "POST", "/_synapse/admin/v1/registration_tokens/new", body, token=token)
    if status != 200:
        raise HomeserverError(f"no registration token was made: {_reason(status, answer)}")
    return str(answer["token"])


@contextlib.contextmanager
def _admin(url: str, server_name: str, keys: Keys) -> Iterator[str]:
    """Sign the internal admin in for a request; gives the access token."""
    _register(url, keys, ADMIN, keys.admin_password, "fallback", admin=True)
    token, _ = login(url, f"@{ADMIN}:{server_name}", keys.admin_password, device="RESET")
    try:
        yield token
    finally:
        call(url, "POST", "/_matrix/client/v3/logout", {}, token=token)


def _register(
    url: str, keys: Keys, localpart: str, password: str, display_name: str, *, admin: bool
) -> tuple[int, dict[str, Any]]:
    """Register with the shared secret; no device is made."""
    _, answer = call(url, "GET", _REGISTER)
    nonce = str(answer.get("nonce", ""))
    parts = (nonce, localpart, password, "admin" if admin else "notadmin")
    mac = hmac.new(keys.registration.encode(), "\0".join(parts).encode(), hashlib.sha1)
    body = {
        "nonce": nonce,
        "username": localpart,
        "password": password,
        "admin": admin,
        "displayname": display_name,
        "mac": mac.hexdigest(),
        "inhibit_login": True,
    }
    return call(url, "POST", _REGISTER, body)


def _reset(url: str, keys: Keys, account: Account, display_name: str, *, admin: bool) -> None:
    """Set the password through the admin API."""
    body: dict[str, Any] = {"password": account.password, "logout_devices": False}
    body |= ({"displayname": display_name} if display_name else {}) | ({"admin": True} if admin else {})
    path = f"/_synapse/admin/v2/users/{quote(account.user, safe='')}"
    with _admin(url, account.user.partition(":")[2], keys) as token:
        status, answer = call(url, "PUT", path, body, token=token)
    if status not in (200, 201):
        raise HomeserverError(f"the password of {account.user} was not reset: {_reason(status, answer)}")


def _reason(status: int, answer: dict[str, Any]) -> str:
    return f"{answer.get('error') or 'no reason given'} ({answer.get('errcode') or status})"

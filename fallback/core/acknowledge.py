"""Links by which an alert is acknowledged: signed, for one person and one outage, once, for a limited time."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Container

import msgspec

from fallback.core.events import Frozen
from fallback.errors import AuthError

LASTS = 24 * 3_600_000
"""For how long (ms) a link works."""
LENGTH = 1024
"""Characters of a token that are looked at."""


class Acknowledgement(Frozen, frozen=True):
    """What a link says: who has seen the alert of which outage.

    Args:
        outage: its beginning, ms.
        expires: ms.
    """

    who: str
    outage: int
    expires: int


def sign(key: bytes, said: Acknowledgement) -> str:
    """Make a token of URL-safe characters."""
    body = msgspec.json.encode(said)
    return f"{_text(body)}.{_text(_mac(key, body))}"


def verify(key: bytes, token: str, *, now: int, used: Container[str] = ()) -> Acknowledgement:
    """Read a token that we signed; whoever takes it adds ``mark(token)`` to those that are used.

    Raises:
        AuthError: not ours, used before or too old.
    """
    body, _, signature = token[:LENGTH].partition(".")
    try:
        said, mac = _bytes(body), _bytes(signature)
    except (binascii.Error, ValueError):
        said = mac = b""
    if not said or not hmac.compare_digest(mac, _mac(key, said)):
        raise AuthError("this link is not one of ours", "Open the link of the last alert.")
    found = msgspec.json.decode(said, type=Acknowledgement)
    if now > found.expires:
        raise AuthError("this link is too old", "Write one word in the room instead.")
    if mark(token) in used:
        raise AuthError("this link was used already", "Nothing is left to do.")
    return found


def mark(token: str) -> str:
    """Give what is kept of a used token: a digest of what it says, however it is spelt."""
    return hashlib.sha256(_bytes(token.partition(".")[0])).hexdigest()


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, b"fallback acknowledgement\0" + body, "sha256")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)

"""Alerts by webhook: signed JSON to any address."""

import hmac

import msgspec

from fallback.alerts.post import post
from fallback.core.ports import Clock
from fallback.text import sanitise, sanitise_name


class WebhookAlert:
    """Signs ``TIMESTAMP.BODY`` with HMAC-SHA256, so that a receiver can tell a true alert and refuse an old one.

    Args:
        secret: shared with the receiver.
    """

    name = "webhook"

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._secret = secret
        self.clock = clock

    async def send(self, title: str, text: str, address: str) -> None:
        """Post to one address.

        Raises:
            TransientError, PermanentError: as ``post``.
        """
        body = msgspec.json.encode({"title": sanitise_name(title), "text": sanitise(text)})
        at = str(self.clock.now() // 1000)
        headers = {
            "Content-Type": "application/json",
            "X-Fallback-Timestamp": at,
            "X-Fallback-Signature": f"sha256={signature(self._secret, at, body)}",
        }
        await post(address, body, headers)


def signature(secret: bytes, at: str, body: bytes) -> str:
    """Give the hex signature of a body that was sent at ``at`` (seconds)."""
    return hmac.digest(secret, at.encode() + b"." + body, "sha256").hex()

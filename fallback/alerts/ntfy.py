"""Alerts by ntfy: a push to whoever follows a topic, on ntfy.sh or one's own server."""

import re

import msgspec

from fallback.alerts.post import post
from fallback.errors import PermanentError
from fallback.text import sanitise, sanitise_name

_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")


class NtfyAlert:
    """One server.

    Args:
        url: of the server.
        token: an access token, where the server wants one; a secret.
    """

    name = "ntfy"

    def __init__(self, url: str = "https://ntfy.sh", token: str = "") -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def send(self, title: str, text: str, address: str) -> None:
        """Push to one topic.

        Raises:
            TransientError, PermanentError: as ``post``; the address is no topic.
        """
        if not _TOPIC.fullmatch(address):
            raise PermanentError("this is no topic of ntfy", "Use letters, digits, - and _.")
        body = {"topic": address, "title": sanitise_name(title), "message": sanitise(text), "priority": 5}
        await post(self.url, msgspec.json.encode(body), {"Content-Type": "application/json", **self._headers})

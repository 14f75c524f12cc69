"""Asking our own other devices for the keys that messages wait for."""

import json
from uuid import uuid4

from fallback.matrix.crypto.client import SafeClient
from fallback.matrix.crypto.trust import Sharing

REQUEST = "m.room_key_request"
AT_ONCE = 50
"""Keys that are asked for after one sync."""


class KeyRequests:
    """Asks once for each missing key; what comes is taken in by ``Forwarding``."""

    def __init__(self, client: SafeClient) -> None:
        self._client = client
        self._seen = 0

    async def step(self) -> int:
        """Ask for what began to wait since the last time; returns for how many keys.

        Raises:
            TransientError: the homeserver does not answer.
        """
        if not self._has_others():
            return 0
        machine, asked = self._client.machine, 0
        for number, room, session, source in self._client.crypto.missing(self._seen, AT_ONCE):
            if not machine.has(room, session) and session not in machine.outgoing_key_requests:
                await self._ask(room, session, str(json.loads(source)["content"].get("sender_key", "")))
                asked += 1
            self._seen = number
        return asked

    async def _ask(self, room: str, session: str, sender_key: str) -> None:
        content = self._client.machine.ask_for(room, session, sender_key)
        path = f"/_matrix/client/v3/sendToDevice/{REQUEST}/{uuid4()}"
        await self._client.http.json("PUT", path, body={"messages": {self._client.user_id: {"*": content}}})

    def _has_others(self) -> bool:
        """Tell whether another device of ours could answer."""
        me = self._client.user_id
        return any(
            self._client.trust.sharing(me, device.id) is Sharing.VERIFIED
            for device in self._client.device_store.active_user_devices(me)
            if not self._client.machine.is_own(device)
        )

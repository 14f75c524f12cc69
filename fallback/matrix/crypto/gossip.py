"""Secrets from one of our devices to another, once the new one is verified: no recovery key needs to be typed."""

import logging
from collections import deque
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from fallback.matrix.crypto.canonical import Json, b64, unb64
from fallback.matrix.crypto.client import SafeClient
from fallback.matrix.crypto.setup import BACKUP_SECRET, SECRETS
from fallback.matrix.crypto.trust import Sharing

log = logging.getLogger(__name__)
SEND = "m.secret.send"
REQUEST = "m.secret.request"


class Gossip:
    """Asks our other devices for secrets, and answers them.

    Args:
        secrets: what this device has and may give, by name (``setup.SECRETS``).
    """

    def __init__(self, client: SafeClient, secrets: Mapping[str, bytes] | None = None) -> None:
        self.received: dict[str, bytes] = {}
        self._client = client
        self._secrets = dict(secrets or {})
        self._asked: dict[str, str] = {}
        self._queue: deque[Json] = deque()
        client.secret_handlers[SEND] = self._on_secret
        client.add_to_device_callback(self._on_request, None)

    async def ask(self, names: tuple[str, ...] = (*SECRETS.values(), BACKUP_SECRET)) -> None:
        """Ask all our devices; the answers are in ``received`` after a later sync."""
        for name in names:
            request = uuid4().hex
            self._asked[request] = name
            content = {
                "name": name,
                "action": "request",
                "requesting_device_id": self._client.device_id,
                "request_id": request,
            }
            body = {"messages": {self._client.user_id: {"*": content}}}
            await self._client.http.json(
                "PUT", f"/_matrix/client/v3/sendToDevice/{REQUEST}/{uuid4()}", body=body
            )

    def hold(self, secrets: Mapping[str, bytes]) -> None:
        """Give these, by name, to verified devices that ask."""
        self._secrets = dict(secrets)

    def seeds(self) -> dict[str, bytes]:
        """Give what came of the cross-signing keys, for ``CrossSigningKeys.matching``."""
        return {usage: self.received[name] for usage, name in SECRETS.items() if name in self.received}

    def _on_secret(self, sender: str, sender_key: str, content: Json) -> None:
        if sender != self._client.user_id or not self._is_signed(sender_key):
            log.warning("passed over a secret that no signed device of ours sent")
            return
        name = self._asked.pop(str(content.get("request_id")), None)
        if name is not None:
            self.received[name] = unb64(str(content["secret"]))

    def _is_signed(self, sender_key: str) -> bool:
        me = self._client.user_id
        device = self._client.device_store.device_from_sender_key(me, sender_key)
        return device is not None and self._client.trust.sharing(me, device.id) is not Sharing.WITHHELD

    def _on_request(self, event: Any) -> None:
        source = event.source
        content = source.get("content")
        if source.get("type") != REQUEST or source.get("sender") != self._client.user_id:
            return
        if isinstance(content, dict) and content.get("requesting_device_id") != self._client.device_id:
            self._queue.append(content)

    async def step(self) -> int:
        """Answer what was asked since the last time, to devices that we hold to be ours; returns how many."""
        answered = 0
        me = self._client.user_id
        cancelled = {item.get("request_id") for item in self._queue if item.get("action") != "request"}
        while self._queue:
            content = self._queue.popleft()
            secret = self._secrets.get(str(content.get("name")))
            if content.get("action") != "request" or content.get("request_id") in cancelled or secret is None:
                continue
            await self._client.refresh_keys(me)
            device = self._client.device_store[me].get(str(content.get("requesting_device_id")))
            trusted = device and self._client.trust.sharing(me, device.id) is Sharing.VERIFIED
            if device is None or not trusted:
                log.warning("a device that is not verified asked for a secret; it got none")
                continue
            await self._client.claim([me])
            answer = {"request_id": content.get("request_id"), "secret": b64(secret)}
            bodies = self._client.machine.encrypt_for([device], SEND, answer)
            path = f"/_matrix/client/v3/sendToDevice/m.room.encrypted/{uuid4()}"
            await self._client.http.json("PUT", path, body={"messages": {me: bodies}})
            answered += len(bodies)
        return answered

"""Verification by emoji with another client: to-device or in a room, asked or asking; signs what was proven."""

import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from nio import RoomSendResponse

from fallback.errors import PermanentError, TransientError
from fallback.matrix.crypto.canonical import Json
from fallback.matrix.crypto.client import SafeClient
from fallback.matrix.crypto.identity import CrossSigningKeys, Identity
from fallback.matrix.crypto.sas import METHOD, PREFIX, Flow, Message, Stage

log = logging.getLogger(__name__)
LIFE = 600_000
"""ms after which a request is void."""
MOST_FLOWS = 20
"""Verifications at once; the oldest one goes."""


class Verifier:
    """All verifications of one device.

    ``step`` after each sync does what came; a person accepts (``accept``), compares ``flow.emoji``, and then calls
    ``confirm`` or ``cancel``.

    Args:
        keys: to sign what was proven; ``None`` on a new device, which another one is to sign.
        now: ms since the epoch.
    """

    def __init__(
        self,
        client: SafeClient,
        keys: CrossSigningKeys | None,
        *,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.flows: dict[str, Flow] = {}
        self._client = client
        self._keys = keys
        self._now = now
        self._identity = Identity(client.http, client.own)
        self._queue: deque[tuple[str, str, Json, str, str]] = deque()
        client.add_to_device_callback(self._to_device, None)
        client.add_event_callback(self._in_room, None)

    # ── what a person does ───────────────────────────────────────────────────────────────────────

    def waiting(self) -> list[Flow]:
        """List requests that nobody answered yet."""
        return [flow for flow in self.flows.values() if flow.stage is Stage.REQUESTED and not flow.ours]

    def hold(self, keys: CrossSigningKeys) -> None:
        """Sign with these from now on what is proven."""
        self._keys = keys

    async def request(self, user: str, device: str = "") -> Flow:
        """Ask one device, or all of a user's: the first one that answers is the other side."""
        flow = self._flow(user, secrets.token_urlsafe(16), their_device=device)
        content = {"from_device": flow.device, "methods": [METHOD], "timestamp": self._now()}
        await self._send(flow, [("request", {**content, "transaction_id": flow.transaction})])
        return flow

    async def request_in_room(self, user: str, room: str) -> Flow:
        """Ask a person, whichever device that person sits at."""
        content = {
            "msgtype": f"{PREFIX}request",
            "body": f"{self._client.user_id} would like to verify you; your client can't do that in the room.",
            "from_device": self._client.device_id,
            "methods": [METHOD],
            "to": user,
        }
        answer = await self._client.room_send(room, "m.room.message", content)
        if not isinstance(answer, RoomSendResponse):
            raise TransientError("the request could not be sent")
        return self._flow(user, answer.event_id, room=room)

    async def accept(self, flow: Flow) -> None:
        """Accept a request of theirs; they begin, or ``start`` does."""
        await self._send(flow, flow.ready())

    async def start(self, flow: Flow) -> None:
        """Begin with emojis."""
        await self._send(flow, flow.start())

    async def confirm(self, flow: Flow) -> None:
        """Say that the emojis are the same."""
        await self._send(flow, flow.confirm())
        await self._finish(flow)

    async def cancel(self, flow: Flow, code: str = "m.user") -> None:
        """Stop; with ``m.mismatched_sas`` where the emojis differ."""
        await self._send(flow, flow.cancel(code))

    async def step(self) -> None:
        """Do what came since the last time."""
        while self._queue:
            transaction, kind, content, sender, room = self._queue.popleft()
            if kind == "request":
                device = str(content.get("from_device", ""))
                self._flow(sender, transaction, room=room, their_device=device, ours=False)
                continue
            flow = self.flows.get(transaction)
            if flow is None or (flow.other, flow.room) != (sender, room):
                continue
            await self._send(flow, flow.receive(kind, content))
            await self._finish(flow)

    # ── the wire ─────────────────────────────────────────────────────────────────────────────────

    def _flow(
        self, other: str, transaction: str, *, room: str = "", their_device: str = "", ours: bool = True
    ) -> Flow:
        own = self._client.own
        chain = self._client.trust.chains.get(own.user)
        master = self._keys.public("master") if self._keys else (chain.master if chain else "")
        keys = {f"ed25519:{own.device}": own.ed25519}
        if master:
            keys[f"ed25519:{master}"] = master
        flow = Flow(
            own.user,
            own.device,
            other=other,
            transaction=transaction,
            keys=keys,
            room=room,
            their_device=their_device,
            ours=ours,
        )
        self.flows[transaction] = flow
        while len(self.flows) > MOST_FLOWS:
            del self.flows[next(iter(self.flows))]
        return flow

    def _to_device(self, event: Any) -> None:
        kind, content = event.source.get("type"), event.source.get("content")
        if not isinstance(kind, str) or not kind.startswith(PREFIX) or not isinstance(content, dict):
            return
        transaction = content.get("transaction_id")
        if not isinstance(transaction, str):
            return
        name = kind.removeprefix(PREFIX)
        if name == "request":
            sent = content.get("timestamp")
            fresh = isinstance(sent, int) and abs(self._now() - sent) < LIFE
            if not fresh or not _offers_emoji(content) or transaction in self.flows:
                return
        self._queue.append((transaction, name, content, event.sender, ""))

    def _in_room(self, room: Any, event: Any) -> None:
        source = event.source
        kind, content, sender = source.get("type"), source.get("content"), source.get("sender")
        if sender == self._client.user_id or not isinstance(kind, str) or not isinstance(content, dict):
            return
        if kind == "m.room.message" and content.get("msgtype") == f"{PREFIX}request":
            fresh = abs(self._now() - int(source.get("origin_server_ts", 0))) < LIFE
            if content.get("to") == self._client.user_id and fresh and _offers_emoji(content):
                self._queue.append((source["event_id"], "request", content, sender, room.room_id))
        elif kind.startswith(PREFIX):
            relation = content.get("m.relates_to")
            transaction = relation.get("event_id") if isinstance(relation, dict) else None
            if isinstance(transaction, str):
                self._queue.append((transaction, kind.removeprefix(PREFIX), content, sender, room.room_id))

    async def _send(self, flow: Flow, messages: list[Message]) -> None:
        for kind, content in messages:
            if flow.room:
                answer = await self._client.room_send(flow.room, f"{PREFIX}{kind}", content)
                if not isinstance(answer, RoomSendResponse):
                    raise TransientError("the homeserver refused a step of the verification")
            else:
                path = f"/_matrix/client/v3/sendToDevice/{PREFIX}{kind}/{uuid4()}"
                body = {"messages": {flow.other: {flow.their_device or "*": content}}}
                await self._client.http.json("PUT", path, body=body)

    async def _finish(self, flow: Flow) -> None:
        """Check what was proven, and sign it."""
        if flow.stage is not Stage.PROVEN:
            return
        try:
            proven = flow.check(await self._identity.chain(flow.other))
            if self._keys is not None:
                if flow.other == self._client.user_id:
                    await self._identity.sign_device(self._keys, flow.their_device)
                else:
                    await self._identity.sign_user(self._keys, flow.other, proven.master)
        except PermanentError:
            await self._send(flow, flow.cancel("m.key_mismatch", "the keys differ"))
            raise
        await self._client.refresh_keys(flow.other)
        if proven.master and self._client.trust.changed(flow.other):
            self._client.accept_identity(flow.other, proven.master)
        await self._send(flow, flow.done())


def _offers_emoji(content: Json) -> bool:
    methods = content.get("methods")
    return isinstance(methods, list) and METHOD in methods

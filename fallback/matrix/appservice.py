"""What only an appservice may do: speak as a ghost, with the original time, and never twice."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from fallback.matrix.http import Answer, MatrixHttp, RefusedError, bearer

DEVICE = "FALLBACK"
"""The ghosts' device; a send that names one is recognised when it is repeated, even after a restart."""

PAGE = 1000
"""Events a page when a room is read back."""

_V3 = "/_matrix/client/v3"


class Appservice:
    """The appservice's side of one homeserver, in raw JSON.

    Events of a room must be sent one after the other: Synapse orders by arrival and mixes up what comes at once.

    Args:
        http: may be the account's own; the token goes along with each request.
        as_token: a secret.
        sender: localpart of the appservice's own user.
    """

    def __init__(
        self, http: MatrixHttp, as_token: str, server_name: str, *, sender: str = "fallback_bridge"
    ) -> None:
        self.http = http
        self.user = f"@{sender}:{server_name}"
        self._headers = bearer(as_token)
        self._names: dict[str, str] = {}
        self._suffixes: dict[str, str] = {}

    # ── ghosts ───────────────────────────────────────────────────────────────────────────────────

    async def ensure_ghost(self, user: str, name: str = "") -> None:
        """Register a user with its device and display name; harmless, and free the second time.

        Raises:
            RefusedError: the user is not in the appservice's namespace.
            TransientError, AuthError: as in ``MatrixHttp.json``.
        """
        if self._names.get(user) == name:
            return
        existed = user in self._names or not await self._register(user)
        if user not in self._names:
            body = {"display_name": "fallback"}
            await self._ask("PUT", f"/devices/{DEVICE}?user_id={_q(user)}", body)
        if name and not (existed and await self.display_name(user) == name):
            path = f"/profile/{_q(user)}/displayname?user_id={_q(user)}"
            await self._ask("PUT", path, {"displayname": name})
        self._names[user] = name

    async def _register(self, user: str) -> bool:
        """Register; ``False`` where the user exists."""
        body = {
            "type": "m.login.application_service",
            "username": user.partition(":")[0].removeprefix("@"),
            "inhibit_login": True,
        }
        try:
            await self._ask("POST", "/register", body)
        except RefusedError as error:
            if error.errcode != "M_USER_IN_USE":
                raise
            return False
        return True

    async def display_name(self, user: str) -> str:
        """Give a user's display name; empty for none."""
        try:
            answer = await self._ask("GET", f"/profile/{_q(user)}/displayname?user_id={_q(user)}")
        except RefusedError as error:
            if error.errcode != "M_NOT_FOUND":
                raise
            return ""
        return str(answer.get("displayname") or "")

    # ── membership ───────────────────────────────────────────────────────────────────────────────

    async def invite(self, room: str, user: str, *, sender: str) -> None:
        """Let a ghost invite somebody; harmless when they are invited or there."""
        try:
            await self._ask("POST", f"{_room(room)}/invite?user_id={_q(sender)}", {"user_id": user})
        except RefusedError:
            if await self.membership(room, user, sender=sender) not in ("invite", "join"):
                raise

    async def join(self, room: str, user: str) -> None:
        """Let a ghost join a room that it is invited to (or that is public); harmless when it is there."""
        await self._ask("POST", f"{_room(room)}/join?user_id={_q(user)}", {})

    async def leave(self, room: str, user: str) -> None:
        """Let a ghost leave; harmless when it is gone."""
        try:
            await self._ask("POST", f"{_room(room)}/leave?user_id={_q(user)}", {})
        except RefusedError as error:
            if error.errcode not in ("M_FORBIDDEN", "M_NOT_FOUND"):
                raise

    async def membership(self, room: str, user: str, *, sender: str) -> str:
        """Give how a user stands in a room, as ``sender`` may see it; empty for not at all."""
        try:
            path = f"{_room(room)}/state/m.room.member/{_q(user)}?user_id={_q(sender)}"
            return str((await self._ask("GET", path)).get("membership", ""))
        except RefusedError:
            return ""

    async def members(self, room: str, *, sender: str) -> dict[str, str]:
        """Give who is in the room, by user id, with their display names (empty for none)."""
        answer = await self._ask("GET", f"{_room(room)}/joined_members?user_id={_q(sender)}")
        return {user: str(one.get("display_name") or "") for user, one in answer["joined"].items()}

    # ── what goes ────────────────────────────────────────────────────────────────────────────────

    async def send(
        self, room: str, kind: str, content: Mapping[str, Any], *, sender: str, txn: str, at: int = 0
    ) -> str:
        """Send an event as a ghost that ``ensure_ghost`` made; returns its id.

        Args:
            txn: a second call with the same one gives the same event, also after a crash of the server.
            at: original time in ms since the epoch; 0 for now.

        Raises:
            TransientError, AuthError, RefusedError: as in ``MatrixHttp.json``.
        """
        path = f"{_room(room)}/send/{_q(kind)}/{_q(txn)}{self._as(sender, at)}"
        return str((await self._ask("PUT", path, content))["event_id"])

    async def send_state(
        self, room: str, kind: str, key: str, content: Mapping[str, Any], *, sender: str, at: int = 0
    ) -> str:
        """Set a room's state as a ghost; returns the event's id.

        A ghost's own ``m.room.member`` with ``membership: join`` is a join that keeps its time (unlike ``join``).
        """
        path = f"{_room(room)}/state/{_q(kind)}/{_q(key)}{self._as(sender, at)}"
        return str((await self._ask("PUT", path, content))["event_id"])

    async def redact(
        self, room: str, target: str, *, sender: str, txn: str, reason: str = "", at: int = 0
    ) -> str:
        """Take an event back as a ghost; returns the redaction's id."""
        path = f"{_room(room)}/redact/{_q(target)}/{_q(txn)}{self._as(sender, at)}"
        return str((await self._ask("PUT", path, {"reason": reason} if reason else {}))["event_id"])

    async def upload(self, data: bytes, mimetype: str, filename: str, *, sender: str = "") -> str:
        """Store a file in a ghost's name; returns its ``mxc://`` address."""
        params = {"user_id": sender} if sender else {}
        return await self.http.upload(
            data, mimetype=mimetype, filename=filename, params=params, headers=self._headers
        )

    # ── reading back ─────────────────────────────────────────────────────────────────────────────

    async def messages(
        self, room: str, *, sender: str, newest_first: bool = False
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Read the room's whole timeline, as a member may see it."""
        path = f"{_room(room)}/messages?user_id={_q(sender)}&dir={'b' if newest_first else 'f'}&limit={PAGE}"
        start = ""
        while True:
            page = await self._ask("GET", f"{path}&from={_q(start)}" if start else path)
            for event in page.get("chunk", ()):
                yield event
            start = str(page.get("end") or "")
            if not start or not page.get("chunk"):
                return

    async def close(self) -> None:
        """Free the connections of ``http``."""
        await self.http.close()

    async def exchange(self, method: str, path: str, body: object = None) -> Answer:
        """Ask once with the appservice's token, and give what is answered, be it yes or no.

        Raises:
            TransientError: unreachable.
        """
        data = None if body is None else msgspec.json.encode(body)
        return await self.http.exchange(method, path, data, headers=self._headers)

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        return await self.http.json(method, _V3 + path, body=body, headers=self._headers)

    def _as(self, sender: str, at: int) -> str:
        """Give the query that makes a request a ghost's."""
        suffix = self._suffixes.get(sender)
        if suffix is None:
            suffix = self._suffixes[sender] = f"?user_id={_q(sender)}&device_id={DEVICE}"
        return f"{suffix}&ts={at}" if at else suffix


def _q(text: str) -> str:
    return quote(text, safe="")


def _room(room: str) -> str:
    return f"/rooms/{_q(room)}"

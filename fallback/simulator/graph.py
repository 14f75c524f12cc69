"""The Graph API on loopback: groups, messages and media of one business number, over a network in memory."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, Self

import msgspec
from aiohttp import web

from fallback.core.events import Attachment, Group, MediaKind, Message, Origin
from fallback.core.ids import ChatId, SourceId
from fallback.core.ports import Clock
from fallback.networks.loopback import LoopbackNetwork
from fallback.simulator.payloads import user_id
from fallback.simulator.webhooks import Webhooks

VERSION: Final = "v25.0"
_MEDIA: Final = {
    "image": MediaKind.IMAGE,
    "video": MediaKind.VIDEO,
    "audio": MediaKind.AUDIO,
    "document": MediaKind.DOCUMENT,
}
LIVES: Final = 300.0
"""Seconds for which a file's address works."""
_STATUS: Final = {
    0: 401,
    190: 401,
    368: 403,
    131031: 403,
    131207: 403,
    2: 503,
    131000: 500,
    131016: 500,
    131057: 500,
    130429: 429,
    131056: 429,
    131048: 429,
}


class Refusal(msgspec.Struct):
    """What the Graph does wrong: an error code, or its connection ends before (``lost``) an answer."""

    code: int = 0
    lost: bool = False


class Graph:
    """The server.

    Args:
        webhooks: told of what becomes of messages.

    Attributes:
        refusal: given in answer to every call with the token; ``None`` while all is well.
        base: where the connector's calls go.
        calls: how many came with the token.
    """

    def __init__(
        self,
        network: LoopbackNetwork,
        number: str,
        token: str,
        clock: Clock,
        webhooks: Webhooks,
    ) -> None:
        self.network = network
        self.number = number
        self.webhooks = webhooks
        self.refusal: Refusal | None = None
        self.base = ""
        self.calls = 0
        self._token = token
        self._clock = clock
        self._links: dict[str, tuple[str, float]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        """Listen on loopback."""
        app = web.Application(client_max_size=110 * 1024 * 1024)
        app.router.add_get("/", self._root)
        app.router.add_get("/files/{link}", self._authorised(self._file))
        app.router.add_get("/{version}/{node}", self._authorised(self._node))
        app.router.add_get("/{version}/{node}/groups", self._authorised(self._groups))
        app.router.add_post("/{version}/{node}/messages", self._authorised(self._messages))
        app.router.add_post("/{version}/{node}/media", self._authorised(self._upload))
        app.router.add_get("/{version}/{node}/invite_link", self._authorised(self._invite_link))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}/{VERSION}"

    async def close(self) -> None:
        """Stop to listen."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        """Start on any free port."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    def _authorised(
        self, answer: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def checked(request: web.Request) -> web.Response:
            if request.headers.get("Authorization") != f"Bearer {self._token}":
                return refuse(190, "Invalid OAuth access token")
            self.calls += 1
            if self.network.is_cut:
                return refuse(2, "Service temporarily unavailable")
            if self.refusal is not None and not self.refusal.lost:
                return refuse(self.refusal.code, "told to refuse")
            made = await answer(request)
            if self.refusal is not None and request.transport is not None:
                request.transport.abort()
            return made

        return checked

    async def _root(self, _request: web.Request) -> web.Response:
        return refuse(2 if self.network.is_cut else 100, "Unsupported get request.")

    async def _node(self, request: web.Request) -> web.Response:
        """Read the number, a group or a file, as the id says."""
        node = request.match_info["node"]
        if node == self.number:
            return web.json_response(
                {"health_status": {"can_send_message": "AVAILABLE", "entities": []}, "id": node}
            )
        if node in self.network.groups:
            return web.json_response(_described(self.network.groups[ChatId(node)]))
        if node in self.network.files:
            return web.json_response(self._medium(request, node))
        return refuse(100, "Object does not exist")

    def _medium(self, request: web.Request, node: str) -> dict[str, Any]:
        data, link = self.network.files[node], secrets.token_urlsafe(12)
        self._links[link] = node, self._clock.monotonic() + LIVES
        return {
            "messaging_product": "whatsapp",
            "url": f"http://{request.host}/files/{link}",
            "sha256": hashlib.sha256(data).hexdigest(),
            "file_size": len(data),
            "id": node,
        }

    async def _file(self, request: web.Request) -> web.Response:
        node, until = self._links.get(request.match_info["link"], ("", 0.0))
        if node not in self.network.files or self._clock.monotonic() >= until:
            return web.Response(status=404)
        return web.Response(body=self.network.files[node])

    async def _groups(self, request: web.Request) -> web.Response:
        listed = list(self.network.groups.values())
        start, limit = int(request.query.get("after", "0")), int(request.query.get("limit", "25"))
        page, more = listed[start : start + limit], start + limit < len(listed)
        rows = [{"id": one.chat, "subject": one.name, "created_at": "0"} for one in page]
        paging: dict[str, Any] = {"cursors": {"after": str(start + limit)}} | (
            {"next": "more"} if more else {}
        )
        return web.json_response({"data": {"groups": rows}, "paging": paging})

    async def _invite_link(self, request: web.Request) -> web.Response:
        node = request.match_info["node"]
        if node not in self.network.groups:
            return refuse(131041, "Unknown group")
        link = f"https://chat.whatsapp.com/{hashlib.sha256(node.encode()).hexdigest()[:22]}"
        return web.json_response({"messaging_product": "whatsapp", "invite_link": link})

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form.get("file")
        if not isinstance(file, web.FileField):
            return refuse(100, "Parameter file is missing")
        node = str(secrets.randbelow(10**15))
        self.network.files[node] = file.file.read()
        return web.json_response({"id": node})

    async def _messages(self, request: web.Request) -> web.Response:
        """Take a message for a group, show it to the phones and tell what became of it."""
        body = await request.json()
        chat = ChatId(str(body.get("to", "")))
        kind = body.get("type")
        if body.get("recipient_type") != "group" or kind not in ("text", *_MEDIA):
            return refuse(131009, "Parameter value is not valid")
        if chat not in self.network.groups:
            return refuse(131041, "Unknown group")
        wamid = SourceId(f"wamid.{secrets.token_hex(12).upper()}")
        reply = body.get("context", {}).get("message_id")
        said = Message(
            id=wamid,
            chat=chat,
            at=self._clock.now(),
            origin=Origin.WHATSAPP,
            text=str(body[kind].get("body") or body[kind].get("caption") or ""),
            attachment=self._attached(body[kind], _MEDIA[kind]) if kind in _MEDIA else None,
            reply_to=SourceId(reply) if reply else None,
        )
        self.network.take(said, self.webhooks)
        self._tell(chat, wamid, str(body.get("biz_opaque_callback_data", "")))
        contact = {"input": chat, "wa_id": chat}
        return web.json_response(
            {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": wamid}]}
        )

    def _attached(self, described: dict[str, Any], kind: MediaKind) -> Attachment:
        return Attachment(
            kind=kind, source=str(described.get("id", "")), filename=str(described.get("filename", ""))
        )

    def _tell(self, chat: ChatId, wamid: str, ours: str) -> None:
        self.webhooks.tell(chat, wamid, "sent", ours=ours)
        for member in self.network.groups[chat].members:
            self.webhooks.tell(chat, wamid, "delivered", participant=member.phone, ours=ours)


def refuse(code: int, message: str) -> web.Response:
    """Answer with an error as the Graph writes it."""
    error = {
        "message": f"(#{code}) {message}",
        "type": "OAuthException",
        "code": code,
        "fbtrace_id": "simulated",
    }
    return web.json_response({"error": error}, status=_STATUS.get(code, 400))


def _described(group: Group) -> dict[str, Any]:
    members = [
        ({"wa_id": one.phone.removeprefix("+")} if one.phone else {})
        | {"user_id": user_id(one), "username": one.name}
        for one in group.members
    ]
    return {
        "id": group.chat,
        "subject": group.name,
        "description": group.description,
        "suspended": False,
        "participants": members,
        "total_participant_count": len(members),
        "join_approval_mode": "auto_approve",
    }

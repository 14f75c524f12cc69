"""The Cloud API with Groups as a connector: webhooks in, Graph calls out."""

import asyncio
import io
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Protocol

import aiohttp
import msgspec
from msgspec.structs import replace

from fallback.core.events import Attachment, Canonical, Event, Group, Identity, Message
from fallback.core.ids import ChatId, SourceId
from fallback.core.ports import Capabilities, Clock, ConnectorState
from fallback.errors import PermanentError, StoreError, TransientError
from fallback.networks.whatsapp import cloud_rules, cloud_say
from fallback.networks.whatsapp.cloud_graph import Graph, GraphError, UnansweredError, translated
from fallback.networks.whatsapp.cloud_intake import Intake, Offered
from fallback.networks.whatsapp.cloud_json import Json, child, identifier, items, string
from fallback.networks.whatsapp.cloud_people import People
from fallback.networks.whatsapp.cloud_read import Update, read
from fallback.networks.whatsapp.cloud_webhook import Webhook
from fallback.text import sanitise, sanitise_name

log = logging.getLogger(__name__)
NAME = "cloud"
NUMBERS: Final = "cloud.numbers"
"""Where the store keeps which user id has which number."""
_LOOK_EVERY: Final = 60.0
_REMEMBERED: Final = 4096
_SWAPPED: Final = 60_000
"""Ms by which an event may be older than one before it and still count as in order."""
_FIELDS: Final = "subject,description,participants"

Fetch = Callable[[Attachment], Awaitable[bytes]]
Welcome = Callable[[ChatId], Awaitable[None]]


class Facts(Protocol):
    """The small facts of a store."""

    async def get(self, key: str) -> str | None:
        """Read one value."""
        ...

    async def put(self, key: str, value: str | None) -> None:
        """Write one value; ``None`` removes it."""
        ...


class Secrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What only Meta and we know; it never stands in a log, an address or an argument."""

    app_secret: str
    access_token: str
    verify_token: str

    def __post_init__(self) -> None:
        if not (self.app_secret and self.access_token and self.verify_token):
            raise ValueError("a secret is empty")

    def __repr__(self) -> str:
        return "Secrets(…)"


class CloudConnector:
    """One business number.

    Args:
        number: its phone number id.
        graph: base of the Graph API, with the version.
        host, port, path: where Meta's webhooks arrive, behind a proxy that speaks TLS.
        facts: keeps numbers that are told once and left out later.
    """

    name = NAME
    capabilities = Capabilities(
        media=False,
        reactions=False,
        polls=False,
        locations=False,
        text_limit=cloud_rules.TEXT,
        through_graph=True,
    )

    def __init__(
        self,
        number: str,
        secrets: Secrets,
        clock: Clock,
        facts: Facts,
        *,
        graph: str,
        host: str = "127.0.0.1",
        port: int = 0,
        path: str = "/webhook",
        timeout: float = 30.0,
    ) -> None:
        self.number = number
        self.port = port
        self.webhook = Webhook(secrets.app_secret, secrets.verify_token, self._take)
        self._graph = Graph(graph, secrets.access_token, timeout=timeout)
        self._clock = clock
        self._facts = facts
        self._host, self._path = host, path
        self._people = People()
        self._intake = Intake(self._watch)
        self._sent: OrderedDict[SourceId, SourceId] = OrderedDict()
        self._newest: dict[ChatId, int] = {}
        self._reached: bool | None = None
        self._trouble: ConnectorState | None = None
        self._fetch: Fetch | None = None
        self._welcome: Welcome | None = None
        self._welcomed: set[ChatId] = set()
        self._one_by_one = asyncio.Lock()

    @property
    def state(self) -> ConnectorState:
        """By the last answer of the Graph; a webhook that comes in proves the connection too."""
        if self._intake.closed:
            return ConnectorState.DISCONNECTED
        if self._trouble is not None:
            return self._trouble
        if self._reached is None:
            return ConnectorState.CONNECTING
        return ConnectorState.CONNECTED if self._reached else ConnectorState.DISCONNECTED

    async def start(self) -> None:
        """Listen for webhooks and look once whether the Graph answers.

        Raises:
            PermanentError: the address to listen on is not free.
        """
        self._people = People(
            msgspec.json.decode(await self._facts.get(NUMBERS) or "{}", type=dict[str, str])
        )
        try:
            self.port = await self.webhook.start(self._host, self.port, self._path)
            await self.look()
        except OSError as error:
            await self.close()
            raise PermanentError(
                f"can't listen on {self._host}:{self.port} for Meta's webhooks",
                "Give cloud.listen another port.",
            ) from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop to listen; POSTs whose events are not committed are refused, so that they come again."""
        self._intake.close()
        await self.webhook.close()
        await self._graph.close()

    def events(self) -> AsyncIterator[Offered]:
        """Give events as they come; the POST that brought one is answered after its ack."""
        return self._intake.events()

    async def look(self) -> None:
        """Ask the Graph for the number; ``state`` tells what came of it."""
        try:
            await self._ask("GET", self.number, params={"fields": "health_status"})
        except (TransientError, PermanentError):
            return

    async def send(self, event: Canonical, *, message_id: SourceId) -> SourceId:
        """Say something in a group.

        The Cloud API has no ids of our own: after an answer that got lost, the message's statuses tell
        whether it went out, and a second call waits for them.

        Raises:
            TransientError, PermanentError: as ``Connector.send``.
        """
        if message_id in self._sent:
            return self._sent[message_id]
        body = await self._written(cloud_say.message(event))
        try:
            answer = await self._ask(
                "POST", f"{self.number}/messages", json=body | {"biz_opaque_callback_data": message_id}
            )
        except UnansweredError as error:
            raise TransientError(error.message, retry_after=10.0) from error
        made = next((SourceId(identifier(one, "id")) for one in items(answer, "messages")), SourceId(""))
        if not made:
            raise TransientError("Meta took the message and gave it no name", retry_after=10.0)
        self._remember(message_id, made)
        return made

    async def _written(self, event: Message) -> Json:
        """Write a message; its file is uploaded first."""
        if event.attachment is None:
            return cloud_say.text(event)
        if self._fetch is None:
            raise PermanentError("there is nowhere to fetch the file from")
        file, data = event.attachment, await self._fetch(event.attachment)
        what = cloud_say.kind(file, len(data))
        form = aiohttp.FormData({"messaging_product": "whatsapp"})
        mimetype = file.mimetype or "application/octet-stream"
        form.add_field("file", io.BytesIO(data), filename=file.filename or "file", content_type=mimetype)
        answer = await self._ask("POST", f"{self.number}/media", data=form)
        return cloud_say.media(event, file, what, identifier(answer, "id"))

    def carry_files(self, fetch: Fetch) -> None:
        """Send files too from now on.

        Args:
            fetch: gives the plain bytes of a file of the room.
        """
        self._fetch = fetch
        self.capabilities = replace(self.capabilities, media=True)

    def greet(self, welcome: Welcome) -> None:
        """Have something done for each group before the first of its events is given.

        Args:
            welcome: makes the group's room; while it fails for now, the group's webhooks are not taken.
        """
        self._welcome = welcome

    async def group(self, chat: ChatId) -> Group:
        """Describe one of our groups; the business, which Meta does not list, is its last member."""
        found = await self._ask("GET", chat, params={"fields": _FIELDS})
        members = [self._people.participant(one) for one in items(found, "participants")]
        return Group(
            chat=chat,
            name=sanitise_name(string(found, "subject")),
            description=sanitise(string(found, "description")),
            members=(*members, Identity(me=True)),
        )

    async def groups(self) -> list[ChatId]:
        """List the number's groups."""
        found: list[ChatId] = []
        after = ""
        while True:
            page = {"limit": "100"} | ({"after": after} if after else {})
            answer = await self._ask("GET", f"{self.number}/groups", params=page)
            found += [ChatId(identifier(one, "id")) for one in items(child(answer, "data"), "groups")]
            paging = child(answer, "paging")
            following = string(child(paging, "cursors"), "after")
            if not string(paging, "next") or following in ("", after):
                return [one for one in dict.fromkeys(found) if one]
            after = following

    async def download(self, event: Event, source: str) -> bytes:
        """Fetch an attachment by its media id."""
        told = event.attachment.sha256 if isinstance(event, Message) and event.attachment else ""
        try:
            return await self._graph.file(source, self.number, told)
        except GraphError as error:
            raise translated(error) from error

    async def _ask(self, method: str, node: str, **sent: Any) -> Json:
        """Make a call and take from its end how the connection is."""
        try:
            answer = await self._graph.call(method, node, **sent)
        except GraphError as error:
            self._judge(error.code, error.status)
            raise translated(error) from error
        except TransientError:
            self._reached = False
            raise
        self._reached, self._trouble = True, None
        return answer

    def _judge(self, code: int, status: int) -> None:
        match cloud_rules.cause(code, status):
            case cloud_rules.Cause.OUTAGE:
                self._reached = False
            case cloud_rules.Cause.ACCOUNT:
                self._reached, self._trouble = True, cloud_rules.trouble(code)
            case cloud_rules.Cause.THROTTLED | cloud_rules.Cause.REFUSED:
                self._reached = True

    async def _take(self, body: bytes) -> None:
        update = read(body, phone_number_id=self.number, people=self._people, now=self._clock.now())
        await self._learn(update)
        for chat in dict.fromkeys(event.chat for event in update.events):
            await self._introduce(chat)
        await self._intake.take([self._placed(event) for event in update.events])

    async def _introduce(self, chat: ChatId) -> None:
        async with self._one_by_one:
            if self._welcome is None or chat in self._welcomed:
                return
            try:
                await self._welcome(chat)
            except PermanentError as error:
                log.warning("a group is left out: %s", error.message)
            self._welcomed.add(chat)

    def _placed(self, event: Canonical) -> Canonical:
        """Mark as late what arrives after newer ones of its group."""
        newest = self._newest.get(event.chat, 0)
        self._newest[event.chat] = max(newest, event.at)
        return replace(event, late=True) if event.at < newest - _SWAPPED else event

    async def _learn(self, update: Update) -> None:
        """Take from a body what is no event."""
        for ours, theirs in update.sent.items():
            self._remember(SourceId(ours), theirs)
        for code in filter(None, update.errors):
            self._judge(code, 0)
        if update.events:
            self._reached = True
        if self._people.changed:
            self._people.changed = False
            try:
                await self._facts.put(NUMBERS, msgspec.json.encode(self._people.numbers).decode())
            except StoreError:
                self._people.changed = True
                raise

    def _remember(self, ours: SourceId, theirs: SourceId) -> None:
        self._sent[ours] = theirs
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)

    async def _watch(self) -> None:
        await asyncio.sleep(_LOOK_EVERY)
        await self.look()

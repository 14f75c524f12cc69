"""Our module inside Synapse: brings a chain of the ghosts' events into a room in one go, in order.

Synapse loads it, in its own process, where the managed configuration names it under ``modules``.  It goes the way
that room creation and room upgrade go inside Synapse, which is no public interface: outside of the release series
that it is tested with it offers nothing, and the client sends one by one.
"""

import hmac
import logging
import sqlite3
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

import msgspec
from synapse.api.errors import Codes, InvalidClientTokenError, SynapseError
from synapse.appservice import ApplicationService
from synapse.events.snapshot import UnpersistedEventContext
from synapse.http.servlet import parse_json_object_from_request
from synapse.module_api import DirectServeJsonResource, ModuleApi
from synapse.server import HomeServer
from synapse.types import JsonDict, create_requester
from synapse.util import SYNAPSE_VERSION
from synapse.util.async_helpers import Linearizer
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.web.server import Request

log = logging.getLogger(__name__)

TESTED = "1.163."
"""The release series of Synapse whose inside this is written for."""
PATH = "/_synapse/client/fallback/history"
LONGEST = 500
"""Events a request."""
DEVICE = "FALLBACK"
"""The ghosts' device, whose transactions Synapse remembers for a day."""
_MEMBER = "m.room.member"
_NO_SPACE = ("database or disk is full", "disk I/O error")


class Link(msgspec.Struct, frozen=True, rename={"kind": "type", "at": "origin_server_ts"}):
    """One event of a chain; with ``state_key`` it is the sender's own membership."""

    kind: str
    content: dict[str, Any]
    sender: str
    at: int
    key: str
    state_key: str | None = None


class Chain(msgspec.Struct, frozen=True):
    """A request: events of one room, in order."""

    room_id: str
    events: list[Link]


class HistoryModule:
    """What Synapse makes at its start.

    Args:
        config: ``appservice`` is the id of the registration whose token opens the door.
    """

    def __init__(self, config: JsonDict, api: ModuleApi) -> None:
        if not SYNAPSE_VERSION.startswith(TESTED):
            log.warning(
                "Synapse %s is not of the series %sx: history goes in one by one", SYNAPSE_VERSION, TESTED
            )
            return
        api.register_web_resource(PATH, _Door(api._hs, str(config.get("appservice", ""))))  # noqa: SLF001


class _Door(DirectServeJsonResource):
    """The endpoint: GET says what it takes, POST takes a chain."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self, hs: HomeServer, service: str) -> None:
        super().__init__(clock=hs.get_clock())
        self._hs = hs
        self._service = service
        self._one_a_room = Linearizer(name="fallback_history", clock=hs.get_clock())

    async def _async_render_GET(self, request: Request) -> tuple[int, JsonDict]:  # noqa: N802 - Synapse's name
        self._admit(request)
        return HTTPStatus.OK, {"version": 1, "longest": LONGEST}

    async def _async_render_POST(self, request: Request) -> tuple[int, JsonDict]:  # noqa: N802 - Synapse's name
        service = self._admit(request)
        try:
            chain = msgspec.convert(parse_json_object_from_request(request), Chain)
        except msgspec.ValidationError as error:
            raise SynapseError(HTTPStatus.BAD_REQUEST, str(error), Codes.BAD_JSON) from error
        if len(chain.events) > LONGEST:
            raise SynapseError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {LONGEST} events", Codes.TOO_LARGE
            )
        try:
            async with self._one_a_room.queue(chain.room_id):
                return HTTPStatus.OK, {
                    "events": await _Writer(self._hs, service, chain.room_id).bring(chain.events)
                }
        except sqlite3.OperationalError as error:
            if not any(sign in str(error) for sign in _NO_SPACE):
                raise
            raise SynapseError(
                HTTPStatus.INSUFFICIENT_STORAGE, "no space left", Codes.RESOURCE_LIMIT_EXCEEDED
            ) from error

    def _admit(self, request: Request) -> ApplicationService:
        """Let in who is on this machine, through no proxy, with the appservice's token."""
        peer = Request.getClientAddress(request)  # type: ignore[no-untyped-call]  # not what a proxy says
        proxied = request.requestHeaders.hasHeader("X-Forwarded-For") or request.requestHeaders.hasHeader(
            "Forwarded"
        )
        is_here = isinstance(peer, IPv4Address | IPv6Address) and ip_address(peer.host).is_loopback
        if proxied or not is_here:
            raise SynapseError(HTTPStatus.FORBIDDEN, "only for this machine", Codes.FORBIDDEN)
        token = self._hs.get_auth().get_access_token_from_request(request)
        for service in self._hs.get_datastores().main.get_app_services():
            if service.id == self._service and hmac.compare_digest(token.encode(), service.token.encode()):
                return service
        raise InvalidClientTokenError


class _Writer:
    """One request's way into the room."""

    def __init__(self, hs: HomeServer, service: ApplicationService, room: str) -> None:
        self._auth = hs.get_auth()
        self._store = hs.get_datastores().main
        self._groups = hs.get_datastores().state
        self._state = hs.get_storage_controllers().state
        self._events = hs.get_event_creation_handler()
        self._service = service
        self._room = room
        self._senders: dict[str, SynapseError | None] = {}

    async def bring(self, links: list[Link]) -> list[JsonDict]:
        """Persist what is not there yet; gives an event id or an error for each, in order."""
        known = await self._persisted(links)
        answers: dict[tuple[str, str], JsonDict] = {
            pair: {"event_id": event} for pair, event in known.items()
        }
        fresh: dict[tuple[str, str], Link] = {}
        for link in links:
            pair = (link.sender, link.key)
            if pair in answers or pair in fresh:
                continue
            error = await self._refusal(link)
            if error is None:
                fresh[pair] = link
            else:
                answers[pair] = _told(error)
        answers |= zip(fresh, await self._halved(list(fresh.values())), strict=True)
        return [answers[link.sender, link.key] for link in links]

    async def _persisted(self, links: list[Link]) -> dict[tuple[str, str], str]:
        """Find what an earlier request with the same keys has made."""
        rows = await self._store.db_pool.simple_select_many_batch(
            table="event_txn_id_device_id",
            column="txn_id",
            iterable={link.key for link in links},
            retcols=("user_id", "txn_id", "event_id"),
            keyvalues={"room_id": self._room, "device_id": DEVICE},
            desc="fallback_history",
        )
        return {(user, key): event for user, key, event in rows}

    async def _refusal(self, link: Link) -> SynapseError | None:
        """Say why an event is none of the appservice's; whether it may speak in the room is Synapse's to judge."""
        if link.at < 0:
            return SynapseError(HTTPStatus.BAD_REQUEST, "a time before 1970", Codes.INVALID_PARAM)
        own = link.kind == _MEMBER and link.state_key == link.sender
        if (link.state_key is not None or link.kind in (_MEMBER, "m.room.redaction")) and not own:
            return SynapseError(
                HTTPStatus.FORBIDDEN, "only messages and one's own membership", Codes.FORBIDDEN
            )
        if link.sender not in self._senders:
            self._senders[link.sender] = await self._stranger(link.sender)
        return self._senders[link.sender]

    async def _stranger(self, user: str) -> SynapseError | None:
        try:
            await self._auth.validate_appservice_can_control_user_id(self._service, user)
        except SynapseError as error:
            return error
        if await self._store.get_device(user, DEVICE) is None:  # type: ignore[call-arg]  # its decorator
            return SynapseError(
                HTTPStatus.BAD_REQUEST, f"{user} has no device {DEVICE}", Codes.UNKNOWN_DEVICE
            )
        return None

    async def _halved(self, links: list[Link]) -> list[JsonDict]:
        """Persist a chain; where one event is refused, the half that it is in falls apart and the rest goes on."""
        if not links:
            return []
        try:
            return [{"event_id": event} for event in await self._persist(links)]
        except (SynapseError, ValueError, TypeError, KeyError) as error:
            if len(links) == 1:
                return [_told(error)]
        middle = len(links) // 2
        return [*await self._halved(links[:middle]), *await self._halved(links[middle:])]

    async def _persist(self, links: list[Link]) -> list[str]:
        """Persist events as one linear chain behind the room's last event; all of it or nothing is refused."""
        latest = await self._store.get_forward_extremities_for_room(self._room)
        if not latest:
            raise SynapseError(HTTPStatus.NOT_FOUND, "there is no such room", Codes.NOT_FOUND)
        previous = max(latest, key=lambda row: row[2])[0]
        group = (await self._state.get_state_group_for_events([previous]))[previous]
        state = dict(await self._state.get_state_ids_for_group(group))
        made: list[str] = []
        chain = []
        depth = None
        for link in links:
            standing = await self._standing(link, state)
            if standing is not None:
                made.append(standing)
                continue
            event, context = await self._events.create_event(
                create_requester(link.sender, app_service=self._service, device_id=DEVICE),
                self._raw(link),
                txn_id=link.key if link.state_key is None else None,
                prev_event_ids=[previous],
                depth=depth,
                state_map=state,
                for_batch=True,
                current_state_group=group,
            )
            chain.append((event, context))
            previous, depth = event.event_id, event.depth + 1
            if link.state_key is not None:
                state = {**state, (link.kind, link.state_key): event.event_id}
            made.append(event.event_id)
        if chain:
            batch = await UnpersistedEventContext.batch_persist_unpersisted_contexts(
                chain, self._room, group, self._groups
            )
            requester = create_requester(chain[0][0].sender, app_service=self._service, device_id=DEVICE)
            await self._events.handle_new_client_event(requester, batch, ratelimit=False)
        return made

    async def _standing(self, link: Link, state: Any) -> str | None:
        """Give the membership event that says already what this one would."""
        there = state.get((_MEMBER, link.sender)) if link.state_key is not None else None
        event = await self._store.get_event(there, allow_none=True) if there else None
        return event.event_id if event and event.membership == link.content.get("membership") else None

    def _raw(self, link: Link) -> JsonDict:
        raw: JsonDict = {
            "type": link.kind,
            "content": link.content,
            "sender": link.sender,
            "room_id": self._room,
            "origin_server_ts": link.at,
        }
        return raw if link.state_key is None else {**raw, "state_key": link.state_key}


def _told(error: Exception) -> JsonDict:
    if isinstance(error, SynapseError):
        return {"errcode": error.errcode, "error": error.msg}
    return {"errcode": Codes.BAD_JSON, "error": "the event can't be encoded"}

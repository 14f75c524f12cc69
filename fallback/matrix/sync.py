"""What a sync brought, as canonical events: opened, judged by who wrote them, in the room's order."""

import asyncio
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace
from nio import Event, InviteMemberEvent, MegolmEvent, ReceiptEvent, SyncResponse, TypingNoticeEvent
from nio.exceptions import EncryptionError

from fallback.core.events import CLEAR, Canonical, Edit, Identity, Message, Notice, Receipt, ReceiptKind, Vote
from fallback.core.ids import ChatId, RoomId, SourceId, UserId
from fallback.core.ports import SyncBatch
from fallback.core.roster import relay_of
from fallback.matrix.crypto.client import SafeClient
from fallback.matrix.read import from_event
from fallback.text import sanitise_name

AT_ONCE = 25
"""Messages that are read before others get their turn: a frame of the screen, a heartbeat."""


def read_sync(client: SafeClient, response: SyncResponse) -> SyncBatch:
    """Read one answer; what came before its key is put aside, and comes with a later batch."""
    events: list[Canonical] = []
    limited: list[tuple[RoomId, str]] = []
    typing: list[tuple[RoomId, tuple[UserId, ...]]] = []
    for room, info in response.rooms.join.items():
        names = names_in(client, room)
        if info.timeline.limited:
            limited.append((RoomId(room), info.timeline.prev_batch or ""))
        with client.crypto.database.atomic():
            read = [read_event(client, event, room, names) for event in info.timeline.events]
        events += [event for event in read if event is not None]
        for ephemeral in info.ephemeral:
            if isinstance(ephemeral, ReceiptEvent):
                events += _receipts(ephemeral, room, names)
            elif isinstance(ephemeral, TypingNoticeEvent):
                typing.append((RoomId(room), tuple(UserId(user) for user in ephemeral.users)))
    return SyncBatch(
        events=tuple(events),
        token=response.next_batch,
        joined=tuple(RoomId(room) for room in response.rooms.join),
        invited=tuple(
            (RoomId(room), UserId(event.sender))
            for room, info in response.rooms.invite.items()
            for event in info.invite_state
            if isinstance(event, InviteMemberEvent) and event.state_key == client.user_id
        ),
        limited=tuple(limited),
        typing=tuple(typing),
    )


def read_raw(
    client: SafeClient, raw: Mapping[str, Any], room: str, names: Mapping[str, str]
) -> Canonical | None:
    """Read one event as the client API gives it, encrypted or not."""
    if raw.get("type") != "m.room.encrypted":
        return _in_clear(client, raw, room, names)
    return read_event(client, _opened(client, raw, room), room, names)


def source_of(client: SafeClient, raw: Mapping[str, Any], room: str) -> Mapping[str, Any]:
    """Give an event in clear, or as it is where that can't be."""
    if raw.get("type") != "m.room.encrypted":
        return raw
    source: Mapping[str, Any] = _opened(client, raw, room).source
    return source


def _opened(client: SafeClient, raw: Mapping[str, Any], room: str) -> Any:
    event: Any = Event.parse_encrypted_event(dict(raw))
    if not isinstance(event, MegolmEvent):
        return event
    event.room_id = room
    try:
        return client.machine.decrypt_megolm_event(event, room)
    except EncryptionError:
        return event


def read_event(client: SafeClient, event: Any, room: str, names: Mapping[str, str]) -> Canonical | None:
    """Read one event as nio gives it, decrypted where that could be."""
    if isinstance(event, MegolmEvent):
        event.room_id = room
        client.put_aside(event)
        return None
    if not getattr(event, "decrypted", False):
        return _in_clear(client, event.source, room, names)
    read = from_event(event.source, room, names, relay=_teller(client, event.source))
    return read and replace(read, trust=client.verdict(event).value)


def _in_clear(
    client: SafeClient, raw: Mapping[str, Any], room: str, names: Mapping[str, str]
) -> Canonical | None:
    """Read an event that came in clear, and say so of words in a room that is encrypted: anybody can forge them."""
    read = from_event(raw, room, names, relay=_teller(client, raw))
    known = client.rooms.get(room)
    sealed = room in client.encrypted_rooms or (known is not None and known.encrypted)
    if sealed and isinstance(read, Message | Edit | Vote | Notice):
        return replace(read, trust=CLEAR)
    return read


def _teller(client: SafeClient, raw: Mapping[str, Any]) -> UserId:
    """Name who may say other people's words here: ourselves, else our relay."""
    own = UserId(client.user_id)
    return own if raw.get("sender") == own else relay_of(own)


async def read_late(client: SafeClient) -> list[Canonical]:
    """Read what was put aside and whose key has come since; ``SafeClient.forget_opened`` when it is safe."""
    events = []
    for number, (room, event) in enumerate(client.opened(), 1):
        read = read_event(client, event, room, names_in(client, room))
        if read is not None:
            events.append(read)
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    return events


def names_in(client: SafeClient, room: str) -> dict[str, str]:
    """Give the display names of a room's members by user id, sanitised."""
    known = client.rooms.get(room)
    if known is None:
        return {}
    return {user: sanitise_name(member.display_name or "") for user, member in known.users.items()}


def _receipts(event: ReceiptEvent, room: str, names: Mapping[str, str]) -> list[Canonical]:
    return [
        Receipt(
            id=SourceId(f"{receipt.event_id}/{receipt.user_id}"),
            chat=ChatId(room),
            sender=Identity(mxid=receipt.user_id, name=names.get(receipt.user_id, "")),
            at=receipt.timestamp,
            targets=(SourceId(receipt.event_id),),
            kind=ReceiptKind.READ,
        )
        for receipt in event.receipts
    ]

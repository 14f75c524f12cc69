"""What an event becomes on the other side: the rules of echo, loop, duplicate and honest text."""

import hashlib
from collections.abc import Callable
from typing import assert_never

from msgspec.structs import replace

from fallback.core.events import (
    CLEAR,
    Canonical,
    Edit,
    GroupChange,
    Identity,
    Membership,
    Message,
    Notice,
    Origin,
    Reaction,
    Receipt,
    Redaction,
    Vote,
)
from fallback.core.ids import DeliveryId, UserId
from fallback.core.outbox import Delivery
from fallback.core.ports import Capabilities, Portal
from fallback.core.roster import is_ghost

MATRIX = "matrix"
"""The lane's end that is the room."""


def delivery_id(portal: Portal, event: Canonical, target: str) -> DeliveryId:
    """Derive the delivery's id from what it carries, so that a second routing gives the same one."""
    seed = f"{portal.id}\0{event.origin}\0{event.id}\0{target}"
    return DeliveryId("fb" + hashlib.sha256(seed.encode()).hexdigest()[:30])


def to_room(event: Canonical, portal: Portal, ghost: Callable[[Identity], UserId]) -> list[Delivery]:
    """Route what the remote network said into the room, each person as their ghost."""
    if isinstance(event, Receipt):
        return []
    sender = ghost(event.sender) if portal.ghosts and event.origin is not Origin.MATRIX else None
    return [
        Delivery(
            id=delivery_id(portal, event, MATRIX), portal=portal.id, target=MATRIX, event=event, sender=sender
        )
    ]


def to_remote(event: Canonical, portal: Portal, target: str, can: Capabilities, us: UserId) -> list[Delivery]:
    """Route what somebody said in the room to the remote group, if an admin has turned sending on.

    Our own words, our ghosts' and what a relay brought are echoes; another machine's notices would loop; what came
    in clear into an encrypted room is anybody's: none of it goes out.
    """
    sender = event.sender.mxid
    if not portal.sending or not can.send or sender == us or is_ghost(sender):
        return []
    if event.relayed is not None or event.trust == CLEAR:
        return []
    spoken = as_spoken(replace(event, chat=portal.chat), can)
    if spoken is None:
        return []
    return [Delivery(id=delivery_id(portal, event, target), portal=portal.id, target=target, event=spoken)]


def as_spoken(event: Canonical, can: Capabilities) -> Canonical | None:
    """Say an event in what the other side can show; ``None`` where nothing should be said.

    One account speaks for everybody there, so every text begins with the person's name.
    """
    who = f"*{event.sender.name or event.sender.key}*"
    match event:
        case Message():
            return _spoken_message(event, who, can)
        case Edit():
            if can.edit_within:
                return replace(event, text=f"{who}: {event.text}")
            return _text(event, f"{who} (edited): {event.text}")
        case Reaction():
            return _text(event, f"{who} {event.key}") if event.key else None
        case Redaction():
            return event if can.revoke_within else None
        case Vote():
            return _text(event, f"{who} votes: {', '.join(event.options)}") if event.options else None
        case Receipt() | Membership() | GroupChange() | Notice():
            return None
        case _:
            assert_never(event)


def _spoken_message(event: Message, who: str, can: Capabilities) -> Message:
    if event.poll and not can.polls:
        options = "\n".join(f"{n}. {option.text}" for n, option in enumerate(event.poll.options, 1))
        return replace(event, text=f"{who}: 📊 {event.poll.question}\n{options}", poll=None)
    if event.location and not can.locations:
        place = event.location
        return replace(
            event,
            text=f"{who}: 📍 {place.name} https://maps.google.com/?q={place.latitude},{place.longitude}",
            location=None,
        )
    if event.attachment and not can.media:
        return replace(
            event, text=f"{who}: 📎 {event.attachment.filename} {event.text}".rstrip(), attachment=None
        )
    return replace(event, text=f"{who}: {event.text}"[: can.text_limit])


def _text(event: Edit | Reaction | Vote, text: str) -> Message:
    return Message(
        id=event.id,
        chat=event.chat,
        sender=event.sender,
        at=event.at,
        origin=Origin.MATRIX,
        text=text,
        reply_to=event.target,
    )

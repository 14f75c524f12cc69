"""Reads a webhook's body into canonical events; one odd entry never hides the others."""

import logging
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from fallback.core.events import Canonical, Notice, Receipt, ReceiptKind
from fallback.core.ids import ChatId, SourceId
from fallback.networks.whatsapp import cloud_groups, cloud_messages
from fallback.networks.whatsapp.cloud_json import (
    Json,
    child,
    decode,
    identifier,
    items,
    moment,
    number,
    string,
)
from fallback.networks.whatsapp.cloud_people import People
from fallback.networks.whatsapp.cloud_rules import explain

log = logging.getLogger(__name__)
LATE: Final = 5 * 60_000
"""Ms after which what arrives counts as late."""
_AHEAD: Final = 60_000
"""Ms by which a phone's clock may be ahead; what lies further in the future is dated now."""
_RECEIPTS: Final = {"delivered": ReceiptKind.DELIVERED, "read": ReceiptKind.READ, "played": ReceiptKind.READ}


class Update(msgspec.Struct):
    """What one body holds.

    Args:
        events: by the time at which they were said.
        sent: our own name of a message -> the network's, as its statuses tell.
        errors: codes that concern the whole account.
        left_out: entries that belong to no group or that nothing could be made of.
    """

    events: list[Canonical] = msgspec.field(default_factory=list)
    sent: dict[str, SourceId] = msgspec.field(default_factory=dict)
    errors: list[int] = msgspec.field(default_factory=list)
    left_out: int = 0


def read(body: bytes, *, phone_number_id: str, people: People, now: int) -> Update:
    """Read one body.

    Args:
        phone_number_id: ours; what is for another number of the same business is left out.
        now: ms.

    Raises:
        ParseError: it is no JSON object.
    """
    update = Update()
    for entry in items(decode(body), "entry"):
        for change in items(entry, "changes"):
            value = child(change, "value")
            meant = string(child(value, "metadata"), "phone_number_id")
            if meant in ("", phone_number_id):
                _change(string(change, "field"), value, update, people, now)
            else:
                update.left_out += 1
    update.events.sort(key=lambda event: event.at)
    return update


def _change(field: str, value: Json, update: Update, people: People, now: int) -> None:
    people.learn(value)
    for item in items(value, "messages"):
        _add(update, _message(item, people, now))
    for item in items(value, "statuses"):
        _status(item, update, people, now)
    for item in items(value, "errors"):
        update.errors.append(int(number(item, "code")))
    if field in cloud_groups.FIELDS:
        for item in items(value, "groups"):
            found = list(_group(item, people, now))
            update.events += found
            update.left_out += not found


def _add(update: Update, event: Canonical | None) -> None:
    if event is None:
        update.left_out += 1
    else:
        update.events.append(event)


def _message(item: Json, people: People, now: int) -> Canonical | None:
    chat, wamid = ChatId(identifier(item, "group_id")), SourceId(identifier(item, "id"))
    if not chat or not wamid:
        return None
    sender = people.identity(identifier(item, "from"), identifier(item, "from_user_id"))
    return cloud_messages.said(item, _base(item, chat, now) | {"id": wamid, "sender": sender})


def _status(item: Json, update: Update, people: People, now: int) -> None:
    """Take a status: what its message is called, who got it, or why nobody did."""
    wamid, status = SourceId(identifier(item, "id")), string(item, "status")
    ours = identifier(item, "biz_opaque_callback_data")
    if ours and wamid:
        update.sent[ours] = wamid
    if string(item, "recipient_type") != "group" or not wamid:
        update.left_out += 1
        return
    base = _base(item, ChatId(identifier(item, "recipient_id")), now)
    who = people.identity(
        identifier(item, "recipient_participant_id", "participant_recipient_id"),
        identifier(item, "recipient_participant_user_id", "participant_recipient_user_id"),
    )
    if status in _RECEIPTS:
        key = SourceId(f"{wamid}:{status}:{who.key}")
        update.events.append(Receipt(**base, id=key, sender=who, targets=(wamid,), kind=_RECEIPTS[status]))
    elif status == "failed":
        codes = [int(number(one, "code")) for one in items(item, "errors")]
        text = f"A message did not reach the WhatsApp group: {explain(codes[0] if codes else 0)}."
        key = SourceId(f"{wamid}:failed:{who.key}")
        update.events.append(Notice(**base, id=key, text=text, topic="delivery"))


def _group(item: Json, people: People, now: int) -> Iterator[Canonical]:
    chat = ChatId(identifier(item, "group_id"))
    if chat:
        yield from cloud_groups.happened(item, _base(item, chat, now), people, str(moment(item)))


def _base(item: Json, chat: ChatId, now: int) -> dict[str, Any]:
    at = moment(item) or now
    at = now if at > now + _AHEAD else at
    return {"chat": chat, "at": at, "late": now - at > LATE}

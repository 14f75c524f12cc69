"""Canonical events as Matrix event content and back (pure); shapes as mautrix-whatsapp and Element write them."""

import hashlib
from collections.abc import Mapping
from typing import Any, assert_never

from fallback.core.events import (
    Attachment,
    Canonical,
    Edit,
    GroupChange,
    Identity,
    Location,
    MediaKind,
    Membership,
    Message,
    Notice,
    Origin,
    Poll,
    Reaction,
    Receipt,
    Redaction,
    Vote,
)
from fallback.core.markup import to_html
from fallback.errors import PermanentError
from fallback.text import sanitise_name

SOURCE = "dev.fallback.source"
"""Our key in event content: where and when it was first said; survives the loss of our own store."""
TOPIC = "dev.fallback.topic"
"""Our key in a notice: what it is about, so that a client can act on it."""
POLL_START = "org.matrix.msc3381.poll.start"
POLL_RESPONSE = "org.matrix.msc3381.poll.response"
_TEXT = "org.matrix.msc1767.text"
_MSGTYPE = {
    MediaKind.IMAGE: "m.image",
    MediaKind.VIDEO: "m.video",
    MediaKind.GIF: "m.video",
    MediaKind.AUDIO: "m.audio",
    MediaKind.VOICE: "m.audio",
    MediaKind.DOCUMENT: "m.file",
    MediaKind.CONTACT: "m.file",
    MediaKind.STICKER: "m.image",
}

Content = dict[str, Any]


def to_content(event: Canonical) -> tuple[str, Content]:
    """Write an event as Matrix type and content; ids that it points to are Matrix event ids already.

    Raises:
        PermanentError: a kind that is not sent as an event of its own (redactions, receipts).
    """
    match event:
        case Message():
            kind, content = _message(event)
        case Edit():
            kind, content = "m.room.message", _edit(event)
        case Reaction():
            relation = {"rel_type": "m.annotation", "event_id": event.target, "key": event.key}
            kind, content = "m.reaction", {"m.relates_to": relation}
        case Vote():
            answers = [option_id(option) for option in event.options]
            relation = {"rel_type": "m.reference", "event_id": event.target}
            kind, content = POLL_RESPONSE, {POLL_RESPONSE: {"answers": answers}, "m.relates_to": relation}
        case Membership() | GroupChange() | Notice():
            kind, content = "m.room.message", {"msgtype": "m.notice", **_body(event.text), "m.mentions": {}}
            if isinstance(event, Notice) and event.topic:
                content[TOPIC] = event.topic
        case Redaction() | Receipt():
            raise PermanentError(f"a {type(event).__name__.lower()} is no event of its own")
        case _:
            assert_never(event)
    if event.origin is not Origin.MATRIX:
        content[SOURCE] = _source(event)
    return kind, content


def option_id(text: str) -> str:
    """Give the id of a poll's answer: the hash that WhatsApp itself votes with."""
    return hashlib.sha256(text.encode()).hexdigest()


def _source(event: Canonical) -> Content:
    source: Content = {"id": event.id, "network": event.origin.value, "at": event.at}
    if isinstance(event, Message):
        flags = {"edited": event.edited, "deleted": event.deleted, "forwarded": event.forwarded}
        source |= {name: True for name, value in flags.items() if value}
    return source | ({"late": True} if event.late else {})


def _body(text: str) -> Content:
    formatted = to_html(text)
    if formatted is None:
        return {"body": text}
    return {"body": text, "format": "org.matrix.custom.html", "formatted_body": formatted}


def _mentions(event: Message | Edit) -> Content:
    users = sorted({identity.mxid for identity in event.mentions if identity.mxid})
    mentions: Content = {"user_ids": users} if users else {}
    return mentions | ({"room": True} if isinstance(event, Message) and event.mentions_all else {})


def _message(event: Message) -> tuple[str, Content]:
    kind = "m.room.message"
    if event.deleted:
        content: Content = {"msgtype": "m.notice", "body": "🚫 This message was deleted"}
    elif event.poll is not None:
        kind, content = POLL_START, _poll(event.poll)
    elif event.location is not None:
        content = _location(event.location)
    elif event.attachment is None:
        content = {"msgtype": "m.text", **_body(event.text)}
    elif not event.attachment.source:
        left_out = f"📎 {event.attachment.kind.value} (not in the export)"
        content = {"msgtype": "m.notice", "body": f"{left_out}\n{event.text}".rstrip()}
    else:
        kind = "m.sticker" if event.attachment.kind is MediaKind.STICKER else kind
        content = _file(event.attachment, event.text)
    content["m.mentions"] = _mentions(event)
    if event.reply_to:
        content["m.relates_to"] = {"m.in_reply_to": {"event_id": event.reply_to}}
    return kind, content


def _edit(event: Edit) -> Content:
    new = {"msgtype": "m.text", **_body(event.text), "m.mentions": _mentions(event)}
    return {
        **new,
        "body": f"* {event.text}",
        "m.new_content": new,
        "m.relates_to": {"rel_type": "m.replace", "event_id": event.target},
    }


def _file(file: Attachment, caption: str) -> Content:
    info: Content = {"mimetype": file.mimetype or "application/octet-stream", "size": file.size}
    info |= {"w": file.width, "h": file.height} if file.width and file.height else {}
    info |= {"duration": file.duration_ms} if file.duration_ms else {}
    content: Content = {
        "url": file.source,
        "filename": file.filename,
        "info": info,
        **_body(caption or file.filename),
    }
    if file.kind is not MediaKind.STICKER:
        content["msgtype"] = _MSGTYPE[file.kind]
    if file.kind is MediaKind.VOICE:
        content["org.matrix.msc1767.audio"] = {"duration": file.duration_ms, "waveform": list(file.waveform)}
        content["org.matrix.msc3245.voice"] = {}
    if file.kind is MediaKind.GIF:
        info |= {"fi.mau.gif": True, "fi.mau.loop": True, "fi.mau.autoplay": True, "fi.mau.no_audio": True}
    return content


def _location(place: Location) -> Content:
    label = "\n".join(part for part in (place.name, place.address) if part)
    address = f"https://maps.google.com/?q={place.latitude},{place.longitude}"
    return {
        "msgtype": "m.location",
        "geo_uri": f"geo:{place.latitude},{place.longitude}",
        "body": f"Location: {label}\n{address}" if label else f"Location: {address}",
    }


def _poll(poll: Poll) -> Content:
    lines = "\n".join(f"{n}. {option.text}" for n, option in enumerate(poll.options, 1))
    content: Content = {
        "msgtype": "m.text",
        "body": f"{poll.question}\n{lines}",
        _TEXT: f"{poll.question}\n{lines}",
        POLL_START: {
            "kind": "org.matrix.msc3381.poll.disclosed",
            "max_selections": poll.selectable or len(poll.options),
            "question": {_TEXT: poll.question},
            "answers": [{"id": option_id(option.text), _TEXT: option.text} for option in poll.options],
        },
    }
    if any(option.votes for option in poll.options):
        content["dev.fallback.votes"] = {option_id(option.text): option.votes for option in poll.options}
    return content


def identity_of(user: str, names: Mapping[str, str]) -> Identity:
    """Name a Matrix user by the room's member names."""
    return Identity(mxid=sanitise_name(user, 255), name=names.get(user, ""))

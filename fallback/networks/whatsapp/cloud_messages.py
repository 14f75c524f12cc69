"""What people say in a group, from the Cloud API's JSON to canonical events."""

import base64
import binascii
from typing import Any, Final

from fallback.core.events import (
    Attachment,
    Canonical,
    Edit,
    Location,
    MediaKind,
    Message,
    Notice,
    Reaction,
    Redaction,
)
from fallback.core.ids import SourceId
from fallback.networks.whatsapp.cloud_json import Json, child, identifier, items, number, string
from fallback.text import sanitise_name

_KINDS: Final = {
    "image": MediaKind.IMAGE,
    "video": MediaKind.VIDEO,
    "audio": MediaKind.AUDIO,
    "document": MediaKind.DOCUMENT,
    "sticker": MediaKind.STICKER,
}
_LOST_MEDIA: Final = 131052


def said(item: Json, base: dict[str, Any]) -> Canonical:
    """Make the event of one entry of ``messages``; what can't be shown becomes a notice that says so.

    Args:
        base: the fields that all events share.
    """
    kind = string(item, "type")
    if kind == "system":
        return Notice(**base, text=string(child(item, "system"), "body"), topic="system")
    shown = _shown(kind, item)
    if shown:
        return Message(**base, **shown, **_around(item))
    return _pointing(kind, item, base) or _unshown(kind, item, base)


def _shown(kind: str, item: Json) -> dict[str, Any]:
    """Give what a message shows: text, a file or a place; empty where it is none of these."""
    what = child(item, kind)
    shown: dict[str, Any] = {}
    match kind:
        case "text":
            shown = {"text": string(what, "body")}
        case "image" | "video" | "audio" | "document" | "sticker" if what:
            shown = {"text": string(what, "caption"), "attachment": attachment(kind, what)}
        case "location" if {"latitude", "longitude"} <= what.keys():
            shown = {"location": _place(what)}
        case "contacts":
            shown = {"text": _cards(item)}
        case "button":
            shown = {"text": string(what, "text")}
        case "interactive":
            shown = {"text": _choice(what)}
        case _:
            pass
    return shown if any(shown.values()) else {}


def attachment(kind: str, file: Json) -> Attachment:
    """Describe a file; its source is the media's id, because its address lives for five minutes."""
    mimetype = string(file, "mime_type")
    what = _KINDS[kind]
    if what is MediaKind.AUDIO and file.get("voice") is True:
        what = MediaKind.VOICE
    return Attachment(
        kind=what,
        filename=sanitise_name(string(file, "filename")),
        source=identifier(file, "id"),
        mimetype=mimetype.partition(";")[0].strip() if what is not MediaKind.VOICE else mimetype,
        sha256=digest(string(file, "sha256")),
    )


def digest(text: str) -> str:
    """Write a SHA-256 in hex that comes in hex or base64; empty where it is none."""
    try:
        raw = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return raw.hex() if len(raw) == 32 else ""


def _pointing(kind: str, item: Json, base: dict[str, Any]) -> Canonical | None:
    """Make what points at another message; ``None`` where the pointer is missing."""
    what = child(item, kind)
    target = SourceId(identifier(what, "message_id", "original_message_id"))
    if not target:
        return None
    match kind:
        case "reaction":
            return Reaction(**base, target=target, key=string(what, "emoji"))
        case "edit":
            return Edit(**base, target=target, text=_words(child(what, "message")))
        case "revoke":
            return Redaction(**base, target=target)
        case _:
            return None


def _words(message: Json) -> str:
    kind = string(message, "type")
    return string(child(message, kind), "body", "caption")


def _around(item: Json) -> dict[str, Any]:
    """Give what a message stands in: its reply and whether it is passed on."""
    context = child(item, "context")
    forwarded = context.get("forwarded") is True or context.get("frequently_forwarded") is True
    return {"reply_to": SourceId(identifier(context, "id")) or None, "forwarded": forwarded}


def _place(place: Json) -> Location:
    return Location(
        latitude=max(-90.0, min(90.0, number(place, "latitude"))),
        longitude=max(-180.0, min(180.0, number(place, "longitude"))),
        name=sanitise_name(string(place, "name")),
        address=sanitise_name(string(place, "address")),
    )


def _cards(item: Json) -> str:
    """Write contacts out: the Cloud API gives fields, no vCard."""
    lines = []
    for card in items(item, "contacts"):
        name = sanitise_name(string(child(card, "name"), "formatted_name", "first_name"))
        numbers = (sanitise_name(string(one, "phone")) for one in items(card, "phones"))
        lines.append(" ".join(word for word in ("👤", name, *numbers) if word))
    return "\n".join(lines)


def _choice(interactive: Json) -> str:
    answer = child(interactive, string(interactive, "type"))
    return string(answer, "title", "body", "name")


def _unshown(kind: str, item: Json, base: dict[str, Any]) -> Notice:
    codes = [int(number(one, "code")) for one in items(item, "errors")]
    if _LOST_MEDIA in codes:
        text = "sent a file that WhatsApp could not hand over; look at it on a phone."
    else:
        name = sanitise_name(kind, 40)
        named = f" ({name})" if name not in ("", "unsupported", "unknown") else ""
        text = f"sent something that WhatsApp shows on phones only{named}."
    who = base["sender"].name or base["sender"].key or "Somebody"
    return Notice(**base, text=f"{who} {text}", topic="unsupported")

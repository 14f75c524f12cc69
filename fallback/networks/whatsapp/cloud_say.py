"""Writes what the relay says as the Graph takes it: texts, and files that were uploaded."""

from typing import Final

from fallback.core.events import Attachment, Canonical, Message
from fallback.errors import PermanentError
from fallback.networks.whatsapp.cloud_json import Json
from fallback.networks.whatsapp.cloud_rules import TEXT

_MEGABYTE: Final = 1024 * 1024
CAPTION: Final = 1024
"""Characters of a file's caption."""
_SHOWN: Final = {
    "image": (frozenset({"image/jpeg", "image/png"}), 5 * _MEGABYTE),
    "video": (frozenset({"video/mp4", "video/3gpp"}), 16 * _MEGABYTE),
}
"""What phones show at once, up to which size; the rest goes as a document, which alone keeps a caption too."""
_LARGEST: Final = 100 * _MEGABYTE


def message(event: Canonical) -> Message:
    """Give what can be said.

    Raises:
        PermanentError: the Cloud API can't say this.
    """
    if isinstance(event, Message) and (event.text or event.attachment):
        return event
    raise PermanentError("the Cloud API can't say this in a group")


def kind(file: Attachment, size: int) -> str:
    """Choose as what a file is sent.

    Raises:
        PermanentError: it is larger than WhatsApp takes.
    """
    if size > _LARGEST:
        raise PermanentError("the file is larger than WhatsApp takes", "Send a link to it.")
    return next(
        (name for name, (types, most) in _SHOWN.items() if file.mimetype in types and size <= most),
        "document",
    )


def text(event: Message) -> Json:
    """Write a text."""
    return _around(event) | {"type": "text", "text": {"preview_url": True, "body": event.text[:TEXT]}}


def media(event: Message, file: Attachment, what: str, uploaded: str) -> Json:
    """Write a file that was uploaded, with its caption.

    Args:
        what: as ``kind`` says.
        uploaded: its id at Meta.
    """
    described = {"id": uploaded, "caption": event.text[:CAPTION]}
    if what == "document":
        described["filename"] = file.filename or "file"
    return _around(event) | {"type": what, what: {name: value for name, value in described.items() if value}}


def _around(event: Message) -> Json:
    to = {"messaging_product": "whatsapp", "recipient_type": "group", "to": event.chat}
    return to | ({"context": {"message_id": event.reply_to}} if event.reply_to else {})

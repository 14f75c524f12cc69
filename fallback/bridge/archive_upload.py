"""A group's archive in its room: one file, encrypted where the room is."""

import hashlib
from collections.abc import Callable

from fallback.bridge.patience import obeyed
from fallback.core.events import Attachment, MediaKind, Message, Origin
from fallback.core.ids import EventId, SourceId
from fallback.core.ports import Clock, Homeserver, Portal, Store
from fallback.core.routing import MATRIX, delivery_id


async def upload_archive(
    homeserver: Homeserver,
    store: Store,
    portal: Portal,
    data: bytes,
    *,
    filename: str,
    text: str,
    clock: Clock,
    say: Callable[[str], None],
) -> EventId:
    """Send a zip as the account; the same zip is in the room once, however often this is called.

    Args:
        text: its caption.

    Raises:
        TransientError: not now.
        PermanentError: refused: too large, or not allowed there.
    """
    digest = hashlib.sha256(data).hexdigest()
    place = f"archive:{portal.id}"
    before, _, made = (await store.get(place) or "").partition(" ")
    if before == digest:
        return EventId(made)
    file = Attachment(
        kind=MediaKind.DOCUMENT, filename=filename, mimetype="application/zip", size=len(data), sha256=digest
    )
    stored = await obeyed(lambda: homeserver.upload(portal.room, file, data), clock, say)
    event = Message(
        id=SourceId(f"archive:{digest}"),
        chat=portal.chat,
        origin=Origin.MATRIX,
        text=text,
        attachment=stored,
    )
    key = delivery_id(portal, event, MATRIX)
    sent = await obeyed(lambda: homeserver.send(portal.room, event, transaction=key), clock, say)
    await store.put(place, f"{digest} {sent}")
    return sent

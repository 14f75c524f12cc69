"""A history in the profile's own timeline."""

import pytest

from fallback.bridge.local_history import AT_ONCE, keep_history
from fallback.core.events import Attachment, Identity, MediaKind, Message, Origin
from fallback.core.ids import ChatId, PortalId, RoomId, SourceId
from fallback.core.portal import Portal
from fallback.store.memory import MemoryStore
from fallback.store.sqlite import SqliteStore

PORTAL = Portal(id=PortalId("p"), chat=ChatId("c"), room=RoomId("!r"))
COUNT = AT_ONCE + 50


def history():
    file = Attachment(kind=MediaKind.IMAGE, filename="a.jpg", source="0/a.jpg")
    for n in range(COUNT):
        yield Message(
            id=SourceId(f"e{n}"),
            chat=PORTAL.chat,
            sender=Identity(name="Sara"),
            at=n,
            origin=Origin.EXPORT,
            text=f"text{n}",
            attachment=file if n == 3 else None,
        )


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    opened = (
        MemoryStore()
        if request.param == "memory"
        else await SqliteStore.open(tmp_path / "s.db", bytes(32), name="p")
    )
    await opened.save_portal(PORTAL)
    yield opened
    await opened.close()


async def test_all_of_it_is_in_the_timeline_in_order_once_and_can_be_found(store):
    assert await keep_history(store, PORTAL, history()) == COUNT
    assert await keep_history(store, PORTAL, history()) == 0
    rows = await store.timeline(PORTAL.id, limit=COUNT + 1)
    assert [row.event.id for row in rows] == [f"e{n}" for n in range(COUNT)]
    assert [row.event.text for row in await store.search("text77")] == ["text77"]
    assert rows[3].event.attachment.source == ""
    assert rows[3].event.attachment.filename == "a.jpg"

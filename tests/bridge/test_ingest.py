"""What a room says is recorded once, and only as its sender's."""

import pytest
from msgspec.structs import replace

from fallback.bridge import ingest
from fallback.core.events import Edit, Identity, Message, Origin
from fallback.core.ids import ChatId, PortalId, RoomId, SourceId
from fallback.core.ports import Portal
from fallback.store.memory import MemoryStore

PORTAL = Portal(id=PortalId("p"), chat=ChatId("g"), room=RoomId("!r"), name="News")
SARA, OMAR = Identity(mxid="@sara:s"), Identity(mxid="@omar:s")
SAID = Message(id=SourceId("$1"), chat=ChatId("!r"), sender=SARA, origin=Origin.MATRIX, text="mine")


@pytest.fixture
async def store():
    store = MemoryStore()
    await store.save_portal(PORTAL)
    yield store
    await store.close()


async def take(store, *events):
    async def told(_portal, _event):
        """Hear nothing."""

    for event in events:
        await ingest.take(store, event, lambda _event, _portal: [], told)
    return [row.event for row in await store.timeline(PORTAL.id)]


async def test_an_event_that_comes_twice_is_recorded_once(store):
    assert await take(store, SAID, replace(SAID)) == [SAID]


async def test_nobody_edits_the_words_of_another(store):
    edit = Edit(
        id=SourceId("$2"), chat=SAID.chat, sender=OMAR, origin=Origin.MATRIX, target=SAID.id, text="stolen"
    )
    assert await take(store, SAID, edit) == [SAID]
    own = replace(edit, sender=SARA)
    assert await take(store, own) == [SAID, own]

"""An archive in its room."""

from fallback.bridge.archive_upload import upload_archive
from fallback.clock import VirtualClock
from fallback.core.ids import ChatId, PortalId
from fallback.core.portal import Portal, RoomSpec
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.store.memory import MemoryStore


async def test_the_same_archive_is_in_the_room_once_and_a_newer_one_beside_it():
    server, store = MemoryServer(), MemoryStore()
    homeserver = MemoryHomeserver(server, "me")
    room = await homeserver.create_room(RoomSpec(name="Newsroom"))
    portal = Portal(id=PortalId("p"), chat=ChatId("c"), room=room)

    async def upload(data):
        return await upload_archive(
            homeserver,
            store,
            portal,
            data,
            filename="Newsroom.zip",
            text="all",
            clock=VirtualClock(),
            say=print,
        )

    first, again, newer = await upload(b"one"), await upload(b"one"), await upload(b"two")
    assert first == again != newer
    sent = [event.attachment for _, _, event in server.rooms[room].timeline]
    assert [await homeserver.download(file) for file in sent] == [b"one", b"two"]
    assert {file.filename for file in sent} == {"Newsroom.zip"}

"""A file of one's own message: sent once, whatever fails in between, and nothing of it stays in clear."""

import pytest

from fallback.bridge.account import AccountLoops
from fallback.bridge.files import Files
from fallback.clock import VirtualClock
from fallback.core.events import Attachment, MediaKind, Message, Origin
from fallback.core.ids import ChatId, DeliveryId, PortalId, SourceId
from fallback.core.media import local_name
from fallback.core.outbox import Delivery
from fallback.core.ports import Portal, RoomSpec
from fallback.errors import PermanentError
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.store.media import MediaFolder
from fallback.store.memory import MemoryStore

NEWS = PortalId("news")
PHOTO = Attachment(MediaKind.DOCUMENT, "plan.pdf", mimetype="application/pdf")


class Desk:
    """An account's loops on a homeserver that can go away."""

    def __init__(self, folder):
        self.server, self.store, self.clock = MemoryServer(), MemoryStore(), VirtualClock(1000)
        self.side = MemoryHomeserver(self.server, "sara")
        self.media = MediaFolder(folder, bytes(32))
        self.restart()

    def restart(self):
        async def quiet(_):
            pass

        self.files = Files(self.store, self.media)
        self.loops = AccountLoops(
            self.side, self.store, self.clock, told=quiet, online=quiet, files=self.files
        )

    async def write(self, data):
        self.room = await self.side.create_room(RoomSpec(name="News"))
        await self.store.save_portal(Portal(id=NEWS, chat=ChatId(self.room), room=self.room))
        file = await self.files.keep(PHOTO, data)
        event = Message(
            id=SourceId("own"), chat=ChatId(self.room), origin=Origin.MATRIX, text="see", attachment=file
        )
        delivery = Delivery(id=DeliveryId("own"), portal=NEWS, target="matrix", event=event)
        await self.store.record(NEWS, event, [delivery])
        return file

    @property
    def sent(self):
        return [event for _, _, event in self.server.rooms[self.room].timeline]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "media")


async def test_a_file_is_uploaded_before_its_message_and_then_kept_no_longer(desk):
    file = await desk.write(b"plan")
    await desk.loops.outbox.once()
    sent = desk.sent[0]
    assert sent.attachment.source.startswith("mxc://")
    assert (sent.text, sent.attachment.size, desk.server.files[sent.attachment.source]) == ("see", 4, b"plan")
    assert not list(desk.media.folder.iterdir())
    assert await desk.files.download(desk.side, file) == b"plan"


async def test_while_the_homeserver_is_away_the_file_waits_and_can_be_seen(desk):
    file = await desk.write(b"plan")
    desk.server.is_up = False
    await desk.loops.outbox.once()
    assert await desk.files.download(desk.side, file) == b"plan"
    desk.server.is_up = True
    desk.restart()
    await desk.clock.advance(60)
    await desk.loops.outbox.once()
    assert len(desk.sent) == 1


async def test_a_crash_between_upload_and_message_uploads_nothing_twice(desk):
    await desk.write(b"plan")
    desk.server.crash_after = 1
    await desk.loops.outbox.once()
    assert (len(desk.server.files), desk.sent) == (1, [])
    desk.server.is_up, desk.server.crash_after = True, -1
    desk.restart()
    await desk.clock.advance(60)
    await desk.loops.outbox.once()
    assert (len(desk.server.files), len(desk.sent)) == (1, 1)


async def test_a_file_that_is_gone_wedges_its_message_with_the_reason(desk):
    file = await desk.write(b"plan")
    await desk.media.forget(local_name(file))
    await desk.loops.outbox.once()
    [wedged] = await desk.store.wedges()
    assert "not on this computer any more" in wedged.error
    with pytest.raises(PermanentError):
        await desk.files.download(desk.side, file)

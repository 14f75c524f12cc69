"""A watched folder, a migrated group, and phones whose chats are exported into it."""

import contextlib
import os

from fallback.clock import SystemClock
from fallback.core.ids import EventId, PortalId, RoomId
from fallback.core.ports import Portal
from fallback.networks.whatsapp.dropped import DroppedExports
from fallback.networks.whatsapp.export import read_export
from fallback.store.memory import MemoryStore

START = """\
14/03/2024, 21:40 - Sara created group "Newsroom"
14/03/2024, 21:41 - Sara: good evening everybody
14/03/2024, 21:42 - Omar: who has the harbour story
"""
PORTAL = PortalId("p")


class DroppedWorld:
    def __init__(self, folder, store=None):
        self.folder, self.store = folder, store or MemoryStore()
        self.text, self.drops = START, 0
        self.connector = self.again()

    def again(self):
        return DroppedExports(self.folder, self.store, SystemClock(2000), timezone="UTC", me="Lina")

    async def set_up(self, *, migrated=True):
        """Migrate what the phone holds at the beginning."""
        path = self.drop("WhatsApp Chat with Newsroom.txt")
        with read_export(path, timezone="UTC") as export:
            self.chat, events = export.chat, list(export.events)
        await self.store.save_portal(Portal(id=PORTAL, chat=self.chat, room=RoomId("!r"), name="Newsroom"))
        if migrated:
            await self.store.save_imported(PORTAL, [(one.id, EventId(f"${one.id}")) for one in events])
        path.unlink()
        return self

    def says(self, line):
        self.text += f"{line}\n"

    def drop(self, name="chat.txt", text=None):
        """Export the chat into the folder; each export has a time of its own."""
        self.folder.mkdir(exist_ok=True)
        path = self.folder / name
        path.write_text(self.text if text is None else text, "utf-8")
        self.drops += 1
        os.utime(path, (1_710_000_000 + self.drops, 1_710_000_000 + self.drops))
        return path

    async def record(self, count, connector=None):
        """Commit and acknowledge the next events, as the relay does."""
        events = (connector or self.connector).events()
        taken = []
        for _ in range(count):
            incoming = await anext(events)
            if await self.store.record(PORTAL, incoming.event):
                taken.append(incoming.event)
            await incoming.ack()
        await events.aclose()
        return taken


@contextlib.asynccontextmanager
async def dropped_world(folder, **options):
    world = await DroppedWorld(folder).set_up(**options)
    await world.connector.start()
    try:
        yield world
    finally:
        await world.connector.close()

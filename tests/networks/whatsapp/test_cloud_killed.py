"""A process that is killed while webhooks come in: what Meta sends again is kept, once each."""

import asyncio
import contextlib
import random
import sys
from pathlib import Path

from fallback.core.events import Origin
from fallback.core.ids import RoomId
from fallback.core.ports import Portal
from fallback.store.sqlite import SqliteStore
from tests.networks.whatsapp.cloud_child import KEY, PORTAL
from tests.networks.whatsapp.cloud_world import CHAT, OMAR, SARA, cloud_world

ROOT = Path(__file__).parents[3]
MODULE = "tests.networks.whatsapp.cloud_child"


@contextlib.asynccontextmanager
async def committing(world, path):
    """Run the process; it is killed at the end, whatever it does then."""
    arguments = (str(path), world.graph.base, str(world.connector.port))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", MODULE, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert await child.stdout.readline() == b"ready\n"
        yield
    finally:
        child.kill()
        await child.wait()


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def test_what_was_answered_is_kept_and_what_was_not_comes_again(tmp_path):
    path, chance, number = tmp_path / "store.db", random.Random(5), 0
    store = await SqliteStore.open(path, KEY)
    await store.save_portal(Portal(id=PORTAL, chat=CHAT, room=RoomId("!r")))
    await store.close()
    async with cloud_world() as world:
        await world.connector.close()
        faults = world.webhooks.faults
        faults.batch, faults.duplicated, faults.shuffled = 10, 0.3, True
        for _ in range(3):
            async with committing(world, path):
                answered = len(world.webhooks.answers)
                for _ in range(150):
                    number += 1
                    world.phone_says(number, who=chance.choice((SARA, OMAR)))
                wanted = answered + chance.randrange(1, 8)
                await until(lambda wanted=wanted: len(world.webhooks.answers) >= wanted)
        async with committing(world, path):
            await until(lambda: not world.webhooks.waiting)
        shown = [(event.id, event.sender.phone, event.text, event.at) for event in world.network.shown]
    store = await SqliteStore.open(path, KEY)
    rows = await store.events_since(PORTAL, at=0, origin=Origin.WHATSAPP)
    await store.close()
    kept = [(row.event.id, row.event.sender.phone, row.event.text, row.event.at) for row in rows]
    assert sorted(kept) == sorted(shown)
    assert len(kept) == 450

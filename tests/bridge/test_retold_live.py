"""A history retold by an ordinary account on a real homeserver that limits it."""

import asyncio
from datetime import UTC

import pytest

from fallback.bridge.retold import Retelling, own_room
from fallback.clock import SystemClock
from fallback.core.events import Group, Identity, Message, Origin
from fallback.core.ids import ChatId, SourceId
from fallback.core.migration import plan
from fallback.core.retelling import retold, settled
from fallback.homeserver import ManagedHomeserver
from fallback.homeserver import managed as module
from fallback.store.memory import MemoryStore
from tests.live_synapse import side_at

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("synapse")]

CHAT = ChatId("c1")
PEOPLE = tuple(Identity(name=name) for name in ("Sara", "عمر", "Huda"))
SYNAPSES_OWN = {"per_second": 0.2, "burst_count": 10}
COUNT, IN_ONE_GO = 300, 20


class NoFiles:
    def read(self, name):
        raise AssertionError(name)


@pytest.fixture
async def limited(tmp_path, monkeypatch):
    """A homeserver that limits messages as one does whose admin has set nothing."""
    given = module.settings
    monkeypatch.setattr(module, "settings", lambda *facts: given(*facts) | {"rc_message": SYNAPSES_OWN})
    async with ManagedHomeserver(tmp_path / "homeserver") as server:
        yield server


def history():
    return [
        Message(
            id=SourceId(f"e{n}"),
            chat=CHAT,
            sender=PEOPLE[n // IN_ONE_GO % len(PEOPLE)],
            at=1_633_372_680_000 + n * 10_000,
            origin=Origin.EXPORT,
            text=f"رسالة number {n}.",
        )
        for n in range(COUNT)
    ]


async def test_an_ordinary_account_retells_300_events_encrypted_once_in_order_through_a_limit_and_a_stop(
    limited, tmp_path
):
    made = await limited.create_account("sara")
    token, device = await limited.login(made.user, made.password)
    side = side_at(limited.url, made.user, device, token, folder=tmp_path)
    store, waits, lines = MemoryStore(), [], settled(history())
    try:
        group = Group(chat=CHAT, name="Newsroom")
        portal = await own_room(side, store, plan(group, lines, server_name=limited.server_name))

        half = asyncio.Event()

        async def tell():
            run, done = Retelling(portal, side, store, clock=SystemClock(), say=waits.append), 0
            async for count in run.bring(retold(await run.remaining(lines), zone=UTC), NoFiles()):
                done += count
                if done >= COUNT // 2:
                    half.set()
            return await run.check(lines)

        going = asyncio.create_task(tell())
        await half.wait()
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        check = await tell()
        told = [event async for event in side.history(portal.room) if isinstance(event, Message)]
    finally:
        await side.close()
    assert waits
    assert (check.found, check.differences) == (COUNT, 0)
    assert len(told) == COUNT // IN_ONE_GO
    texts = [one.text for one in told]
    assert [int(word[:-1]) for text in texts for word in text.split() if word.endswith(".")] == list(
        range(COUNT)
    )
    for number, one in enumerate(told):
        assert one.sender.name == PEOPLE[number % len(PEOPLE)].name
        assert one.text.startswith("\u20662021-10-04 ")
        assert one.text.count("\u2066") == IN_ONE_GO

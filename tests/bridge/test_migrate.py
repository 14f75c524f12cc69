"""Migrations that are stopped, killed and run again."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fallback.bridge.migrate import Migration
from fallback.core.events import Attachment, Group, Identity, MediaKind, Message, Notice, Origin
from fallback.core.ids import ChatId, SourceId
from fallback.core.migration import plan
from fallback.errors import TransientError
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.store.memory import MemoryStore

SARA, OMAR, GONE = (Identity(name=name) for name in ("Sara", "Omar", "Gone"))
GROUP = Group(chat=ChatId("c1"), name="Newsroom", members=(SARA, OMAR), admins=(SARA,))


class Files:
    def read(self, name):
        return f"bytes of {name}".encode()


def export(count=30):
    base = {"chat": GROUP.chat, "origin": Origin.EXPORT}
    events = [
        Notice(**base, id=SourceId("n"), at=1, text="Messages are end-to-end encrypted", topic="encryption")
    ]
    for n in range(count):
        who = (SARA, OMAR, GONE)[n % 3]
        file = (
            Attachment(kind=MediaKind.IMAGE, source=f"{n}.jpg", filename=f"{n}.jpg") if n % 7 == 3 else None
        )
        events.append(
            Message(**base, id=SourceId(f"e{n}"), at=n + 2, sender=who, text=f"text {n % 4}", attachment=file)
        )
    return events


def migration(server, store, events):
    planned = plan(GROUP, events, server_name=server.name)
    return Migration(planned, MemoryHomeserver(server, "fallback"), store, server_name=server.name)


async def test_every_message_comes_from_its_own_sender_with_its_own_time():
    server, store, events = MemoryServer(), MemoryStore(), export()
    run = migration(server, store, events)
    portal = await run.run(events, Files())
    assert (await run.check(portal, events)).differences == 0
    timeline = server.rooms[portal.room].timeline
    assert [event.at for _, _, event in timeline] == [event.at for event in events]
    assert len({sender for sender, _, _ in timeline}) == 4
    assert len(server.files) == sum(isinstance(e, Message) and e.attachment is not None for e in events)


async def test_who_left_the_group_leaves_the_room():
    server, store, events = MemoryServer(), MemoryStore(), export()
    run = migration(server, store, events)
    portal = await run.run(events, Files())
    assert run.ghost(GONE) not in server.rooms[portal.room].members
    assert run.ghost(SARA) in server.rooms[portal.room].members


async def test_a_second_run_adds_nothing():
    server, store, events = MemoryServer(), MemoryStore(), export()
    await migration(server, store, events).run(events, Files())
    portal = await migration(server, store, events).run(events, Files())
    assert len(server.rooms[portal.room].timeline) == len(events)


async def test_a_later_export_adds_what_is_new():
    server, store = MemoryServer(), MemoryStore()
    await migration(server, store, export(10)).run(export(10), Files())
    run = migration(server, store, export(15))
    portal = await run.run(export(15), Files())
    assert (await run.check(portal, export(15))).differences == 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 60), max_size=6), st.booleans())
async def test_a_crash_anywhere_loses_and_doubles_nothing(crashes, keeps_journal):
    server, store, events = MemoryServer(), MemoryStore(), export()
    for requests in crashes:
        server.is_up, server.crash_after = True, requests
        try:
            await migration(server, store, events).run(events, Files())
        except TransientError:
            store = store if keeps_journal else MemoryStore()
        server.transactions.clear()  # the server has forgotten them as well
    server.is_up, server.crash_after = True, -1
    run = migration(server, store, events)
    portal = await run.run(events, Files())
    assert (await run.check(portal, events)).differences == 0


async def test_a_dead_homeserver_is_named():
    server, store, events = MemoryServer(), MemoryStore(), export()
    server.is_up = False
    with pytest.raises(TransientError, match="does not answer"):
        await migration(server, store, events).run(events, Files())

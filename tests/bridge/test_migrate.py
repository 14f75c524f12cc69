"""Migrations that are stopped, killed and run again."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fallback.bridge.migrate import Migration
from fallback.clock import VirtualClock
from fallback.core.events import (
    Attachment,
    Group,
    Identity,
    MediaKind,
    Message,
    Notice,
    Origin,
    Reaction,
    Redaction,
)
from fallback.core.ids import ChatId, SourceId
from fallback.core.importing import Refused
from fallback.core.migration import plan
from fallback.errors import PermanentError, TransientError
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


class Stern(MemoryHomeserver):
    """A homeserver that asks to wait, refuses some texts, and takes a few events at a time."""

    def __init__(self, server, *, wait=0.0, longest=1000, never=()):
        super().__init__(server, "fallback")
        self.wait, self.longest, self.never = wait, longest, never
        self.batches_put = []

    def importer(self):
        plain, stern = super().importer(), self

        class Importer:
            convert = staticmethod(plain.convert)

            async def put(self, room, batch):
                stern.ask_to_wait()
                stern.batches_put.append(len(batch))
                taken = [
                    Refused("too large") if one.content.get("body") in stern.never else one
                    for one in batch[: stern.longest]
                ]
                made = iter(await plain.put(room, [one for one in taken if not isinstance(one, Refused)]))
                return [one if isinstance(one, Refused) else next(made) for one in taken]

        return Importer()

    def ask_to_wait(self):
        wait, self.wait = self.wait, 0.0
        if wait:
            raise TransientError("the homeserver asks us to wait", retry_after=wait)

    async def upload(self, room, file, data, **kwargs):
        if b"3.jpg" in data and self.never:
            raise PermanentError("the file is larger than the homeserver takes")
        return await super().upload(room, file, data, **kwargs)


def stern(server, store, events, **fields):
    planned = plan(GROUP, events, server_name=server.name)
    said, clock = [], VirtualClock()
    run = Migration(
        planned, Stern(server, **fields), store, server_name=server.name, clock=clock, say=said.append
    )
    return run, said, clock


async def test_a_wait_is_obeyed_to_the_millisecond_and_told():
    server, events = MemoryServer(), export()
    run, said, clock = stern(server, MemoryStore(), events, wait=12.345)
    task = asyncio.ensure_future(run.run(events, Files()))
    while not said:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    await clock.advance(12.344)
    assert not server.rooms[next(iter(server.rooms))].timeline
    await clock.advance(0.002)
    portal = await task
    assert (await run.check(portal, events)).differences == 0
    assert said == ["the homeserver asks us to wait 12.3 s; then it goes on"]


async def test_what_a_short_answer_leaves_goes_in_next():
    server, events = MemoryServer(), export()
    run, _, _ = stern(server, MemoryStore(), events, longest=7)
    portal = await run.run(events, Files())
    assert (await run.check(portal, events)).differences == 0
    assert run.homeserver.batches_put == [31, 24, 17, 10, 3]


async def test_what_is_refused_is_told_and_the_rest_goes_on():
    server, store, events = MemoryServer(), MemoryStore(), export()
    run, _, _ = stern(server, store, events, never=("text 1",))
    portal = await run.run(events, Files())
    check = await run.check(portal, events)
    never = {event.id for event in events if event.text == "text 1"}
    assert set(check.missing) == never
    assert set(run.refused) == {*never, "e3"}
    assert run.refused["e3"].startswith("its file is left out")
    again, _, _ = stern(server, store, events)
    assert set((await again.check(await again.run(events, Files()), events)).missing) == set()


async def test_an_event_that_points_at_one_of_its_chain_goes_in_the_next_one():
    server, base = MemoryServer(), {"chat": GROUP.chat, "origin": Origin.EXPORT, "sender": SARA}
    first, second = SourceId("first"), SourceId("second")
    events = [
        Message(**base, id=first, at=1, text="one"),
        Message(**base, id=second, at=2, text="two", reply_to=first),
        Reaction(**base, id=SourceId("like"), at=3, target=first, key="x"),
        Redaction(**base, id=SourceId("gone"), at=4, target=second),
    ]
    run, _, _ = stern(server, MemoryStore(), events)
    portal = await run.run(events, Files())
    timeline = [(event_id, event) for _, event_id, event in server.rooms[portal.room].timeline]
    assert run.homeserver.batches_put == [1, 2]
    assert [timeline[1][1].reply_to, timeline[2][1].target, timeline[3][1].target] == [
        timeline[0][0],
        timeline[0][0],
        timeline[1][0],
    ]


async def test_a_thousand_people_are_found_without_looking_at_each_of_them():
    people = tuple(Identity(name=f"Person {n}") for n in range(1024))
    group = Group(chat=ChatId("c1"), name="All", members=people)
    base = {"chat": group.chat, "origin": Origin.EXPORT}
    events = [
        Message(**base, id=SourceId(f"e{n}"), at=n, sender=one, text="x") for n, one in enumerate(people)
    ]
    server = MemoryServer()
    planned = plan(group, events, server_name=server.name)
    run = Migration(planned, MemoryHomeserver(server, "fallback"), MemoryStore(), server_name=server.name)
    portal = await run.run(events, Files())
    assert len(server.rooms[portal.room].members) == 1024 + 2
    assert (await run.check(portal, events)).differences == 0

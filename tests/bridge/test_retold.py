"""History retold by one account: once and in order, whatever stops it."""

from datetime import UTC

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fallback.bridge.retold import Retelling
from fallback.clock import VirtualClock
from fallback.core.events import Attachment, Identity, MediaKind, Message, Origin
from fallback.core.ids import ChatId, PortalId, SourceId
from fallback.core.portal import Portal, RoomSpec
from fallback.core.retelling import retold
from fallback.errors import ArchiveError, PermanentError, TransientError
from fallback.simulator.rooms import MemoryHomeserver, MemoryServer
from fallback.store.memory import MemoryStore

CHAT = ChatId("c1")
SARA, OMAR = Identity(name="Sara"), Identity(name="Omar")


class Files:
    def read(self, name):
        if name == "gone.jpg":
            raise ArchiveError("there is no such file")
        return f"bytes of {name}".encode()


def history(count=40):
    lines = []
    for n in range(count):
        file = (
            Attachment(kind=MediaKind.IMAGE, source=f"{n}.jpg", filename=f"{n}.jpg") if n % 9 == 4 else None
        )
        lines.append(
            Message(
                id=SourceId(f"e{n}"),
                chat=CHAT,
                sender=(SARA, OMAR)[n // 5 % 2],
                at=n * 10_000,
                origin=Origin.EXPORT,
                text=f"text {n}.",
                attachment=file,
                reply_to=SourceId(f"e{n - 3}") if n % 13 == 7 else None,
            )
        )
    return lines


async def opened(server, homeserver=None):
    homeserver = homeserver or MemoryHomeserver(server, "me")
    room = await homeserver.create_room(RoomSpec(name="Newsroom", alias="newsroom"))
    return homeserver, Portal(id=PortalId("p"), chat=CHAT, room=room, ghosts=False)


async def tell(server, store, lines, *, homeserver=None, clock=None, say=lambda text: None):
    homeserver, portal = await opened(server, homeserver)
    run = Retelling(portal, homeserver, store, clock=clock or VirtualClock(), say=say)
    done = [count async for count in run.bring(retold(await run.remaining(lines), zone=UTC), Files())]
    return run, sum(done)


def said(server):
    """Give the numbers of all the texts in the room, in order."""
    timeline = next(iter(server.rooms.values())).timeline
    return [int(word[:-1]) for _, _, event in timeline for word in event.text.split() if word.endswith(".")]


async def test_all_is_told_by_the_account_in_order_and_in_fewer_messages():
    server = MemoryServer()
    _, done = await tell(server, MemoryStore(), history())
    timeline = next(iter(server.rooms.values())).timeline
    assert done == 40
    assert said(server) == list(range(40))
    assert {sender for sender, _, _ in timeline} == {"@me:memory.example"}
    assert len(timeline) < 25


async def test_a_reply_points_at_what_tells_the_answered_message():
    server, store = MemoryServer(), MemoryStore()
    await tell(server, store, history())
    imported = await store.imported(PortalId("p"))
    replies = [event.reply_to for _, _, event in next(iter(server.rooms.values())).timeline if event.reply_to]
    assert replies == [imported[SourceId(f"e{n - 3}")] for n in (7, 20, 33)]


async def test_the_room_read_back_has_all_of_it():
    server, store, lines = MemoryServer(), MemoryStore(), history()
    run, _ = await tell(server, store, lines)
    check = await run.check(lines)
    assert (check.expected, check.found, check.differences) == (40, 40, 0)
    more = await run.check(history(41))
    assert more.missing == ("e40",)


async def test_a_second_run_adds_nothing_and_a_later_export_what_is_new():
    server, store = MemoryServer(), MemoryStore()
    await tell(server, store, history(20))
    await tell(server, store, history(20))
    await tell(server, store, history(40))
    assert said(server) == list(range(40))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 40), max_size=6), st.booleans())
async def test_a_crash_anywhere_loses_and_doubles_nothing(crashes, keeps_journal):
    server, store, lines = MemoryServer(), MemoryStore(), history()
    await opened(server)
    for requests in crashes:
        server.is_up, server.crash_after = True, requests
        try:
            await tell(server, store, lines)
        except TransientError:
            store = store if keeps_journal else MemoryStore()
        server.transactions.clear()  # the server has forgotten them as well
    server.is_up, server.crash_after = True, -1
    await tell(server, store, lines)
    assert said(server) == list(range(40))


class Stern(MemoryHomeserver):
    """A homeserver that asks to wait before every second send, and refuses a text."""

    asked = 0

    async def send(self, room, event, **kwargs):
        self.asked += 1
        if self.asked % 2:
            raise TransientError("the homeserver asks us to wait", retry_after=1.234)
        if "text 7." in event.text:
            raise PermanentError("too large")
        return await super().send(room, event, **kwargs)


class Noted(VirtualClock):
    """A clock that notes how long it is slept on."""

    def __init__(self):
        super().__init__()
        self.slept = []

    async def sleep(self, seconds):
        self.slept.append(seconds)


async def test_a_wait_is_kept_to_the_millisecond_and_told_once():
    server, clock, told = MemoryServer(), Noted(), []
    homeserver = Stern(server, "me")
    await tell(server, MemoryStore(), history(12), homeserver=homeserver, clock=clock, say=told.append)
    assert set(clock.slept) == {1.234}
    assert len(clock.slept) == homeserver.asked // 2
    assert len(told) == 1


async def test_what_is_refused_is_named_and_the_rest_goes_on():
    server = MemoryServer()
    run, done = await tell(server, MemoryStore(), history(12), homeserver=Stern(server, "me"), clock=Noted())
    assert run.refused == {"e7": "too large"}
    assert done == 12
    assert said(server) == [n for n in range(12) if n != 7]


async def test_a_file_that_cant_be_read_is_left_out_and_named():
    server = MemoryServer()
    file = Attachment(kind=MediaKind.IMAGE, source="gone.jpg", filename="gone.jpg")
    line = Message(
        id=SourceId("e0"), chat=CHAT, sender=SARA, text="text 0.", origin=Origin.EXPORT, attachment=file
    )
    run, _ = await tell(server, MemoryStore(), [line])
    assert "left out" in run.refused[SourceId("e0")]
    assert said(server) == [0]


@pytest.mark.parametrize("live", [0, 3])
async def test_what_others_say_in_the_room_is_not_taken_for_history(live):
    server, store = MemoryServer(), MemoryStore()
    homeserver, portal = await opened(server)
    for n in range(live):
        event = Message(id=SourceId(f"x{n}"), chat=CHAT, text="hi", origin=Origin.MATRIX)
        await homeserver.send(portal.room, event, transaction=f"x{n}")
    await tell(server, store, history(10))
    assert said(server) == list(range(10))

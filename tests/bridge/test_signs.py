"""Signs of a person: the newest of each, told when the homeserver can be reached."""

import pytest

from fallback.bridge.signs import AGAIN, SignSender
from fallback.clock import VirtualClock
from fallback.core.ids import EventId, RoomId
from fallback.errors import TransientError

ROOM = RoomId("!a")


class Heard:
    def __init__(self):
        self.up, self.reads, self.typing = True, [], []

    async def mark_read(self, room, event):
        self._reach()
        self.reads.append((room, event))

    async def mark_typing(self, room, *, seconds):
        self._reach()
        self.typing.append(seconds)

    def _reach(self):
        if not self.up:
            raise TransientError("away")


@pytest.fixture
def scene():
    heard, clock = Heard(), VirtualClock()
    return heard, clock, SignSender(heard, clock)


async def test_only_the_newest_place_is_told(scene):
    heard, _, sender = scene
    sender.read(ROOM, EventId("$1"))
    sender.read(ROOM, EventId("$2"))
    await sender.once()
    await sender.once()
    assert heard.reads == [(ROOM, "$2")]


async def test_what_could_not_be_told_is_told_later_unless_something_newer_is(scene):
    heard, _, sender = scene
    heard.up = False
    sender.read(ROOM, EventId("$1"))
    sender.read(RoomId("!b"), EventId("$9"))
    await sender.once()
    heard.up = True
    sender.read(ROOM, EventId("$2"))
    await sender.once()
    assert sorted(heard.reads) == [("!a", "$2"), ("!b", "$9")]


async def test_writing_is_told_once_in_a_while_and_its_end_once(scene):
    heard, clock, sender = scene
    for on in (True, True, False, False, True):
        sender.typing(ROOM, on)
        await sender.once()
    await clock.advance(AGAIN)
    sender.typing(ROOM, True)
    await sender.once()
    assert heard.typing == [30, 0, 30, 30]

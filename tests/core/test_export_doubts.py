"""What speaks against an export before anything of it is sent."""

from fallback.core.events import Identity, Membership, MembershipChange, Message, Origin
from fallback.core.export_doubts import doubts
from fallback.core.ids import ChatId, SourceId

NOW = 1_700_000_000_000
BASE = {"chat": ChatId("c"), "origin": Origin.EXPORT}
CREATED = Membership(**BASE, id=SourceId("g"), at=NOW - 10**9, change=MembershipChange.CREATED, members=())


def said(*times, people=3):
    return [
        Message(**BASE, id=SourceId(str(n)), at=at, sender=Identity(name=f"P{n % people}"), text="x")
        for n, at in enumerate(times)
    ]


def test_nothing_is_said_of_an_ordinary_group():
    assert doubts([CREATED, *said(NOW - 3, NOW - 2, NOW - 1)], now=NOW) == []
    assert doubts(said(NOW - 3, NOW - 2, NOW - 1), now=NOW) == []


def test_a_chat_of_two_people_looks_like_one():
    assert doubts(said(NOW - 2, NOW - 1, people=2), now=NOW) == [
        "this looks like a chat of two people, not like a group"
    ]


def test_messages_from_the_future_are_counted():
    (told,) = doubts([CREATED, *said(NOW, NOW + 3 * 86_400_000, NOW + 4 * 86_400_000)], now=NOW)
    assert told.startswith("2 messages are from the future")


def test_the_hour_that_is_there_twice_is_no_doubt_and_more_is():
    assert doubts([CREATED, *said(NOW - 100, NOW - 3_600_000)], now=NOW) == []
    (told,) = doubts([CREATED, *said(NOW - 100, NOW - 10**8 * 5, NOW - 50)], now=NOW)
    assert told.startswith("1 messages are older")

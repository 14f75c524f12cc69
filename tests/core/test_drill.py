"""Drills."""

from fallback.core.drill import Drill, Score, calls, decode, encode, score
from fallback.core.events import Identity
from fallback.core.ids import ChatId, PortalId, RoomId
from fallback.core.ports import Portal
from fallback.core.rollcall import Answer, RollCall, Sign

PORTAL = Portal(id=PortalId("p"), chat=ChatId("c"), room=RoomId("!r"), sending=True)
DRILL = Drill(PORTAL.id, at=60_000, minutes=15, who="Sara")
PEOPLE = tuple(Identity(mxid=f"@{number}:s") for number in range(4))


def test_both_sides_are_told_that_it_is_a_drill():
    room, there = calls(DRILL, PORTAL, "whatsapp")
    assert "DRILL" in room[0].poll.question
    assert "DRILL" in there[0].text
    assert "تمرين" in there[0].text
    assert [delivery.target for _, delivery in (room, there)] == ["matrix", "whatsapp"]


def test_the_remote_group_is_not_written_to_where_sending_is_off():
    quiet = Portal(id=PortalId("p"), chat=ChatId("c"), room=RoomId("!r"))
    assert len(calls(DRILL, quiet, "whatsapp")) == 1


def test_a_second_start_of_the_same_drill_posts_nothing_new():
    assert [one.id for _, one in calls(DRILL, PORTAL)] == [one.id for _, one in calls(DRILL, PORTAL)]


def test_the_score_counts_who_answered_and_how_soon_half_of_them_did():
    answers = tuple(
        Answer(who, 60_000 + 1000 * at, Sign.VOTED) for who, at in zip(PEOPLE, (5, 30, 600), strict=False)
    )
    assert score(DRILL, RollCall(PEOPLE, answers)) == Score(3, 4, 30.0)
    assert score(DRILL, RollCall(PEOPLE)) == Score(0, 4)


def test_the_history_is_kept():
    assert decode(encode([DRILL, DRILL])) == [DRILL, DRILL]
    assert decode(None) == []
    assert DRILL.until == 60_000 + 15 * 60_000

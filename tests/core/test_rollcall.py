"""Who has been reached."""

from hypothesis import given
from hypothesis import strategies as st

from fallback.core.events import (
    Identity,
    Membership,
    MembershipChange,
    Message,
    Notice,
    Reaction,
    Receipt,
    ReceiptKind,
    Vote,
)
from fallback.core.ids import ChatId, RoomId, SourceId
from fallback.core.portal import RoomState
from fallback.core.rollcall import NAMED, Sign, call, expected, question, summary

SARA, OMAR, LINA, HUDA = (Identity(mxid=f"@{name}:s", name=name) for name in ("sara", "omar", "lina", "huda"))
BASE = {"id": SourceId("$1"), "chat": ChatId("!r")}


def receipt(who, at, kind=ReceiptKind.READ):
    return Receipt(**BASE, sender=who, at=at, targets=(SourceId("$0"),), kind=kind)


def test_a_word_or_a_reaction_since_the_outage_counts_and_a_join_does_not():
    events = [
        Message(**BASE, sender=SARA, at=100),
        Reaction(**BASE, sender=OMAR, at=101, target=SourceId("$0"), key="✅"),
        Message(**BASE, sender=LINA, at=99),
        Membership(**BASE, sender=LINA, at=102, change=MembershipChange.ADDED, members=(LINA,)),
        Notice(**BASE, sender=LINA, at=103, text="a machine"),
    ]
    result = call([SARA, OMAR, LINA], events, since=100)
    assert result.reached == (SARA, OMAR)
    assert result.missing == (LINA,)


def test_a_vote_and_a_read_receipt_count_and_a_delivery_does_not():
    events = [
        Vote(**BASE, sender=SARA, at=3, target=SourceId("$0"), options=("a",)),
        receipt(OMAR, 2),
        receipt(LINA, 2, ReceiptKind.DELIVERED),
        Reaction(**BASE, sender=HUDA, at=2, target=SourceId("$0"), key=""),
    ]
    result = call([SARA, OMAR, LINA, HUDA], events, since=0)
    assert [(answer.who, answer.sign) for answer in result.answers] == [(OMAR, Sign.READ), (SARA, Sign.VOTED)]


def test_the_first_sign_of_each_is_the_answer_whatever_the_order():
    events = [Message(**BASE, sender=SARA, at=9), receipt(SARA, 5), Message(**BASE, sender=SARA, at=50)]
    (answer,) = call([SARA], events, since=0).answers
    assert (answer.at, answer.sign) == (5, Sign.READ)


def test_what_comes_after_the_end_is_no_answer():
    assert call([SARA], [receipt(SARA, 11)], since=1, until=10).missing == (SARA,)


def test_one_line_says_who_is_missing():
    roll = call([SARA, OMAR, LINA], [receipt(OMAR, 5)], since=0)
    assert summary(roll) == "1 of 3 reached, missing: sara, lina"
    assert summary(call([OMAR], [receipt(OMAR, 5)], since=0)) == "1 of 1 reached"
    crowd = [Identity(mxid=f"@{number}:s") for number in range(NAMED + 3)]
    assert summary(call(crowd, [], since=0)).endswith(" and 3 more")


def test_ghosts_and_the_relay_are_not_asked():
    ghost, relay = Identity(mxid="@wa_1:s"), Identity(mxid="@fallback:s")
    state = RoomState(room=RoomId("!r"), members=(SARA, ghost, relay))
    assert expected(state, {relay.mxid}) == (SARA,)


def test_the_question_rings_everybody_and_a_drill_says_that_it_is_one():
    asked = question(SourceId("q"), ChatId("c"), 1)
    assert asked.mentions_all
    assert "DRILL" not in asked.poll.question
    drill = question(SourceId("q"), ChatId("c"), 1, drill=True).poll.question
    assert "DRILL" in drill
    assert "تمرين" in drill


@given(st.lists(st.tuples(st.sampled_from([SARA, OMAR, LINA, HUDA]), st.integers(0, 100)), max_size=60))
def test_everybody_is_either_reached_or_missing_and_answers_once(signs):
    roll = call([SARA, OMAR, LINA], [receipt(who, at) for who, at in signs], since=50)
    assert set(roll.reached) | set(roll.missing) == {SARA, OMAR, LINA}
    assert not set(roll.reached) & set(roll.missing)
    assert len(roll.answers) == len(roll.reached)
    assert {who for who, at in signs if at >= 50} - {HUDA} == set(roll.reached)

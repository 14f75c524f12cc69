"""Rows of the store become what a person sees."""

from msgspec.structs import replace

from fallback.core.events import Edit, Origin, Reaction, Receipt, ReceiptKind, Redaction, Vote
from fallback.core.ids import ChatId, PortalId, SourceId
from fallback.core.ports import TimelineRow
from fallback.tui.fold import Thread, Tick, starts_group
from tests.tui.fakes import LAILA, ME, NOW, OMAR, SARA, message

CHAT = ChatId("!news")


def rows(*events, start=1):
    return [
        TimelineRow(row=start + place, event=event, portal=PortalId("news"))
        for place, event in enumerate(events)
    ]


def change(what, number, sender, **more):
    return what(id=SourceId(f"c{number}"), chat=CHAT, sender=sender, at=NOW, origin=Origin.MATRIX, **more)


def thread(*events):
    made = Thread(ME)
    made.merge(rows(*events))
    return made


def test_an_edit_shows_the_new_text_and_keeps_the_old_one():
    made = thread(message(1, SARA, "old"), change(Edit, 1, SARA, target=SourceId("m1"), text="new"))
    assert (made.entries[0].text, made.entries[0].edits) == ("new", ["old"])


def test_nobody_edits_the_message_of_another_nor_an_encrypted_one_in_clear():
    sealed = replace(message(1, SARA, "mine"), trust="ok")
    forged = change(Edit, 2, SARA, target=SourceId("m1"), text="forged", trust="clear")
    made = thread(sealed, change(Edit, 1, OMAR, target=SourceId("m1"), text="stolen"), forged)
    assert made.entries[0].text == "mine"
    own = replace(message(1, SARA, "typed here"), trust="")
    assert thread(own, change(Edit, 3, SARA, target=SourceId("m1"), text="x")).entries[0].text == "x"


def test_a_change_that_comes_before_its_message_waits_for_it():
    made = Thread(ME)
    made.merge(rows(change(Edit, 2, SARA, target=SourceId("m1"), text="second"), start=20))
    made.prepend(
        rows(message(1, SARA, "x"), change(Edit, 1, SARA, target=SourceId("m1"), text="first"), start=10)
    )
    assert made.entries[0].text == "second"


def test_one_person_has_one_reaction_and_can_take_it_back():
    target = SourceId("m1")
    made = thread(
        message(1, SARA, "x"),
        change(Reaction, 1, OMAR, target=target, key="👍"),
        change(Reaction, 2, OMAR, target=target, key="🙏"),
    )
    assert list(made.entries[0].reactions.values()) == ["🙏"]
    made.merge(rows(change(Redaction, 3, OMAR, target=SourceId("c2")), start=10))
    assert made.entries[0].reactions == {}


def test_a_redacted_message_leaves_nothing_of_its_text():
    made = thread(message(1, SARA, "secret"), change(Redaction, 1, SARA, target=SourceId("m1")))
    assert made.entries[0].deleted
    assert made.entries[0].text == ""


def test_the_last_vote_of_a_person_counts():
    made = thread(
        message(1, SARA, "x"),
        change(Vote, 1, OMAR, target=SourceId("m1"), options=("a",)),
        change(Vote, 2, OMAR, target=SourceId("m1"), options=("b",)),
    )
    assert made.entries[0].votes == {OMAR.key: ("b",)}


def test_ticks_follow_the_delivery_and_the_readers():
    own = message(1, LAILA, "x", origin=Origin.MATRIX)
    made = Thread(ME)
    row = rows(own)[0]
    made.merge([replace(row, state="pending")])
    assert made.entries[0].tick is Tick.QUEUED
    made.merge([replace(row, state="wedged", error="refused")])
    assert made.entries[0].tick is Tick.FAILED
    made.merge([replace(row, state="sent")])
    assert made.entries[0].tick is Tick.SENT
    made.merge(rows(change(Receipt, 1, LAILA, targets=(SourceId("m1"),), kind=ReceiptKind.READ), start=2))
    assert made.entries[0].tick is Tick.SENT
    made.merge(rows(change(Receipt, 2, SARA, targets=(SourceId("m1"),), kind=ReceiptKind.READ), start=3))
    assert made.entries[0].tick is Tick.READ


def test_the_same_row_twice_is_one_entry():
    made = thread(message(1, SARA, "x"))
    update = made.merge(rows(message(1, SARA, "x")))
    assert (len(made), update.appended) == (1, 0)


def test_positions_hold_when_older_rows_come_in():
    made = Thread(ME)
    made.merge(rows(message(5, SARA, "five"), start=50))
    made.prepend(rows(message(1, SARA, "one"), message(2, SARA, "two"), start=10))
    assert [made.position(SourceId(f"m{number}")) for number in (1, 2, 5)] == [0, 1, 2]
    assert (made.first_row, made.last_row) == (10, 50)


def test_a_name_stands_above_the_first_message_of_a_run():
    made = thread(
        message(1, SARA, "x", at=0),
        message(2, SARA, "y", at=1),
        message(3, SARA, "z", at=10),
        message(4, OMAR, "o", at=10),
    )
    entries = made.entries
    assert [starts_group(a, b) for a, b in zip([None, *entries], entries, strict=False)] == [
        True,
        False,
        True,
        True,
    ]


def read(number, sender, target):
    return change(Receipt, number, sender, targets=(SourceId(target),), kind=ReceiptKind.READ)


def test_who_read_a_message_has_read_all_above_it():
    made = thread(
        message(1, LAILA, "one"), message(2, SARA, "two"), message(3, LAILA, "three"), read(1, OMAR, "m2")
    )
    assert [one.tick for one in made.entries] == [Tick.READ, Tick.NONE, Tick.SENT]
    made.merge(rows(message(4, LAILA, "four"), read(2, OMAR, "m4"), start=5))
    assert [one.tick for one in made.entries] == [Tick.READ, Tick.NONE, Tick.READ, Tick.READ]


def test_an_older_page_is_read_too_where_something_newer_is():
    made = Thread(ME)
    made.merge(rows(message(8, SARA, "eight"), read(1, SARA, "m8"), start=20))
    made.prepend(rows(message(1, LAILA, "one"), start=1))
    assert made.entries[0].tick is Tick.READ
    made.merge(rows(read(2, SARA, "m1"), start=30))
    assert made.entries[0].readers == {SARA.key}

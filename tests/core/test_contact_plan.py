"""An import is planned before anything changes, and a second one changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.core.contact_files import Reading
from fallback.core.contact_plan import plan_import, read_contacts
from fallback.core.contact_report import differences
from fallback.core.contacts import Trust
from tests.core.contact_world import HUDA, ids, people, person, reading

OMAR = person("Omar", "+962790000009", id="c2")


def kinds(plan):
    return [change.kind.value for change in plan.changes]


def applied(contacts, plan):
    return list({one.id: one for one in (*contacts, *plan.saves)}.values())


def test_each_card_is_new_updated_same_or_a_conflict():
    cards = reading(
        person("Mona", "+962790000003"),
        person("Umar", "+962790000009"),
        HUDA,
        person("هُدَى الحسن", "+962790000007"),
        person("Both", "+962790000001", "+962790000009"),
    )
    plan = plan_import([HUDA, OMAR], cards, ids())
    assert kinds(plan) == ["new", "updated", "same", "conflict", "conflict"]
    assert [one.name for one in plan.saves] == ["Mona", "Omar"]
    assert plan.saves[1].aliases == ("Umar",)
    assert "other numbers" in plan.changes[3].reason
    assert plan.changes[4].reason == "has +962790000001 of هدى الحسن, +962790000009 of Omar"


def test_a_name_joins_only_where_nothing_speaks_against_it():
    bare = person("Mona", id="c1")
    assert kinds(plan_import([bare], reading(person("mona", "+962790000001")), ids())) == ["updated"]
    assert kinds(plan_import([OMAR], reading(person("omar", emails=("o@x.org",))), ids())) == ["updated"]
    assert kinds(plan_import([OMAR], reading(person("omar", "+962790000001")), ids())) == ["conflict"]
    known = person("Mona", "+962790000001", emails=("M@x.org",), id="c1")
    same = reading(person("Mona", "+962790000002", emails=("m@x.org",)))
    assert kinds(plan_import([known], same, ids())) == ["updated"]
    namesakes = [person("Mona", "+962790000001", id="c1"), person("Mona", "+962790000002", id="c2")]
    assert plan_import(namesakes, reading(person("Mona", emails=("m@x.org",))), ids()).changes[0].reason == (
        "has the name of 2 contacts"
    )


@pytest.mark.parametrize(("choice", "kind"), [("skip", "conflict"), ("join", "updated"), ("new", "new")])
def test_a_namesake_with_other_numbers_is_as_the_person_chooses(choice, kind):
    plan = plan_import([OMAR], reading(person("Omar", "+962790000001")), ids(), same_name=choice)
    assert kinds(plan) == [kind]


def test_no_file_is_taken_at_its_word_for_trust():
    liar = person("Liar", mxids=("@a:x",), trust=Trust.CONFIRMED)
    assert plan_import([], reading(liar), ids()).saves[0].trust is Trust.CLAIMED
    sure = person("Omar", "+962790000009", mxids=("@o:x",), trust=Trust.CONFIRMED, id="c2")
    more = plan_import([sure], reading(person("Omar", "+962790000009", mxids=("@evil:x",))), ids())
    assert more.saves[0].trust is Trust.CLAIMED


def test_cards_of_one_file_meet_each_other():
    plan = plan_import([], reading(person("A", "+962790000001"), person("B", "+962790000001")), ids())
    assert kinds(plan) == ["new", "updated"]
    assert [(one.name, one.aliases) for one in plan.saves] == [("A", ("B",))]


@given(st.lists(people, max_size=4), st.lists(people, max_size=8), st.sampled_from(["skip", "join", "new"]))
def test_a_second_import_changes_nothing(known, cards, choice):
    known = plan_import([], reading(*known), ids(), same_name="new").saves
    file = Reading(tuple(one for one in reading(*cards).cards if one.contact.shown))
    plan = plan_import(known, file, ids(100), same_name=choice)
    again = plan_import(applied(known, plan), file, ids(200), same_name=choice)
    assert again.saves == ()
    assert {*kinds(again)} <= {"same", "conflict"}


@given(st.lists(people, max_size=4), st.lists(people, max_size=8))
def test_an_import_takes_nothing_from_anybody(known, cards):
    known = plan_import([], reading(*known), ids(), same_name="new").saves
    plan = plan_import(known, reading(*cards), ids(100), same_name="join")
    after = {one.id: one for one in applied(known, plan)}
    for one in known:
        assert not any(told.startswith("-") for told in differences(one, after[one.id]))


def test_a_file_is_read_as_what_it_is():
    card = b"BEGIN:VCARD\nFN:A\nEND:VCARD\n"
    for data in (card, card.decode().encode("utf-16"), b"Name\nA\n"):
        assert [one.contact.name for one in read_contacts(data).cards] == ["A"]

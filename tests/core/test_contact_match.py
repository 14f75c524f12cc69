"""Who of an export is which contact."""

import pytest
from msgspec.structs import replace

from fallback.core.contact_book import Book
from fallback.core.contact_match import Matcher, learnt, recognised
from fallback.core.contacts import Contact, Trust, tidy
from fallback.core.events import Group, Identity, Message, Origin
from fallback.core.ids import ChatId, ContactId, SourceId
from fallback.core.migration import Becomes, plan
from fallback.core.roster import Person

HUDA = tidy(
    Contact(
        id=ContactId("huda"),
        name="هدى الحسن",
        aliases=("Huda",),
        phones=("+962790000001",),
        lids=("123456789",),
        mxids=("@huda:x.org",),
    )
)
OMAR = tidy(Contact(id=ContactId("omar"), name="Omar Said", mxids=("@omar:x.org",), trust=Trust.CONFIRMED))
SARA = tidy(Contact(id=ContactId("sara"), name="Sara", phones=("+962790000003",)))
BOOK = Book([HUDA, OMAR, SARA])


def found(*identities, book=BOOK):
    return Matcher(book).match(Person(identities))


@pytest.mark.parametrize(
    ("identity", "contact", "why"),
    [
        (Identity(phone="+962790000001", name="somebody"), HUDA, "phone number"),
        (Identity(lid="123456789"), HUDA, "LID"),
        (Identity(mxid="@omar:x.org"), OMAR, "Matrix id"),
        (Identity(name="Huda"), HUDA, "the same name"),
        (Identity(name="هُدي الحسن"), HUDA, "another spelling"),
    ],
)
def test_a_number_an_id_and_a_name_each_tell_who_it_is(identity, contact, why):
    match = found(identity)
    assert (match.found, match.sure) == ((contact,), True)
    assert why in match.why


@pytest.mark.parametrize(
    ("identity", "why"),
    [
        (Identity(name="Omar"), "a part of the name"),
        (Identity(name="Sara", phone="+962790000009"), "another number"),
    ],
)
def test_a_part_of_a_name_and_a_name_with_another_number_are_doubtful(identity, why):
    match = found(identity)
    assert len(match.found) == 1
    assert not match.sure
    assert why in match.why


def test_two_contacts_of_one_name_or_number_are_never_guessed_between():
    twin = replace(SARA, id=ContactId("twin"))
    for identity in (Identity(name="sara"), Identity(phone="+962790000003")):
        match = found(identity, book=Book([SARA, twin]))
        assert {one.id for one in match.found} == {"sara", "twin"}
        assert not match.sure


def test_a_stranger_and_a_bare_number_match_nobody():
    assert not found(Identity(name="Khaled")).found
    assert not found(Identity(name="+962 79 000 0003")).found


def made(*senders):
    group = Group(chat=ChatId("c"), name="Newsroom", members=senders)
    events = [
        Message(id=SourceId(str(n)), chat=group.chat, sender=who, at=n, origin=Origin.EXPORT, text="x")
        for n, who in enumerate(senders)
    ]
    return recognised(plan(group, events, server_name="s"), BOOK)


def test_a_plan_invites_accounts_lists_the_doubtful_and_warns_of_claims():
    people = made(Identity(name="~H", phone="+962790000001"), Identity(name="Omar"), Identity(name="Sara"))
    assert [one.becomes for one in people.people] == [Becomes.ACCOUNT, Becomes.DOUBTFUL, Becomes.GHOST]
    assert people.invited == ("@huda:x.org",)
    assert people.people[1].candidates[0].name == "Omar Said"
    assert "@huda:x.org" in people.warnings[-1]


def test_a_confirmed_account_needs_no_warning():
    assert made(Identity(name="Omar Said")).invited == ("@omar:x.org",)
    assert not made(Identity(name="Omar Said")).warnings


def test_a_contact_learns_the_labels_of_the_export_once():
    (one,) = made(Identity(name="Huda from work", phone="+962790000001")).people
    assert one.aliases == ("Huda from work",)
    after = learnt(HUDA, one)
    assert after.aliases == ("Huda", "Huda from work")
    assert learnt(after, one) == after

"""A plan as a file that a person edits."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.core.events import Identity
from fallback.core.ids import ChatId, ContactId, PortalId, UserId
from fallback.core.migration import Becomes, Candidate, Plan, PlannedPerson
from fallback.core.plan_file import edited, write
from fallback.core.ports import RoomSpec
from fallback.core.roster import Person
from fallback.errors import UsageError
from fallback.text import sanitise, sanitise_name

names = st.text(min_size=1, max_size=30).map(sanitise_name).map(sanitise_name).filter(bool)
accounts = st.from_regex(r"@[!-9;-^`-~]{1,9}:[a-z.]{1,9}", fullmatch=True).map(UserId)


@st.composite
def people(draw, number):
    becomes = draw(st.sampled_from(list(Becomes)))
    return PlannedPerson(
        person=Person((Identity(name=draw(names)),), called=draw(st.just("") | names)),
        ghost=UserId(f"@wa_{number}:s"),
        reason="name in the export",
        member=becomes is not Becomes.SKIP,
        becomes=becomes,
        account=draw(accounts if becomes is Becomes.ACCOUNT else st.just(UserId("")) | accounts),
        match=draw(st.text(max_size=20)),
        candidates=(Candidate(ContactId("c"), draw(st.text(max_size=20))),),
    )


@st.composite
def plans(draw):
    return plan(
        *[draw(people(n)) for n in range(draw(st.integers(0, 4)))],
        name=draw(names),
        topic=draw(st.text(max_size=80).map(sanitise)),
        version=draw(st.sampled_from(["11", "12"])),
        encrypted=draw(st.booleans()),
    )


def plan(*people, **room):
    return Plan(
        portal=PortalId("p"),
        chat=ChatId("c"),
        room=RoomSpec(**({"name": "Newsroom"} | room)),
        people=people,
        kinds={},
        events=0,
        media=0,
        media_bytes=0,
        media_missing=0,
        first_at=0,
        last_at=0,
        seconds=0,
    )


SARA = PlannedPerson(Person((Identity(name="Sara"),)), UserId("@wa_1:s"), "name in the export")


@given(plans())
def test_a_plan_that_nobody_edited_comes_back_as_it_was(made):
    assert edited(made, write(made)) == made


@given(plans())
def test_a_written_plan_holds_nothing_that_a_terminal_would_obey(made):
    text = write(made)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert tomllib.loads(text)["export"] == "c"


def test_edits_change_the_room_and_the_people():
    text = write(plan(SARA)).replace('"Newsroom"', '"News"').replace('"12"', '"11"')
    text = text.replace('name = "Sara"', 'name = "Sara Haddad"').replace('"ghost"', '"account"')
    after = edited(plan(SARA), text.replace('account = ""', 'account = "@sara:x.org"'))
    assert (after.room.name, after.room.version) == ("News", "11")
    assert after.people[0].person.name == "Sara Haddad"
    assert after.people[0].person.identities == SARA.person.identities
    assert after.invited == ("@sara:x.org",)


def test_who_is_skipped_is_no_member_and_who_is_not_in_the_file_stays():
    text = write(plan(SARA))
    assert not edited(plan(SARA), text.replace('"ghost"', '"skip"')).people[0].member
    assert edited(plan(SARA), text[: text.index("[[person]]")]) == plan(SARA)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"12"', '"9"', "version is one of 11, 12"),
        ("encrypted = false", 'encrypted = "no"', "encrypted is true or false"),
        ('becomes = "ghost"', 'becomes = "gost"', "becomes is one of"),
        ('becomes = "ghost"', 'becomes = "account"', "needs one"),
        ('account = ""', 'account = "sara"', "no person's Matrix id"),
        ('account = ""', 'account = "@wa_1:s"', "no person's Matrix id"),
        ('account = ""', "account = 7", "account is a text"),
        ('ghost = "@wa_1:s"', 'ghost = "@wa_2:s"', "is nobody of the export"),
        ('name = "Sara"', 'name = "\\u200b"', "a person needs a name"),
        ('name = "Newsroom"', 'name = ""', "a room needs a name"),
        ('name = "Newsroom"', 'title = "x"', "'title' is no key of a room"),
        ('topic = ""', 'topic = "', "Illegal character"),
        ('export = "c"', 'export = "other"', "of another export"),
    ],
)
def test_a_wrong_edit_is_named_with_its_line(old, new, says):
    text = write(plan(SARA))
    before = text[: text.index('account = ""' if says == "needs one" else old)].count("\n") + 1
    with pytest.raises(UsageError) as raised:
        edited(plan(SARA), text.replace(old, new))
    assert f"line {before}:" in raised.value.message
    assert says in raised.value.message


def test_a_line_is_named_rightly_after_a_text_of_several_lines():
    text = write(plan(SARA)).replace('topic = ""', 'topic = """\n[[person]]\nversion = 1\n"""')
    with pytest.raises(UsageError, match="line 13: version"):
        edited(plan(SARA), text.replace('"12"', '"9"'))


def test_a_person_who_stands_there_twice_is_named():
    text = write(plan(SARA))
    with pytest.raises(UsageError, match="twice"):
        edited(plan(SARA), text + text[text.index("[[person]]") :])

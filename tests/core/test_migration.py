"""Plans and their verification."""

from msgspec.structs import replace

from fallback.core.events import (
    Attachment,
    Group,
    GroupChange,
    Identity,
    MediaKind,
    Membership,
    MembershipChange,
    Message,
    Origin,
    Setting,
)
from fallback.core.ids import ChatId, SourceId, UserId
from fallback.core.migration import Becomes, as_later, pins, plan, remaining

SARA, OMAR = Identity(name="Sara", phone="+1"), Identity(name="Omar")
GROUP = Group(chat=ChatId("c1"), name="Newsroom", members=(SARA,), admins=(SARA,))


def events():
    base = {"chat": GROUP.chat, "origin": Origin.EXPORT}
    photo = Attachment(kind=MediaKind.IMAGE, source="a.jpg", size=100)
    return [
        Membership(**base, id=SourceId("1"), at=10, change=MembershipChange.CREATED, members=(SARA,)),
        Message(**base, id=SourceId("2"), at=20, sender=SARA, text="hi"),
        Message(**base, id=SourceId("3"), at=30, sender=OMAR, attachment=photo),
    ]


def test_a_plan_counts_everything_and_says_who_is_who():
    made = plan(GROUP, events(), server_name="s")
    assert (made.events, made.messages, made.media, made.media_bytes) == (3, 2, 1, 100)
    assert (made.first_at, made.last_at) == (10, 30)
    sara, omar = made.people
    assert (sara.ghost, sara.reason, sara.member, sara.person.admin) == (
        "@wa_1:s",
        "phone number",
        True,
        True,
    )
    assert (omar.reason, omar.member, omar.speaks) == ("name in the export", False, 1)
    assert made.room.alias == "wa_c1"


def say(number, **fields):
    base = {"chat": GROUP.chat, "origin": Origin.EXPORT, "sender": SARA}
    return Message(**base | fields, id=SourceId(str(number)), at=number, text="x")


def test_what_is_not_in_the_room_before_its_newest_event_is_late():
    rest = remaining([say(n) for n in range(6)], {"0", "2", "3"})
    assert [(one.id, one.late) for one in rest] == [("1", True), ("4", False), ("5", False)]


def test_what_shares_nothing_with_the_room_is_late_where_it_is_older():
    rest = remaining([say(n) for n in range(4)], set(), newest=2)
    assert [one.late for one in rest] == [True, True, False, False]


def test_a_later_plan_says_what_is_there_and_doubts_what_shares_nothing():
    said = [say(n) for n in range(6)]
    made = plan(GROUP, said, server_name="s")
    later = as_later(made, said, {"0", "2", "3"})
    assert (later.known, later.late, later.warnings) == (3, 1, ())
    (warning,) = as_later(made, said, {"other"}).warnings
    assert "nothing of this export" in warning


def test_the_topic_says_that_what_disappears_in_whatsapp_stays():
    made = plan(replace(GROUP, description="news", disappearing=86_400), [], server_name="s")
    assert made.room.topic.splitlines()[0] == "news"
    assert "after 1 d; here they stay" in made.room.topic


def test_only_admins_that_are_invited_lead_the_room():
    made = plan(GROUP, events(), server_name="s")
    everybody = tuple(
        replace(one, becomes=Becomes.ACCOUNT, account=UserId(f"@{n}:s")) for n, one in enumerate(made.people)
    )
    assert replace(made, people=everybody).leaders == ("@0:s",)
    assert made.leaders == ()


def test_a_group_pins_three_messages_at_most():
    base = {"chat": GROUP.chat, "origin": Origin.EXPORT, "setting": Setting.PIN}
    changes = [GroupChange(**base, id=SourceId(f"p{n}"), value=str(n) if n else "") for n in range(5)]
    assert pins(changes) == ("2", "3", "4")

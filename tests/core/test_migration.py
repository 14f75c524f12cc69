"""Plans and their verification."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fallback.core.events import (
    Attachment,
    Group,
    Identity,
    MediaKind,
    Membership,
    MembershipChange,
    Message,
    Origin,
)
from fallback.core.ids import ChatId, EventId, SourceId, UserId
from fallback.core.migration import plan
from fallback.core.verification import verify
from fallback.core.ports import Seen

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


def seen(number, **changes):
    one = Seen(
        source=SourceId(str(number)),
        event=EventId(f"${number}"),
        sender=UserId("@wa_1:s"),
        at=number,
        text="t",
    )
    return replace(one, **changes)


def test_a_faithful_room_has_no_differences():
    wanted = [seen(n) for n in range(5)]
    assert verify(wanted, wanted).differences == 0


def test_every_kind_of_difference_is_named():
    wanted = [seen(n) for n in range(5)]
    result = verify(wanted, [seen(0), seen(2), seen(1, text="x"), seen(3), seen(3), seen(99)])
    assert result.missing == ("4",)
    assert result.doubled == ("3",)
    assert result.misplaced == ("1",)
    assert result.altered == ("1",)
    assert (result.expected, result.found) == (5, 4)


@given(st.permutations(range(6)))
def test_a_shuffled_room_differs_unless_it_is_in_order(order):
    wanted = [seen(n) for n in range(6)]
    result = verify(wanted, [wanted[n] for n in order])
    assert (result.differences == 0) == (list(order) == sorted(order))

"""A room held against its export."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fallback.core.events import Attachment, GroupChange, Location, MediaKind, Message, Origin, Poll, Setting
from fallback.core.ids import ChatId, EventId, SourceId, UserId
from fallback.core.ports import Seen
from fallback.core.verification import sampled, verify, words

BASE = {"id": SourceId("1"), "chat": ChatId("c"), "origin": Origin.EXPORT}


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
    wanted = [seen(n) for n in range(7)]
    room = [
        seen(0),
        seen(2),
        seen(1, text="x"),
        seen(3),
        seen(3),
        seen(4, at=1),
        seen(5, sender=UserId("@wa_2:s")),
        seen(99),
    ]
    result = verify(wanted, room)
    assert result.missing == ("6",)
    assert result.doubled == ("3",)
    assert result.misplaced == ("1",)
    assert (result.texts, result.times, result.senders) == (("1",), ("4",), ("5",))
    assert (result.expected, result.found, result.others) == (7, 6, 1)
    assert result.differences == 6


def test_what_was_brought_late_has_no_place_to_be_in():
    wanted = [seen(n) for n in range(4)]
    result = verify(wanted, [seen(0), seen(3), seen(1, late=True), seen(2, late=True)])
    assert (result.differences, result.late) == (0, 2)


@given(st.permutations(range(6)))
def test_a_shuffled_room_differs_unless_it_is_in_order(order):
    wanted = [seen(n) for n in range(6)]
    result = verify(wanted, [wanted[n] for n in order])
    assert (result.differences == 0) == (list(order) == sorted(order))


def test_only_what_has_words_of_its_own_is_compared_by_them():
    photo = Attachment(MediaKind.IMAGE, "a.jpg", "a.jpg")
    assert words(Message(**BASE, text="hi")) == "hi"
    assert words(Message(**BASE, text="a caption", attachment=photo)) == "a caption"
    assert words(GroupChange(**BASE, setting=Setting.SUBJECT, text="Sara changed it")) == "Sara changed it"
    for silent in (
        {"attachment": photo, "text": "a.jpg"},
        {"attachment": replace(photo, source=""), "text": "x"},
        {"deleted": True, "text": "x"},
        {"poll": Poll("When?", ()), "text": "x"},
        {"location": Location(1, 2), "text": "x"},
    ):
        assert words(Message(**BASE | silent)) == ""


@given(st.lists(st.integers(), unique=True, max_size=50), st.integers(1, 60))
def test_a_sample_is_as_large_as_it_may_be(numbers, most):
    files = [SourceId(str(number)) for number in numbers]
    assert len(set(sampled(files, most))) == min(len(files), most)

"""What one account says of a group's history, and in how many messages."""

from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from fallback.core.events import (
    Attachment,
    Identity,
    Location,
    MediaKind,
    Membership,
    MembershipChange,
    Message,
    Origin,
    Poll,
    PollOption,
    Reaction,
    Redaction,
)
from fallback.core.ids import ChatId, SourceId
from fallback.core.retelling import LONGEST, WITHIN, retold, settled, sources_of

CHAT = ChatId("c")
SARA, OMAR = Identity(name="Sara"), Identity(name="عمر")
AT = 1_633_372_680_000  # 4 October 2021, 18:38 UTC
MINUTE = 60_000


def message(name, text="", sender=SARA, *, minutes=0, **more):
    return Message(
        id=SourceId(name),
        chat=CHAT,
        sender=sender,
        at=AT + minutes * MINUTE,
        text=text,
        origin=Origin.EXPORT,
        **more,
    )


def texts(*lines):
    return [one.event.text.replace("\u2066", "").replace("\u2069", "") for one in retold(lines, zone=UTC)]


def test_what_one_person_writes_in_one_go_is_one_message_with_its_times():
    assert texts(
        message("a", "good evening"), message("b", "who comes?", minutes=1), message("c", "I do", OMAR)
    ) == [
        "2021-10-04 18:38 good evening\n18:39 who comes?",
        "2021-10-04 18:38 I do",
    ]


def test_a_pause_another_day_and_too_much_text_begin_a_new_message():
    assert len(texts(message("a", "x"), message("b", "y", minutes=WITHIN // MINUTE + 1))) == 2
    midnight = 5 * 60 + 21
    assert len(texts(message("a", "x", minutes=midnight), message("b", "y", minutes=midnight + 1))) == 2
    assert len(texts(message("a", "x" * LONGEST), message("b", "y"))) == 2


def test_times_are_isolated_so_that_they_stand_the_right_way_round_in_arabic():
    told = retold([message("a", "نعم", OMAR)], zone=UTC)[0].event
    assert told.text == "\u20662021-10-04 18:38\u2069 نعم"


def test_a_list_or_quote_begins_a_line():
    assert texts(message("a", "- milk\n- bread")) == ["2021-10-04 18:38\n- milk\n- bread"]
    assert texts(message("a", "10 people")) == ["2021-10-04 18:38 10 people"]


def test_files_polls_places_and_replies_stay_alone_and_have_their_time():
    file = Attachment(kind=MediaKind.IMAGE, filename="a.jpg", source="a.jpg")
    lines = [
        message("t", "look"),
        message("f", attachment=file),
        message("p", poll=Poll("Where?", (PollOption("Here"),))),
        message("l", location=Location(1.0, 2.0)),
        message("r", "yes", reply_to=SourceId("t")),
    ]
    told = [one.event for one in retold(lines, zone=UTC)]
    assert len(told) == 5
    assert told[1].attachment == file
    assert told[1].text == told[3].location.name == "\u20662021-10-04 18:38\u2069"
    assert told[2].poll.question.endswith(" Where?")
    assert told[4].reply_to == "t"


def test_what_the_export_left_out_is_named_among_the_others():
    gone = Attachment(kind=MediaKind.IMAGE)
    assert texts(message("a", "look"), message("b", "our office", attachment=gone)) == [
        "2021-10-04 18:38 look\n18:38 📎 image (not in the export)\nour office"
    ]


def test_edits_reactions_and_deletions_are_told_at_their_message():
    lines = settled(
        [
            message("a", "hello"),
            message("b", "secret"),
            Reaction(id=SourceId("r"), chat=CHAT, sender=OMAR, target=SourceId("a"), key="👍"),
            Redaction(id=SourceId("d"), chat=CHAT, target=SourceId("b")),
        ]
    )
    assert texts(*lines) == ["2021-10-04 18:38 hello\n👍\n18:38 🚫 This message was deleted"]


def test_nobody_is_called_by_what_was_said_long_ago():
    told = retold([message("a", "@x", mentions=(Identity(mxid="@x:y.org"),), mentions_all=True)], zone=UTC)[
        0
    ].event
    assert not told.mentions
    assert not told.mentions_all


def test_system_lines_are_notices():
    line = Membership(
        id=SourceId("m"),
        chat=CHAT,
        at=AT,
        change=MembershipChange.ADDED,
        members=(OMAR,),
        text="Sara added عمر",
    )
    told = retold([line, message("a", "hi")], zone=UTC)
    assert [type(one.event).__name__ for one in told] == ["Notice", "Message"]


@given(
    st.lists(
        st.tuples(st.sampled_from([SARA, OMAR]), st.integers(0, 9), st.text(max_size=5), st.booleans()),
        max_size=30,
    ),
    st.integers(0, 30),
)
def test_every_event_is_told_once_in_order_and_found_again_by_the_name_of_what_tells_it(rows, skipped):
    lines, minutes = [], 0
    for number, (sender, later, text, reply) in enumerate(rows):
        minutes += later
        lines.append(
            message(f"e{number}", text, sender, minutes=minutes, reply_to=SourceId("e0") if reply else None)
        )
    rest = lines[skipped:]
    told = retold(rest, zone=UTC)
    assert [source for one in told for source in one.sources] == [line.id for line in rest]
    places = {line.id: place for place, line in enumerate(rest)}
    for one in told:
        assert sources_of(one.event.id, rest, places) == one.sources

"""Canonical events as Matrix content, and read back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.core.events import (
    Attachment,
    Edit,
    Identity,
    Location,
    MediaKind,
    Membership,
    MembershipChange,
    Message,
    Notice,
    Origin,
    Poll,
    PollOption,
    Reaction,
    Redaction,
    Vote,
)
from fallback.core.ids import ChatId, SourceId
from fallback.errors import PermanentError
from fallback.matrix.convert import SOURCE, option_id, to_content
from fallback.matrix.read import from_event

ROOM = "!room"
GHOST = "@wa_1:s"
NAMES = {GHOST: "ليلى", "@sara:s": "Sara"}


def message(**fields):
    base = {"id": SourceId("e1"), "chat": ChatId("c"), "origin": Origin.EXPORT, "at": 77}
    return Message(**{**base, **fields})


def there_and_back(event, sender=GHOST, **extra):
    kind, content = to_content(event)
    raw = {
        "type": kind,
        "content": content,
        "event_id": "$1",
        "sender": sender,
        "origin_server_ts": event.at,
        **extra,
    }
    return from_event(json.loads(json.dumps(raw)), ROOM, NAMES)


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "سلام *everyone*"},
        {"text": "a\n\nb"},
        {
            "attachment": Attachment(
                MediaKind.IMAGE, "a.jpg", "mxc://s/1", "image/jpeg", 9, width=4, height=3
            ),
            "text": "caption",
        },
        {
            "attachment": Attachment(
                MediaKind.VOICE, "v.opus", "mxc://s/1", "audio/ogg", 9, duration_ms=900, waveform=(0, 512)
            )
        },
        {"attachment": Attachment(MediaKind.STICKER, "s.webp", "mxc://s/1", "image/webp", 9)},
        {"attachment": Attachment(MediaKind.CONTACT, "x.vcf", "mxc://s/1", "text/vcard", 9)},
        {"attachment": Attachment(MediaKind.DOCUMENT, "x.pdf", "mxc://s/1", "application/pdf", 9)},
        {"attachment": Attachment(MediaKind.GIF, "x.mp4", "mxc://s/1", "video/mp4", 9)},
        {"location": Location(31.95, 35.93, "مكتب")},
        {
            "poll": Poll(
                "متى؟",
                (PollOption("اليوم", 2, option_id("اليوم")), PollOption("غداً", 0, option_id("غداً"))),
                1,
            )
        },
        {"text": "answer", "reply_to": SourceId("$quoted")},
        {"text": "x", "edited": True, "forwarded": True, "late": True},
        {"deleted": True},
    ],
    ids=lambda fields: "-".join(fields),
)
def test_a_message_reads_back_as_it_was_sent(fields):
    read = there_and_back(message(**fields))
    assert isinstance(read, Message)
    for name, value in fields.items():
        assert getattr(read, name) == value, name
    assert (read.relayed, read.at, read.sender.name, read.origin) == (
        Origin.EXPORT,
        77,
        "ليلى",
        Origin.MATRIX,
    )


def test_media_that_the_export_left_out_is_said_in_words():
    read = there_and_back(message(attachment=Attachment(MediaKind.IMAGE)))
    assert isinstance(read, Notice)
    assert "image" in read.text


def test_edits_reactions_votes_and_notices_read_back():
    base = {"id": SourceId("e2"), "chat": ChatId("c"), "origin": Origin.MATRIX}
    edit = there_and_back(Edit(**base, target=SourceId("$0"), text="new *text*"), "@sara:s")
    assert (edit.target, edit.text) == ("$0", "new *text*")
    reaction = there_and_back(Reaction(**base, target=SourceId("$0"), key="👍"), "@sara:s")
    assert (reaction.target, reaction.key, reaction.sender.name) == ("$0", "👍", "Sara")
    vote = there_and_back(Vote(**base, target=SourceId("$0"), options=("a", "b")), "@sara:s")
    assert vote.options == (option_id("a"), option_id("b"))
    member = Membership(
        **base, change=MembershipChange.ADDED, members=(Identity(name="x"),), text="You added x"
    )
    assert there_and_back(member, "@sara:s").text == "You added x"


def test_a_notice_says_what_it_is_about():
    notice = Notice(
        id=SourceId("n"), chat=ChatId("c"), origin=Origin.MATRIX, text="gone", topic="outage.gone"
    )
    assert there_and_back(notice, "@sara:s").topic == "outage.gone"


def test_every_content_of_a_ghost_says_where_it_was_first_said():
    _, content = to_content(message(text="x"))
    assert content[SOURCE] == {"id": "e1", "network": "export", "at": 77}
    _, content = to_content(Message(id=SourceId("e"), chat=ChatId("c"), origin=Origin.MATRIX, text="x"))
    assert SOURCE not in content


def test_a_person_cannot_pass_words_off_as_imported():
    read = there_and_back(message(text="x"), sender="@sara:s")
    assert read.relayed is None
    assert read.sender.mxid == "@sara:s"


def test_a_redaction_is_no_event_of_its_own():
    with pytest.raises(PermanentError):
        to_content(Redaction(id=SourceId("e"), chat=ChatId("c"), target=SourceId("$0")))


def test_hostile_names_and_text_lose_their_controls():
    raw = {
        "type": "m.room.message",
        "event_id": "$1",
        "sender": "@x:s",
        "origin_server_ts": 1,
        "content": {"msgtype": "m.text", "body": "\x1b]0;PWNED\x07\u202eabc"},
    }
    assert from_event(raw, ROOM, {}).text == "]0;PWNEDabc"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = [
    "msgtype",
    "body",
    "m.relates_to",
    "url",
    "info",
    "geo_uri",
    "filename",
    "m.mentions",
    "formatted_body",
    "format",
    SOURCE,
]


@given(
    st.sampled_from(
        [
            "m.room.message",
            "m.sticker",
            "m.reaction",
            "m.room.redaction",
            "m.room.member",
            "org.matrix.msc3381.poll.start",
            "m.room.name",
        ]
    ),
    st.dictionaries(st.sampled_from(KEYS), json_values, max_size=6),
    st.sampled_from(["m.text", "m.image", "m.location", "m.notice"]),
)
def test_malformed_events_never_raise(kind, content, msgtype):
    raw = {
        "type": kind,
        "content": {"msgtype": msgtype, **content},
        "event_id": "$1",
        "sender": GHOST,
        "state_key": "@x:s",
    }
    from_event(raw, ROOM, NAMES)

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
from fallback.matrix.attachments import seal_file
from fallback.matrix.convert import (
    EDITED,
    FORWARDED,
    POLL_END,
    POLL_START,
    PROFILE,
    SOURCE,
    as_person,
    option_id,
    poll_end,
    to_content,
)
from fallback.matrix.read import from_event, said

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
        {"text": "*x*\n\ny", "edited": True, "forwarded": True},
        {"deleted": True},
        {"location": Location(31.95, 35.93, live=True)},
        {
            "attachment": Attachment(
                MediaKind.IMAGE,
                "a.jpg",
                "mxc://s/1",
                "image/jpeg",
                9,
                keys=json.dumps(seal_file(b"a")[1], separators=(",", ":")),
                thumbnail=Attachment(
                    MediaKind.IMAGE,
                    source="mxc://s/2",
                    mimetype="image/jpeg",
                    size=3,
                    width=2,
                    height=1,
                    keys=json.dumps(seal_file(b"t")[1], separators=(",", ":")),
                ),
            ),
            "forwarded": True,
        },
        {
            "text": "ask @Sara",
            "mentions": (Identity(name="Sara", mxid="@sara:s"),),
        },
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


SARA = Identity(name="Sara", mxid="@sara:s", phone="+962790000001")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("@Sara?", '<a href="https://matrix.to/#/@sara:s">@Sara</a>?'),
        ("@962790000001 *now*", '<a href="https://matrix.to/#/@sara:s">@Sara</a> <strong>now</strong>'),
        ("a<b @Sara", 'a&lt;b <a href="https://matrix.to/#/@sara:s">@Sara</a>'),
        ("@Sarah", None),
        ("mail x@Sara or https://a.example/@Sara", None),
    ],
)
def test_a_mention_is_a_link_to_the_person(text, html):
    _, content = to_content(message(text=text, mentions=(SARA,)))
    assert content.get("formatted_body") == html
    assert content["m.mentions"] == {"user_ids": ["@sara:s"]}
    assert content["body"] == text


def test_who_has_no_account_is_mentioned_in_plain_text():
    _, content = to_content(message(text="@Omar", mentions=(Identity(name="Omar"),)))
    assert "formatted_body" not in content
    assert content["m.mentions"] == {}


def test_a_pill_of_another_client_reads_as_a_mention():
    body = {
        "msgtype": "m.text",
        "body": "Sara: go",
        "format": "org.matrix.custom.html",
        "formatted_body": '<a href="https://matrix.to/#/@sara:s">Sara</a>: go',
        "m.mentions": {"user_ids": ["@sara:s"]},
    }
    raw = {"type": "m.room.message", "content": body, "event_id": "$1", "sender": "@x:s"}
    read = from_event(raw, ROOM, NAMES)
    assert (read.text, read.mentions) == ("@Sara: go", (Identity(name="Sara", mxid="@sara:s"),))


def test_every_client_sees_that_a_message_was_edited_or_forwarded():
    _, content = to_content(message(text="x", edited=True, forwarded=True))
    assert content["body"] == f"{FORWARDED}\n\nx{EDITED}"
    assert said(content) == "x"
    _, content = to_content(message(text="x (edited)"))
    assert said(content) == "x (edited)"


def test_an_encrypted_file_has_no_address_in_clear():
    file = Attachment(MediaKind.DOCUMENT, "a.pdf", "mxc://s/1", keys='{"v":"v2"}')
    _, content = to_content(message(attachment=file))
    assert "url" not in content
    assert content["file"] == {"v": "v2", "url": "mxc://s/1"}


def test_a_poll_tells_the_votes_that_nobody_can_cast_again():
    poll = Poll("متى؟", (PollOption("اليوم", 2), PollOption("غداً")), 1)
    _, content = to_content(message(poll=poll))
    assert "WhatsApp: اليوم 2 · غداً 0" in content["body"]
    assert content["body"].splitlines()[1] in content[POLL_START]["question"]["org.matrix.msc1767.text"]
    kind, content = poll_end(message(poll=poll), "$poll")
    assert kind == POLL_END
    assert content["m.relates_to"] == {"rel_type": "m.reference", "event_id": "$poll"}
    assert content["body"] == "متى؟\nWhatsApp: اليوم 2 · غداً 0"


RELAY = "@relay:s"
LEILA = Identity(name="Leila <b>", phone="+962790000002")


def relayed(event, relay=RELAY):
    kind, content = to_content(event)
    content = json.loads(json.dumps(as_person(content, LEILA)))
    raw = {"type": kind, "content": content, "event_id": "$1", "sender": RELAY, "origin_server_ts": event.at}
    return content, from_event(raw, ROOM, {RELAY: "Relay"}, relay=relay)


@pytest.mark.parametrize(
    "event",
    [
        message(text="hello"),
        message(text="hello *you*\n> quoted"),
        message(text="x", edited=True, forwarded=True),
        message(attachment=Attachment(MediaKind.IMAGE, "a.jpg", "mxc://s/1", "image/jpeg", 9)),
        message(attachment=Attachment(MediaKind.IMAGE, "a.jpg", "mxc://s/1", "image/jpeg", 9), text="look"),
        message(attachment=Attachment(MediaKind.STICKER, "s.webp", "mxc://s/1", "image/webp", 9)),
        message(poll=Poll("When?", (PollOption("now", 2, option_id("now")),), 1)),
        message(location=Location(31.95, 35.93, "office")),
        message(deleted=True),
    ],
    ids=lambda event: event.text or "other",
)
def test_what_one_account_says_for_a_person_reads_as_that_persons(event):
    content, read = relayed(event)
    assert read.sender == Identity(name=LEILA.name)
    for name in ("text", "attachment", "poll", "location", "deleted", "edited", "forwarded"):
        assert getattr(read, name) == getattr(event, name), name
    assert content["body"].startswith("Leila <b>:")
    assert content[PROFILE]["displayname"] == LEILA.name
    assert "962790000002" not in json.dumps(content)


def test_an_edit_for_a_person_reads_as_that_persons():
    edit = Edit(id=SourceId("e"), chat=ChatId("c"), target=SourceId("$0"), text="new *text*")
    content, read = relayed(edit)
    assert content["body"] == "* Leila <b>: new *text*"
    assert (read.sender.name, read.text, read.target) == (LEILA.name, "new *text*", "$0")


def test_only_the_relay_speaks_for_others():
    _, read = relayed(message(text="hello"), relay="@other:s")
    assert read.sender == Identity(mxid=RELAY, name="Relay")
    assert "Leila" in read.text
    assert read.relayed is None
    _, read = relayed(message(text="hello"), relay="")
    assert read.sender.mxid == RELAY


def test_a_reaction_for_a_person_stays_a_reaction():
    reaction = Reaction(id=SourceId("e"), chat=ChatId("c"), target=SourceId("$0"), key="👍")
    assert PROFILE not in relayed(reaction)[0]


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
    "file",
    "m.new_content",
    PROFILE,
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
    from_event(raw, ROOM, NAMES, relay=GHOST)

"""Meta's own examples and hostile JSON, read into events."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fallback.core.events import (
    Edit,
    GroupChange,
    Identity,
    MediaKind,
    Membership,
    MembershipChange,
    Message,
    Notice,
    Reaction,
    Receipt,
    ReceiptKind,
    Redaction,
    Setting,
    encode,
)
from fallback.errors import ParseError
from fallback.networks.whatsapp.cloud_people import People
from fallback.networks.whatsapp.cloud_read import read

FOLDER = Path(__file__).parents[2] / "data/webhooks"
NUMBER = "106540352242922"
GROUP = "Y2FwaV9ncm91cDoxNzA1NTU1MDEzOToxMjAzNjM0MDQ2OTQyMzM4MjAZD"
NOW = 1_744_344_500_000
TIAGO = Identity(name="Tiago Mingo", phone="+16505551234")
SCOPED = "us.13491208655302741918"


def taken(name, *, people=None, now=NOW):
    (path,) = FOLDER.glob(f"{name}.json")
    return read(path.read_bytes(), phone_number_id=NUMBER, people=people or People(), now=now)


def only(name, **options):
    (event,) = taken(name, **options).events
    return event


def body(value, field="messages"):
    change = {"field": field, "value": {"metadata": {"phone_number_id": NUMBER}} | value}
    return json.dumps({"entry": [{"changes": [change]}]}).encode()


def said(**fields):
    message = {"group_id": "g", "id": "wamid.1", "from": "16505551234", "timestamp": "1744344496", **fields}
    (event,) = read(body({"messages": [message]}), phone_number_id=NUMBER, people=People(), now=NOW).events
    return event


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_every_documented_payload_is_read_and_reads_the_same_twice(path):
    first, second = (
        read(path.read_bytes(), phone_number_id=NUMBER, people=People(), now=NOW) for _ in range(2)
    )
    assert first == second
    assert first.events or first.errors or first.left_out or "status-sent" in path.name
    assert all(event.id and event.chat and encode(event) for event in first.events)


def test_a_text_keeps_its_sender_group_time_and_words():
    assert only("msg-text") == Message(
        id="wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=",
        chat=GROUP,
        sender=TIAGO,
        at=1_744_344_496_000,
        text="What does everyone think about this?",
    )


def test_somebody_who_hides_the_number_is_known_by_the_scoped_id():
    assert only("msg-username-only*").sender == Identity(name="Pablo M.", lid=SCOPED)


def test_a_number_that_was_told_once_is_kept_when_it_is_left_out_later():
    people = People()
    assert only("msg-text-bsuid*", people=people).sender.phone == "+16505551234"
    assert people.changed
    later = People(people.numbers)
    assert only("msg-username-only*", people=later).sender.phone == "+16505551234"


def test_a_picture_is_named_by_its_id_and_not_by_an_address_that_runs_out():
    picture = only("msg-image").attachment
    assert (picture.kind, picture.source, picture.mimetype) == (
        MediaKind.IMAGE,
        "1003383421387256",
        "image/jpeg",
    )
    assert len(picture.sha256) == 64


def test_what_points_at_a_message_points_at_it():
    assert only("msg-reply*").reply_to == "wamid.QUOTED"
    reaction = only("msg-reaction*")
    assert isinstance(reaction, Reaction)
    assert (reaction.target, reaction.key) == ("wamid.TARGET", "👍")
    edit, revoke = only("msg-edit*"), only("msg-revoke*")
    assert isinstance(edit, Edit)
    assert (edit.target, edit.text) == ("wamid.ORIG", "Updated image caption")
    assert isinstance(revoke, Redaction)
    assert revoke.target == "wamid.ORIG"


def test_a_reaction_without_emoji_takes_it_back():
    assert said(type="reaction", reaction={"message_id": "wamid.T"}).key == ""


def test_what_has_no_form_becomes_words_that_say_so():
    event = only("msg-unsupported*")
    assert isinstance(event, Notice)
    assert event.text == "Tiago Mingo sent something that WhatsApp shows on phones only."
    assert (
        said(type="hologram").text
        == "+16505551234 sent something that WhatsApp shows on phones only (hologram)."
    )
    for empty in ("reaction", "text", "location", "contacts", "image", "interactive", ""):
        assert said(type=empty, location={"latitude": 1}).topic == "unsupported"


def test_a_voice_note_a_place_and_contacts_keep_what_they_are():
    voice = said(type="audio", audio={"id": "9", "voice": True, "mime_type": "audio/ogg; codecs=opus"})
    assert (voice.attachment.kind, voice.attachment.mimetype) == (MediaKind.VOICE, "audio/ogg; codecs=opus")
    place = said(type="location", location={"latitude": 33.3, "longitude": "44.4", "name": "Office"}).location
    assert (place.latitude, place.longitude, place.name) == (33.3, 44.4, "Office")
    cards = [{"name": {"formatted_name": "Omar"}, "phones": [{"phone": "+964 770"}]}]
    assert said(type="contacts", contacts=cards).text == "👤 Omar +964 770"
    assert said(type="text", text={"body": "x"}, context={"forwarded": True}).forwarded


def test_receipts_are_told_apart_by_message_status_and_participant():
    many = taken("status-read-aggregated*").events
    assert [event.sender.phone for event in many] == ["+16505551234", "+16505555678"]
    assert {event.kind for event in many} == {ReceiptKind.READ}
    one = only("status-delivered-single*")
    assert isinstance(one, Receipt)
    assert one.sender.phone == "+16505551234"
    assert len({event.id for event in (*many, one, *taken("status-delivered-aggregated*").events)}) == 5


def test_a_message_that_failed_later_is_told_with_its_cause():
    assert only("status-failed").text == (
        "A message did not reach the WhatsApp group: something went wrong at Meta (131000)."
    )
    assert taken("status-sent").events == []


def test_coming_and_going_is_told_for_each_person():
    joined = only("join-request-approved*")
    assert (type(joined), joined.change, joined.at) == (
        Membership,
        MembershipChange.JOINED_BY_LINK,
        1_744_344_496_000,
    )
    assert only("participant-left").change is MembershipChange.LEFT
    removed = only("removed-by-business*")
    assert (removed.change, removed.sender.key) == (MembershipChange.REMOVED, "")


def test_only_settings_that_took_effect_are_told():
    changes = taken("settings-update*").events
    assert all(isinstance(change, GroupChange) for change in changes)
    assert {change.setting for change in changes} == {Setting.DESCRIPTION, Setting.ICON}


def test_an_error_of_the_account_is_no_event():
    update = taken("value-errors*")
    assert (update.events, update.errors) == ([], [130429])


def test_what_comes_hours_later_is_late_and_a_clock_ahead_is_put_right():
    assert not only("msg-text").late
    assert only("msg-text", now=NOW + 3_600_000).late
    early = only("msg-text", now=NOW - 86_400_000)
    assert (early.at, early.late) == (NOW - 86_400_000, False)


def test_a_batch_is_put_in_the_order_in_which_it_was_said():
    messages = [
        {"group_id": "g", "id": f"w{second}", "timestamp": 1_744_344_000 + second, "type": "text"}
        for second in (3, 1, 2)
    ]
    update = read(body({"messages": messages}), phone_number_id=NUMBER, people=People(), now=NOW)
    assert [event.id for event in update.events] == ["w1", "w2", "w3"]


def test_what_is_for_another_number_or_no_group_is_left_out():
    direct = {"id": "w", "from": "16505551234", "type": "text", "timestamp": "1"}
    assert read(body({"messages": [direct]}), phone_number_id=NUMBER, people=People(), now=NOW).left_out == 1
    (path,) = FOLDER.glob("msg-text.json")
    other = read(path.read_bytes(), phone_number_id="1", people=People(), now=NOW)
    assert (other.events, other.left_out) == ([], 1)


def test_what_a_terminal_would_obey_is_taken_out_and_marks_are_cut():
    event = said(type="text", text={"body": "\x1b]0;owned\x07" + "a" + "\u0301" * 60_000})
    assert "\x1b" not in event.text
    assert len(event.text) < 100


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_no_object_is_named(data):
    with pytest.raises(ParseError):
        read(data, phone_number_id=NUMBER, people=People(), now=NOW)


KEYS = st.sampled_from(
    [
        "entry",
        "changes",
        "field",
        "value",
        "metadata",
        "phone_number_id",
        "messages",
        "statuses",
        "groups",
        "contacts",
        "errors",
        "id",
        "from",
        "group_id",
        "timestamp",
        "type",
        "text",
        "body",
        "image",
        "reaction",
        "edit",
        "message",
        "context",
        "code",
        "recipient_type",
        "recipient_id",
        "status",
        "profile",
        "name",
        "wa_id",
        "user_id",
        "added_participants",
        "removed_participants",
        "group_subject",
        "update_successful",
        "emoji",
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        ["text", "image", "reaction", "location", "group", "failed", "read", "nan", "inf", "1e999"]
    ),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)
ENTRIES = st.dictionaries(KEYS, ANYTHING, max_size=8)


@given(ENTRIES)
@example({"entry": [{"changes": [{"value": {"errors": [{"code": "nan"}, {"code": "inf"}]}}]}]})
def test_no_json_breaks_the_reader(value):
    data = json.dumps(value).encode()
    update = read(data, phone_number_id=NUMBER, people=People(), now=NOW)
    assert all(encode(event) for event in update.events)


@given(st.lists(ENTRIES, max_size=4), st.sampled_from(["messages", "statuses", "groups"]), ANYTHING)
def test_an_odd_entry_never_hides_the_others(odd, key, field):
    good = {
        "group_id": "g",
        "id": "wamid.good",
        "timestamp": "1744344496",
        "type": "text",
        "text": {"body": "hi"},
    }
    value = {key: odd}
    value["messages"] = [*value.get("messages", []), good]
    data = body(value, "group_participants_update" if key == "groups" else "messages")
    update = read(data, phone_number_id=NUMBER, people=People(), now=NOW)
    assert "wamid.good" in [event.id for event in update.events]

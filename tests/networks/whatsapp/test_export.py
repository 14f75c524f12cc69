"""Records become canonical events, and a group's state follows from its system lines."""

import itertools
import tracemalloc
from datetime import UTC, datetime

import pytest

from fallback.core.events import (
    GroupChange,
    Identity,
    MediaKind,
    Membership,
    MembershipChange,
    Message,
    Notice,
    Setting,
)
from fallback.errors import ArchiveError, UsageError
from fallback.networks.whatsapp.export import read_export
from fallback.simulator.exports import style, write_export


def _export(tmp_path, text, **options):
    path = tmp_path / "chat.txt"
    path.write_bytes(text.encode())
    return read_export(path, **{"timezone": "UTC", **options})


GROUP = """\
14/03/2024, 21:40 - Sara Mansour created group "Ward 7: B"
14/03/2024, 21:41 - Sara Mansour added Omar Adly, Nadia and +20 10 1234 5678
14/03/2024, 21:42 - Lee joined using this group's invite link
14/03/2024, 21:43 - Sara Mansour changed the subject from "Ward 7: B" to "Nights: 7B"
14/03/2024, 21:44 - Sara Mansour changed this group's settings to allow only admins to send messages to this group
14/03/2024, 21:45 - You're now an admin
14/03/2024, 21:46 - Omar Adly left
14/03/2024, 21:47 - Sara Mansour removed Nadia
14/03/2024, 21:48 - Sara Mansour turned on disappearing messages. New messages will disappear from this chat 7 days after they're sent. Tap to change.
14/03/2024, 21:49 - Sara Mansour: hi @\u2068Lee\u2069 and @\u2068~\u202fKarim\u2069
14/03/2024, 21:50 - Lee: You deleted this message
14/03/2024, 21:51 - Lee: POLL:
Which slot?
OPTION: Monday: early (3 votes)
OPTION: None (0 votes)

14/03/2024, 21:52 - Lee: location: https://maps.google.com/?q=30.5,31.25
14/03/2024, 21:53 - Lee: <Media omitted>
14/03/2024, 21:54 - Sara Mansour pinned a message
"""


def test_group_state_follows_from_system_lines(tmp_path):
    export = _export(tmp_path, GROUP)
    group = export.group
    assert group.name == "Nights: 7B"
    assert group.announce_only
    assert group.disappearing == 7 * 86400
    assert {p.name or p.phone for p in group.members} == {"Sara Mansour", "+201012345678", "Lee"}
    assert {p.name for p in group.admins} == {"Sara Mansour", "Lee"}
    assert export.me == Identity(name="Lee", me=True)


def test_system_lines_become_events(tmp_path):
    created, added, joined, subject, settings, admin, left, removed, timer, *_, pin = _export(
        tmp_path, GROUP
    ).events
    assert (created.change, created.sender.name) == (MembershipChange.CREATED, "Sara Mansour")
    assert [m.name or m.phone for m in added.members] == ["Omar Adly", "Nadia", "+201012345678"]
    assert (joined.change, joined.members) == (
        MembershipChange.JOINED_BY_LINK,
        (Identity(name="Lee", me=True),),
    )
    assert (subject.setting, subject.value) == (Setting.SUBJECT, "Nights: 7B")
    assert (settings.setting, settings.value) == (Setting.ANNOUNCE_ONLY, "on")
    assert (admin.change, admin.members[0].me) == (MembershipChange.PROMOTED, True)
    assert (left.change, removed.change) == (MembershipChange.LEFT, MembershipChange.REMOVED)
    assert (timer.setting, timer.value) == (Setting.DISAPPEARING, "604800")
    assert (pin.setting, type(pin)) == (Setting.PIN, GroupChange)


def test_messages_keep_what_they_are(tmp_path):
    mention, deleted, poll, place, media = [
        e for e in _export(tmp_path, GROUP).events if isinstance(e, Message)
    ]
    assert mention.text == "hi @Lee and @Karim"
    assert mention.mentions == (Identity(name="Lee", me=True), Identity(name="Karim"))
    assert mention.at == int(datetime(2024, 3, 14, 21, 49, tzinfo=UTC).timestamp() * 1000)
    assert (deleted.deleted, deleted.text) == (True, "")
    assert [(o.text, o.votes) for o in poll.poll.options] == [("Monday: early", 3), ("None", 0)]
    assert (place.location.latitude, place.location.longitude) == (30.5, 31.25)
    assert (media.attachment.source, media.attachment.kind) == ("", MediaKind.IMAGE)


def test_time_zone_moves_events_and_leaves_their_ids(tmp_path):
    cairo = list(_export(tmp_path, GROUP, timezone="Africa/Cairo").events)
    utc = list(_export(tmp_path, GROUP).events)
    assert {u.at - c.at for u, c in zip(utc, cairo, strict=True)} == {2 * 3_600_000}
    assert [e.id for e in utc] == [e.id for e in cairo]
    with pytest.raises(UsageError, match="time zone"):
        _export(tmp_path, GROUP, timezone="Mars/Olympus")


def test_chat_and_me_can_be_told(tmp_path):
    export = _export(tmp_path, GROUP, chat="portal-1", me="Sara Mansour")
    assert {e.chat for e in export.events} == {"portal-1"}
    assert export.me.name == "Sara Mansour"


def test_identical_messages_of_a_minute_have_different_ids(tmp_path):
    export = _export(tmp_path, "14/03/2024, 21:49 - A: ok\n" * 5)
    assert len({e.id for e in export.events}) == 5


def test_names_with_colons_are_whole(tmp_path):
    text = "14/03/2024, 21:40 - Omar added Dr. Lina: Lab\n14/03/2024, 21:41 - Dr. Lina: Lab: result: ok\n"
    text += "14/03/2024, 21:42 - Dr. Lina: Lab: second\n14/03/2024, 21:43 - Omar: fine\n14/03/2024, 21:44 - Dr. Lina: Lab left\n"
    records = list(_export(tmp_path, text).records())
    assert [(r.label, r.text) for r in records if r.system is None] == [
        ("Dr. Lina: Lab", "result: ok"),
        ("Dr. Lina: Lab", "second"),
        ("Omar", "fine"),
    ]
    assert records[-1].system.kind == "member_left"


def test_typed_event_words_stay_messages(tmp_path):
    text = "14/03/2024, 21:40 - Omar: Nadia left\n14/03/2024, 21:41 - Nadia: Omar added you: really\n14/03/2024, 21:41 - Note: one\n"
    assert {r.kind for r in _export(tmp_path, text).records()} == {"text"}


def test_typed_angle_brackets_and_parentheses_stay_text(tmp_path):
    text = "14/03/2024, 21:40 - Omar: fill in <your name here>\n14/03/2024, 21:41 - Omar: notes.txt (see desk)\n14/03/2024, 21:41 - Omar: <3\n"
    records = list(_export(tmp_path, text).records())
    assert [(r.kind, r.text) for r in records] == [
        ("text", "fill in <your name here>"),
        ("text", "notes.txt (see desk)"),
        ("text", "<3"),
    ]


def test_media_token_of_an_unknown_language_is_learnt_from_repetition(tmp_path):
    text = "".join(f"14/03/2024, 21:4{i} - {'AB'[i % 2]}: <qzx wvut>\n" for i in range(6))
    assert {r.kind for r in _export(tmp_path, text).records()} == {"media"}


def test_unicode_line_separators_never_split_a_record(tmp_path):
    body = "a\u2028b\u2029c\x0bd\x85e\x1cf"
    records = list(
        _export(tmp_path, f"14/03/2024, 21:40 - Omar: {body}\n14/03/2024, 21:41 - Omar: x\n").records()
    )
    assert [r.text for r in records] == [body, "x"]


def test_pasted_transcript_on_an_iphone_is_one_message(tmp_path):
    paste = "see\n[14/03/2024, 20:00:00] Client: where?\n[14/03/2024, 20:01:00] Client: hello?"
    text = f"[14/03/2024, 21:40:00] Omar: {paste}\r\n[15/03/2024, 21:41:00] Lee: ok\r\n"
    assert [(r.label, r.text) for r in _export(tmp_path, text).records()] == [("Omar", paste), ("Lee", "ok")]


def test_crlf_inside_an_android_message_starts_no_record(tmp_path):
    text = (
        "14/03/2024, 21:40 - Omar: pasted\r\n14/03/2024, 20:00 - Client: hello\n"
        + "15/03/2024, 10:00 - Lee: ok\n" * 9
    )
    records = list(_export(tmp_path, text).records())
    assert len(records) == 10
    assert records[0].text == "pasted\n14/03/2024, 20:00 - Client: hello"


def test_call_is_a_notice(tmp_path):
    text = "[14/03/2024, 21:40:00] Omar: \u200eMissed voice call\r\n[14/03/2024, 21:41:00] Omar: \u200eVoice call, \u200e5 min\r\n"
    events = list(_export(tmp_path, text).events)
    assert [(type(e), e.topic) for e in events] == [(Notice, "call"), (Notice, "call")]


def test_unknown_system_line_stays_a_notice_with_its_words(tmp_path):
    text = GROUP + "14/03/2024, 22:00 - Something new happened to this group\n"
    last = list(_export(tmp_path, text).events)[-1]
    assert (type(last), last.text) == (Notice, "Something new happened to this group")
    assert not isinstance(last, Membership)


def test_control_bytes_never_reach_events(tmp_path):
    text = "14/03/2024, 21:40 - Om\x1bar: red \x1b[31m\u202e alert\n"
    event = next(iter(_export(tmp_path, text).events))
    assert (event.sender.name, event.text) == ("Omar", "red [31m alert")


@pytest.mark.parametrize(("locale", "platform"), [("en-GB", "android"), ("ar-EG", "ios")])
def test_streaming_keeps_memory_flat(locale, platform, tmp_path):
    path = tmp_path / "chat.txt"
    write_export(path, 100_000, style(locale, platform))
    export = read_export(path, timezone="UTC")
    tracemalloc.start()
    for _ in itertools.islice(export.records(), 80_000):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > 8 << 20
    assert peak < 16 << 20


def test_somebody_who_writes_after_leaving_is_back(tmp_path):
    text = "14/03/2024, 21:40 - Omar: hi\n14/03/2024, 21:41 - Omar left\n15/03/2024, 21:42 - Lee: hm\n"
    assert [p.name for p in _export(tmp_path, text).group.members] == ["Lee"]
    text += "15/03/2024, 21:43 - Omar: again\n"
    assert [p.name for p in _export(tmp_path, text).group.members] == ["Omar", "Lee"]


def test_export_closes_its_archive(tmp_path):
    path = tmp_path / "chat.zip"
    write_export(path, 20, style("de"), media=True)
    with read_export(path, timezone="UTC") as export:
        assert export.totals.missing == []
        assert export.language == "de"
    with pytest.raises(ArchiveError):
        export.archive.read(export.text.name)

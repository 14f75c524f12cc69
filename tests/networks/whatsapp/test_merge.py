"""Exports of one group, by several people and at several times, are one history."""

import pytest

from fallback.core.events import Message
from fallback.errors import UsageError
from fallback.networks.whatsapp.export import read_export
from fallback.networks.whatsapp.merge import merge

ANDROID = """\
14/03/2024, 21:40 - Sara created group "Desk"
14/03/2024, 21:41 - Sara: good evening everybody
14/03/2024, 21:42 - Omar Adly: who has the harbour story
14/03/2024, 21:42 - Omar Adly: ok
14/03/2024, 21:43 - Sara: <Media omitted>
14/03/2024, 21:45 - Omar Adly: see @\u2068Sara\u2069 please now
15/03/2024, 08:00 - Sara: only the first phone has this
"""
IPHONE = """\
[14/03/2024, 22:41:17] ~ Sara M: good evening everybody
[14/03/2024, 22:42:02] Omar: who has the harbour story
[14/03/2024, 22:42:40] Omar: ok
\u200e[14/03/2024, 22:43:09] ~ Sara M: \u200e<attached: 00000004-PHOTO-2024-03-14-22-43-09.jpg>
[14/03/2024, 22:44:00] +20 10 1234 5678: only the second phone has this
[14/03/2024, 22:45:30] Omar: see @\u2068~\u202fSara M\u2069 please now
""".replace("\n", "\r\n")


@pytest.fixture
def exports(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder, text in ((first, ANDROID), (second, IPHONE)):
        folder.mkdir()
        (folder / "_chat.txt").write_bytes(text.encode())
    (second / "00000004-PHOTO-2024-03-14-22-43-09.jpg").write_bytes(b"jpeg")
    return [read_export(first, timezone="UTC"), read_export(second, timezone="UTC")]


def test_same_messages_under_other_names_are_recognised(exports):
    merged = merge(exports)
    assert (merged.same, merged.added) == (5, 1)
    assert merged.people["Sara M"].name == "Sara"
    assert merged.people["Omar"].name == "Omar Adly"
    texts = [event.text for event in merged.events]
    assert texts.index("only the second phone has this") == texts.index("see @Sara please now") - 1


def test_missing_media_comes_from_the_other_export(exports):
    merged = merge(exports)
    held = [
        event
        for event in merged.events
        if isinstance(event, Message) and event.attachment and event.attachment.source
    ]
    assert [merged.files[event.id] for event in held] == [1]


def test_merging_an_export_with_itself_adds_nothing(exports):
    merged = merge([exports[0], exports[0]])
    assert (merged.added, merged.events) == (0, list(exports[0].events))


def test_the_order_of_exports_does_not_matter(exports):
    assert [e.id for e in merge(exports).events] == [e.id for e in merge(exports[::-1]).events]


def test_later_export_of_the_same_phone_continues_the_first(tmp_path):
    early, late = tmp_path / "early.txt", tmp_path / "late.txt"
    lines = ANDROID.splitlines(keepends=True)
    early.write_text("".join(lines[:5]))
    late.write_text("".join(lines[2:]))
    merged = merge([read_export(early, timezone="UTC"), read_export(late, timezone="UTC")])
    assert [event.text for event in merged.events if isinstance(event, Message)] == [
        event.text for event in read_export_text(tmp_path, ANDROID) if isinstance(event, Message)
    ]


def read_export_text(tmp_path, text):
    path = tmp_path / "whole.txt"
    path.write_text(text)
    return read_export(path, timezone="UTC").events


def test_a_deletion_that_one_phone_knows_counts(tmp_path):
    before, after = tmp_path / "before.txt", tmp_path / "after.txt"
    before.write_text(ANDROID)
    after.write_text(ANDROID.replace("who has the harbour story", "This message was deleted"))
    for order in ((before, after), (after, before)):
        merged = merge([read_export(path, timezone="UTC") for path in order])
        assert merged.added == 0
        assert "who has the harbour story" not in [event.text for event in merged.events]


def test_strangers_are_not_merged(exports, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text(
        "14/03/2024, 21:42 - Zoe: nothing of this was ever said here\n14/03/2024, 23:42 - Zoe: nor this\n"
    )
    with pytest.raises(UsageError, match="shares no message"):
        merge([exports[0], read_export(other, timezone="UTC")])

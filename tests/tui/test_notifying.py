"""What a terminal is told while nobody looks: safe whatever the text, silent in quiet hours."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.core.ids import PortalId
from fallback.tui.notifying import fresh, is_quiet, notification, sentence
from fallback.tui.views import GroupView

VTE = {"VTE_VERSION": "7600"}


def group(name="a", unread=0, **more):
    return GroupView(portal=PortalId(name), name=name, unread=unread, **more)


def test_only_what_grew_is_news():
    before = [group("a", 1), group("b", 2)]
    assert fresh(before, [group("a", 2), group("b", 0), group("c", 3)]) == [group("a", 2)]


@given(st.text(), st.sampled_from([{}, VTE, {"TERM": "foot"}]))
def test_no_text_ends_the_sequence_or_adds_a_field(text, environment):
    written = notification(text, environment)
    found = re.fullmatch(r"\x1b\](9;|777;notify;fallback;)([^\x00-\x1f\x7f-\x9f;]*)\x1b\\", written)
    assert found
    assert len(found[2]) <= 120


def test_in_private_neither_who_nor_what_is_said():
    news = group("Newsroom", 1, last_sender="Sara", last="the source is Omar")
    assert "source" in sentence(news, private=False)
    assert not re.search("Newsroom|Sara|source", sentence(news, private=True))


@pytest.mark.parametrize(
    ("hours", "minute", "quiet"),
    [
        ("", 0, False),
        ("22:00-07:00", 22 * 60, True),
        ("22:00-07:00", 6 * 60 + 59, True),
        ("22:00-07:00", 7 * 60, False),
        ("12:00-13:30", 12 * 60, True),
        ("12:00-13:30", 14 * 60, False),
    ],
)
def test_quiet_hours_go_over_midnight(hours, minute, quiet):
    assert is_quiet(hours, minute) is quiet

"""How much of a history is retold, and how long it takes."""

from datetime import UTC, date

import pytest

from fallback.core.events import Attachment, Identity, MediaKind, Message
from fallback.core.history_choice import HistoryChoice, Which, chosen, estimate, parse
from fallback.core.ids import ChatId, SourceId
from fallback.core.retelling import retold
from fallback.errors import UsageError

DAY = 86_400_000
LINES = [
    Message(id=SourceId(f"e{n}"), chat=ChatId("c"), sender=Identity(name="Sara"), at=n * DAY, text="x")
    for n in range(30)
]


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("all", HistoryChoice(Which.ALL)),
        ("none", HistoryChoice(Which.NONE)),
        (" Archive ", HistoryChoice(Which.ARCHIVE)),
        ("last:500", HistoryChoice(Which.LAST, last=500)),
        ("since:2021-10-04", HistoryChoice(Which.SINCE, since=date(2021, 10, 4))),
    ],
)
def test_a_choice_is_read(text, choice):
    assert parse(text) == choice


@pytest.mark.parametrize(
    "text", ["", "last", "last:0", "last:-1", "last:x", "since:", "since:4/10/2021", "all:1", "every"]
)
def test_what_is_no_choice_is_refused_with_the_choices(text):
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert "last:500" in refused.value.hint


@pytest.mark.parametrize(
    ("text", "count"),
    [("all", 30), ("none", 0), ("archive", 0), ("last:4", 4), ("last:99", 30), ("since:1970-01-21", 10)],
)
def test_the_choice_is_kept(text, count):
    kept = chosen(parse(text), LINES, UTC)
    assert kept == LINES[30 - count :]


def test_an_estimate_counts_what_is_sent_and_how_long_the_homeserver_lets_it_take():
    file = Attachment(kind=MediaKind.IMAGE, source="a.jpg", size=3_000_000)
    picture = Message(id=SourceId("f"), chat=ChatId("c"), at=31 * DAY, attachment=file)
    told = estimate(retold([*LINES, picture], zone=UTC))
    assert (told.events, told.sends, told.files, told.media_bytes) == (31, 31, 1, 3_000_000)
    assert told.seconds == (31 - 10) / 0.2 + 3


def test_little_goes_at_once():
    assert estimate(retold(LINES[:5], zone=UTC)).seconds == 0

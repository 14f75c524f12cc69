"""Who is to be told outside Matrix."""

from fallback.core.alerting import Rung
from fallback.core.contact_book import Book
from fallback.core.contacts import Contact
from fallback.core.events import Identity, Message, Origin
from fallback.core.ids import ChatId, ContactId, RoomId, SourceId
from fallback.core.portal import RoomState
from fallback.core.summons import TITLE, summons
from fallback.core.unreached import unreached

SINCE = 1_000_000
SARA, OMAR = Identity(mxid="@sara:s", name="Sara"), Identity(mxid="@omar:s", name="Omar")
BOOK = Book(
    [
        Contact(id=ContactId("sara"), name="Sara", mxids=("@sara:s",), channels=("ntfy:sara",)),
        Contact(id=ContactId("omar"), name="Omar", mxids=("@omar:s",), emails=("omar@example.org",)),
        Contact(id=ContactId("lina"), name="Lina", phones=("+96477",), channels=("ntfy:lina",)),
        Contact(id=ContactId("else"), name="Somebody else", channels=("ntfy:else",)),
    ]
)


def wrote(who, at):
    return Message(
        id=SourceId(f"${at}"), chat=ChatId("!r"), sender=who, at=at, origin=Origin.MATRIX, text="x"
    )


def room(*members, name="!r"):
    return RoomState(room=RoomId(name), members=members)


def missing(*rooms):
    found = unreached(rooms, BOOK, since=SINCE, now=SINCE + 60_000, machines=("@fallback:s",))
    return [one.id for one in found]


def test_a_word_since_the_outage_began_is_enough_and_one_before_is_none():
    assert missing((room(SARA, OMAR), [wrote(SARA, SINCE + 1), wrote(OMAR, SINCE - 1)])) == ["omar"]


def test_who_was_seen_in_one_room_is_not_called_for_another():
    silent = (room(SARA, OMAR), [])
    assert missing(silent, (room(SARA, name="!q"), [wrote(SARA, SINCE + 1)])) == ["omar"]


def test_a_phone_without_an_account_is_told_too_and_the_relay_is_not():
    ghost = Identity(mxid="@wa_96477:s", name="Lina")
    assert missing((room(ghost, SARA, Identity(mxid="@fallback:s")), [])) == ["lina", "sara"]


def test_the_ladder_is_the_contacts():
    (one,) = unreached([(room(OMAR), [])], BOOK, since=SINCE, now=SINCE)
    assert one.rungs == (Rung("omar", "mailto:omar@example.org"),)


def test_an_alert_names_the_person_in_both_languages_and_carries_a_link_only_where_there_are_pages():
    (one,) = unreached([(room(OMAR), [])], BOOK, since=SINCE, now=SINCE)
    title, text = summons(one, SINCE, key=b"k", page="https://r.example/ack/")
    assert title == TITLE
    assert text.count("Omar") == 2
    assert "https://r.example/ack/" in text
    assert "واتساب متوقف" in text
    assert "http" not in summons(one, SINCE, key=b"k")[1]

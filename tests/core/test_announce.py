"""What the relay announces, and who is believed."""

from fallback.core.announce import BACK, GONE, back, gone, heard
from fallback.core.events import Identity, Notice
from fallback.core.health import Cause, Health, State
from fallback.core.ids import ChatId, SourceId

RELAY, STRANGER = Identity(mxid="@fallback:s"), Identity(mxid="@x:s")
DOWN = Health(1.0, State.DOWN, Cause.META_OUTAGE, "DNS has no names (5 of 5 others answer)")


def notice(text, topic, sender=RELAY, at=1000):
    return Notice(id=SourceId("n"), chat=ChatId("c"), sender=sender, at=at, text=text, topic=topic)


def test_both_languages_say_what_to_do():
    assert "Write here as usual" in gone(DOWN)
    assert "اكتبوا هنا" in gone(DOWN)
    assert "12 min. 3 waiting messages" in back(12, 3)


def test_the_last_announcement_of_an_admin_counts():
    events = [notice(gone(DOWN), GONE), notice(back(5, 0), BACK, at=2000)]
    assert heard(events[:1], {"@fallback:s"}) == Health(
        1.0, State.DOWN, None, "DNS has no names (5 of 5 others answer)"
    )
    assert heard(events, {"@fallback:s"}) == Health(2.0, State.UP, None, "")


def test_a_strangers_announcement_is_only_words():
    assert heard([notice(gone(DOWN), GONE, STRANGER)], {"@fallback:s"}) is None

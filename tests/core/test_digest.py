"""What WhatsApp is told on return."""

from fallback.core.digest import digest
from fallback.core.events import Edit, Identity, Message, Redaction
from fallback.core.ids import ChatId, SourceId


def message(number, who="Sara", text=None):
    return Message(
        id=SourceId(f"${number}"),
        chat=ChatId("c"),
        sender=Identity(name=who),
        text=text or f"*{who}*: message {number}",
    )


def test_a_few_messages_are_sent_as_they_are():
    assert digest([message(n) for n in range(3)], minutes=5, link="L") is None
    assert digest([], minutes=5, link="L") is None


def test_many_become_one_message_with_who_and_how_many():
    made = digest([message(n, "Sara" if n % 2 else "Omar") for n in range(9)], minutes=374, link="L")
    assert made.messages == 9
    assert "6 h 14 min" in made.text
    assert "Omar (5), Sara (4)" in made.text
    assert "message 8" in made.text
    assert "message 3" not in made.text
    assert "… and 4 before." in made.text
    assert made.text.endswith("L")


def test_what_was_taken_back_is_not_quoted_and_edits_are():
    events = [message(n) for n in range(5)]
    events.append(Redaction(id=SourceId("$r"), chat=ChatId("c"), target=SourceId("$4")))
    events.append(Edit(id=SourceId("$e"), chat=ChatId("c"), target=SourceId("$3"), text="mended"))
    made = digest(events, minutes=1, link="L")
    assert made.messages == 4
    assert "message 4" not in made.text
    assert "mended" in made.text
    assert "1 minute." in made.text

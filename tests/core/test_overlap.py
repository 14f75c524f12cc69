"""What a relay brought is known again in an export."""

from fallback.core.events import Attachment, Identity, MediaKind, Message, Origin
from fallback.core.ids import ChatId, SourceId
from fallback.core.overlap import told_already

MINUTE = 60_000
SARA, SARA_ONLINE = Identity(name="سارة"), Identity(name="ساره", phone="+9647700000001")
OMAR = Identity(name="Omar")


def said(number, at, sender=SARA, **fields):
    base = {"id": SourceId(number), "chat": ChatId("c"), "at": at, "sender": sender, "origin": Origin.EXPORT}
    return Message(**base | {"text": "ok"} | fields)


def test_the_same_person_words_and_minute_are_the_same_message():
    export = [said("e1", 10 * MINUTE), said("e2", 12 * MINUTE, text="other")]
    relayed = [said("w1", 10 * MINUTE + 42_000, SARA_ONLINE), said("w2", 12 * MINUTE, SARA_ONLINE)]
    assert told_already(export, relayed) == {"e1": "w1"}


def test_each_message_of_the_relay_counts_once():
    export = [said(f"e{n}", 10 * MINUTE) for n in range(3)]
    relayed = [said(f"w{n}", 10 * MINUTE + n, SARA_ONLINE) for n in range(2)]
    assert told_already(export, relayed) == {"e0": "w0", "e1": "w1"}


def test_another_person_and_another_time_are_another_message():
    export = [said("e1", 10 * MINUTE)]
    assert told_already(export, [said("w1", 10 * MINUTE, OMAR), said("w2", 13 * MINUTE)]) == {}


def test_files_are_the_same_by_their_captions():
    photo, sent = (
        Attachment(MediaKind.IMAGE, "a.jpg", "0/a.jpg"),
        Attachment(MediaKind.IMAGE, "", "mxc://s/1"),
    )
    export = [said("e1", 0, text="look", attachment=photo), said("e2", 0, text="", attachment=photo)]
    relayed = [said("w1", 5, text="", attachment=sent), said("w2", 5, text="look", attachment=sent)]
    assert told_already(export, relayed) == {"e1": "w2", "e2": "w1"}

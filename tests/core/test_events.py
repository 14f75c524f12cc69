"""Events survive the store's form."""

import msgspec
import pytest

from fallback.core.events import (
    Attachment,
    Identity,
    MediaKind,
    Message,
    Origin,
    Poll,
    PollOption,
    decode,
    encode,
)
from fallback.core.ids import ChatId, SourceId


def test_an_event_reads_back_as_it_was_written():
    event = Message(
        id=SourceId("1"),
        chat=ChatId("c"),
        sender=Identity(name="منى", phone="+1"),
        at=5,
        origin=Origin.EXPORT,
        text="سلام",
        attachment=Attachment(kind=MediaKind.VOICE, waveform=(1, 2)),
        poll=Poll("q", (PollOption("a", 2),)),
    )
    assert decode(encode(event)) == event


def test_what_is_no_event_is_refused():
    with pytest.raises(msgspec.MsgspecError):
        decode(b'{"type":"Nonsense"}')

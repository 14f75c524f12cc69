"""Echoes, loops and honest text."""

from msgspec.structs import replace

from fallback.core.events import (
    Edit,
    Identity,
    Location,
    Message,
    Notice,
    Origin,
    Poll,
    PollOption,
    Reaction,
    Receipt,
    ReceiptKind,
    Redaction,
    Vote,
)
from fallback.core.ids import ChatId, PortalId, RoomId, SourceId, UserId
from fallback.core.ports import Capabilities, Portal
from fallback.core.roster import ghost
from fallback.core.routing import to_remote, to_room

PORTAL = Portal(id=PortalId("p"), chat=ChatId("chat"), room=RoomId("!r"), sending=True)
US = UserId("@fallback:s")
SARA = Identity(mxid="@sara:s", name="Sara")
CAN = Capabilities()


def said(text="hi", **fields):
    return Message(
        id=SourceId("$1"), chat=ChatId("!r"), sender=SARA, origin=Origin.MATRIX, text=text, **fields
    )


def there(event, portal=PORTAL, can=CAN):
    return [delivery.event for delivery in to_remote(event, portal, "whatsapp", can, US)]


def test_a_phone_message_goes_to_the_room_as_its_ghost():
    event = Message(id=SourceId("W1"), chat=ChatId("chat"), sender=Identity(phone="+1"), text="hi")
    (delivery,) = to_room(event, PORTAL, lambda identity: ghost(identity, "s"))
    assert (delivery.target, delivery.sender) == ("matrix", "@wa_1:s")


def test_routing_twice_gives_the_same_delivery():
    assert to_remote(said(), PORTAL, "whatsapp", CAN, US) == to_remote(said(), PORTAL, "whatsapp", CAN, US)


def test_receipts_are_not_relayed():
    receipt = Receipt(id=SourceId("r"), chat=ChatId("chat"), targets=(SourceId("W1"),), kind=ReceiptKind.READ)
    assert to_room(receipt, PORTAL, lambda identity: ghost(identity, "s")) == []


def test_a_room_message_names_its_author_and_goes_to_the_portals_chat():
    (event,) = there(said("the *news*"))
    assert (event.text, event.chat) == ("*Sara*: the *news*", "chat")


def test_nothing_goes_out_until_an_admin_turns_it_on():
    assert there(said(), replace(PORTAL, sending=False)) == []


def test_our_own_words_and_our_ghosts_are_echoes():
    assert there(replace(said(), sender=Identity(mxid=US))) == []
    assert there(replace(said(), sender=Identity(mxid="@wa_1:s"))) == []
    assert there(replace(said(), sender=Identity(name="ليلى"), relayed=Origin.WHATSAPP)) == []


def test_what_came_in_clear_into_an_encrypted_room_does_not_go_out():
    assert there(replace(said(), trust="clear")) == []
    assert there(replace(said(), trust="ok"))


def test_machines_notices_are_not_answered():
    assert there(Notice(id=SourceId("$2"), chat=ChatId("!r"), sender=SARA, text="I am a bot")) == []


def test_what_the_other_side_cannot_show_becomes_honest_text():
    poor = Capabilities(polls=False, locations=False)
    poll = said("", poll=Poll("Lunch?", (PollOption("Yes"), PollOption("No"))))
    assert there(poll, can=poor)[0].text == "*Sara*: 📊 Lunch?\n1. Yes\n2. No"
    place = said("", location=Location(1.5, 2.5, name="Office"))
    assert "q=1.5,2.5" in there(place, can=poor)[0].text
    edit = Edit(id=SourceId("$3"), chat=ChatId("!r"), sender=SARA, target=SourceId("$1"), text="new")
    assert there(edit)[0].text == "*Sara* (edited): new"
    assert isinstance(there(edit, can=Capabilities(edit_within=900))[0], Edit)
    vote = Vote(id=SourceId("$4"), chat=ChatId("!r"), sender=SARA, target=SourceId("$1"), options=("Yes",))
    assert there(vote)[0].text == "*Sara* votes: Yes"
    reaction = Reaction(id=SourceId("$5"), chat=ChatId("!r"), sender=SARA, target=SourceId("$1"), key="👍")
    assert there(reaction)[0].text == "*Sara* 👍"
    gone = Redaction(id=SourceId("$6"), chat=ChatId("!r"), sender=SARA, target=SourceId("$1"))
    assert there(gone) == []
    assert there(gone, can=Capabilities(revoke_within=9))[0].target == "$1"

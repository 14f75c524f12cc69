"""How ready a group is to move."""

from hypothesis import given
from hypothesis import strategies as st

from fallback.core.contact_book import Book
from fallback.core.contacts import Contact
from fallback.core.events import Identity, Message, Receipt, ReceiptKind
from fallback.core.ids import ChatId, ContactId, RoomId, SourceId, UserId
from fallback.core.portal import RoomState
from fallback.core.readiness import PROOF_LASTS, Stage, accounts, last_signs, readiness

NOW = 10 * PROOF_LASTS
RELAY = "@fallback:s"
SARA, OMAR = Identity(mxid="@sara:s", name="Sara"), Identity(mxid="@omar:s", name="Omar")
GHOSTS = tuple(
    Identity(mxid=f"@wa_{local}:s", name=name)
    for local, name in (("962790000001", "Sara"), ("962790000002", "Omar"), ("lid-12345", "Lina"))
)
BOOK = Book(
    [
        Contact(id=ContactId("1"), name="Sara H", phones=("+962790000001",), mxids=(UserId("@sara:s"),)),
        Contact(id=ContactId("2"), name="Omar", mxids=(UserId("@omar:s"),)),
        Contact(id=ContactId("3"), name="Lina", lids=("12345",), mxids=(UserId("@lina:s"),)),
    ]
)


def message(who, at):
    return Message(id=SourceId("$1"), chat=ChatId("!r"), sender=who, at=at)


def judged(members=(), invited=(), events=(), book=BOOK, **rest):
    machine = Identity(mxid=RELAY, name="fallback")
    state = RoomState(room=RoomId("!r"), members=(machine, *GHOSTS, *members), invited=tuple(invited))
    made = readiness(state, book, events, now=NOW, machines={RELAY}, **rest)
    return made, {one.name: one for one in made.people}


def test_nobody_mapped_is_nobody_ready_and_each_is_told_what_to_do():
    made, people = judged(book=Book())
    assert (made.ready, made.percent) == (0, 0)
    assert {one.stage for one in people.values()} == {Stage.UNMAPPED}
    assert all("contacts link" in one.todo for one in people.values())


def test_people_are_found_by_number_by_lid_and_by_a_name_that_one_contact_has():
    _, people = judged()
    assert {name: one.mxid for name, one in people.items()} == {
        "Sara": "@sara:s",
        "Omar": "@omar:s",
        "Lina": "@lina:s",
    }
    assert people["Sara"].stage is Stage.UNINVITED
    assert "@sara:s" in people["Sara"].todo


def test_membership_is_no_proof_and_a_read_receipt_is():
    made, people = judged([SARA, OMAR], events=[message(SARA, NOW - 5)])
    assert people["Sara"].stage is Stage.READY
    assert people["Omar"].stage is Stage.SILENT
    assert made.percent == 33
    receipt = Receipt(
        id=SourceId("r"), chat=ChatId("!r"), sender=OMAR, at=NOW, targets=(), kind=ReceiptKind.READ
    )
    assert judged([SARA, OMAR], events=[receipt])[1]["Omar"].stage is Stage.READY


def test_an_old_proof_is_shown_and_counts_no_more():
    _, people = judged([SARA], events=[message(SARA, NOW - PROOF_LASTS - 1)])
    assert people["Sara"].stage is Stage.SILENT
    assert people["Sara"].proof.at == NOW - PROOF_LASTS - 1


def test_who_has_no_device_with_keys_is_not_ready_in_an_encrypted_room():
    events = [message(SARA, NOW), message(OMAR, NOW)]
    _, people = judged([SARA, OMAR], events=events, keyed=frozenset({UserId("@sara:s")}))
    assert people["Sara"].stage is Stage.READY
    assert people["Omar"].stage is Stage.KEYLESS


def test_those_who_miss_most_come_first_and_a_person_of_two_accounts_is_one():
    made, _ = judged([SARA], [OMAR], [message(SARA, NOW)])
    assert [one.stage for one in made.people] == [Stage.UNINVITED, Stage.INVITED, Stage.READY]


def test_members_who_were_never_on_whatsapp_count_too():
    guest = Identity(mxid="@guest:s", name="Guest")
    assert judged([guest], events=[message(guest, NOW)])[1]["Guest"].stage is Stage.READY


def test_the_accounts_of_a_room_are_those_of_people():
    state = RoomState(room=RoomId("!r"), members=(SARA, *GHOSTS, Identity(mxid=RELAY)))
    assert accounts(state, {RELAY}) == ("@sara:s",)


def test_an_empty_group_is_ready():
    assert readiness(RoomState(room=RoomId("!r")), Book(), [], now=NOW).percent == 100


@given(st.lists(st.tuples(st.sampled_from([SARA, OMAR]), st.integers(0, NOW)), max_size=40))
def test_the_last_sign_counts_whatever_the_order(signs):
    found = last_signs(message(who, at) for who, at in signs)
    assert {who: answer.at for who, answer in found.items()} == {
        who.mxid: max(at for one, at in signs if one is who) for who, _ in signs
    }

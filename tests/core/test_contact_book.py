"""Who is the same person as whom."""

from hypothesis import given
from hypothesis import strategies as st

from fallback.core.contact_book import Book, absorb, without
from fallback.core.contacts import Trust
from fallback.core.events import Identity
from tests.core.contact_world import HUDA, PNG, people, person

OMAR = person("عمر", "+962790000009", id="c2")


def test_search_folds_spelling_and_finds_numbers_however_they_are_typed():
    book = Book([HUDA, OMAR])
    for text in ("هدي", "HUDA", "0790000001", "٠٧٩ ٠٠٠ ٠٠٠١", "@huda:", "second; line", "ام علي"):
        assert book.search(text) == [HUDA], text
    assert book.search("") == [HUDA, OMAR]
    assert book.search("nobody") == []


def test_duplicates_are_found_by_number_and_by_name_spelling_aside():
    book = Book(
        [
            HUDA,
            OMAR,
            person("Office", "+962790000001", id="c3"),
            person("هُدَى  الحَسَن", "+962790000007", id="c4"),
        ]
    )
    found = {key: [one.id for one in group] for key, group in book.duplicates()}
    assert found == {"+962790000001": ["c1", "c3"], "name:هدي الحسن": ["c1", "c4"]}


def test_a_replaced_contact_is_found_by_its_old_marks_no_more():
    book = Book([OMAR])
    book.put(person("Omar", "+962790000008", id="c2"))
    assert book.with_mark("+962790000009") == []
    assert [one.name for one in book.with_mark("+962790000008")] == ["Omar"]


def test_absorbing_loses_nothing_of_ours():
    other = person("Huda H.", "+962790000005", notes="third", photo=PNG + b"x", given="H.", family="Hasan")
    joined = absorb(HUDA, other)
    assert joined.name == HUDA.name
    assert joined.aliases == (*HUDA.aliases, "Huda H.")
    assert joined.phones == (*HUDA.phones, "+962790000005")
    assert joined.notes == HUDA.notes + "\nthird"
    assert (joined.photo, joined.given) == (HUDA.photo, HUDA.given)


def test_confirmed_holds_only_for_the_ids_that_were_confirmed():
    sure = person("Huda", mxids=("@a:x",), trust=Trust.CONFIRMED)
    assert absorb(sure, person("Huda", "+962790000001")).trust is Trust.CONFIRMED
    assert absorb(sure, person("Huda", mxids=("@b:x",), trust=Trust.CLAIMED)).trust is Trust.CLAIMED
    assert absorb(person("Huda", mxids=("@b:x",)), sure).trust is Trust.CLAIMED


@given(people, people)
def test_absorbing_twice_is_absorbing_once(ours, theirs):
    once = absorb(ours, theirs)
    assert absorb(once, theirs) == once
    assert absorb(once, once) == once
    assert set(once.addresses) >= {*ours.addresses, *theirs.addresses}


@given(st.lists(people, max_size=6))
def test_the_index_finds_whoever_has_a_number(contacts):
    from msgspec.structs import replace

    contacts = [replace(one, id=f"c{number}") for number, one in enumerate(contacts)]
    book = Book(contacts)
    for one in contacts:
        assert all(one in book.with_mark(phone) for phone in one.phones)
        assert one in book.search(one.name)


def test_an_address_or_alias_is_taken_out():
    assert without(HUDA, "+962790000001").phones == ("+962790000002",)
    assert without(HUDA, "lid:123456789012345").lids == ()
    assert without(HUDA, "Huda").aliases == ("أم علي",)
    assert without(HUDA, "nothing") is HUDA


def test_a_contacts_own_name_stands_for_its_number_id_and_ghost_and_for_no_name():
    book = Book([HUDA, OMAR])
    known = [
        Identity(name="H", phone="+962790000001"),
        Identity(name="H", lid="123456789012345"),
        Identity(name="H", mxid="@huda:example.org"),
        Identity(name="H", mxid="@wa_962790000001:s"),
    ]
    assert {book.own_name(one) for one in known} == {HUDA.name}
    assert book.own_name(Identity(name="عمر", mxid="@wa_77:s")) == "عمر"
    assert book.own_name(Identity(name="stranger", mxid="@huda:elsewhere.org")) == "stranger"

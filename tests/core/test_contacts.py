"""A contact is safe and bounded."""

import unicodedata

import pytest
from hypothesis import given

from fallback.core.contacts import LIST_LIMIT, PHOTO_LIMIT, Contact, tidy
from fallback.core.numbers import e164, is_region
from tests.core.contact_world import HUDA, PNG, contacts, person


@given(contacts)
def test_tidying_twice_is_tidying_once(contact):
    assert tidy(contact) == contact


@given(contacts)
def test_no_control_reaches_a_contact(contact):
    texts = [
        contact.name,
        contact.given,
        contact.family,
        *contact.aliases,
        *contact.addresses,
        *contact.extra,
    ]
    assert not any(unicodedata.category(one) == "Cc" for text in texts for one in text)
    assert not any(unicodedata.category(one) == "Cc" for one in contact.notes if one not in "\n\t")


def test_what_is_no_address_is_left_out():
    bad = Contact(
        name="A",
        phones=("0790", "+0790000000", "+962790000000"),
        lids=("x", "1"),
        mxids=("huda", "@huda", "@h uda:x"),
        emails=("@x", "a b@c"),
        channels=("news", "ntfy:"),
        photo=b"<svg/>",
        extra=("FN:Somebody else", "BEGIN:VCARD", "X-A", "X-B:ok\nEND:VCARD"),
    )
    good = tidy(bad)
    assert good.addresses == ("+962790000000",)
    assert good.photo == b""
    assert good.extra == ("X-B:ok END:VCARD",)


def test_nothing_is_kept_twice_nor_without_bound():
    crowd = tidy(
        Contact(
            name="أحمد",
            aliases=("احمد", "Ahmad", "AHMAD", *(f"name {n}" for n in range(200))),
            phones=("+962790000000",) * 3,
            notes="n" * 99_999,
            photo=PNG + bytes(PHOTO_LIMIT),
        )
    )
    assert crowd.aliases[:2] == ("Ahmad", "name 0")
    assert len(crowd.aliases) == LIST_LIMIT
    assert crowd.phones == ("+962790000000",)
    assert len(crowd.notes) == 10_000
    assert crowd.photo == b""


def test_a_number_or_address_is_no_name():
    assert (
        person("+962 79 000 0009", "+962790000000", aliases=("a@x.org", "@a:x.org", "٠٧٩٠٠٠٠٠٠٠")).aliases
        == ()
    )
    assert person("Ali@work 2").name == "Ali@work 2"
    assert person("+962 79 000 0000", "+962790000000").name == ""
    assert person("+962 79 000 0000", "+962790000000").shown == "+962790000000"
    assert person("", aliases=("Huda",)).name == "Huda"


def test_a_name_is_made_of_its_parts_and_parts_of_one_are_none():
    assert tidy(Contact(given="Huda", family="Hasan")).name == "Huda Hasan"
    assert tidy(Contact(name="Huda", given="Huda")).given == ""
    assert HUDA.family == "الحسن"


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("+962 7 9000 0000", "", "+962790000000"),
        ("٠٧٩٠٠٠٠٠٠٠", "JO", "+962790000000"),
        ("00962 79 000 0000", "", "+962790000000"),
        ("(079) 000-0000", "jo", "+962790000000"),
        ("962790000000", "JO", "+962790000000"),
        ("\u202a+962 79 000 0000\u202c", "", "+962790000000"),
        ("tel:+962790000000;ext=12", "", "+962790000000"),
        ("079 000 0000", "", ""),
        ("079 000 0000", "XX", ""),
        ("call 0790000000 now", "JO", ""),
        ("*123#", "JO", ""),
        ("9" * 5000, "JO", ""),
        ("", "JO", ""),
    ],
)
def test_a_number_is_read_as_people_write_it(text, region, number):
    assert e164(text, region) == number


def test_a_region_is_known_or_not():
    assert is_region("jo")
    assert not is_region("XX")

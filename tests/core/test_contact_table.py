"""Tables of contacts in English and Arabic, safe in a spreadsheet."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fallback.core.contact_table import COLUMNS, read, write
from fallback.core.contacts import Trust
from fallback.errors import ParseError
from tests.core.contact_world import HUDA, contacts, person


def plain(contact):
    """Leave out what a table does not hold."""
    return replace(contact, id="", trust=Trust.UNKNOWN, photo=b"", extra=())


def rows(data):
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@given(contacts, st.sampled_from(["en", "ar"]))
def test_what_is_written_is_read_back(contact, language):
    found = read(write([contact], language))
    assert found.problems == ()
    assert [plain(one.contact) for one in found.cards] == ([plain(contact)] if contact.shown else [])


@given(st.lists(contacts, max_size=3))
def test_no_cell_is_a_formula(people):
    for row in rows(write(people)):
        for cell in row:
            assert not re.match(r"[=+\-@\t\r＝＋－＠]", cell) or re.fullmatch(r"[+0-9\n]+", cell)


def test_a_table_has_a_byte_order_mark_and_numbers_keep_their_plus():
    data = write([HUDA])
    assert data.startswith(b"\xef\xbb\xbf")
    header, row = rows(data)
    assert header == [english for english, _ in COLUMNS.values()]
    assert row[header.index("Phones")] == "+962790000001\n+962790000002"
    assert row[header.index("Matrix ids")] == "'@huda:example.org"


def test_a_name_that_is_a_formula_comes_back_whole():
    for name in ("=cmd|' /C calc'!A0", "'=1", "''@x", "-1+1", "＝1"):
        contact = person(name, "+962790000001")
        assert rows(write([contact]))[1][0] == "'" + name
        assert read(write([contact])).cards[0].contact == contact


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "header",
    [("Name", "Phone", "Notes"), ("الاسم", "رقم الجوال", "ملاحظات"), (" NAME ", "mobile_number", "Comments")],
)
def test_delimiter_and_language_are_found(delimiter, header):
    lines = [delimiter.join(header), delimiter.join(("هدى", "٠٧٩٠٠٠٠٠٠١", '"a, b; c"'))]
    for data in (
        "\n".join(lines).encode(),
        "\r\n".join(lines).encode("utf-8-sig"),
        "\n".join(lines).encode("utf-16"),
    ):
        (card,) = read(data, "JO").cards
        assert (card.contact.name, card.contact.phones, card.contact.notes) == (
            "هدى",
            ("+962790000001",),
            "a, b; c",
        )


def test_tables_of_google_and_outlook_are_read():
    google = (
        "First Name,Last Name,Nickname,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Value\n"
        "Huda,Hasan,Umm Ali,* Home,huda@example.org,Mobile,+962 79 000 0001 ::: +962 79 000 0002,+962790000003\n"
    )
    (card,) = read(google.encode()).cards
    assert card.contact.name == "Huda Hasan"
    assert card.contact.phones == ("+962790000001", "+962790000002", "+962790000003")
    assert card.contact.emails == ("huda@example.org",)
    outlook = 'First Name,Last Name,"E-mail Address",Mobile Phone,Home Phone\nHuda,Hasan,huda@example.org,0790000001,\n'
    (card,) = read(outlook.encode(), "JO").cards
    assert card.contact.phones == ("+962790000001",)


def test_a_bad_cell_is_named_by_its_line_and_the_rest_goes_on():
    found = read(b'Name,Phone,Matrix\n"A\nB",+962790000001,huda\n,,\n,12,\nC,0790000001,@c:x.org\n')
    assert [(one.line, one.contact.name) for one in found.cards] == [(2, "A B"), (6, "C")]
    assert [(one.line, one.text) for one in found.problems] == [
        (2, "'huda' is no Matrix id"),
        (5, "'12' is no phone number"),
        (5, "the row names nobody"),
        (6, "'0790000001' has no country code; name its region"),
    ]
    assert found.cards[1].contact.trust is Trust.CLAIMED


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no column"),
        (b"a,b\n1,2\n", "no column"),
        ("الاسم\nهدى".encode("windows-1256"), "not UTF-8"),
        (b"Name\n" + "هدى".encode("windows-1256"), "line 2 is not UTF-8"),
    ],
)
def test_what_is_no_table_is_refused(data, says):
    with pytest.raises(ParseError, match=says) as caught:
        read(data)
    assert caught.value.hint


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda data: b"Name,Phone,Notes\n" + data))
def test_any_bytes_are_read_or_refused(data):
    try:
        found = read(data, "JO")
    except ParseError:
        return
    again = read(write([one.contact for one in found.cards]))
    assert [plain(one.contact) for one in again.cards] == [plain(one.contact) for one in found.cards]


@pytest.mark.parametrize(
    "body",
    [b'"' + b"a" * 10_000_000, b'a,"' + b"\n" * 1_000_000, b"a," * 3_000_000, b'"\n' * 500_000],
    ids=["one long cell", "open quote", "a row of millions", "quotes"],
)
def test_a_hostile_table_is_read_to_its_end(body):
    found = read(b"Name,Phone\n" + body + b"\nHuda,+962790000001\n")
    assert len(found.problems) <= 1001

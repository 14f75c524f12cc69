"""vCards of phones and programs are read, and ours are read back."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fallback.core.contacts import PHOTO_LIMIT, Trust
from fallback.core.vcard import read, write
from fallback.core.vcard_lines import escape, fold_line, split, unescape
from fallback.errors import ParseError
from tests.core.contact_world import HUDA, PNG, contacts


def card(*lines, version="3.0"):
    return "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""]).encode()


def only(data, region=""):
    found = read(data, region)
    assert found.problems == ()
    (one,) = found.cards
    return one.contact


def plain(contact):
    """Leave out what stays in the profile."""
    return replace(contact, id="", trust=Trust.UNKNOWN)


@given(contacts, st.sampled_from(["3.0", "4.0"]))
def test_what_is_written_is_read_back(contact, version):
    data = write([contact], version)
    assert bool(data) is bool(contact.shown)
    if data:
        assert plain(only(data)) == plain(contact)


@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_a_full_contact_is_read_back_and_every_line_is_short(version):
    data = write([HUDA], version)
    assert plain(only(data)) == plain(HUDA)
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    assert all(line.decode() or True for line in data.split(b"\r\n"))
    assert f"VERSION:{version}".encode() in data


def test_an_android_card_in_arabic_is_read():
    contact = only(
        b"BEGIN:VCARD\r\nVERSION:2.1\r\n"
        b"N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D8=A7=D9=84=D8=AD=D8=B3=D9=86;=D9=87=D8=\r\n=AF=D9=89;;;\r\n"
        b"FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D9=87=D8=AF=D9=89=20=D8=A7=D9=84=D8=AD=\r\n=D8=B3=D9=86\r\n"
        b"TEL;CELL:079 000 0001\r\nTEL;HOME;PREF:079 000 0002\r\n"
        b"NOTE;ENCODING=QUOTED-PRINTABLE:one=0D=0Atwo=3D\r\n"
        b"PHOTO;ENCODING=BASE64;PNG:\r\n " + base64.encodebytes(PNG).replace(b"\n", b"\r\n ") + b"\r\n\r\n"
        b"END:VCARD\r\n",
        "JO",
    )
    assert (contact.name, contact.given, contact.family) == ("هدى الحسن", "هدى", "الحسن")
    assert contact.phones == ("+962790000002", "+962790000001")
    assert contact.notes == "one\ntwo="
    assert contact.photo == PNG


def test_base64_without_folding_ends_at_an_empty_line():
    lines = base64.encodebytes(PNG).decode().splitlines()
    contact = only(
        card("FN:A", "PHOTO;ENCODING=BASE64;TYPE=PNG:" + lines[0], *lines[1:], "", "TEL:+962790000001")
    )
    assert contact.photo == PNG
    assert contact.phones == ("+962790000001",)


def test_an_iphone_card_with_groups_is_read():
    contact = only(
        card(
            "PRODID:-//Apple Inc.//iPhone OS 17.0//EN",
            "N:Hasan;Huda;Ali;Dr.;",
            "FN:Dr. Huda Ali Hasan",
            "ORG:Ward 7\\; East;",
            "item1.TEL;type=pref:+962 7 9000 0001",
            "item1.X-ABLabel:_$!<Mobile>!$_",
            "item2.IMPP;X-SERVICE-TYPE=Matrix:matrix:u/huda:example.org",
            "URL:https://matrix.to/#/@other:example.org",
            "REV:2024-01-01T00:00:00Z",
        )
    )
    assert (contact.name, contact.given, contact.family) == ("Dr. Huda Ali Hasan", "Huda Ali", "Hasan")
    assert contact.phones == ("+962790000001",)
    assert contact.mxids == ("@huda:example.org", "@other:example.org")
    assert contact.extra == ("ORG:Ward 7\\; East;", "item1.X-ABLABEL:_$!<Mobile>!$_")


def test_a_card_of_whatsapp_names_its_number_in_a_parameter():
    contact = only(card("FN:Huda", "item1.TEL;waid=962790000001:0790000001"))
    assert contact.phones == ("+962790000001",)


def test_a_card_of_version_four_is_read():
    contact = only(
        card(
            "FN;LANGUAGE=ar:هدى",
            'TEL;VALUE=uri;PREF=2;TYPE="voice,cell":tel:+962-79-000-0002',
            'TEL;VALUE=uri;PREF=1;TYPE="voice,cell":tel:+962-79-000-0001;ext=5',
            "EMAIL:mailto:huda@example.org",
            "NICKNAME:Abu\\, Ali,Huda",
            "PHOTO:data:image/png;base64," + base64.b64encode(PNG).decode(),
            "X-SKYPE;TYPE=work:huda",
            version="4.0",
        )
    )
    assert contact.phones == ("+962790000001", "+962790000002")
    assert contact.aliases == ("Abu, Ali", "Huda")
    assert contact.photo == PNG
    assert contact.extra == ("X-SKYPE;TYPE=work:huda",)


def test_a_fold_inside_a_character_is_joined():
    data = card("FN:هدى الحسن")
    place = data.index("ى".encode()) + 1
    assert only(data[:place] + b"\r\n " + data[place:]).name == "هدى الحسن"


def test_other_charsets_are_read_where_they_are_named():
    name = "هدى".encode("windows-1256")
    assert only(b"BEGIN:VCARD\nVERSION:2.1\nFN;CHARSET=windows-1256:" + name + b"\nEND:VCARD").name == "هدى"
    found = read(b"BEGIN:VCARD\nVERSION:2.1\nFN:" + name + b"\nTEL:+962790000001\nEND:VCARD")
    assert [(one.line, one.text) for one in found.problems] == [(3, "FN is not in utf-8")]
    assert found.cards[0].contact.phones == ("+962790000001",)
    assert only("\ufeff".encode() + card("FN:A")).name == "A"
    assert only(card("FN:هدى").decode().encode("utf-16")).name == "هدى"


def test_a_bad_line_is_named_and_the_rest_goes_on():
    found = read(
        card(
            "FN:A",
            "TEL:call me",
            "nonsense",
            "EMAIL:none",
            "PHOTO;VALUE=uri:file:///etc/passwd",
            "LOGO:x",
            "TEL:079",
        )
        + card("NOTE:nobody")
        + card("FN:Friends", "KIND:group")
        + b"BEGIN:VCARD\nFN:B"
    )
    assert [one.contact.name for one in found.cards] == ["A", "B"]
    assert [(one.line, one.text) for one in found.problems] == [
        (4, "'call me' is no phone number"),
        (5, "not a line of a vCard"),
        (6, "'none' is no e-mail address"),
        (7, "the photo is an address, which is not followed"),
        (8, "LOGO is left out: no file but the photo is kept"),
        (9, "'079' is no phone number"),
        (11, "the card names nobody"),
        (15, "the card is a group, not a person"),
        (20, "the card has no end"),
    ]


def test_a_number_without_a_country_says_what_is_missing():
    (problem,) = read(card("FN:A", "TEL:0790000000")).problems
    assert problem.text == "'0790000000' has no country code; name its region"


def test_an_agent_inside_a_card_is_nobody():
    found = read(b"BEGIN:VCARD\nFN:A\nAGENT:\nBEGIN:VCARD\nFN:B\nTEL:+962790000001\nEND:VCARD\nEND:VCARD\n")
    assert [one.contact.name for one in found.cards] == ["A"]
    assert found.cards[0].contact.phones == ()


def test_no_file_says_whom_to_trust():
    contact = only(card("FN:A", "X-FALLBACK-TRUST:confirmed", "IMPP:matrix:u/a:example.org"))
    assert contact.trust is Trust.CLAIMED


def test_photos_are_bounded_and_pictures():
    large = base64.b64encode(PNG + bytes(PHOTO_LIMIT)).decode()
    found = read(card("FN:A", f"PHOTO;ENCODING=b:{large}", "PHOTO:data:image/svg+xml;base64,PHN2Zz4="))
    assert [one.text for one in found.problems] == [
        "the photo is larger than 256 kB",
        "the photo is no JPEG, PNG, GIF or WebP",
    ]
    assert found.cards[0].contact.photo == b""


@given(
    st.binary(max_size=300)
    | st.binary(max_size=300).map(lambda data: b"BEGIN:VCARD\n" + data + b"\nEND:VCARD")
)
def test_any_bytes_are_read_or_refused(data):
    try:
        found = read(data, "JO")
    except ParseError:
        return
    for version in ("3.0", "4.0"):
        assert reread(found, version) == [plain(one.contact) for one in found.cards]


PIECES = st.lists(
    st.sampled_from([
        "TEL:", "FN:", "N:", "X-A:", "item1.", ";", ":", ",", "\\", "\\n", "\n", "\r\n ", "\n\t", "=", "=\n", "=0A",
        "ENCODING=QUOTED-PRINTABLE", "QUOTED-PRINTABLE", "BASE64", "ENCODING=b", "CHARSET=", "UTF-8", "cp1256", '"',
        "NOTE", "PHOTO", "AGENT:\n", "BEGIN:VCARD\n", "END:VCARD\n", "VERSION:2.1\n", "ORG:", "هدى", "+962790000001",
        "\x1b]0;x\x07", "\u202e", "a", " ",
    ]),
    max_size=40,
)  # fmt: skip


def reread(found, version):
    data = write([one.contact for one in found.cards], version)
    return [plain(one.contact) for one in read(data).cards] if data else []


@given(PIECES)
def test_any_pieces_of_a_card_are_read_and_read_back(pieces):
    found = read("".join(["BEGIN:VCARD\nX-A:b\n", *pieces]).encode(), "JO")
    for version in ("3.0", "4.0"):
        assert reread(found, version) == [plain(one.contact) for one in found.cards]


HOSTILE = {
    "a line of 10 MB": b"BEGIN:VCARD\nFN:A\nNOTE:" + b"a" * 10_000_000 + b"\nEND:VCARD\n",
    "a head of 10 MB": b"BEGIN:VCARD\nFN:A\nX" + b';"' * 5_000_000 + b"\nEND:VCARD\n",
    "folds": b"BEGIN:VCARD\nFN:A\nNOTE:" + b"\n a" * 300_000 + b"\nEND:VCARD\n",
    "soft breaks": b"BEGIN:VCARD\nFN:A\nNOTE;QUOTED-PRINTABLE:" + b"=3D=\n" * 1_000_000 + b"\nEND:VCARD\n",
    "a hundred thousand properties": b"BEGIN:VCARD\nFN:A\n" + b"TEL:0790000000\n" * 100_000 + b"END:VCARD\n",
    "a hundred thousand bad lines": b"BEGIN:VCARD\nFN:A\n" + b"x\n" * 100_000 + b"END:VCARD\n",
    "nested cards": b"BEGIN:VCARD\nFN:A\n" + b"AGENT:\nBEGIN:VCARD\n" * 100_000,
    "backslashes": b"BEGIN:VCARD\nFN:A\nN:" + b"\\" * 900_000 + b"\nEND:VCARD\n",
    "empty lines": b"BEGIN:VCARD\nFN:A\n" + b"\n" * 1_000_000 + b"END:VCARD\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_read_to_its_end(name):
    found = read(HOSTILE[name], "JO")
    assert found.cards[0].contact.name == "A"
    assert len(found.problems) <= 1001


def test_a_file_that_is_no_vcard_is_refused():
    with pytest.raises(ParseError, match="no vCard") as caught:
        read(b"Name,Phone\nA,1\n")
    assert caught.value.hint


@given(st.text())
def test_an_escaped_text_is_one_part_and_comes_back(text):
    assert split(escape(text), ";") == [escape(text)]
    assert split(escape(text), ",") == [escape(text)]
    assert unescape(escape(text)) == text.replace("\r\n", "\r\n")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_a_folded_line_is_cut_between_characters(text):
    pieces = fold_line("NOTE:" + text).removesuffix(b"\r\n").split(b"\r\n ")
    assert "".join(piece.decode() for piece in pieces) == "NOTE:" + text

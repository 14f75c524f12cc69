"""The join sheet: complete, safe and self-contained."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.core import qr
from fallback.core.ids import RoomId
from fallback.core.join_sheet import Sheet, file_name, matrix_to, matrix_uri, page

SHEET = Sheet("غرفة الأخبار", RoomId("!abc"), "https://chat.example.org", ("example.org",), "Sara", "@sara:s")
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=y>',
    "&lt;b&gt;",
    "'; x",
    "\u202egnp.exe",
    "</bdi></p>",
]
TAGS = {
    "html", "head", "meta", "title", "style", "body", "h1", "p", "bdi", "div", "svg", "g", "path", "section", "ol", "li",
    "code", "a", "br", "span",
}  # fmt: skip


class Read(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def test_it_says_the_three_steps_in_both_languages_each_in_its_direction():
    read = Read(page(SHEET))
    assert ("lang", "ar") in read.attributes
    assert ("dir", "rtl") in read.attributes
    assert ("lang", "en") in read.attributes
    assert read.tags.count("li") == 6
    for told in ("https://chat.example.org", "@sara:s", "غرفة الأخبار", "Install a Matrix app", "ثبّت تطبيق"):
        assert told in read.text


def test_nothing_is_loaded_from_outside_and_it_fits_a_phone():
    read = Read(page(SHEET))
    names = {name for name, _ in read.attributes}
    assert not names & {"src", "srcset", "background", "xlink:href"}
    assert set(read.tags) == TAGS
    assert "url(" not in page(SHEET)
    assert "@import" not in page(SHEET)
    assert ("name", "viewport") in read.attributes
    assert any("default-src 'none'" in (value or "") for _, value in read.attributes)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_text(name):
    sheet = Sheet(name, RoomId("!a"), name, (name,), name, name)
    read = Read(page(sheet))
    assert set(read.tags) == TAGS
    assert not any(attribute.startswith("on") for attribute, _ in read.attributes)
    assert read.text.count(name) >= 3


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_makes_an_element(group, person):
    assert set(Read(page(Sheet(group, RoomId("!a"), "https://h", (), person, "@a:b"))).tags) == TAGS


def test_who_has_no_account_gets_a_line_to_write_it_on():
    assert page(Sheet("G", RoomId("!a"), "h")).count('class="blank"') == 4


def test_who_has_no_account_but_a_token_is_told_to_make_one():
    text = page(Sheet("G", RoomId("!a"), "https://h", person="Mona", token="tok<en"))
    assert text.count("tok&lt;en") == 2
    assert "Make an account on the server" in text
    assert 'class="blank"' not in text


def test_the_links_open_the_room_with_its_servers():
    assert (
        matrix_to(RoomId("!a:b.c"), ("s.org", "t:8448")) == "https://matrix.to/#/!a:b.c?via=s.org&via=t:8448"
    )
    assert matrix_uri(RoomId("!a"), ("s.org",)) == "matrix:roomid/a?via=s.org&action=join"
    assert matrix_uri(RoomId("!a/b"), ()) == "matrix:roomid/a%2Fb?action=join"


def test_the_file_names_tell_nobodys_name():
    assert file_name(SHEET, 7) == "007-member.html"


def test_a_code_is_drawn_for_a_page_and_for_a_terminal():
    link = matrix_to(SHEET.room, SHEET.via)
    assert qr.svg(link).startswith("<svg")
    lines = qr.blocks(link).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert set("".join(lines)) <= set(" █▀▄")

"""The page of an archive: what it shows, in which direction, and that nothing hostile gets into it."""

import re
from datetime import UTC
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.core.archive_look import SCRIPT, STYLE, policy
from fallback.core.archive_page import BESIDE, direction, page, size_in_words, survey
from fallback.core.archive_words import LANGUAGES, words
from fallback.core.events import (
    Attachment,
    Edit,
    Group,
    Identity,
    Location,
    MediaKind,
    Membership,
    MembershipChange,
    Message,
    Notice,
    Poll,
    PollOption,
    Reaction,
    Redaction,
)
from fallback.core.ids import ChatId, SourceId

CHAT = ChatId("c")
SARA, OMAR = Identity(name="Sara"), Identity(name="عمر")
AT = 1_633_372_680_000  # Monday, 4 October 2021, 18:38 UTC


def message(name, text="", sender=SARA, *, at=AT, **more):
    return Message(id=SourceId(name), chat=CHAT, sender=sender, at=at, text=text, **more)


def written(*events, name="Newsroom", language="en", address=lambda file: f"media/{file.source}"):
    pieces = page(
        Group(chat=CHAT, name=name),
        survey(events, UTC),
        events,
        zone=UTC,
        words=words(language),
        address=address,
    )
    return "".join(pieces)


class Outline(HTMLParser):
    """The tags of a page with their attributes, and whether they close in order."""

    VOID = frozenset({"meta", "input", "img", "br"})

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hello سلام", "ltr"),
        ("سلام hello", "rtl"),
        ("12 👍 سلام", "rtl"),
        ("https://example.org سلام", "rtl"),
        ("@Sara شكرا", "rtl"),
        ("123 !", "auto"),
    ],
)
def test_a_texts_direction_is_that_of_its_first_strong_character(text, told):
    assert direction(text) == told


def test_each_message_has_its_own_direction():
    html = written(message("a", "good evening"), message("b", "مساء الخير", OMAR))
    assert '<div class="t" dir="ltr">good evening</div>' in html
    assert '<div class="t" dir="rtl">مساء الخير</div>' in html


def test_days_are_written_in_the_pages_language():
    assert "Monday, 4 October 2021</h2>" in written(message("a", "x"))
    assert "الاثنين، 4 أكتوبر/تشرين الأول 2021</h2>" in written(message("a", "x"), language="ar")


def test_the_page_is_as_its_language_runs():
    assert '<html lang="ar" dir="rtl">' in written(message("a"), language="ar")


def test_a_day_that_comes_twice_is_one_place_to_jump_to():
    html = written(message("a"), message("b", at=AT + 86_400_000), message("c"))
    assert html.count('id="d2021-10-04"') == 1
    assert html.count("4 October 2021</h2>") == 2


def test_a_reply_shows_what_it_answers_and_leads_there():
    html = written(message("a", "who comes?"), message("b", "I do", OMAR, reply_to=SourceId("a")))
    assert '<a class="q" href="#m1" dir="ltr"><bdi>Sara</bdi> <bdi>who comes?</bdi></a>' in html


def test_a_reply_to_what_is_not_there_is_a_message():
    assert 'class="q"' not in written(message("b", "I do", reply_to=SourceId("gone")))


def test_edits_reactions_and_deletions_are_shown_at_their_message():
    html = written(
        message("a", "old"),
        message("b", "secret"),
        Edit(id=SourceId("e"), chat=CHAT, at=AT, target=SourceId("a"), text="new"),
        Reaction(id=SourceId("r"), chat=CHAT, at=AT, sender=OMAR, target=SourceId("a"), key="👍"),
        Redaction(id=SourceId("d"), chat=CHAT, at=AT, target=SourceId("b")),
    )
    assert ">new<" in html
    assert ">old<" not in html
    assert '<span class="k">edited</span>' in html
    assert "<bdi>👍</bdi>" in html
    assert "This message was deleted" in html
    assert ">secret<" not in html


def test_polls_places_and_system_lines_are_shown():
    html = written(
        message("p", poll=Poll("Where?", (PollOption("Here", votes=2), PollOption("هناك")))),
        message("l", location=Location(31.9539, 35.9106, name="Office")),
        Membership(
            id=SourceId("m"),
            chat=CHAT,
            at=AT,
            change=MembershipChange.ADDED,
            members=(OMAR,),
            text="Sara added عمر",
        ),
    )
    assert '<li dir="ltr"><bdi>Here</bdi><b>2</b></li>' in html
    assert '<a href="geo:31.953900,35.910600"><bdi>Office</bdi></a>' in html
    assert '<p class="s" id="m3" dir="ltr"><bdi>Sara added عمر</bdi>' in html


@pytest.mark.parametrize(
    ("kind", "tag"),
    [
        (MediaKind.IMAGE, "<img "),
        (MediaKind.VIDEO, "<video "),
        (MediaKind.VOICE, "<audio "),
        (MediaKind.DOCUMENT, "download="),
    ],
)
def test_a_file_is_shown_as_its_kind(kind, tag):
    file = Attachment(kind=kind, filename="report.bin", source="f1", size=12_345)
    html = written(message("a", attachment=file))
    assert tag in html
    assert 'href="media/f1"' in html


def test_a_file_that_is_not_there_is_named():
    html = written(message("a", attachment=Attachment(kind=MediaKind.IMAGE, filename="x.jpg")))
    assert "Photo <bdi>x.jpg</bdi> (not in the export)" in html


def test_links_can_be_followed_and_end_where_they_end():
    html = written(message("a", "see <https://example.org/a?b=1&c=2>, or (https://example.org/x)."))
    assert '<a href="https://example.org/a?b=1&amp;c=2" ' in html
    assert '<a href="https://example.org/x" ' in html


def test_the_policy_names_our_own_script_and_style_and_nothing_from_elsewhere():
    html = written(message("a", "x"))
    told = policy(BESIDE)
    assert "default-src 'none'" in told
    assert "unsafe" not in told
    assert "http" not in told
    assert html.count("<script>") == 1
    assert f"<script>{SCRIPT}</script>" in html
    assert f"<style>{STYLE}</style>" in html
    assert not re.search(r"https?://", STYLE + SCRIPT)
    assert "innerHTML" not in SCRIPT


HOSTILE = st.text(
    alphabet=st.sampled_from("<>&\"'=/ :;()*_~`-#\n\\ascriptonerrorhttps://x.org عمر"), max_size=60
)
ATTRIBUTES = {
    "a": {"href", "class", "dir", "rel", "download"},
    "article": {"id", "class"},
    "img": {"loading", "src", "alt", "width", "height"},
    "ol": {"start"},
}


@given(HOSTILE, HOSTILE, HOSTILE)
def test_no_name_text_or_file_name_opens_a_tag_or_an_attribute_of_its_own(name, text, file):
    attachment = Attachment(kind=MediaKind.IMAGE, filename=file, source="f")
    outline = Outline(
        written(
            message("a", text, Identity(name=name), attachment=attachment),
            message("b", text, Identity(name=name), reply_to=SourceId("a")),
            Notice(id=SourceId("n"), chat=CHAT, at=AT, text=text),
            name=name,
        )
    )
    assert outline.open == []
    assert sum(tag in ("script", "style", "iframe", "object", "base") for tag, _ in outline.tags) == 2
    for tag, attributes in outline.tags:
        if tag in ATTRIBUTES:
            assert set(attributes) <= ATTRIBUTES[tag]
        if tag == "a":
            assert re.match(r"#|https?://|media/", attributes["href"], re.IGNORECASE)


def test_sizes_are_written_for_people():
    assert [size_in_words(n) for n in (999, 1500, 12_345, 5_000_000, 2_500_000_000)] == [
        "999 B",
        "1.5 kB",
        "12 kB",
        "5.0 MB",
        "2.5 GB",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_names_every_kind_of_file_every_month_and_every_day(language):
    told = words(language)
    assert set(told.media) == set(MediaKind)
    assert (len(told.months), len(told.weekdays)) == (12, 7)

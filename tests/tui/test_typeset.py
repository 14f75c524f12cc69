"""Lines of text as they reach a terminal, in every mode."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from fallback.tui.markup import BOLD, runs
from fallback.tui.shaping import shape
from fallback.tui.typeset import PLAIN, Mode, Typesetter, clusters, detect, isolate, reads_rtl, safe

SENTENCE = "أهلا بكم في fallback (النسخة 2.0)"
ANYTHING = st.text(
    st.one_of(
        st.characters(exclude_categories=()),
        st.sampled_from(
            "ابتجلآمنهوي لا()[]«» \u064b\u0651👍🏽👨‍👩‍👧🇯🇴abc 123\n\t\x1b\x9b\x07\u202e\u2066\u2069\u200e\u200d"
        ),
    ),
    max_size=80,
)
MODES = st.sampled_from(Mode)


def painted(mode, text, width, **more):
    line = Typesetter(mode).fit([(text, PLAIN)], width, **more)
    return "".join(segment.text for segment in Typesetter(mode).paint(line, width))


def test_a_terminal_with_bidi_gets_logical_text_in_an_isolate():
    assert painted(Mode.TERMINAL, "سلام", 8) == "    \u2067سلام\u2069\u200e"


def test_a_terminal_without_bidi_gets_shaped_letters_in_visual_order():
    assert painted(Mode.APP, "سلام abc", 10) == "  abc ﻡﻼﺳ".rjust(10)


def test_brackets_are_mirrored_when_we_reorder():
    assert painted(Mode.APP, "ب (ا)", 5) == "(ﺍ) ﺏ"


def test_words_keep_their_letters_and_swap_places():
    assert painted(Mode.WORDS, "أهلا بكم", 8) == "بكم أهلا"


def test_off_leaves_text_as_it_is_but_on_its_side():
    assert painted(Mode.OFF, "سلام", 6) == "  سلام"


def test_numbers_read_from_left_to_right_in_arabic():
    assert "14:05" in painted(Mode.APP, "الساعة 14:05 مساء", 20)


def test_marks_stay_with_their_letter():
    assert "ﺑَ" in painted(Mode.APP, "بَب", 8)


def test_families_stay_whole_where_terminals_join_them_and_are_one_person_elsewhere():
    assert painted(Mode.WORDS, "👨‍👩‍👧👍🏽", 4) == "👨‍👩‍👧👍🏽"
    assert painted(Mode.APP, "👨‍👩‍👧👍🏽❤️1️⃣", 6) == "👨👍❤1"


def test_lam_alef_is_one_glyph_and_knows_its_neighbour():
    assert "".join(shape(list("لا"))) == "ﻻ"
    assert "".join(shape(list("بلا"))) == "ﺑﻼ"


def test_direction_is_the_first_letters_and_links_mentions_and_digits_are_none():
    assert reads_rtl("https://a.example/x سلام")
    assert reads_rtl("@sara 12 👍 نعم")
    assert not reads_rtl("Yes نعم")
    assert reads_rtl("12:30 👍", default=True)


def test_each_paragraph_has_its_own_direction():
    lines = Typesetter(Mode.APP).wrap([("WhatsApp is down.\nواتساب متوقف.", PLAIN)], 40)
    assert [line.rtl for line in lines] == [False, True]
    assert "".join(glyph.text for glyph in Typesetter(Mode.APP).visual(lines[1])).startswith(".")


def test_an_isolated_part_keeps_its_order_in_the_other_direction():
    assert "4 votes" in painted(Mode.APP, f"الآن {isolate('4 votes')}", 20)


def test_what_is_joined_to_a_line_keeps_its_place():
    for mode, shown in (
        (Mode.APP, "Call ﺪﻤﺣﺍ 14:05"),
        (Mode.TERMINAL, "\u2066Call احمد\u200e 14:05\u2069\u200e"),
    ):
        typesetter = Typesetter(mode)
        line = typesetter.join(typesetter.fit([("Call احمد", PLAIN)], 20), [(" 14:05", PLAIN)])
        assert "".join(segment.text for segment in typesetter.paint(line, line.width)) == shown


def test_markup_becomes_style_and_unbalanced_marks_stay():
    assert runs("a *b* c", PLAIN) == [("a ", PLAIN), ("b", BOLD), (" c", PLAIN)]
    assert (
        "".join(text for text, _ in runs("2 * 3 * 4 and snake_case_name", PLAIN))
        == "2 * 3 * 4 and snake_case_name"
    )


@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        ({"VTE_VERSION": "7006"}, Mode.TERMINAL),
        ({"KONSOLE_VERSION": "221204"}, Mode.TERMINAL),
        ({"TERM": "xterm-kitty"}, Mode.WORDS),
        ({"TERM": "alacritty"}, Mode.APP),
        ({}, Mode.APP),
    ],
)
def test_the_mode_is_guessed_from_what_terminals_say(environment, mode):
    assert detect(environment) is mode


@given(ANYTHING, st.integers(2, 30), MODES)
def test_a_painted_line_is_exactly_as_wide_as_asked(text, width, mode):
    typesetter = Typesetter(mode)
    for line in [*typesetter.wrap([(text, PLAIN)], width), typesetter.fit([(text, PLAIN)], width)]:
        segments = typesetter.paint(line, width)
        assert sum(cell_len(segment.text) for segment in segments) == width


@given(ANYTHING, st.integers(2, 30), MODES)
def test_no_byte_that_a_terminal_obeys_gets_through(text, width, mode):
    typesetter = Typesetter(mode)
    for line in typesetter.wrap([(text, PLAIN)], width):
        shown = "".join(segment.text for segment in typesetter.paint(line, width))
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)
        assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e")
        depth = 0
        for character in shown:
            depth += (character in "\u2066\u2067\u2068") - (character == "\u2069")
            assert depth >= 0
        assert depth == 0


@given(ANYTHING, st.integers(4, 30))
def test_wrapping_loses_nothing_but_blanks(text, width):
    lines = Typesetter(Mode.WORDS).wrap([(text, PLAIN)], width)
    shown = "".join(glyph.text for line in lines for glyph in line.glyphs)
    strip = str.maketrans("", "", " \n\u2066\u2067\u2068\u2069")
    assert shown.translate(strip) == safe(text).translate(strip)


@given(ANYTHING)
def test_clusters_join_to_the_text(text):
    assert "".join(clusters(text)) == text

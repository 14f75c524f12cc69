"""Writing, by grapheme cluster, in both directions."""

import pytest
from textual.app import App
from textual.events import Key

from fallback import locale
from fallback.tui.setting import Setting
from fallback.tui.typeset import Mode
from fallback.tui.widgets.composer import Composer, _wrapped
from tests.tui.fakes import NOW

FAMILY, FLAG, SKIN, BEH = "👨‍👩‍👧", "🇯🇴", "👍🏽", "بَّ"


class Desk(App):
    CSS = "Composer { height: auto; }"

    def __init__(self, mode=Mode.OFF):
        super().__init__()
        locale.use("en")
        self.composer = Composer(Setting(mode, now=lambda: NOW))
        self.sent = []

    def compose(self):
        yield self.composer

    def on_composer_submitted(self, event):
        self.sent.append(event.text)

    def row(self, y=0):
        return self.composer.render_line(y)


@pytest.fixture
async def desk():
    app = Desk()
    async with app.run_test(size=(20, 10)) as pilot:
        app.composer.focus()
        await pilot.pause()
        app.pilot = pilot
        yield app


@pytest.mark.parametrize("cluster", [FAMILY, FLAG, SKIN, BEH])
async def test_one_backspace_takes_one_character_as_people_see_it(desk, cluster):
    desk.composer.load(f"a{cluster}")
    await desk.pilot.press("backspace")
    assert desk.composer.text == "a"


async def test_the_cursor_steps_over_a_whole_cluster(desk):
    desk.composer.load(f"{FAMILY}{FLAG}")
    await desk.pilot.press("left", "x")
    assert desk.composer.text == f"{FAMILY}x{FLAG}"


async def test_left_is_forward_in_arabic(desk):
    desk.composer.load("سلام")
    await desk.pilot.press("home", "left", "x")
    assert desk.composer.text == "سxلام"


async def test_enter_sends_and_control_j_breaks_the_line(desk):
    await desk.pilot.press("a", "ctrl+j", "b", "alt+enter", "c", "enter")
    assert desk.sent == ["a\nb\nc"]


async def test_keys_that_come_at_once_are_taken_in_their_turn(desk):
    for key in ("t", "e", "h", "backspace", "backspace", "h", "e", "ctrl+j", "x", "enter", "y"):
        desk.post_message(Key(key, key if len(key) == 1 else None))
    await desk.pilot.pause()
    assert (desk.sent, desk.composer.text) == (["the\nx"], "y")


async def test_a_blank_text_is_not_sent(desk):
    await desk.pilot.press("space", "enter")
    assert desk.sent == []


async def test_it_grows_to_five_lines(desk):
    desk.composer.load("\n".join("abcdefgh"))
    await desk.pilot.pause()
    assert desk.composer.size.height == 5
    assert "h" in desk.row(4).text


async def test_control_bytes_are_not_pasted(desk):
    desk.composer.insert("a\x1b]0;x\x07\u202eb\u2067c")
    assert desk.composer.text == "a]0;xbc"


async def test_undo_brings_a_deleted_word_back(desk):
    desk.composer.load("one two")
    await desk.pilot.press("ctrl+w")
    assert desk.composer.text == "one "
    await desk.pilot.press("ctrl+z")
    assert desk.composer.text == "one two"


async def test_up_and_down_keep_the_column(desk):
    desk.composer.load("abcd\nefgh")
    await desk.pilot.press("left", "up", "x", "down", "y")
    assert desk.composer.text == "abcxd\nefghy"


async def test_arabic_stands_on_the_right_with_the_cursor_at_its_left(desk):
    desk.composer.load("سلام")
    strip = desk.row()
    assert strip.text.rstrip("\u00a0 ").endswith("سلام") or strip.text.endswith("سلام\u00a0")
    assert [segment.text for segment in strip if segment.style and segment.style.reverse] == ["\u00a0"]


async def test_the_terminals_cursor_stands_on_ours(desk):
    await desk.pilot.press("a", "b")
    desk.row()
    assert desk.cursor_position.x - desk.composer.content_region.x == 2


def test_long_lines_break_at_blanks_and_keep_every_character():
    text = "one two three four"
    places = _wrapped(text, 0, 9)
    assert [text[place.start : place.end] for place in places] == ["one two ", "three ", "four"] or "".join(
        text[place.start : place.end] for place in places
    ) == text

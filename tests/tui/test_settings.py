"""Settings: one window, kept; keys of one's own; what is told while nobody looks."""

import pytest

from fallback import locale
from fallback.config import Interface
from fallback.core.events import Origin
from fallback.core.ids import SourceId
from fallback.errors import ConfigError
from fallback.tui.app import ClientApp
from fallback.tui.screens.dialogs import Picker
from fallback.tui.setting import Setting
from fallback.tui.typeset import Mode
from tests.tui.fakes import NEWS, NOW, SARA, UTC, app, message, session
from tests.tui.test_main import Hand


class Signs:
    """Takes down what a room would be told."""

    def __init__(self):
        self.reads, self.writes = [], []

    def read(self, room, event):
        self.reads.append(event)

    def typing(self, room, on):
        self.writes.append(on)


@pytest.fixture
async def hand(request):
    one = await session()
    one.signs = Signs()
    client = app(one, language=getattr(request, "param", "en"))
    client.told = []
    client.write_terminal = client.told.append
    async with client.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        made = Hand(client, pilot, one)
        await made.settle()
        client.told.clear()
        one.signs.reads.clear()
        yield made
    locale.use_digits("latin")


async def says(hand, number, text="the source is Omar"):
    event = message(number, SARA, text, origin=Origin.MATRIX)
    await hand.session.store.record(NEWS, type(event)(**{**_fields(event), "id": SourceId(f"$m{number}")}))
    hand.session.on_timeline(NEWS)
    await hand.settle()


def _fields(event):
    return {name: getattr(event, name) for name in event.__struct_fields__}


@pytest.mark.parametrize("hand", ["en", "ar"], indirect=True)
async def test_the_settings_say_how_each_stands(hand, snapshot):
    await hand.press("f7")
    assert hand.see() == snapshot


async def test_a_switch_is_kept_for_the_next_start(hand):
    await hand.press("f7", "5", "escape")
    assert not hand.client.interface.read_receipts
    client = app(hand.session)
    await client.load_preferences()
    assert not client.interface.read_receipts
    assert client.interface.typing


async def test_hours_that_are_none_stay_to_be_mended(hand):
    await hand.press("f7", "9", *"25:00-07:00", "enter")
    await hand.settle()
    assert "These are no hours" in hand.see()
    assert "25:00-07:00" in hand.see()
    await hand.press("ctrl+u", *"22:00-07:00", "enter", "escape")
    await hand.settle()
    assert hand.client.interface.quiet_hours == "22:00-07:00"


@pytest.mark.parametrize("hand", ["ar"], indirect=True)
async def test_arabic_digits_are_written_where_the_person_wants_them(hand):
    assert "15:35" in hand.see()
    await hand.press("f7", "4", "escape")
    await hand.settle()
    assert "١٥:٣٥" in hand.see()
    assert "15:35" not in hand.see()


async def test_ones_own_last_message_is_told_as_ones_own(hand):
    await hand.press(*"done", "enter")
    await hand.settle()
    assert "You: done" in hand.see()


# ── signs ───────────────────────────────────────────────────────────────────────────────────────


async def test_the_room_is_told_what_was_read_only_while_somebody_looks(hand):
    await says(hand, 30)
    assert hand.session.signs.reads == ["$m30"]
    hand.client.app_focus = False
    await says(hand, 31)
    assert hand.session.signs.reads == ["$m30"]
    hand.client.app_focus = True
    await hand.settle()
    assert hand.session.signs.reads == ["$m30", "$m31"]


async def test_nobody_is_told_where_the_person_does_not_want_it(hand):
    await hand.press("f7", "5", "6", "escape")
    await says(hand, 30)
    await hand.press(*"hello")
    assert (hand.session.signs.reads, hand.session.signs.writes) == ([], [])
    assert await hand.session.read_up_to(NEWS)


async def test_the_room_is_told_when_something_is_written_and_when_no_more(hand):
    await hand.press("h", "i", "enter")
    await hand.settle()
    assert hand.session.signs.writes[0] is True
    assert hand.session.signs.writes[-1] is False


async def test_who_is_writing_stands_beside_the_groups_name(hand):
    hand.session.on_typing(await hand.session.room(NEWS), ("Sara",))
    await hand.settle()
    assert "Sara is typing" in hand.see()
    hand.session.on_typing(await hand.session.room(NEWS), ("Sara", "Omar"))
    await hand.settle()
    assert "2 people are typing" in hand.see()
    hand.session.on_typing(await hand.session.room(NEWS), ())
    await hand.settle()
    assert "typing" not in hand.see()


# ── notifications ───────────────────────────────────────────────────────────────────────────────


async def elsewhere(hand):
    hand.client.app_focus = False
    await hand.settle()


async def test_news_are_told_only_while_the_terminal_has_not_the_focus(hand):
    await says(hand, 30)
    assert hand.client.told == []
    await elsewhere(hand)
    await says(hand, 31)
    [told] = hand.client.told
    assert "Sara Haddad: the source is Omar" in told


async def test_in_private_no_name_and_no_text_leaves_the_window(hand):
    await says(hand, 30)
    await hand.press("f7", "8", "escape")
    await elsewhere(hand)
    await says(hand, 31)
    [told] = hand.client.told
    assert "Sara" not in told
    assert "source" not in told


async def test_quiet_hours_and_the_switch_keep_silent(hand):
    await says(hand, 30)
    await elsewhere(hand)
    await hand.client.prefer(quiet_hours="15:00-16:00")
    await says(hand, 31)
    await hand.client.prefer(quiet_hours="", notify=False)
    await says(hand, 32)
    assert hand.client.told == []


# ── keys ────────────────────────────────────────────────────────────────────────────────────────


def keyed(one, **keys):
    setting = Setting(Mode.OFF, zone=UTC, now=lambda: NOW)
    return ClientApp(one, Interface(language="en", keys=keys), setting=setting, environment={})


async def test_a_command_has_the_key_that_the_configuration_gives():
    client = keyed(await session(), search="ctrl+s", people="ctrl+b")
    async with client.run_test(size=(100, 64)) as pilot:
        await pilot.pause()
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert isinstance(client.screen, Picker)
        await pilot.press("escape", "f1")
        await pilot.pause()
        hand = Hand(client, pilot, client.session)
        assert "Ctrl+S" in hand.see()
        assert "Ctrl+F" not in hand.see()


@pytest.mark.parametrize("keys", [{"fly": "f9"}, {"search": "ctrl+k"}])
async def test_a_key_for_nothing_or_for_two_is_refused_by_name(keys):
    with pytest.raises(ConfigError, match=r"interface\.keys"):
        keyed(await session(), **keys)

"""What a person does in the client, key by key, and what they see."""

import pytest

from fallback.clock import VirtualClock
from fallback.core.events import Origin
from fallback.core.health import Health, State
from fallback.core.ids import ChatId, RoomId, SourceId
from fallback.core.outbox import Wedge
from fallback.core.ports import Portal
from fallback.errors import AuthError, StoreError
from fallback.store.memory import MemoryStore
from fallback.tui.screens.dialogs import Menu, Picker, Reader
from fallback.tui.session import StoreSession
from fallback.tui.typeset import Mode
from fallback.tui.widgets.composer import Composer
from fallback.tui.widgets.panels import Banner, Groups, People
from fallback.tui.widgets.timeline import Timeline
from tests.tui.fakes import CLINIC, LAILA, ME, NEWS, NOW, SARA, app, deliver, message, session


def screen(client):
    """The whole screen as plain text."""
    width, height = client.size
    strips = client.screen._compositor.render_strips()
    return (
        "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips[:height])
        + f"\n{width}"
    )


class Hand:
    """A person at the keyboard."""

    def __init__(self, client, pilot, one):
        self.client, self.pilot, self.session = client, pilot, one
        self.timeline = client.main.query_one(Timeline)
        self.composer = client.main.query_one("#composer", Composer)

    async def press(self, *keys):
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def settle(self):
        for _ in range(3):
            await self.pilot.pause()

    @property
    def entry(self):
        return self.timeline.thread.entries[-1]

    def see(self):
        return screen(self.client)


@pytest.fixture
async def hand(request):
    size = getattr(request, "param", (100, 30))
    one = await session()
    client = app(one)
    async with client.run_test(size=size) as pilot:
        await pilot.pause()
        made = Hand(client, pilot, one)
        await made.settle()
        yield made


async def test_it_opens_on_the_newest_group_ready_to_write(hand):
    assert hand.client.main.current == NEWS
    assert hand.composer.has_focus
    assert "من يراجع الترجمة؟" in hand.see()


async def test_a_message_shows_at_once_with_a_clock_and_then_a_tick(hand):
    await hand.press(*"hi", "enter")
    await hand.settle()
    assert (hand.entry.text, hand.entry.tick.value) == ("hi", "queued")
    assert hand.composer.text == ""
    assert "🕓" in hand.see()
    await deliver(hand.session)
    await hand.settle()
    assert hand.entry.tick.value == "sent"


async def test_a_failed_message_says_so_and_can_be_retried(hand):
    await hand.press(*"hi", "enter")
    await deliver(hand.session, Wedge("forbidden"))
    await hand.settle()
    assert "not sent: forbidden" in hand.see()
    await hand.press("up", "r")
    await deliver(hand.session)
    await hand.settle()
    assert hand.entry.tick.value == "sent"


async def test_a_message_that_was_given_up_is_not_shown_as_sent(hand):
    await hand.press(*"hi", "enter")
    await deliver(hand.session, Wedge("forbidden"))
    await hand.settle()
    await hand.press("up", "x")
    hand.session.on_timeline(NEWS)
    await hand.settle()
    assert hand.entry.tick.value == "failed"
    assert "retry" not in hand.see()


async def test_without_a_group_it_says_so_and_opens_the_first_that_comes():
    one = StoreSession(MemoryStore(), VirtualClock(NOW), ME)
    client = app(one)
    async with client.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press(*"hello", "enter", "up", "f2", "f2")
        assert "no group yet" in screen(client)
        assert client.main.composer.text == "hello"
        await one.store.save_portal(Portal(id=NEWS, chat=ChatId("!n"), room=RoomId("!n"), name="Fresh"))
        one.on_timeline(NEWS)
        for _ in range(3):
            await pilot.pause()
        assert client.main.current == NEWS


@pytest.mark.parametrize("size", [(10, 3), (24, 5), (300, 90)])
async def test_no_size_of_the_terminal_breaks_it(hand, size):
    await hand.pilot.resize_terminal(*size)
    await hand.press("f2", "f2", "f1", "escape", "up", "escape", "a")
    await hand.settle()
    assert hand.client.is_running


async def test_a_reply_quotes_the_selected_message(hand):
    await hand.press("up", "up", "r")
    assert "Reply to Sara Haddad" in hand.see()
    await hand.press(*"ok", "enter")
    await hand.settle()
    assert hand.entry.event.reply_to == SourceId("m11")


async def test_an_own_message_can_be_edited_and_deleted(hand):
    await hand.press(*"teh", "enter")
    await hand.settle()
    await hand.press("up", "e", "backspace", "backspace", *"he", "enter")
    await hand.settle()
    assert (hand.entry.text, hand.entry.edits) == ("the", ["teh"])
    assert "edited" in hand.see()
    await hand.press("up", "d")
    await hand.settle()
    assert hand.entry.deleted


async def test_a_digit_reacts_and_the_same_digit_takes_it_back(hand):
    await hand.press("up", "1")
    await hand.settle()
    assert hand.entry.reactions == {ME: "👍"}
    await hand.press("1")
    await hand.settle()
    assert hand.entry.reactions == {}


async def test_a_date_leads_to_its_first_message_and_one_that_is_none_stays(hand):
    await hand.press("ctrl+t", *"2021-13-04", "enter")
    await hand.settle()
    assert "This is no date" in hand.see()
    await hand.press("ctrl+u", *"2021-10-04", "enter")
    await hand.settle()
    await hand.settle()
    assert hand.timeline.selected == SourceId("m4")
    await hand.press("escape", "ctrl+t", *"2031-01-01", "enter")
    await hand.settle()
    assert "Nothing was said" in hand.see()


async def test_the_menu_lists_what_can_be_done(hand):
    await hand.press("up", "enter")
    assert isinstance(hand.client.screen, Menu)
    await hand.press("i")
    await hand.settle()
    assert isinstance(hand.client.screen, Reader)
    assert "عمر الحسن" in hand.see()


async def test_typing_while_a_message_is_selected_goes_to_the_composer(hand):
    await hand.press("up", "z")
    assert hand.composer.text == "z"
    assert hand.composer.has_focus
    assert hand.timeline.selected is None


async def test_an_at_sign_offers_names_and_tab_takes_one(hand):
    await hand.press(*"ask @had")
    await hand.settle()
    assert "Tab: @Sara Haddad" in hand.see()
    await hand.press("tab", *"now", "enter")
    await hand.settle()
    assert hand.entry.text == "ask @Sara Haddad now"
    assert [who.name for who in hand.entry.event.mentions] == ["Sara Haddad"]
    assert hand.composer.has_focus


async def test_what_the_store_refuses_stays_in_the_composer(hand):
    async def full(*_args, **_more):
        raise StoreError("there is no space left", "Free some space.")

    hand.session.send = full
    await hand.press(*"dear", "enter")
    await hand.settle()
    assert hand.composer.text == "dear"
    assert "there is no space left" in hand.see()
    assert "Free some space." in hand.see()


async def test_a_refused_account_is_said_and_the_client_goes_on():
    async def refused():
        raise AuthError("the token was refused", "Sign in again.")

    one = await session(connecting=refused)
    client = app(one)
    async with client.run_test(size=(100, 30)) as pilot:
        for _ in range(4):
            await pilot.pause()
        assert "the token was refused" in screen(client)
        assert client.is_running


async def test_escape_never_loses_what_was_written(hand):
    await hand.press(*"draft", "escape", "escape")
    assert hand.composer.text == "draft"


async def test_a_draft_waits_in_its_group(hand):
    await hand.press(*"draft")
    await hand.client.main.open_group(CLINIC)
    await hand.settle()
    assert hand.composer.text == ""
    assert "draft:" in hand.see()
    await hand.client.main.open_group(NEWS)
    assert hand.composer.text == "draft"


async def test_the_banner_names_the_state_and_the_key(hand):
    hand.session.on_reached(9, 14)
    hand.session.on_health(Health(state=State.DOWN))
    await hand.settle()
    first = hand.see().splitlines()[0]
    assert "WhatsApp DOWN, the team is HERE · 9 of 14 reached" in first
    assert "F2 who is missing" in first
    assert hand.client.main.query_one(Banner).has_class("-down")


async def test_a_lost_connection_is_said_with_what_waits(hand):
    hand.session.on_online(8)
    await hand.session.send(NEWS, "x")
    await hand.settle()
    first = hand.see().splitlines()[0]
    assert "Reconnecting in 8 seconds · 1 message waits here" in first
    assert "nothing is lost" in first


async def test_the_people_panel_lists_the_missing_first(hand):
    await hand.press("f2")
    await hand.settle()
    people = hand.client.main.query_one(People)
    assert people.display
    assert people.people[0].name == "Khaled"
    assert "2 of 4 are here" in hand.see()
    await hand.press("escape")
    assert not people.display


async def test_help_and_palette_list_the_same_commands(hand):
    await hand.press("f1")
    assert isinstance(hand.client.screen, Reader)
    await hand.press("escape", "ctrl+p")
    await hand.settle()
    assert isinstance(hand.client.screen, Picker)
    await hand.press(*"people", "enter")
    await hand.settle()
    assert hand.client.main.query_one(People).display


async def test_jump_opens_a_group_by_a_part_of_its_name(hand):
    await hand.press("ctrl+k", *"night", "enter")
    await hand.settle()
    assert hand.client.main.current == CLINIC


async def test_search_goes_to_the_message(hand):
    await hand.press("ctrl+f", *"headline", "enter")
    await hand.settle()
    assert hand.timeline.selected == SourceId("m11")


async def test_the_language_changes_at_once_and_is_kept(hand):
    await hand.press("ctrl+l")
    await hand.settle()
    assert "اكتب رسالة" in hand.see()
    assert hand.client.main.has_class("-rtl")
    assert hand.client.main.query_one(Groups).region.x > hand.timeline.region.x
    assert await hand.session.get("language") == "ar"
    await hand.press("ctrl+l")


async def test_the_calibration_keeps_the_line_that_reads_correctly(hand):
    await hand.press("f4")
    await hand.settle()
    assert "Which line reads correctly?" in hand.see()
    await hand.press("2")
    await hand.settle()
    assert hand.client.setting.mode is Mode.APP
    assert await hand.session.get("rtl") == "app"


async def test_leaving_with_waiting_messages_asks_first(hand):
    await hand.session.send(NEWS, "x")
    await hand.press("ctrl+q")
    await hand.settle()
    assert "Messages still wait" in hand.see()
    await hand.press("s")
    await hand.settle()
    assert hand.client.screen is hand.client.main


async def test_what_only_this_session_offers_has_a_key_in_the_footer(hand):
    done = []

    async def act():
        done.append(1)

    hand.session.extra_actions = lambda: [("f9", "start outage", act)]
    hand.session.on_health(Health())
    await hand.settle()
    assert "F9 start outage" in hand.see()
    await hand.press("f9")
    assert done == [1]


async def test_what_is_seen_at_the_bottom_is_read_and_elsewhere_not(hand):
    row = await hand.session.read_up_to(NEWS)
    assert row == hand.timeline.thread.last_row
    hand.timeline.scroll_home(animate=False)
    await hand.session.store.record(NEWS, message(80, SARA, "new", origin=Origin.MATRIX))
    hand.session.on_timeline(NEWS)
    await hand.settle()
    assert await hand.session.read_up_to(NEWS) == row
    assert hand.timeline.new_count == 1


@pytest.mark.parametrize("hand", [(60, 24)], indirect=True)
async def test_a_narrow_terminal_shows_one_pane(hand):
    groups = hand.client.main.query_one(Groups)
    assert not groups.display
    await hand.press("escape")
    await hand.settle()
    assert groups.display
    assert not hand.timeline.region
    await hand.press("down", "enter")
    await hand.settle()
    assert hand.client.main.current == CLINIC
    assert hand.composer.has_focus


async def test_a_burst_after_an_outage_comes_in_whole(hand):
    for number in range(1000, 1500):
        await hand.session.store.record(NEWS, message(number, LAILA, f"line {number}", origin=Origin.MATRIX))
    hand.session.on_timeline(NEWS)
    await hand.settle()
    assert sum(entry.text.startswith("line ") for entry in hand.timeline.thread.entries) == 500

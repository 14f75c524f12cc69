"""The timeline never moves under the reader, measures little and lets nothing through to the terminal."""

import asyncio
from datetime import UTC

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.app import App

from fallback import locale
from fallback.core.events import (
    Attachment,
    Edit,
    Identity,
    Location,
    MediaKind,
    Notice,
    Origin,
    Poll,
    PollOption,
    Reaction,
)
from fallback.core.ids import ChatId, PortalId, SourceId
from fallback.core.ports import TimelineRow
from fallback.tui.fold import Thread
from fallback.tui.setting import Setting
from fallback.tui.typeset import Mode
from fallback.tui.widgets.timeline import Timeline
from tests.tui.fakes import LAILA, ME, NOW, OMAR, SARA, message

WORDS = ("one", "two", "three", "اربعة", "خمسة", "ستة", "seven", "eight", "nine", "ten")


class Reader(App):
    CSS = "Timeline { height: 1fr; overflow-y: scroll; overflow-x: hidden; scrollbar-size-vertical: 1; }"

    def __init__(self, mode=Mode.OFF):
        super().__init__()
        locale.use("en")
        self.timeline = Timeline(Setting(mode, zone=UTC, now=lambda: NOW))
        self.wanted = 0

    def compose(self):
        yield self.timeline

    def on_timeline_older_wanted(self):
        self.wanted += 1


def text(seed):
    return " ".join(WORDS[(seed + step) % len(WORDS)] for step in range(1 + seed * 7 % 60))


def row(number, event=None):
    said = event or message(number, (OMAR, SARA, LAILA)[number % 3], text(number), at=number - 5000)
    return TimelineRow(row=number, event=said, portal=PortalId("news"))


def rows(start, end):
    return [row(number) for number in range(start, end)]


def edit(number, target, words):
    return row(
        number,
        Edit(
            id=SourceId(f"e{number}"),
            chat=ChatId("!n"),
            sender=SARA,
            at=NOW,
            target=SourceId(f"m{target}"),
            text=words,
        ),
    )


def load(timeline, *events):
    thread = Thread(ME)
    thread.merge(list(events))
    timeline.show(thread)


def screen(timeline):
    return [timeline.render_line(y).text.rstrip() for y in range(timeline.viewport)]


def top(timeline):
    line = round(timeline.scroll_y)
    place = timeline._heights.place_at(line)
    return timeline.thread.entries[place].id, line - timeline._heights.offsets[place]


@pytest.fixture
async def reader():
    app = Reader()
    async with app.run_test(size=(50, 20)) as pilot:
        app.pilot = pilot
        yield app


async def test_it_opens_on_the_newest_message(reader):
    load(reader.timeline, *rows(1000, 1300))
    assert reader.timeline.stick_to_bottom
    assert text(1299).split()[-1] in screen(reader.timeline)[-1]


async def test_it_follows_new_messages_while_it_stands_at_the_bottom(reader):
    load(reader.timeline, *rows(1000, 1100))
    reader.timeline.merge([row(1100, message(1100, SARA, "the newest"))])
    assert "the newest" in screen(reader.timeline)[-1]


async def test_new_messages_are_counted_instead_of_moving_the_view(reader):
    timeline = reader.timeline
    load(timeline, *rows(1000, 1100))
    timeline.scroll_page_up(animate=False)
    before = screen(timeline)[:-1]
    timeline.merge([row(1100, message(1100, SARA, "a")), row(1101, message(1101, OMAR, "b"))])
    assert screen(timeline)[:-1] == before
    assert "↓ 2 new messages · End" in screen(timeline)[-1]
    timeline.focus()
    await reader.pilot.press("end")
    assert timeline.stick_to_bottom
    assert timeline.new_count == 0


async def test_own_messages_are_not_counted_as_new(reader):
    load(reader.timeline, *rows(1000, 1100))
    reader.timeline.scroll_page_up(animate=False)
    reader.timeline.merge([row(1100, message(1100, LAILA, "mine"))])
    assert reader.timeline.new_count == 0


async def test_older_messages_are_asked_for_near_the_top_and_come_in_above(reader):
    timeline = reader.timeline
    load(timeline, *rows(1000, 1040))
    timeline.scroll_home(animate=False)
    await reader.pilot.pause()
    assert reader.wanted
    before = top(timeline)
    timeline.prepend(rows(800, 1000))
    assert top(timeline) == before


async def test_only_what_is_near_the_screen_is_laid_out(reader):
    load(reader.timeline, *rows(1000, 6000))
    assert len(reader.timeline._cache) < 60


async def test_a_resize_keeps_what_is_read_on_top(reader):
    timeline = reader.timeline
    load(timeline, *rows(1000, 1300))
    timeline.scroll_to(y=300, animate=False)
    entry, _ = top(timeline)
    await reader.pilot.resize_terminal(31, 12)
    assert top(timeline)[0] == entry
    await reader.pilot.resize_terminal(90, 24)
    assert top(timeline)[0] == entry


async def test_the_selection_moves_by_message_and_is_always_visible(reader):
    timeline = reader.timeline
    load(timeline, *rows(1000, 1100))
    timeline.focus()
    await reader.pilot.press("up")
    assert timeline.selected == SourceId("m1099")
    for _ in range(30):
        await reader.pilot.press("up")
    assert timeline.selected == SourceId("m1069")
    assert any("█" in line for line in screen(timeline))


async def test_an_unread_divider_stands_before_the_first_unread_message(reader):
    thread = Thread(ME)
    thread.merge(rows(1000, 1010))
    reader.timeline.show(thread, unread_after=1007)
    assert any("new messages" in line for line in screen(reader.timeline))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    start=st.integers(0, 900),
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.integers(1, 30)),
            st.tuples(st.just("prepend"), st.integers(1, 60)),
            st.tuples(st.just("edit"), st.integers(0, 199)),
            st.tuples(st.just("react"), st.integers(0, 199)),
            st.tuples(st.just("width"), st.integers(20, 120)),
            st.tuples(st.just("height"), st.integers(5, 40)),
            st.tuples(st.just("scroll"), st.integers(0, 900)),
        ),
        max_size=10,
    ),
)
def test_whatever_comes_in_the_reader_stays_where_they_are(start, steps):
    asyncio.run(_walk(start, steps))


async def _walk(start, steps):
    app = Reader()
    async with app.run_test(size=(60, 15)) as pilot:
        timeline = app.timeline
        load(timeline, *rows(2000, 2200))
        first, last, width, height = 2000, 2200, 60, 15
        timeline.scroll_to(y=start, animate=False)
        for what, number in steps:
            held, line = top(timeline)
            stuck = timeline.stick_to_bottom
            match what:
                case "append":
                    timeline.merge(rows(last, last + number))
                    last += number
                case "prepend":
                    timeline.prepend(rows(first - number, first))
                    first -= number
                case "edit":
                    timeline.merge([edit(last, 2000 + number, text(number * 3))])
                    last += 1
                case "react":
                    reaction = Reaction(
                        id=SourceId(f"r{last}"),
                        chat=ChatId("!n"),
                        sender=OMAR,
                        target=SourceId(f"m{2000 + number}"),
                        key="👍",
                    )
                    timeline.merge([row(last, reaction)])
                    last += 1
                case "width":
                    width = number
                    await pilot.resize_terminal(width, height)
                case "height":
                    height = number
                    await pilot.resize_terminal(width, height)
                case "scroll":
                    timeline.scroll_to(y=number, animate=False)
            check(timeline)
            if what != "scroll" and not stuck and timeline.scroll_y < timeline.max_scroll_y:
                now, now_line = top(timeline)
                assert now == held
                if what in ("append", "prepend"):
                    assert now_line == line
            if stuck and what != "scroll":
                assert round(timeline.scroll_y) == timeline.max_scroll_y


def check(timeline):
    """What is on the screen has its true height, and the heights add up to the whole."""
    assert timeline.virtual_size.height == sum(timeline._heights.values) == timeline._heights.total
    assert len(timeline._heights) == len(timeline.thread)
    line, end = round(timeline.scroll_y), round(timeline.scroll_y) + timeline.viewport
    while line < min(end, timeline._heights.total):
        place = timeline._heights.place_at(line)
        assert len(timeline._strips(place)) == timeline._heights.values[place]
        line = timeline._heights.offsets[place + 1]
    for y in range(timeline.viewport):
        assert timeline.render_line(y).cell_length == timeline.scrollable_content_region.width


HOSTILE = st.text(
    st.one_of(
        st.characters(), st.sampled_from("\x1b\x9b\x07\r\n\t\u202e\u202a\u2066\u2069\u200f\x00اب()*_~`")
    ),
    max_size=60,
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(words=HOSTILE, name=HOSTILE, mode=st.sampled_from(Mode))
def test_nothing_that_a_terminal_obeys_reaches_a_strip(words, name, mode):
    asyncio.run(_hostile(words, name, mode))


async def _hostile(words, name, mode):
    app = Reader(mode)
    who = Identity(name=name, mxid=f"@x{words}:y")
    chat = ChatId("!n")
    async with app.run_test(size=(44, 60)):
        load(
            app.timeline,
            row(1, message(1, who, words)),
            row(
                2,
                message(
                    2,
                    who,
                    words,
                    reply_to=SourceId("m1"),
                    attachment=Attachment(MediaKind.DOCUMENT, name, source="a"),
                ),
            ),
            row(3, message(3, who, "", poll=Poll(words, (PollOption(name), PollOption(words))))),
            row(4, message(4, who, words, location=Location(1, 2, name, words))),
            row(5, Notice(id=SourceId("n"), chat=chat, text=words, origin=Origin.MATRIX)),
            row(6, Reaction(id=SourceId("r"), chat=chat, sender=who, target=SourceId("m1"), key=name[:8])),
        )
        for y in range(app.timeline.viewport):
            shown = app.timeline.render_line(y).text
            assert not any(
                ord(one) < 32 or 127 <= ord(one) < 160 or one in "\u202a\u202b\u202c\u202d\u202e"
                for one in shown
            )

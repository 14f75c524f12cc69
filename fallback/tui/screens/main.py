"""The main screen: brings a session's values to the widgets, and what the keys ask to the session."""

import asyncio
from datetime import datetime
from typing import ClassVar, assert_never

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from fallback.core.ids import PortalId, SourceId
from fallback.errors import FallbackError
from fallback.locale import tr
from fallback.tui.commands import commands
from fallback.tui.contract import Session
from fallback.tui.fold import Thread
from fallback.tui.messages import (
    BannerChanged,
    Change,
    GroupsChanged,
    KeysChanged,
    PeopleChanged,
    TimelineChanged,
)
from fallback.tui.notifying import fresh, is_quiet, notification, sentence
from fallback.tui.screens.filing import Filing
from fallback.tui.screens.managing import Managing
from fallback.tui.screens.security import Security
from fallback.tui.screens.settings import Settings
from fallback.tui.screens.writing import Writing
from fallback.tui.setting import Setting
from fallback.tui.views import GroupView
from fallback.tui.widgets.asked import KeysBar
from fallback.tui.widgets.composer import Composer
from fallback.tui.widgets.painted import PaintedWidget
from fallback.tui.widgets.panels import Banner, Footer, Groups, Header, Hint, People
from fallback.tui.widgets.timeline import Timeline

PAGE = 200
"""Rows read at a time."""
NARROW = 80
"""Columns below which there is one pane."""


class MainScreen(Filing, Managing, Settings, Security, Writing):
    """Groups, timeline, composer, banner and people."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(one.key, one.action, id=one.action, show=False, priority=True)
            for one in commands()
            if one.key != "ctrl+end"
        ),
        Binding("ctrl+end", "bottom", id="bottom", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("escape", "back", show=False),
        Binding("tab", "groups", show=False, priority=True),
    ]

    def __init__(self, session: Session, setting: Setting) -> None:
        super().__init__(session, setting, classes="-in-chat -rtl" if setting.rtl else "-in-chat")
        self._dirty: set[Change] = set()
        self._wake = asyncio.Event()
        self._older: int | None = None

    def compose(self) -> ComposeResult:
        """Lay the panes out; docks mirror them in Arabic."""
        yield Banner(self.setting)
        with Horizontal(id="body"):
            yield Groups(self.setting, id="groups")
            yield People(self.setting, id="people")
            with Vertical(id="chat"):
                yield Header(self.setting)
                yield Timeline(self.setting, id="timeline")
                yield KeysBar(self.setting)
                yield Hint(self.setting)
                yield Composer(self.setting, id="composer")
        yield Footer(self.setting)

    async def on_mount(self) -> None:
        """Paint from the store; the network comes after the first frame."""
        await self.client.load_preferences()
        with self.app.batch_update():
            self.set_class(self.setting.rtl, "-rtl")
            self.composer.focus()
            groups = await self.session.groups()
            if groups:
                await self.open_group(groups[0].portal, among=groups)
            self._list(groups)
            await self._show_banner()
            self._show_keys()
        self.run_worker(self._listen(), group="session", exit_on_error=True)
        self.run_worker(self._follow(), group="session", exit_on_error=True)
        self.watch(self.app, "app_focus", self._focused, init=False)
        self.call_after_refresh(self._connect)

    def _connect(self) -> None:
        self.client.first_frame_shown()
        self.run_worker(self._go_online(), group="session", exit_on_error=True)

    async def _go_online(self) -> None:
        try:
            await self.session.connect()
        except FallbackError as error:
            self.client.complain(error)

    def on_resize(self, event: events.Resize) -> None:
        """Show one pane where two don't fit."""
        self.set_class(event.size.width < NARROW, "-narrow")

    # ── from the session ────────────────────────────────────────────────────────────────────────

    async def _listen(self) -> None:
        async for change in self.session.changes():
            self._dirty.add(change)
            self._wake.set()

    async def _follow(self) -> None:
        """Show what has changed, however often it was told, once."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            changes, self._dirty = self._dirty, set()
            for change in changes:
                await self._take(change)

    async def _take(self, change: Change) -> None:
        match change:
            case GroupsChanged():
                await self._show_groups()
                self._show_keys()
            case TimelineChanged(portal=portal):
                if portal == self.current:
                    await self._read_newest(portal)
            case PeopleChanged(portal=portal):
                if portal == self.current:
                    await self._show_people(portal)
            case BannerChanged():
                await self._show_banner()
                self._show_keys()
            case KeysChanged():
                await self.show_keys_bar()
            case _:
                assert_never(change)

    async def _show_groups(self) -> None:
        groups, before = await self.session.groups(), self.query_one(Groups).groups
        self._list(groups)
        self._announce(fresh(before, groups))
        if self.current is None and groups:
            await self.open_group(groups[0].portal, among=groups)

    def _announce(self, groups: list[GroupView]) -> None:
        """Ring and notify of what is new, while nobody looks and it is no quiet hour."""
        interface, setting = self.client.interface, self.setting
        now = datetime.fromtimestamp(setting.now() / 1000, setting.zone)
        if (
            self.app.app_focus
            or not interface.notify
            or is_quiet(interface.quiet_hours, now.hour * 60 + now.minute)
        ):
            return
        for group in groups:
            text = sentence(group, private=interface.private)
            self.client.write_terminal(notification(text, self.client.environment))
        if groups:
            self.app.bell()

    async def _focused(self, focused: bool) -> None:
        """Take what is in view as read once somebody looks again."""
        if focused and self.query_one(Timeline).stick_to_bottom:
            await self.mark_read()

    def _list(self, groups: list[GroupView]) -> None:
        self.query_one(Groups).show(groups, self.current)
        self.query_one(Header).show(next((one for one in groups if one.portal == self.current), None))

    async def _show_banner(self) -> None:
        self.query_one(Banner).show(await self.session.banner())

    async def _show_people(self, portal: PortalId) -> None:
        if self.has_class("-people"):
            self.query_one(People).show(await self.session.people(portal))

    async def _read_newest(self, portal: PortalId) -> None:
        timeline = self.query_one(Timeline)
        rows = await self.session.timeline(portal, 0, PAGE)
        last = timeline.thread.last_row
        while last and rows and rows[0].row > last + 1:
            page = await self.session.timeline(portal, rows[0].row, PAGE)
            if not page or portal != self.current:
                break
            rows = page + rows
        if portal == self.current:
            timeline.merge(rows)

    async def open_group(
        self, portal: PortalId, *, at: SourceId | None = None, among: list[GroupView] | None = None
    ) -> None:
        """Show a group's newest messages, and what was being written there.

        Args:
            at: a message to go to.
            among: the groups, where the caller has them already.
        """
        if portal != self.current:
            await self.keep_draft()
            self.current = portal
            rows = await self.session.timeline(portal, 0, PAGE)
            thread = Thread(self.session.me)
            thread.merge(rows)
            self._older = None
            self.query_one(Timeline).show(thread, unread_after=await self.session.read_up_to(portal))
            await self.take_up_draft(portal)
            self._list(await self.session.groups() if among is None else among)
            await self._show_people(portal)
            await self.show_keys_bar()
        self.set_class(True, "-in-chat")
        self.set_class(False, "-in-list")
        self.composer.focus()
        if at is not None:
            await self._go_to(at)

    @on(Timeline.OlderWanted)
    async def read_older(self) -> None:
        """Read the page before the oldest row that is loaded."""
        timeline = self.query_one(Timeline)
        first, portal = timeline.thread.first_row, self.current
        if portal is None or not first or self._older == first:
            return
        self._older = first
        rows = await self.session.timeline(portal, first, PAGE)
        if rows and portal == self.current:
            timeline.prepend(rows)

    @on(Timeline.BottomReached)
    async def mark_read(self) -> None:
        """Say that the newest message was seen, if somebody looks."""
        row = self.query_one(Timeline).thread.last_row
        if self.current and row and self.app.app_focus and self.app.screen is self:
            await self.session.mark_read(self.current, row, tell=self.client.interface.read_receipts)

    @on(Timeline.Acted)
    async def act(self, event: Timeline.Acted) -> None:
        """Do what was asked with a message."""
        if event.action == "menu":
            self.ask_what(event.entry)
        else:
            await self.do(event.entry, event.action)

    @on(Groups.Opened)
    async def show_opened(self, event: Groups.Opened) -> None:
        """Show the group."""
        await self.open_group(event.portal)

    # ── keys ────────────────────────────────────────────────────────────────────────────────────

    def action_page(self, direction: int) -> None:
        """Scroll the timeline by a screen."""
        timeline = self.query_one(Timeline)
        (timeline.scroll_page_up if direction < 0 else timeline.scroll_page_down)(animate=False)

    async def action_back(self) -> None:
        """Go one step back: selection, edit, people, list of groups."""
        if self.editing is not None or self.replying is not None:
            if self.editing is not None:
                self.composer.load("")
            self.intend("", reply=None, edit=None)
        elif self.has_class("-people"):
            await self.action_people()
        elif self.has_class("-narrow"):
            self.action_groups()

    def action_groups(self) -> None:
        """Put a suggested name in; else go to the list of groups, or back from it."""
        if self.composer.has_focus and self.complete():
            return
        groups = self.query_one(Groups)
        away = groups.has_focus
        self.set_class(away, "-in-chat")
        self.set_class(not away, "-in-list")
        if away:
            self.composer.focus()
        else:
            self.call_after_refresh(groups.focus)

    async def action_people(self) -> None:
        """Show or hide who is here."""
        self.toggle_class("-people")
        if self.current is not None:
            await self._show_people(self.current)

    def action_bottom(self) -> None:
        """Go to the newest message."""
        self.query_one(Timeline).to_bottom()

    async def on_key(self, event: events.Key) -> None:
        """Do what only this session offers."""
        for key, _, act in self.session.extra_actions():
            if event.key == key:
                event.stop()
                await act()
                self._show_keys()
                return

    @on(Footer.Pressed)
    def press(self, event: Footer.Pressed) -> None:
        """Do what a label in the footer says."""
        self.app.simulate_key(event.key.lower())

    def _show_keys(self) -> None:
        extra = [(key.upper(), label) for key, label, _ in self.session.extra_actions()]
        keys = [*extra, ("F1", tr("Help")), ("F2", tr("People")), ("Ctrl+P", tr("All commands"))]
        keys += [("Ctrl+L", "English" if self.setting.rtl else "العربية"), ("Ctrl+Q", tr("Quit"))]
        self.query_one(Footer).show(tuple(keys[:6]))

    def repaint_all(self) -> None:
        """Paint everything anew in another language, mode or theme."""
        self.set_class(self.setting.rtl, "-rtl")
        for widget in self.query(PaintedWidget):
            widget.repaint(layout=True)
        self._show_keys()
        self.query_one(Timeline).repaint()

    async def on_unmount(self) -> None:
        """Keep what was being written, and no file in clear."""
        self.remove_opened()
        await self.keep_draft()

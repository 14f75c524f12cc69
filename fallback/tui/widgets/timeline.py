"""The timeline: a virtual list on the line API that measures only what is near the screen.

The view hangs on an anchor (an entry's id and a line of it), or on the bottom; heights that turn out otherwise
than guessed, older pages and edits never move what the reader looks at.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message as Posted
from textual.scroll_view import ScrollView
from textual.strip import Strip

from fallback.core.events import Message
from fallback.core.ids import SourceId
from fallback.core.ports import TimelineRow
from fallback.locale import ntr
from fallback.tui.fold import Entry, Thread, Update
from fallback.tui.heights import Heights
from fallback.tui.setting import Setting
from fallback.tui.widgets.rows import Around, RowPainter

CACHED = 2048
"""Entries whose strips are kept."""
REACTIONS = ("👍", "❤️", "😂", "😮", "😢", "🙏")
ACTIONS = {
    "r": "reply", "e": "edit", "c": "copy", "d": "delete", "i": "info", "x": "cancel", "q": "jump",
    "o": "open", "s": "save", **{str(number): f"react{number}" for number in range(1, 7)},
}  # fmt: skip
"""Keys that act on the selected message."""


class Anchor(NamedTuple):
    """Where the top of the view hangs."""

    entry: SourceId
    line: int


class Timeline(ScrollView, can_focus=True):
    """A group's messages.

    Args:
        setting: how text is laid out, shared by all widgets.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "select(-1)", show=False),
        Binding("down", "select(1)", show=False),
        Binding("enter", "act('menu')", show=False),
        Binding("escape", "leave", show=False),
        Binding("end", "bottom", show=False),
        *(Binding(key, f"act('{name}')", show=False) for key, name in ACTIONS.items()),
    ]

    class OlderWanted(Posted):
        """The reader nears the top of what is loaded."""

    class BottomReached(Posted):
        """The newest message is in view."""

    class Acted(Posted):
        """Something is to be done with a message.

        Args:
            action: ``reply``, ``react1`` … ``menu``.
        """

        def __init__(self, entry: Entry, action: str) -> None:
            super().__init__()
            self.entry = entry
            self.action = action

    class Left(Posted):
        """The reader goes back to writing; ``typed`` is what they typed."""

        def __init__(self, typed: str = "") -> None:
            super().__init__()
            self.typed = typed

    def __init__(self, setting: Setting, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.setting = setting
        self.thread = Thread("")
        self.stick_to_bottom = True
        self.new_count = 0
        self.selected: SourceId | None = None
        self.unread_from: SourceId | None = None
        self._heights = Heights()
        self._anchor: Anchor | None = None
        self._settling = False
        self._generation = 0
        self._painter: RowPainter | None = None
        self._laid_out: Size | None = None
        self._cache: LRUCache[tuple[object, ...], list[Strip]] = LRUCache(CACHED)

    # ── content ─────────────────────────────────────────────────────────────────────────────────

    def show(self, thread: Thread, *, unread_after: int = 0) -> None:
        """Show another group from its newest message; a divider stands before the first unread one.

        Args:
            unread_after: the row up to which everything was seen; 0 where that is unknown.
        """
        self.thread = thread
        self.stick_to_bottom, self.new_count, self.selected = True, 0, None
        self._anchor = None
        self.unread_from = next(
            (
                e.id
                for e in thread.entries
                if unread_after and e.row > unread_after and e.spoken and not e.own
            ),
            None,
        )
        self._cache.clear()
        self._estimate_all()
        self._settle()

    def merge(self, rows: Sequence[TimelineRow]) -> Update:
        """Take the newest rows in; the view stays where it is unless it hangs on the bottom."""
        update = self.thread.merge(rows)
        if update.appended:
            start = len(self.thread) - update.appended
            self._heights.append(self._estimates(start, len(self.thread)))
            if not self.stick_to_bottom:
                fresh = self.thread.entries[start:]
                self.new_count += sum(1 for entry in fresh if entry.spoken and not entry.own)
        self._changed(update)
        return update

    def prepend(self, rows: Sequence[TimelineRow]) -> Update:
        """Take an older page in; what the reader looks at stays where it is."""
        update = self.thread.prepend(rows)
        if update.prepended:
            self._heights.prepend(self._estimates(0, update.prepended))
        self._changed(update)
        return update

    def _changed(self, update: Update) -> None:
        if not (update.appended or update.prepended or update.changed):
            return
        for changed in update.changed:
            place = self.thread.position(changed)
            if place is not None:
                self._heights.update({place: len(self._strips(place))})
        self._settle()

    def repaint(self) -> None:
        """Lay everything out anew: width, theme, language or mode has changed."""
        self._generation += 1
        self._painter = None
        self._cache.clear()
        self._estimate_all()
        self._settle()

    def to_bottom(self) -> None:
        """Go to the newest message and stay there."""
        self.stick_to_bottom = True
        self._settle()

    def reveal(self, entry: SourceId) -> bool:
        """Bring an entry into view; false where it is not loaded."""
        place = self.thread.position(entry)
        if place is None:
            return False
        self._heights.update({place: len(self._strips(place))})
        top, height = round(self.scroll_y), self.viewport
        start, end = self._heights.offsets[place], self._heights.offsets[place + 1]
        if start < top:
            self._hang(start)
        elif end > top + height:
            self._hang(max(0, end - height))
        self._settle()
        return True

    @property
    def viewport(self) -> int:
        """Rows of the screen that the timeline has."""
        return max(1, self.scrollable_content_region.height)

    # ── layout ──────────────────────────────────────────────────────────────────────────────────

    def _paint_with(self) -> RowPainter:
        width = self.scrollable_content_region.width or 80
        if self._painter is None or self._painter.width != max(12, width):
            self._painter = RowPainter(self.setting, width, self.rich_style)
        return self._painter

    def _strips(self, place: int) -> list[Strip]:
        entry = self.thread.entries[place]
        previous = self.thread.entries[place - 1] if place else None
        event = entry.event
        quoted = self.thread.get(event.reply_to) if isinstance(event, Message) else None
        around = Around(previous, quoted, entry.id == self.unread_from, entry.id == self.selected)
        painter = self._paint_with()
        key = (
            entry.id, entry.revision, painter.width, self._generation, previous and previous.id,
            quoted and quoted.revision, around.first_unread, around.selected,
        )  # fmt: skip
        strips = self._cache.get(key)
        if strips is None:
            strips = painter.strips(entry, around)
            self._cache[key] = strips
        return strips

    def _estimate_all(self) -> None:
        self._heights.reset(self._estimates(0, len(self.thread)))

    def _estimates(self, start: int, end: int) -> list[int]:
        estimate = self._paint_with().estimate
        entries = self.thread.entries
        before = entries[start - 1] if start else None
        return [
            estimate(entry, previous)
            for previous, entry in zip([before, *entries[start:end]], entries[start:end], strict=False)
        ]

    def _measure(self, places: range, lines: int) -> None:
        """Measure entries in the order given until they fill ``lines``."""
        measured: dict[int, int] = {}
        for place in places:
            if lines <= 0:
                break
            measured[place] = len(self._strips(place))
            lines -= measured[place]
        self._heights.update(measured)

    def _hang(self, line: int) -> None:
        """Hang the view on what stands at a line of the whole."""
        place = self._heights.place_at(line)
        self.stick_to_bottom = False
        self._anchor = Anchor(self.thread.entries[place].id, line - self._heights.offsets[place])

    def _settle(self) -> None:
        """Measure what the view shows and put the scroll offset where the anchor is."""
        if not self.is_mounted or not self.size:
            return
        count, height = len(self._heights), self.viewport
        top = 0
        if count:
            top = self._settled_top(count, height)
        self._settling = True
        try:
            self.virtual_size = Size(self.scrollable_content_region.width, self._heights.total)
            self.scroll_target_y = self.scroll_y = float(top)
        finally:
            self._settling = False
        self.refresh()
        if self.stick_to_bottom and count:
            self.new_count = 0
            self.post_message(self.BottomReached())
        if top < height and count:
            self.post_message(self.OlderWanted())

    def _settled_top(self, count: int, height: int) -> int:
        anchor = self._anchor
        place = self.thread.position(anchor.entry) if anchor else None
        if self.stick_to_bottom or anchor is None or place is None:
            self._measure(range(count - 1, -1, -1), height + 1)
            return max(0, self._heights.total - height)
        self._measure(range(place, count), height + anchor.line + 1)
        self._measure(range(place - 1, -1, -1), height)
        line = min(anchor.line, self._heights.values[place] - 1)
        top = self._heights.offsets[place] + line
        last = max(0, self._heights.total - height)
        if top > last:
            self._measure(range(count - 1, -1, -1), height + 1)
            top = max(0, self._heights.total - height)
        return top

    # ── Textual ─────────────────────────────────────────────────────────────────────────────────

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Hang the view on what the reader scrolled to."""
        super().watch_scroll_y(old_value, new_value)
        if self._settling or not len(self._heights) or round(old_value) == round(new_value):
            return
        line = round(new_value)
        at_end = line >= self._heights.total - self.viewport
        self._hang(line)
        self.stick_to_bottom = at_end
        self._settle()

    def on_resize(self) -> None:
        """Lay out for the new size, unless the frame before did."""
        self._lay_out()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Lay out as soon as the size is known, so that the very first frame shows messages."""
        self._lay_out()
        return super().render_lines(crop)

    def _lay_out(self) -> None:
        """Lay out for the present size; the anchor holds."""
        if self._laid_out == self.size:
            return
        self._laid_out = self.size
        if self._painter is None or self._painter.width != max(12, self.scrollable_content_region.width):
            self._painter = None
            self._estimate_all()
        self._settle()

    def notify_style_update(self) -> None:
        """Drop what was painted over another ground."""
        super().notify_style_update()
        if self._painter is not None and self._painter.base != self.rich_style:
            self._painter = None
            self._generation += 1

    def render_line(self, y: int) -> Strip:
        """Give one row of the screen."""
        width = self.scrollable_content_region.width
        if self.new_count and y == self.viewport - 1:
            return self._pill(width)
        line = round(self.scroll_y) + y
        if line >= self._heights.total or not len(self._heights):
            return Strip.blank(width, self.rich_style)
        place = self._heights.place_at(line)
        strips = self._strips(place)
        inside = line - self._heights.offsets[place]
        return strips[inside] if inside < len(strips) else Strip.blank(width, self.rich_style)

    def _pill(self, width: int) -> Strip:
        text = ntr("↓ {count} new message · End", "↓ {count} new messages · End", self.new_count)
        style = self.setting.look("unread") + Style(bold=True, reverse=True)
        typesetter = self.setting.typesetter
        line = typesetter.fit([(f" {text} ", style)], width)
        return Strip(typesetter.paint(line, width, align="center", fill=self.rich_style), width)

    # ── selection ───────────────────────────────────────────────────────────────────────────────

    def action_select(self, step: int) -> None:
        """Select the message above or below; below the last one the reader goes back to writing."""
        place = self.thread.position(self.selected) if self.selected else None
        place = len(self.thread) if place is None else place
        place += step
        while 0 <= place < len(self.thread) and not self.thread.entries[place].spoken:
            place += step
        if place >= len(self.thread):
            self.action_leave()
        elif place >= 0:
            self.select(self.thread.entries[place].id)

    def select(self, entry: SourceId | None) -> None:
        """Mark an entry as the one that keys act on."""
        self.selected = entry
        if entry is None or not self.reveal(entry):
            self._settle()

    def action_leave(self) -> None:
        """Go back to writing."""
        self.select(None)
        self.post_message(self.Left())

    def action_bottom(self) -> None:
        """Go to the newest message."""
        self.selected = None
        self.to_bottom()
        self.post_message(self.Left())

    def action_act(self, action: str) -> None:
        """Do something with the selected message."""
        entry = self.thread.get(self.selected)
        if entry is not None:
            self.post_message(self.Acted(entry, action))

    def on_key(self, event: events.Key) -> None:
        """Pass what is typed on to the composer."""
        if event.is_printable and event.character and event.key not in ACTIONS:
            event.stop()
            self.select(None)
            self.post_message(self.Left(event.character))

    def on_click(self, event: events.Click) -> None:
        """Select by mouse; a double click replies, a click on the pill goes down."""
        y = event.y
        if self.new_count and y == self.viewport - 1:
            self.action_bottom()
            return
        line = round(self.scroll_y) + y
        if len(self._heights) and line < self._heights.total:
            entry = self.thread.entries[self._heights.place_at(line)]
            if entry.spoken:
                self.select(entry.id)
                if event.chain == 2:
                    self.post_message(self.Acted(entry, "reply"))

"""Where messages are written: edits by grapheme cluster, grows to five lines, sets Arabic as the timeline does."""

import re
from typing import ClassVar, NamedTuple

from rich.style import Style
from textual import events
from textual.geometry import Offset, Size
from textual.message import Message as Posted
from textual.strip import Strip

from fallback.locale import tr
from fallback.text import sanitise
from fallback.tui.files import dropped
from fallback.tui.setting import Setting
from fallback.tui.typeset import PLAIN, Glyph, Line, Run, cells, clusters, reads_rtl
from fallback.tui.widgets.painted import Painted, PaintedWidget

TALLEST = 5
"""Lines that it grows to."""
UNDONE = 200
_CURSOR = Style(reverse=True)
_ISOLATES = re.compile("[\u2066-\u2069]")


class Place(NamedTuple):
    """A visual line: code points ``start`` to ``end`` of the text."""

    start: int
    end: int


class Composer(PaintedWidget, can_focus=True):
    """A text of several lines with a cursor that stands between grapheme clusters."""

    KEYS: ClassVar[dict[str, tuple[str, tuple[int, ...]]]] = {
        "enter": ("submit", ()),
        **dict.fromkeys(("alt+enter", "ctrl+j", "shift+enter"), ("newline", ())),
        "backspace": ("delete", (-1,)),
        **dict.fromkeys(("delete", "ctrl+d"), ("delete", (1,))),
        **dict.fromkeys(("ctrl+w", "alt+backspace", "ctrl+backspace"), ("delete_word", ())),
        "ctrl+u": ("clear", ()),
        "left": ("move", (-1,)),
        "right": ("move", (1,)),
        "ctrl+left": ("word", (-1,)),
        "ctrl+right": ("word", (1,)),
        "up": ("line", (-1,)),
        "down": ("line", (1,)),
        **dict.fromkeys(("home", "ctrl+a"), ("edge", (-1,))),
        **dict.fromkeys(("end", "ctrl+e"), ("edge", (1,))),
        "ctrl+z": ("undo", ()),
    }
    """Key to action and arguments; no bindings, because those run after keys that were pressed later."""

    class Submitted(Posted):
        """The text is to be sent."""

        def __init__(self, composer: "Composer") -> None:
            super().__init__()
            self.composer = composer
            self.text = composer.text.strip("\n")

        @property
        def control(self) -> "Composer":
            """Where it was written."""
            return self.composer

    class Changed(Posted):
        """The text is another one."""

        def __init__(self, composer: "Composer") -> None:
            super().__init__()
            self.composer = composer

        @property
        def control(self) -> "Composer":
            """Where it was written."""
            return self.composer

    class Dropped(Posted):
        """A file was dropped on the terminal, or its path pasted."""

        def __init__(self, composer: "Composer", path: str) -> None:
            super().__init__()
            self.composer = composer
            self.path = path

        @property
        def control(self) -> "Composer":
            """Where it was dropped."""
            return self.composer

    class LeftUpwards(Posted):
        """The cursor would leave the text at its top."""

    droppable = True
    """Whether a file can be sent from here."""

    def __init__(self, setting: Setting, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(setting, id=id)
        self.text = ""
        self.cursor = 0
        self._undo: list[tuple[str, int]] = []
        self._top = 0

    # ── editing ─────────────────────────────────────────────────────────────────────────────────

    def load(self, text: str) -> None:
        """Replace everything; the cursor goes to the end."""
        self._set(_clean(text), len(_clean(text)))
        self._undo.clear()

    def insert(self, text: str) -> None:
        """Insert at the cursor."""
        text = _clean(text)
        whole = self.text[: self.cursor] + text + self.text[self.cursor :]
        self._set(whole, self.cursor + len(text))

    def swap(self, start: int, text: str) -> None:
        """Put a text in the place of what lies between ``start`` and the cursor."""
        whole = self.text[:start] + text + self.text[self.cursor :]
        self._set(whole, start + len(text))

    def _set(self, text: str, cursor: int) -> None:
        if text != self.text:
            self._undo = [*self._undo[-UNDONE:], (self.text, self.cursor)]
            self.text = text
            self.post_message(self.Changed(self))
        self.cursor = self._boundary(cursor)
        before = self._painted_for[1]
        self.repaint()
        if (
            self.is_mounted
            and self.content_size.width
            and len(self.strips(self.content_size.width)) != before
        ):
            self.refresh(layout=True)

    def _boundary(self, cursor: int) -> int:
        """Move a position to the end of the cluster that it falls into."""
        at = 0
        for cluster in clusters(self.text):
            if at >= cursor:
                break
            at += len(cluster)
        return at

    def _step(self, direction: int) -> int:
        at = 0
        for cluster in clusters(self.text):
            following = at + len(cluster)
            if direction > 0 and at >= self.cursor:
                return following
            if direction < 0 and following >= self.cursor:
                return at
            at = following
        return at

    def action_submit(self) -> None:
        """Send the text, unless it is blank; what is typed next is the next one's."""
        if self.text.strip():
            self.post_message(self.Submitted(self))
            self.load("")

    def action_newline(self) -> None:
        """Begin a new line."""
        self.insert("\n")

    def action_delete(self, direction: int) -> None:
        """Delete the cluster before or after the cursor."""
        start, end = sorted((self.cursor, self._step(direction)))
        self._set(self.text[:start] + self.text[end:], start)

    def action_delete_word(self) -> None:
        """Delete back to the start of a word."""
        start = self._word(-1)
        self._set(self.text[:start] + self.text[self.cursor :], start)

    def action_clear(self) -> None:
        """Delete everything before the cursor."""
        self._set(self.text[self.cursor :], 0)

    def action_undo(self) -> None:
        """Take the last change back."""
        if self._undo:
            text, cursor = self._undo.pop()
            self._set(text, cursor)
            self._undo.pop()

    def action_move(self, direction: int) -> None:
        """Move by a cluster, to the left or right as it looks."""
        if self._rtl(self._paragraph()):
            direction = -direction
        self._set(self.text, self._step(direction))

    def action_word(self, direction: int) -> None:
        """Move by a word."""
        self._set(self.text, self._word(-direction if self._rtl(self._paragraph()) else direction))

    def _word(self, direction: int) -> int:
        if direction < 0:
            found = re.search(r"\S+\s*$", self.text[: self.cursor])
            return found.start() if found else 0
        found = re.match(r"\s*\S+", self.text[self.cursor :])
        return self.cursor + found.end() if found else len(self.text)

    def action_line(self, direction: int) -> None:
        """Move by a visual line; leaving at the top goes to the timeline."""
        places = self._places(max(1, self.content_size.width))
        row = self._row(places)
        if row + direction < 0:
            if not self.text:
                self.post_message(self.LeftUpwards())
            else:
                self._set(self.text, 0)
            return
        if row + direction >= len(places):
            self._set(self.text, len(self.text))
            return
        column = sum(cells(one) for one in clusters(self.text[places[row].start : self.cursor]))
        target = places[row + direction]
        at = target.start
        for cluster in clusters(self.text[target.start : target.end]):
            column -= cells(cluster)
            if column < 0:
                break
            at += len(cluster)
        self._set(self.text, at)

    def action_edge(self, direction: int) -> None:
        """Move to the start or end of the visual line."""
        places = self._places(max(1, self.content_size.width))
        place = places[self._row(places)]
        self._set(self.text, place.start if direction < 0 else place.end)

    def on_key(self, event: events.Key) -> None:
        """Take every key in its turn, however fast they come."""
        if event.key in self.KEYS:
            event.stop()
            event.prevent_default()
            action, arguments = self.KEYS[event.key]
            getattr(self, f"action_{action}")(*arguments)
        elif event.is_printable and event.character:
            event.stop()
            event.prevent_default()
            self.insert(event.character)

    def on_paste(self, event: events.Paste) -> None:
        """Insert what is pasted, made safe; the path of a file offers the file."""
        event.stop()
        if path := self.droppable and dropped(event.text):
            self.post_message(self.Dropped(self, path))
        else:
            self.insert(event.text)

    # ── painting ────────────────────────────────────────────────────────────────────────────────

    def _paragraph(self) -> str:
        start = self.text.rfind("\n", 0, self.cursor) + 1
        end = self.text.find("\n", self.cursor)
        return self.text[start : end if end >= 0 else len(self.text)]

    def _rtl(self, text: str) -> bool:
        return reads_rtl(text, default=reads_rtl(self.text, default=self.setting.rtl))

    def _places(self, width: int) -> list[Place]:
        places: list[Place] = []
        start = 0
        for paragraph in self.text.split("\n"):
            places += _wrapped(paragraph, start, width - 1)
            start += len(paragraph) + 1
        return places

    def _row(self, places: list[Place]) -> int:
        return max(row for row, place in enumerate(places) if place.start <= self.cursor or row == 0)

    def rows(self, width: int) -> list[Painted]:
        """Paint the lines around the cursor."""
        paint = self.setting.typesetter.paint
        if not self.text:
            hint: list[Run] = [
                (" ", _CURSOR if self.has_focus else PLAIN),
                (tr("Write a message"), self.look("dim")),
            ]
            line = self.setting.typesetter.fit(hint, width, rtl=self.setting.rtl)
            return [paint(line, width, fill=self.rich_style)]
        places = self._places(width)
        row = self._row(places)
        self._top = max(0, min(self._top, len(places) - 1), row - TALLEST + 1)
        self._top = min(self._top, row)
        shown = enumerate(places[self._top : self._top + TALLEST], self._top)
        return [paint(self._line(place, at == row), width, fill=self.rich_style) for at, place in shown]

    def _line(self, place: Place, here: bool) -> Line:
        text = self.text[place.start : place.end]
        paragraph_end = self.text.find("\n", place.start)
        paragraph = self.text[
            self.text.rfind("\n", 0, place.start) + 1 : None if paragraph_end < 0 else paragraph_end
        ]
        rtl = self._rtl(paragraph)
        if not here or not self.has_focus:
            return Line(tuple(self.setting.typesetter.glyphs([(text, PLAIN)], rtl=rtl)), rtl)
        at = self.cursor - place.start
        under = next(iter(clusters(text[at:])), "")
        runs: list[Run] = [(text[:at], PLAIN), (under, _CURSOR), (text[at + len(under) :], PLAIN)]
        glyphs = self.setting.typesetter.glyphs(runs, rtl=rtl)
        if not under:
            glyphs.append(Glyph("\u00a0", 1, _CURSOR, int(rtl)))
        return Line(tuple(glyphs), rtl)

    def render_line(self, y: int) -> Strip:
        """Give one row and put the terminal's own cursor where ours is, for input methods."""
        strip = super().render_line(y)
        if self.has_focus:
            column = 0
            for segment in strip:
                if segment.style is not None and segment.style.reverse:
                    origin = self.content_region.offset
                    self.app.cursor_position = origin + Offset(column, y)
                    break
                column += segment.cell_length
        return strip

    def watch_has_focus(self, focused: bool) -> None:
        """Show or hide the cursor."""
        super().watch_has_focus(focused)
        self.repaint()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Grow with the text, up to five lines."""
        return min(TALLEST, super().get_content_height(container, viewport, width))


def _clean(text: str) -> str:
    return _ISOLATES.sub("", sanitise(text)).replace("\t", "    ")


def _wrapped(paragraph: str, start: int, width: int) -> list[Place]:
    """Break a paragraph; blanks at a break hang at the line's end so that the cursor can stand on them."""
    places: list[Place] = []
    line, at, used, space = start, start, 0, -1
    for cluster in clusters(paragraph):
        wide = cells(cluster)
        if used + wide > max(2, width) and cluster != " ":
            cut = space if space > line else at
            places.append(Place(line, cut))
            used = sum(cells(one) for one in clusters(paragraph[cut - start : at - start]))
            line = cut
        used += wide
        at += len(cluster)
        if cluster == " ":
            space = at
    places.append(Place(line, at))
    return places

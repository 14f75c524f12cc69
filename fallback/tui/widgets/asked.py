"""What windows that ask are made of: paragraphs, a field of one line, seven emojis, and the bar that says of keys."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style

from fallback.tui import words
from fallback.tui.setting import Setting
from fallback.tui.typeset import PLAIN, Run, clusters
from fallback.tui.widgets.composer import Composer
from fallback.tui.widgets.painted import Painted, PaintedWidget

COLUMNS = 4
"""Emojis a row."""
_CURSOR = Style(reverse=True)


class Paragraph(NamedTuple):
    """A text in a style of ``tui.looks``; a key or fingerprint is ``code``: left to right in every language."""

    text: str
    look: str = ""
    code: bool = False


class Prose(PaintedWidget):
    """Paragraphs, broken at the window's width."""

    def __init__(
        self,
        setting: Setting,
        paragraphs: Sequence[Paragraph] = (),
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(setting, id=id)
        self.paragraphs = tuple(paragraphs)

    def show(self, paragraphs: Sequence[Paragraph]) -> None:
        """Show other paragraphs; none hides it."""
        self.paragraphs = tuple(paragraphs)
        self.display = bool(paragraphs)
        self.repaint(layout=True)

    def rows(self, width: int) -> list[Painted]:
        """Paint them one below the other."""
        typesetter, rtl = self.setting.typesetter, self.setting.rtl
        painted = []
        for text, look, code in self.paragraphs:
            runs: list[Run] = [(text, self.look(look))]
            align = "center" if code else "right" if rtl else "left"
            lines = typesetter.wrap(runs, width, rtl=rtl and not code, forced=True)
            painted += [typesetter.paint(line, width, align=align, fill=self.rich_style) for line in lines]
        return painted


class Field(Composer):
    """A text of one line that stays when it was handed in; a ``secret`` shows dots."""

    KEYS: ClassVar[dict[str, tuple[str, tuple[int, ...]]]] = {
        key: act for key, act in Composer.KEYS.items() if act[0] not in ("newline", "line")
    }

    droppable = False

    def __init__(self, setting: Setting, *, id: str, hint: str = "", secret: bool = False) -> None:  # noqa: A002
        super().__init__(setting, id=id)
        self.hint = hint
        self.secret = secret

    def insert(self, text: str) -> None:
        """Insert at the cursor, as one line."""
        super().insert(" ".join(text.splitlines()))

    def action_submit(self) -> None:
        """Hand the text in."""
        self.post_message(self.Submitted(self))

    def rows(self, width: int) -> list[Painted]:
        """Paint what is typed, or what to type."""
        if self.text and not self.secret:
            return super().rows(width)
        mark = _CURSOR if self.has_focus else PLAIN
        runs: list[Run] = [(" ", mark), (self.hint, self.look("dim"))]
        if self.text:
            before = min(len(clusters(self.text[: self.cursor])), width - 2)
            after = max(0, min(len(clusters(self.text[self.cursor :])), width - 2 - before))
            runs = [("•" * before, PLAIN), ("•" if after else " ", mark), ("•" * (after - 1), PLAIN)]
        line = self.setting.typesetter.fit(runs, width, rtl=self.setting.rtl)
        return [self.setting.typesetter.paint(line, width, fill=self.rich_style)]


class Emojis(PaintedWidget):
    """The seven signs of a verification with their names, in the order of reading."""

    numbers: tuple[int, ...] = ()

    def show(self, numbers: tuple[int, ...]) -> None:
        """Show other signs; none hides it."""
        self.numbers = numbers
        self.display = bool(numbers)
        self.repaint(layout=True)

    def rows(self, width: int) -> list[Painted]:
        """Paint four and three: a row of signs above a row of their names."""
        signs = [words.emoji(number) for number in self.numbers]
        rows: list[Painted] = []
        for start in range(0, len(signs), COLUMNS):
            row = signs[start : start + COLUMNS]
            glyphs, names = [glyph for glyph, _ in row], [name for _, name in row]
            blank: Painted = [Segment(" " * width, self.rich_style)]
            rows += [
                self._spread(glyphs, width, PLAIN),
                self._spread(names, width, self.look("strong")),
                blank,
            ]
        return rows[:-1]

    def _spread(self, texts: list[str], width: int, style: Style) -> Painted:
        typesetter, rtl, fill = self.setting.typesetter, self.setting.rtl, self.rich_style
        cell = width // COLUMNS
        cells = [
            typesetter.paint(
                typesetter.fit([(text, style)], cell - 1, rtl=rtl), cell, align="center", fill=fill
            )
            for text in texts
        ]
        spare = width - cell * len(cells)
        sides = [Segment(" " * (spare // 2), fill), Segment(" " * (spare - spare // 2), fill)]
        shown = reversed(cells) if rtl else cells
        return [sides[0], *(segment for one in shown for segment in one), sides[1]]


class KeysBar(PaintedWidget):
    """One line above what is written: who wants to verify, whose identity has changed, what waits for a key."""

    text = ""

    def show(self, text: str, *, urgent: bool = False) -> None:
        """Show a sentence, or hide for an empty one."""
        self.text = text
        self.display = bool(text)
        self.set_class(urgent, "-urgent")
        self.repaint()

    def rows(self, width: int) -> list[Painted]:
        """Paint the one row; it is told in full in the window that its key opens."""
        line = self.setting.typesetter.fit([(self.text, Style(bold=True))], width, rtl=self.setting.rtl)
        align = "right" if self.setting.rtl else "left"
        return [self.setting.typesetter.paint(line, width, align=align, fill=self.rich_style)]

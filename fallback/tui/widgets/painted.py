"""The base of small widgets that paint their own lines, so that every text passes the typesetter."""

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from fallback.tui.setting import Setting

Painted = list[Segment]


class PaintedWidget(Widget):
    """A widget whose rows are lists of segments, each as wide as the widget."""

    def __init__(self, setting: Setting, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.setting = setting
        self._rows: list[Strip] | None = None
        self._painted_for = (0, 0)

    def rows(self, width: int) -> list[Painted]:
        """Paint all rows; each takes exactly ``width`` cells."""
        raise NotImplementedError

    def look(self, name: str) -> Style:
        """Give a style of the present theme."""
        return self.setting.look(name)

    def strips(self, width: int) -> list[Strip]:
        """Give the painted rows, once per width."""
        if self._rows is None or self._painted_for[0] != width:
            self._rows = [Strip(row, width) for row in self.rows(width)]
            self._painted_for = (width, len(self._rows))
        return self._rows

    def repaint(self, *, layout: bool = False) -> None:
        """Paint anew: what is shown, the theme or the language has changed."""
        self._rows = None
        if self.is_mounted:
            self.refresh(layout=layout)

    def notify_style_update(self) -> None:
        """Drop what was painted in another theme."""
        super().notify_style_update()
        self._rows = None

    def render_line(self, y: int) -> Strip:
        """Give one row of the screen."""
        width = self.content_size.width
        rows = self.strips(width) if width > 0 else []
        return rows[y] if y < len(rows) else Strip.blank(width, self.rich_style)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Take as many rows as there are."""
        return len(self.strips(width)) if width > 0 else 1

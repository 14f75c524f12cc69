"""How text is set, shared by all widgets: mode, language, styles, time zone, clock."""

import time
from collections.abc import Callable, Mapping
from datetime import tzinfo

from rich.style import Style

from fallback.locale import active
from fallback.tui.typeset import PLAIN, Mode, Typesetter


def _wall_clock() -> int:
    return int(time.time() * 1000)


class Setting:
    """The one place that knows the present mode; widgets read it whenever they paint.

    Args:
        zone: of all times shown; ``None`` for the machine's own.
        now: ms since the epoch.
    """

    def __init__(
        self, mode: Mode, *, zone: tzinfo | None = None, now: Callable[[], int] = _wall_clock
    ) -> None:
        self.typesetter = Typesetter(mode)
        self.looks: Mapping[str, Style] = {}
        self.zone = zone
        self.now = now

    def look(self, name: str) -> Style:
        """Give a style of the present theme (``tui.looks``); none where no theme is known yet."""
        return self.looks.get(name, PLAIN)

    @property
    def mode(self) -> Mode:
        """How right-to-left text reaches the terminal."""
        return self.typesetter.mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self.typesetter = Typesetter(mode)

    @property
    def rtl(self) -> bool:
        """Whether the interface itself reads from right to left."""
        return active().rtl

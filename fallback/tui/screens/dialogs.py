"""Small windows over the client: a menu of choices, a picker with a search line, a text to read."""

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message as Posted
from textual.screen import ModalScreen

from fallback.locale import tr
from fallback.tui.setting import Setting
from fallback.tui.typeset import PLAIN, Mode, Run, Typesetter
from fallback.tui.views import Choice
from fallback.tui.widgets.composer import Composer
from fallback.tui.widgets.painted import Painted, PaintedWidget
from fallback.tui.widgets.panels import two_ends

SAMPLE = "مرحباً بكم (الساعة 14:05) في fallback"
"""Letters that join, a bracket, digits and a Latin word: wrong in every mode but the right one."""
STYLE = """
ModalScreen { align: center middle; background: $background 60%; }
.window { width: 46; max-width: 95%; height: auto; max-height: 90%; padding: 1 2; background: $surface; border: round $primary; }
.window.-wide { width: 72; }
.window Title { height: auto; margin-bottom: 1; }
.window ChoiceList { height: auto; max-height: 14; }
.window Composer { height: 1; background: $boost; margin-bottom: 1; }
.window VerticalScroll { height: auto; max-height: 100%; }
Page { height: auto; }
"""
"""Read when the first window opens: the first frame needs none of it."""


class ChoiceList(PaintedWidget):
    """Choices, one a row, one of them picked."""

    choices: Sequence[Choice] = ()
    picked = 0

    class Chosen(Posted):
        """A row was clicked."""

    def show(self, choices: Sequence[Choice]) -> None:
        """Show other choices."""
        self.choices, self.picked = choices, 0
        self.repaint(layout=True)

    def move(self, step: int) -> None:
        """Pick the choice above or below."""
        if self.choices:
            self.picked = (self.picked + step) % len(self.choices)
            self.repaint()

    @property
    def value(self) -> str | None:
        """What the picked choice gives."""
        return self.choices[self.picked].value if self.choices else None

    def rows(self, width: int) -> list[Painted]:
        """Paint the choices around the picked one."""
        painted = []
        for place, choice in enumerate(self.choices):
            picked = place == self.picked
            fill = self.rich_style + self.look("picked") if picked else self.rich_style
            start: list[Run] = [(("▸ " if picked else "  ") + choice.label, PLAIN)]
            painted.append(two_ends(self.setting, start, [(f"{choice.key} ", self.look("dim"))], width, fill))
        height = self.content_size.height or 12
        first = max(0, min(self.picked - height // 2, len(painted) - height))
        return painted[first:] or [
            two_ends(self.setting, [(tr("nothing found"), self.look("dim"))], [], width, self.rich_style)
        ]

    def on_click(self, event: events.Click) -> None:
        """Choose by mouse."""
        height = self.content_size.height or 12
        first = max(0, min(self.picked - height // 2, len(self.choices) - height))
        if first + event.y < len(self.choices):
            self.picked = first + event.y
            self.post_message(self.Chosen())


class Title(PaintedWidget):
    """What a window is about, and how to leave it."""

    def __init__(self, setting: Setting, text: str) -> None:
        super().__init__(setting)
        self.text = text

    def rows(self, width: int) -> list[Painted]:
        """Paint the words beside the key."""
        typesetter, rtl = self.setting.typesetter, self.setting.rtl
        room = max(4, width - 5)
        painted = []
        for place, line in enumerate(typesetter.wrap([(self.text, self.look("strong"))], room, rtl=rtl)):
            key = typesetter.fit([("Esc" if not place else "", self.look("dim"))], width - room, rtl=rtl)
            words = typesetter.paint(line, room, align="right" if rtl else "left", fill=self.rich_style)
            escape = typesetter.paint(
                key, width - room, align="left" if rtl else "right", fill=self.rich_style
            )
            painted.append([*escape, *words] if rtl else [*words, *escape])
        return painted


class Menu(ModalScreen[str | None]):
    """A few choices; a letter, a digit, arrows with Enter or the mouse chooses."""

    DEFAULT_CSS = STYLE
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    def __init__(self, setting: Setting, title: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self.setting = setting
        self.heading = title
        self.choices = choices

    def compose(self) -> ComposeResult:
        """Lay the window out."""
        with Vertical(classes="window"):
            yield Title(self.setting, self.heading)
            yield ChoiceList(self.setting)

    def on_mount(self) -> None:
        """Show the choices."""
        self.query_one(ChoiceList).show(self.choices)

    def action_move(self, step: int) -> None:
        """Pick another one."""
        self.query_one(ChoiceList).move(step)

    @on(ChoiceList.Chosen)
    def action_choose(self) -> None:
        """Take the picked one."""
        self.dismiss(self.query_one(ChoiceList).value)

    def on_key(self, event: events.Key) -> None:
        """Take the one that the key names."""
        found = next(
            (choice for choice in self.choices if choice.key and choice.key == event.character), None
        )
        if found is not None:
            event.stop()
            self.dismiss(found.value)


Find = Callable[[str], Awaitable[Sequence[Choice]]]


class Picker(ModalScreen[str | None]):
    """A search line over choices that follow what is typed."""

    DEFAULT_CSS = STYLE
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("enter", "choose", show=False, priority=True),
    ]

    def __init__(self, setting: Setting, title: str, find: Find) -> None:
        super().__init__()
        self.setting = setting
        self.heading = title
        self.find = find

    def compose(self) -> ComposeResult:
        """Lay the window out."""
        with Vertical(classes="window -wide"):
            yield Title(self.setting, self.heading)
            yield Composer(self.setting, id="query")
            yield ChoiceList(self.setting)

    async def on_mount(self) -> None:
        """Show what there is before anything is typed."""
        self.query_one(Composer).focus()
        await self.look_up()

    @on(Composer.Changed)
    async def look_up(self) -> None:
        """Follow what is typed."""
        self.query_one(ChoiceList).show(await self.find(self.query_one(Composer).text))

    def action_move(self, step: int) -> None:
        """Pick another one."""
        self.query_one(ChoiceList).move(step)

    @on(ChoiceList.Chosen)
    def action_choose(self) -> None:
        """Take the picked one."""
        self.dismiss(self.query_one(ChoiceList).value)


class Page(PaintedWidget):
    """Runs of text, a list a line, broken at the window's width."""

    def __init__(self, setting: Setting, lines: Sequence[tuple[str, str]]) -> None:
        super().__init__(setting)
        self.lines = lines

    def rows(self, width: int) -> list[Painted]:
        """Paint key and text of each line; a line without a key is a heading."""
        painted: list[Painted] = []
        typesetter, rtl = self.setting.typesetter, self.setting.rtl
        column = max((len(key) for key, _ in self.lines), default=0) + 2
        for key, text in self.lines:
            if not key:
                line = typesetter.fit([(text, self.look("strong"))], width, rtl=rtl)
                painted.append(typesetter.paint(line, width, fill=self.rich_style))
                continue
            for place, part in enumerate(typesetter.wrap([(text, PLAIN)], width - column, rtl=rtl)):
                label = typesetter.fit([(key if not place else "", self.look("accent"))], column, rtl=rtl)
                first = typesetter.paint(label, column, fill=self.rich_style)
                side = "right" if rtl else "left"
                second = typesetter.paint(part, width - column, align=side, fill=self.rich_style)
                painted.append([*second, *first] if rtl else [*first, *second])
        return painted


class Reader(ModalScreen[None]):
    """A text to read: help, a message's details."""

    DEFAULT_CSS = STYLE
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,enter,q", "dismiss(None)", show=False)]

    def __init__(self, setting: Setting, title: str, lines: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.setting = setting
        self.heading = title
        self.lines = lines

    def compose(self) -> ComposeResult:
        """Lay the window out."""
        with Vertical(classes="window -wide"):
            yield Title(self.setting, self.heading)
            with VerticalScroll():
                yield Page(self.setting, self.lines)


class Calibration(Menu):
    """The question how Arabic looks; its lines are shown exactly as each mode writes them."""

    def __init__(self, setting: Setting) -> None:
        rows = [
            Choice(mode, Typesetter(mode).text(SAMPLE), str(number)) for number, mode in enumerate(Mode, 1)
        ]
        super().__init__(setting, tr("Which line reads correctly?"), rows)

"""A window that asks for a few lines and does something with them; what was typed stays until that has worked."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from fallback.errors import FallbackError
from fallback.locale import tr
from fallback.tui.screens.dialogs import STYLE, ChoiceList, Menu, Title
from fallback.tui.setting import Setting
from fallback.tui.views import Choice
from fallback.tui.widgets.asked import Field, Paragraph, Prose

ASKED = (
    STYLE
    + """
.window Prose { height: auto; margin-bottom: 1; }
.window Prose.-label { margin-bottom: 0; }
.window Field { height: auto; max-height: 3; background: $boost; margin-bottom: 1; border-left: thick $panel; }
.window Field:focus { border-left: thick $accent; }
.window Emojis { height: auto; margin-bottom: 1; }
"""
)


class Question(NamedTuple):
    """A line to type; a ``secret`` one shows dots, an ``optional`` one may stay empty."""

    name: str
    label: str
    hint: str = ""
    secret: bool = False
    optional: bool = False
    value: str = ""


Act = Callable[[Mapping[str, str]], Awaitable[str]]
"""Does what was asked with the lines by their names; gives what the window answers with."""


class Asking(ModalScreen[str | None]):
    """Fields one below the other; Enter goes on to the next one and from the last one does it."""

    DEFAULT_CSS = ASKED
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("down,tab", "step(1)", show=False, priority=True),
        Binding("up,shift+tab", "step(-1)", show=False, priority=True),
    ]

    def __init__(
        self,
        setting: Setting,
        title: str,
        paragraphs: Sequence[Paragraph],
        questions: Sequence[Question],
        act: Act,
    ) -> None:
        super().__init__()
        self.setting = setting
        self.heading = title
        self.paragraphs = paragraphs
        self.questions = questions
        self.act = act
        self.busy = False

    def compose(self) -> ComposeResult:
        """Lay the window out."""
        with Vertical(classes="window -wide"):
            yield Title(self.setting, self.heading)
            yield Prose(self.setting, self.paragraphs)
            for one in self.questions:
                label = Prose(self.setting, [Paragraph(one.label, "accent")])
                label.add_class("-label")
                yield label
                yield Field(self.setting, id=one.name, hint=one.hint, secret=one.secret)
            yield Prose(self.setting, id="outcome")

    def on_mount(self) -> None:
        """Show what is known already, and begin at the first line that is empty."""
        self.query_one("#outcome", Prose).show([Paragraph(tr("Enter goes on, Esc goes back"), "dim")])
        for one in self.questions:
            self.query_one(f"#{one.name}", Field).load(one.value)
        self._empty().focus()

    @property
    def values(self) -> dict[str, str]:
        """What is typed, by name."""
        return {one.name: self.query_one(f"#{one.name}", Field).text for one in self.questions}

    def _empty(self) -> Field:
        fields = [self.query_one(f"#{one.name}", Field) for one in self.questions]
        wanted = (f for f, one in zip(fields, self.questions, strict=True) if not f.text and not one.optional)
        return next(wanted, fields[-1])

    def action_leave(self) -> None:
        """Go without doing it, unless it is being done."""
        if not self.busy:
            self.dismiss(None)

    def action_step(self, step: int) -> None:
        """Go to the line above or below."""
        if step > 0:
            self.focus_next(Field)
        else:
            self.focus_previous(Field)

    @on(Field.Submitted)
    def hand_in(self, event: Field.Submitted) -> None:
        """Go on to the next line, or do it."""
        event.stop()
        names = [one.name for one in self.questions]
        if event.control.id != names[-1]:
            self.action_step(1)
        elif not self.busy:
            self._do()

    @work
    async def _do(self) -> None:
        self.busy = True
        outcome = self.query_one("#outcome", Prose)
        outcome.show([Paragraph(tr("One moment…"), "dim")])
        try:
            answer = await self.act(self.values)
        except FallbackError as error:
            hint = [Paragraph(f"→ {error.hint}")] if error.hint else []
            outcome.show([Paragraph(f"⚠ {error.message}", "bad"), *hint])
            self._empty().focus()
        else:
            self.dismiss(answer)
        finally:
            self.busy = False


class Offer(Menu):
    """A menu below a few paragraphs."""

    DEFAULT_CSS = ASKED

    def __init__(
        self, setting: Setting, title: str, paragraphs: Sequence[Paragraph], choices: Sequence[Choice]
    ) -> None:
        super().__init__(setting, title, choices)
        self.paragraphs = paragraphs

    def compose(self) -> ComposeResult:
        """Lay the window out."""
        with Vertical(classes="window -wide"):
            yield Title(self.setting, self.heading)
            yield Prose(self.setting, self.paragraphs)
            yield ChoiceList(self.setting)

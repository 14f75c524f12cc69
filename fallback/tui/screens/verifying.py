"""The windows that keys need for themselves: a verification by emoji, and a recovery key that is shown once."""

from typing import ClassVar, assert_never

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from fallback.core.trust import Keys, Verification, VerificationStage
from fallback.errors import FallbackError
from fallback.locale import tr
from fallback.tui import words
from fallback.tui.contract import Session
from fallback.tui.messages import KeysChanged
from fallback.tui.screens.asking import ASKED
from fallback.tui.screens.dialogs import ChoiceList, Title
from fallback.tui.setting import Setting
from fallback.tui.typeset import isolate
from fallback.tui.views import Choice
from fallback.tui.widgets.asked import Emojis, Field, Paragraph, Prose

ROW = 4
"""Groups of a recovery key in a row."""


class Verifying(ModalScreen[None]):
    """One verification, from the request to its outcome; Esc leaves it as it is, and F3 comes back to it.

    Args:
        name: what the person calls the other side.
    """

    DEFAULT_CSS = ASKED
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    def __init__(self, setting: Setting, session: Session, keys: Keys, flow: Verification, name: str) -> None:
        super().__init__()
        self.setting = setting
        self.session = session
        self.keys = keys
        self.flow = flow
        self.other = name
        self._moved = False

    def compose(self) -> ComposeResult:
        """Lay the window out."""
        with Vertical(classes="window -wide"):
            yield Title(self.setting, tr("Compare emoji with {name}", name=isolate(self.other)))
            yield Prose(self.setting)
            yield Emojis(self.setting)
            yield ChoiceList(self.setting)

    def on_mount(self) -> None:
        """Show where it stands, and follow it."""
        self.show()
        self.run_worker(self._follow(), exit_on_error=True)

    async def _follow(self) -> None:
        async for change in self.session.changes():
            if isinstance(change, KeysChanged):
                self.show()

    def show(self) -> None:
        """Show the stage that it is at now."""
        found = (one for one in self.keys.verifications() if one.id == self.flow.id)
        flow = next(found, self.flow)
        if flow.stage is not self.flow.stage:
            self._moved = False
        self.flow = flow
        self.query_one(Prose).show([Paragraph(words.verification(flow, self.other))])
        self.query_one(Emojis).show(flow.emoji if flow.stage is VerificationStage.COMPARE else ())
        self.query_one(ChoiceList).show(self._choices())

    def _choices(self) -> list[Choice]:
        cancel = Choice("cancel", tr("Stop"), "0")
        match self.flow.stage:
            case VerificationStage.ASKED if not self.flow.ours:
                return [Choice("accept", tr("Begin"), "1"), Choice("cancel", tr("Decline"), "2")]
            case VerificationStage.COMPARE:
                return [
                    Choice("confirm", tr("They match"), "1"),
                    Choice("mismatch", tr("They don't match"), "2"),
                ]
            case VerificationStage.ASKED | VerificationStage.WAITING:
                return [cancel]
            case VerificationStage.DONE | VerificationStage.CANCELLED:
                return [Choice("close", tr("Close"), "1")]
            case _:
                assert_never(self.flow.stage)

    def action_move(self, step: int) -> None:
        """Pick another answer."""
        self._moved = True
        self.query_one(ChoiceList).move(step)

    def action_choose(self) -> None:
        """Take the picked answer; emojis are never confirmed by a reflex on Enter."""
        if self._moved or self.flow.stage in (VerificationStage.DONE, VerificationStage.CANCELLED):
            self.answer(self.query_one(ChoiceList).value)

    @on(ChoiceList.Chosen)
    def click(self) -> None:
        """Take the answer under the mouse."""
        self.answer(self.query_one(ChoiceList).value)

    def on_key(self, event: events.Key) -> None:
        """Take the answer that the digit names."""
        found = next((one for one in self._choices() if one.key == event.character), None)
        if found is not None:
            event.stop()
            self.answer(found.value)

    @work(exclusive=True, group="answer")
    async def answer(self, value: str | None) -> None:
        """Tell the other side; what went wrong is said where the stage is."""
        try:
            match value:
                case "accept":
                    await self.keys.accept(self.flow.id)
                case "confirm":
                    await self.keys.confirm(self.flow.id)
                case "cancel" | "mismatch":
                    await self.keys.cancel(self.flow.id, mismatch=value == "mismatch")
                case _:
                    self.dismiss(None)
                    return
        except FallbackError as error:
            self.show()
            told = [Paragraph(f"⚠ {error.message}", "bad")] + [Paragraph(error.hint)] * bool(error.hint)
            self.query_one(Prose).show(told)
            return
        self.show()


class RecoveryKey(ModalScreen[None]):
    """A recovery key, once: it goes when its last group was typed, or by Esc pressed twice."""

    DEFAULT_CSS = ASKED
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(self, setting: Setting, recovery: str) -> None:
        super().__init__()
        self.setting = setting
        self.groups = recovery.split()
        self._warned = False

    def compose(self) -> ComposeResult:
        """Lay the window out."""
        rows = ["   ".join(self.groups[at : at + ROW]) for at in range(0, len(self.groups), ROW)]
        with Vertical(classes="window -wide"):
            yield Title(self.setting, tr("Write this recovery key down, on paper"))
            yield Prose(
                self.setting,
                [
                    Paragraph(
                        tr(
                            "It opens your messages on a new device. Nobody can make it again, and it is shown only now."
                        )
                    )
                ],
            )
            spaced = [line for row in rows for line in (Paragraph(row, "accent", code=True), Paragraph(" "))]
            yield Prose(self.setting, spaced[:-1], id="recovery")
            label = Prose(self.setting, [Paragraph(tr("Written down? Type the last four letters:"))])
            label.add_class("-label")
            yield label
            yield Field(self.setting, id="last")
            yield Prose(self.setting, id="outcome")

    def on_mount(self) -> None:
        """Wait for the last group."""
        self.query_one("#outcome", Prose).show([Paragraph(tr("Enter when it is typed"), "dim")])
        self.query_one(Field).focus()

    @on(Field.Submitted)
    def compare(self) -> None:
        """Go, when the last group is right."""
        if self.query_one(Field).text.strip() == self.groups[-1]:
            self.dismiss(None)
            return
        said = tr("⚠ That is not the last group; big and small letters differ")
        self.query_one("#outcome", Prose).show([Paragraph(said, "bad")])

    def action_leave(self) -> None:
        """Warn, then go."""
        if self._warned:
            self.dismiss(None)
            return
        self._warned = True
        said = tr("⚠ It is never shown again. Esc once more leaves without typing it.")
        self.query_one("#outcome", Prose).show([Paragraph(said, "bad")])

"""The first screen of a profile without an account: Matrix id, password, and the server where it can't be found."""

from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from fallback import locale
from fallback.config import Interface
from fallback.errors import UsageError
from fallback.locale import tr
from fallback.tui.looks import looks
from fallback.tui.screens.asking import Asking, Question
from fallback.tui.setting import Setting
from fallback.tui.typeset import Mode, detect
from fallback.tui.widgets.asked import Paragraph

SignIn = Callable[[str, str, str], Awaitable[None]]
"""Signs in with a Matrix id, a password and a homeserver's address, empty for the one of the id."""


class SigningIn(App[bool]):
    """Asks until it has signed in, or until the person leaves; gives which of the two.

    Args:
        homeserver: its address, where the configuration names one.
    """

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "language", show=False, priority=True),
        Binding("ctrl+q", "leave", show=False, priority=True),
    ]

    def __init__(
        self,
        sign_in: SignIn,
        interface: Interface | None = None,
        *,
        homeserver: str = "",
        setting: Setting | None = None,
    ) -> None:
        super().__init__()
        interface = interface or Interface()
        locale.use(locale.detect(interface.language))
        mode = detect() if interface.rtl == "auto" else Mode(interface.rtl)
        self.setting = setting or Setting(mode)
        self.setting.looks = looks(self.theme_variables)
        self.sign_in = sign_in
        self.typed: Mapping[str, str] = {"homeserver": homeserver}

    def on_mount(self) -> None:
        """Ask."""
        self._ask()

    def _ask(self) -> None:
        why = [
            Paragraph(tr("Your team's room is on Matrix. Sign in with the account that you were given.")),
            Paragraph(tr("Ctrl+L العربية / English"), "dim"),
        ]
        server = tr("Server, if it is another one than in the Matrix id")
        questions = [
            Question("user", tr("Matrix id"), "@name:server"),
            Question("password", tr("Password"), secret=True),
            Question("homeserver", server, "https://…", optional=True),
        ]
        filled = [one._replace(value=self.typed.get(one.name, "")) for one in questions]
        self.push_screen(Asking(self.setting, tr("Sign in"), why, filled, self._enter), self._answered)

    async def _enter(self, typed: Mapping[str, str]) -> str:
        user = typed["user"].strip()
        if not user.startswith("@") or not user.partition(":")[2]:
            raise UsageError(
                tr("That is no Matrix id"), tr("Write it whole, like @name:server; ↑ goes there.")
            )
        if not typed["password"]:
            raise UsageError(tr("The password is missing"), tr("↑ goes there."))
        await self.sign_in(user, typed["password"], typed["homeserver"].strip())
        return user

    def _answered(self, user: str | None) -> None:
        self.exit(user is not None)

    def action_language(self) -> None:
        """Ask in the other language; what was typed stays."""
        form = self.screen
        if isinstance(form, Asking) and not form.busy:
            self.typed = form.values
            locale.use("en" if locale.active().rtl else "ar")
            self.pop_screen()
            self._ask()

    def action_leave(self) -> None:
        """Leave without an account."""
        self.exit(False)

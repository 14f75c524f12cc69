"""The settings: one window that shows how each stands and changes it."""

from collections.abc import Mapping

from textual import work

from fallback.errors import UsageError
from fallback.locale import LANGUAGES, active, tr
from fallback.tui.screens.finding import Finding, windows
from fallback.tui.screens.security import asking
from fallback.tui.views import Choice


class Settings(Finding):
    """Mixed into the main screen."""

    @work(exclusive=True, group="settings")
    async def action_settings(self) -> None:
        """Show how all is set, and change what is chosen until the person leaves."""
        while True:
            menu = windows().Menu(self.main.setting, tr("Settings"), self._settings())
            chosen = await self.client.push_screen_wait(menu)
            match chosen:
                case None:
                    return
                case "language" | "theme" | "calibrate" | "keys":
                    await self.main.run_action(chosen)
                    return
                case "quiet_hours":
                    await self._ask_quiet_hours()
                case "digits":
                    latin = self.client.interface.digits == "latin"
                    await self.client.prefer(digits="arabic" if latin else "latin")
                case _:
                    await self.client.prefer(**{chosen: not getattr(self.client.interface, chosen)})

    def _settings(self) -> list[Choice]:
        now = self.client.interface
        switches = [
            ("read_receipts", tr("Tell others what I have read"), now.read_receipts),
            ("typing", tr("Tell others when I write"), now.typing),
            ("notify", tr("Notify and ring while I am elsewhere"), now.notify),
            ("private", tr("Hide names and text in notifications"), now.private),
        ]
        rows = [
            ("language", tr("Language: {value}", value=LANGUAGES[active().language])),
            ("theme", tr("Theme: {value}", value=self.client.theme)),
            ("calibrate", tr("Arabic text: {value}", value=self.main.setting.mode.value)),
            ("digits", tr("Digits: {value}", value="٠١٢٣" if now.digits == "arabic" else "0123")),
            *((name, f"{'☑' if on else '☐'} {label}") for name, label, on in switches),
            ("quiet_hours", tr("Quiet hours: {value}", value=now.quiet_hours or tr("none"))),
            ("keys", tr("Keys and devices")),
        ]
        return [Choice(name, label, str(place % 10)) for place, (name, label) in enumerate(rows, 1)]

    async def _ask_quiet_hours(self) -> None:
        asked = asking()

        async def keep(typed: Mapping[str, str]) -> str:
            if not await self.client.prefer(quiet_hours=typed["hours"].strip()):
                raise UsageError(tr("These are no hours"), tr("Write them like 22:00-07:00, or nothing."))
            return "kept"

        question = asked.Question(
            "hours", tr("Quiet hours"), "22:00-07:00", optional=True, value=self.client.interface.quiet_hours
        )
        form = asked.Asking(self.main.setting, tr("No notifications between"), [], [question], keep)
        await self.client.push_screen_wait(form)

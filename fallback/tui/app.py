"""The terminal client: opens from the store, then connects; ``run`` is all that a command needs."""

import asyncio
import contextlib
import gc
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from typing import Any, ClassVar, cast

import msgspec
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.app import App
from textual.binding import BindingType
from textual.keys import Keys
from textual.screen import Screen

from fallback import locale
from fallback.config import Interface
from fallback.errors import ConfigError, FallbackError
from fallback.locale import tr
from fallback.tui.commands import commands
from fallback.tui.contract import Session
from fallback.tui.looks import looks
from fallback.tui.screens.finding import windows
from fallback.tui.screens.main import MainScreen
from fallback.tui.setting import Setting
from fallback.tui.typeset import Mode, detect

# Where a terminal has no kitty protocol, Textual forgets the Alt of Alt+Enter and would send a message half written.
cast("dict[str, object]", ANSI_SEQUENCES_KEYS).setdefault("\x1b\r", (Keys.ControlJ,))

VTE_BIDI_OFF = "\x1b[8l"
VTE_BIDI_ON = "\x1b[8h"


class ClientApp(App[None]):
    """The client over a session.

    Args:
        interface: language, treatment of right-to-left text, theme; what the person set in the client wins.
        zone: of all times shown; ``None`` for the machine's own.
        setting: replaces the one made from ``interface``, with its own clock.
    """

    CSS_PATH = "app.tcss"
    TITLE = "fallback"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(
        self,
        session: Session,
        interface: Interface | None = None,
        *,
        zone: tzinfo | None = None,
        environment: Mapping[str, str] | None = None,
        setting: Setting | None = None,
    ) -> None:
        super().__init__()
        self.interface = interface = interface or Interface()
        self.session = session
        self.environment = os.environ if environment is None else environment
        _check_keys(interface.keys)
        locale.use(locale.detect(interface.language, environment))
        mode = detect(environment) if interface.rtl == "auto" else Mode(interface.rtl)
        self.setting = setting or Setting(mode, zone=zone)
        if interface.theme in self.available_themes:
            self.theme = interface.theme
        self.setting.looks = looks(self.theme_variables)
        self.main = MainScreen(session, self.setting)

    def get_default_screen(self) -> Screen[Any]:
        """Begin with the main screen: a screen below it would cost a frame."""
        return self.main

    async def load_preferences(self) -> None:
        """Apply what the person set in the client; the main screen asks for it before it paints."""
        language = await self.session.get("language")
        if language:
            locale.use(language)
        mode = await self.session.get("rtl")
        if mode in set(Mode):
            self.setting.mode = Mode(mode)
        theme = await self.session.get("theme")
        if theme in self.available_themes:
            self.theme = theme
        self.interface = await self._preferred({})
        locale.use_digits(self.interface.digits)
        self.set_keymap(self.interface.keys)
        self._tell_terminal()

    async def prefer(self, **changes: object) -> bool:
        """Set something else of the interface, and keep that; false where it can't be set so."""
        try:
            self.interface = await self._preferred(changes)
        except msgspec.ValidationError:
            return False
        locale.use_digits(self.interface.digits)
        self.main.repaint_all()
        await self.session.put("interface", json.dumps(await self._changed() | changes))
        return True

    async def _preferred(self, changes: Mapping[str, object]) -> Interface:
        """Give the interface with what the person has set since the configuration was read."""
        told = msgspec.to_builtins(self.interface)
        return msgspec.convert(told | await self._changed() | changes, Interface)

    async def _changed(self) -> dict[str, object]:
        kept: dict[str, object] = json.loads(await self.session.get("interface") or "{}")
        return kept

    def watch_theme(self, _theme: str) -> None:
        """Work the styles out anew."""
        self.setting.looks = looks(self.theme_variables)
        if self.main.is_mounted:
            self.main.repaint_all()

    async def action_quit(self) -> None:
        """Leave, but ask first where messages still wait."""
        self.main.action_quit()

    def action_help_quit(self) -> None:
        """Say how to leave; what is being written is worth more than a reflex."""
        self.say(tr("Ctrl+Q quits"))

    def switch_language(self) -> None:
        """Speak the other language, and keep that."""
        language = "en" if locale.active().rtl else "ar"
        locale.use(language)
        self.main.repaint_all()
        self.run_worker(self.session.put("language", language))

    async def set_mode(self, mode: Mode) -> None:
        """Treat right-to-left text in another way, and keep that."""
        self.setting.mode = mode
        self._tell_terminal()
        self.main.repaint_all()
        await self.session.put("rtl", mode.value)

    async def set_theme(self, name: str) -> None:
        """Use other colours, and keep that."""
        self.theme = name
        await self.session.put("theme", name)

    def first_frame_shown(self) -> None:
        """Let the garbage collector work again, past all that has been loaded."""
        if not gc.isenabled():
            gc.freeze()
            gc.enable()

    def say(self, text: str) -> None:
        """Show a short note, set as the terminal needs it."""
        self.notify(self.setting.typesetter.text(text), timeout=3, markup=False)

    def complain(self, error: FallbackError) -> None:
        """Say what went wrong and what to do next, until the person has read it."""
        lines = [("⚠", error.message), *([("→", error.hint)] if error.hint else [])]
        self.push_screen(windows().Reader(self.setting, tr("That did not work"), lines))

    def _tell_terminal(self) -> None:
        """Turn a terminal's own bidi off where we reorder, on where it shall."""
        self.write_terminal(VTE_BIDI_OFF if self.setting.mode is Mode.APP else VTE_BIDI_ON)

    def write_terminal(self, sequence: str) -> None:
        """Hand the terminal a control sequence of our own making."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    def on_unmount(self) -> None:
        """Give the terminal back as it was."""
        self.write_terminal(VTE_BIDI_ON)


def _check_keys(keys: Mapping[str, str]) -> None:
    """Refuse keys for what does not exist, and one key for two commands.

    Raises:
        ConfigError: the configuration gives such keys.
    """
    unknown = set(keys) - {one.action for one in commands()}
    if unknown:
        names = ", ".join(one.action for one in commands())
        raise ConfigError(f"interface.keys: there is no command {min(unknown)!r}", f"Commands: {names}")
    double = [key for key, count in Counter(one.key for one in commands(keys)).items() if count > 1]
    if double:
        raise ConfigError(f"interface.keys: two commands have the key {double[0]}", "Give one another key.")


@contextlib.contextmanager
def unhurried() -> Iterator[None]:
    """Keep the garbage collector still until the first frame is there; it would take a tenth of that time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def run_async(session: Session, interface: Interface | None = None) -> None:
    """Run the client until the person leaves; for callers with a loop of their own."""
    with unhurried():
        await ClientApp(session, interface).run_async()


def run(session: Session, interface: Interface | None = None) -> None:
    """Run the client until the person leaves."""
    asyncio.run(run_async(session, interface))

"""Everything that can be done, with its key: what the palette lists, the help explains and the keys do."""

from collections.abc import Mapping
from typing import NamedTuple

from fallback.locale import tr
from fallback.tui import words
from fallback.tui.fold import Tick


class Command(NamedTuple):
    """One thing to do; ``action`` is the main screen's."""

    action: str
    key: str
    shown: str
    label: str


def commands(keys: Mapping[str, str] | None = None) -> list[Command]:
    """List the commands in the language in use.

    Args:
        keys: those that the person chose, by action.
    """
    chosen = keys or {}
    return [
        one._replace(key=chosen[one.action], shown=spelled(chosen[one.action]))
        if one.action in chosen
        else one
        for one in _commands()
    ]


def spelled(key: str) -> str:
    """Write a key as people read it: ``ctrl+s`` is Ctrl+S."""
    return "+".join(part.capitalize() for part in key.split("+"))


def _commands() -> list[Command]:
    return [
        Command("help", "f1", "F1", tr("Help")),
        Command("people", "f2", "F2", tr("People: who is here, who is missing")),
        Command("keys", "f3", "F3", tr("Keys and devices")),
        Command("verify", "f6", "F6", tr("Compare emoji with somebody")),
        Command("palette", "ctrl+p", "Ctrl+P", tr("All commands")),
        Command("jump", "ctrl+k", "Ctrl+K", tr("Jump to a group")),
        Command("search", "ctrl+f", "Ctrl+F", tr("Search messages")),
        Command("date", "ctrl+t", "Ctrl+T", tr("Go to a date")),
        Command("send_file", "ctrl+o", "Ctrl+O", tr("Send a file")),
        Command("next_unread", "ctrl+n", "Ctrl+N", tr("Next unread group")),
        Command("groups", "ctrl+g", "Ctrl+G", tr("List of groups")),
        Command("bottom", "ctrl+end", "Ctrl+End", tr("Newest message")),
        Command("language", "ctrl+l", "Ctrl+L", tr("العربية / English")),
        Command("calibrate", "f4", "F4", tr("Fix Arabic text")),
        Command("theme", "f5", "F5", tr("Theme")),
        Command("manage", "f8", "F8", tr("Manage the group")),
        Command("settings", "f7", "F7", tr("Settings")),
        Command("quit", "ctrl+q", "Ctrl+Q", tr("Quit")),
    ]


def help_lines(keys: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """Write the help: keys, then what the ticks mean; a line without a key is a heading."""
    ticks = [
        (words.TICKS[mark], words.tick(mark)) for mark in (Tick.QUEUED, Tick.SENT, Tick.READ, Tick.FAILED)
    ]
    return [
        ("", tr("Writing")),
        ("Enter", tr("send")),
        ("Alt+Enter", tr("new line (also Ctrl+J)")),
        ("Esc", tr("one step back; what you wrote stays")),
        ("", tr("Reading")),
        ("↑ ↓", tr("select a message when nothing is written")),
        ("Enter", tr("what to do with the selected message")),
        ("r e c d i", tr("reply, edit, copy, delete, details")),
        ("o s", tr("open its file, save it")),
        ("1 … 6", "👍 ❤️ 😂 😮 😢 🙏"),
        ("PgUp PgDn", tr("scroll")),
        ("", tr("Everywhere")),
        *((command.shown, command.label) for command in commands(keys)),
        ("", tr("Ticks")),
        *ticks,
    ]

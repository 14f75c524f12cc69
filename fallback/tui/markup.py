"""WhatsApp markup becomes styled runs: bold, italic, strike, code and links; pure."""

import re

from rich.style import Style

from fallback.tui.typeset import Run

BOLD = Style(bold=True)
ITALIC = Style(italic=True)
STRIKE = Style(strike=True)
CODE = Style(reverse=False, bold=False, dim=True)
LINK = Style(underline=True)

_TOKEN = re.compile(
    r"```(?P<block>.+?)```"
    r"|(?P<link>https?://[^\s<>]+|www\.[^\s<>]+)"
    r"|(?<![\w`])`(?P<code>[^`\n]+)`(?!\w)"
    r"|(?<![\w*])\*(?P<bold>[^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])"
    r"|(?<![\w_])_(?P<italic>[^\s_](?:[^_\n]*[^\s_])?)_(?![\w_])"
    r"|(?<![\w~])~(?P<strike>[^\s~](?:[^~\n]*[^\s~])?)~(?![\w~])",
    re.DOTALL,
)
_STYLES = {"bold": BOLD, "italic": ITALIC, "strike": STRIKE}


def runs(text: str, base: Style) -> list[Run]:
    """Split a message's text into runs over ``base``; unbalanced marks stay as they were typed."""
    if not any(mark in text for mark in "*_~`:."):
        return [(text, base)]
    found: list[Run] = []
    at = 0
    for match in _TOKEN.finditer(text):
        if match.start() > at:
            found.append((text[at : match.start()], base))
        at = match.end()
        kind = match.lastgroup or ""
        inner = match[kind]
        if kind in _STYLES:
            found += runs(inner, base + _STYLES[kind])
        else:
            found.append((inner, base + (LINK if kind == "link" else CODE)))
    if at < len(text):
        found.append((text[at:], base))
    return found


def bare(text: str) -> str:
    """Give a text without its marks, for quotes and lists."""
    return "".join(part for part, _ in runs(text, Style.null()))

"""The styles of all text, worked out from a theme's colours once, for every widget.

Textual's component classes would do, but each costs a node that is styled anew with every change of its widget.
"""

from collections.abc import Mapping

from rich.style import Style
from textual.color import Color

PEOPLE = 6
"""Colours that names are told apart by; never the only thing that tells."""


def looks(colours: Mapping[str, str]) -> dict[str, Style]:
    """Give every style by its name.

    Args:
        colours: a theme's variables, as ``App.theme_variables`` has them.
    """
    ink = {
        name: Color.parse(colours[name])
        for name in ("primary", "secondary", "accent", "success", "warning", "error")
    }
    ground = Color.parse(colours["background"])
    text = Color.parse(colours["foreground"])

    def coloured(name: str, *, bold: bool = False) -> Style:
        return Style(color=ink[name].rich_color, bold=bold or None)

    faint = Style(color=ground.blend(text, 0.62).rich_color)
    people = [
        readable(ink[name], ground, text) for name in ("primary", "accent", "success", "error", "secondary")
    ]
    return {
        "dim": faint,
        "strong": Style(bold=True),
        "accent": coloured("accent", bold=True),
        "good": coloured("success", bold=True),
        "warn": coloured("warning"),
        "bad": coloured("error", bold=True),
        "picked": Style(bgcolor=ground.blend(ink["primary"], 0.35).rich_color),
        "own": coloured("success"),
        "other": coloured("primary"),
        "divider": faint,
        "seam": coloured("success"),
        "unread": coloured("warning"),
        "quote": faint,
        "chip": coloured("accent"),
        "system": faint + Style(italic=True),
        "tag": faint,
        "read": Style(color=readable(ink["primary"], ground, text).rich_color, bold=True),
        "failed": coloured("error", bold=True),
        "selected": Style(bgcolor=ground.blend(ink["primary"], 0.3).rich_color),
        **{f"name{number}": Style(color=colour.rich_color) for number, colour in enumerate([*people, text])},
    }


def readable(colour: Color, ground: Color, text: Color) -> Color:
    """Bring a colour nearer to the text's until it stands out from the ground (contrast 4.5, as WCAG asks)."""
    for step in range(10):
        mixed = colour.blend(text, step / 10)
        if contrast(mixed, ground) >= 4.5:
            return mixed
    return text


def contrast(one: Color, other: Color) -> float:
    """Give the contrast ratio of two colours, 1 to 21, as WCAG 2 defines it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

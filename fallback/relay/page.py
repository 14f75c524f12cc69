"""The pages that people open: how the relay stands, and the button that acknowledges an alert; no script, nothing loaded."""

import datetime as dt
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from fallback.locale import RIGHT_TO_LEFT, load

if TYPE_CHECKING:
    from fallback.relay.status import Status

STYLE = """
:root{color-scheme:light dark}
body{margin:0 auto;max-width:44rem;padding:1rem;font:1rem/1.6 system-ui,"Noto Sans Arabic",sans-serif}
h1{font-size:1.4rem}table{border-collapse:collapse;width:100%}
th,td{padding:.3rem .6rem;text-align:start;border-bottom:1px solid #8888;vertical-align:top}
.ill{font-weight:bold}button{font:inherit;padding:.8rem 1.6rem}
"""
Text = Callable[..., str]


def language_of(accepted: str) -> str:
    """Choose Arabic or English by a browser's ``Accept-Language``."""
    weights: dict[str, float] = {}
    for part in accepted.split(",")[:16]:
        name, _, weight = part.strip().partition(";q=")
        try:
            weights.setdefault(name[:2].lower(), float(weight or 1))
        except ValueError:
            continue
    return "ar" if weights.get("ar", 0.0) > weights.get("en", 0.0) else "en"


def status_page(now: "Status", language: str) -> str:
    """Show how a relay stands."""
    tr = load(language).text
    synced = tr("never") if not now.synced else tr("{seconds} s ago", seconds=round(now.synced_ago))
    rows = [
        (tr("WhatsApp"), f"{now.health.state.value} {now.health.why}"),
        (tr("Outage since"), _moment(now.outage) if now.outage else tr("none")),
        (tr("Connector"), f"{now.connector}: {now.connector_state.value}"),
        (tr("Homeserver's last answer"), synced),
        (tr("Waiting"), ", ".join(f"{count} → {target}" for target, count in now.lanes.items())),
        (tr("Stuck"), str(now.stuck)),
        (tr("Mirroring"), tr("paused") if now.paused else tr("yes")),
        (tr("Groups"), "\n".join(one.name for one in now.groups)),
    ]
    ills = "".join(f'<p class="ill" dir="auto">⚠ {escape(ill)}</p>' for ill in now.ills)
    table = "".join(f"<tr><th>{escape(name)}</th><td>{_lines(value)}</td></tr>" for name, value in rows)
    return _page(tr("The relay"), f"{ills}<table>{table}</table>", language)


def question_page(language: str) -> str:
    """Ask whether the reader has seen the alert: a preview that opens the link presses no button."""
    tr = load(language).text
    button = f'<form method="post"><button>{escape(tr("I have seen it"))}</button></form>'
    return _page(
        tr("WhatsApp is down"),
        f"<p>{escape(tr('Your team meets in the Matrix room.'))}</p>{button}",
        language,
    )


def thanks_page(language: str) -> str:
    """Say that no more alerts come."""
    tr = load(language).text
    return _page(
        tr("Thank you"), f"<p>{escape(tr('You get no more alerts about this outage.'))}</p>", language
    )


def refused_page(language: str) -> str:
    """Say that a link does not work."""
    tr = load(language).text
    hint = tr("The link is too old, was used, or is none of ours. Write one word in the room instead.")
    return _page(tr("This link does not work"), f"<p>{escape(hint)}</p>", language)


def _page(title: str, body: str, language: str) -> str:
    direction = "rtl" if language in RIGHT_TO_LEFT else "ltr"
    return (
        f'<!doctype html>\n<html lang="{language}" dir="{direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )


def _lines(text: str) -> str:
    return "<br>".join(f"<bdi>{escape(line)}</bdi>" for line in text.split("\n"))


def _moment(at: int) -> str:
    return dt.datetime.fromtimestamp(at / 1000, tz=dt.UTC).strftime("%Y-%m-%d %H:%M UTC")

"""Past outages: episodes of the log of verdicts, as a table, as CSV and as one page with a timeline."""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Sequence
from html import escape

from fallback.core.events import Frozen
from fallback.core.health import Cause, Health, State

_WIDTH, _HEIGHT, _MARGIN = 720, 90, 20
_COLUMNS = ("kind", "began", "ended", "minutes", "noticed_after_s", "cause", "reached", "expected", "why")
_COLOURS = {"outage": "#c62828", "drill": "#1565c0"}


class Outage(Frozen, frozen=True):
    """One outage; times in seconds since the epoch.

    Args:
        sign: the first bad verdict before the team moved.
        down: when the team moved.
        up: when it was told to come back; ``None`` while it is on.
    """

    sign: float
    down: float
    up: float | None = None
    cause: Cause | None = None
    why: str = ""

    @property
    def noticed_after(self) -> float:
        """Seconds from the first bad verdict to the move."""
        return self.down - self.sign


class Entry(Frozen, frozen=True):
    """A line of the report: an outage or a drill, and how many of the members it reached."""

    kind: str
    began: float
    ended: float | None
    reached: int
    expected: int
    noticed_after: float = 0.0
    cause: Cause | None = None
    why: str = ""

    @property
    def minutes(self) -> int | None:
        """How long it lasted; ``None`` while it is on."""
        return None if self.ended is None else max(1, round((self.ended - self.began) / 60))


def outages(log: Iterable[Health]) -> tuple[Outage, ...]:
    """Find the outages in a log of verdicts, oldest first; only UP ends one, so a relapse is the same outage."""
    found: list[Outage] = []
    sign: float | None = None
    on: Outage | None = None
    for health in log:
        match health.state:
            case State.DOWN if on is None:
                on = Outage(health.at if sign is None else sign, health.at, None, health.cause, health.why)
            case State.DEGRADED if sign is None:
                sign = health.at
            case State.UP:
                if on is not None:
                    found.append(Outage(on.sign, on.down, health.at, on.cause, on.why))
                sign = on = None
            case _:
                pass
    return (*found, on) if on is not None else tuple(found)


def line(entry: Entry) -> str:
    """Write an entry for a terminal."""
    span = "still on" if entry.minutes is None else f"{entry.minutes} min"
    told = [f"{moment(entry.began)}  {entry.kind}  {span}", f"reached {entry.reached} of {entry.expected}"]
    if entry.kind == "outage":
        told.insert(1, f"noticed after {entry.noticed_after:.0f} s")
        told += [entry.cause.value] if entry.cause else []
    return ", ".join(told) + (f": {entry.why}" if entry.why else "")


def as_csv(entries: Sequence[Entry]) -> str:
    """Write entries as CSV."""
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(_COLUMNS)
    for one in entries:
        ended = "" if one.ended is None else moment(one.ended)
        cause = one.cause.value if one.cause else ""
        noticed = round(one.noticed_after)
        why = f"'{one.why}" if one.why.startswith(("=", "+", "-", "@")) else one.why
        told = (
            one.kind,
            moment(one.began),
            ended,
            one.minutes,
            noticed,
            cause,
            one.reached,
            one.expected,
            why,
        )
        table.writerow(told)
    return out.getvalue()


def as_page(entries: Sequence[Entry], now: float) -> str:
    """Write entries as one HTML page that loads nothing."""
    rows = "".join(
        f"<tr><td>{moment(one.began)}</td><td>{escape(one.kind)}</td><td>{one.minutes or 'still on'}</td>"
        f"<td>{one.noticed_after:.0f}</td><td>{one.cause.value if one.cause else ''}</td>"
        f"<td>{one.reached} / {one.expected}</td><td><bdi>{escape(one.why)}</bdi></td></tr>"
        for one in entries
    )
    heads = ("began (UTC)", "kind", "minutes", "noticed after (s)", "cause", "reached", "why")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Outages</title><style>body{{font:1rem/1.5 system-ui,sans-serif;margin:1rem auto;max-width:60rem;padding:0 1rem}}
table{{border-collapse:collapse;width:100%}}td,th{{border-bottom:1px solid #ccc;padding:.3rem;text-align:start}}
svg{{width:100%;height:auto}}</style></head><body><h1>Outages and drills</h1>
{timeline(entries, now)}
<table><thead><tr>{"".join(f"<th>{head}</th>" for head in heads)}</tr></thead><tbody>{rows}</tbody></table>
</body></html>
"""


def timeline(entries: Sequence[Entry], now: float) -> str:
    """Draw entries on one axis of time as an ``svg`` element: outages red, drills blue."""
    begin = min((one.began for one in entries), default=now)
    span = max(now - begin, 1.0)
    scale = (_WIDTH - 2 * _MARGIN) / span
    bars = "".join(
        f'<rect x="{_MARGIN + (one.began - begin) * scale:.1f}" y="20"'
        f' width="{max(3.0, ((now if one.ended is None else one.ended) - one.began) * scale):.1f}" height="36"'
        f' fill="{_COLOURS[one.kind]}"><title>{escape(line(one))}</title></rect>'
        for one in entries
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Timeline">'
        f'<line x1="{_MARGIN}" y1="56" x2="{_WIDTH - _MARGIN}" y2="56" stroke="#555"/>{bars}'
        f'<text x="{_MARGIN}" y="76" font-size="12">{moment(begin)}</text>'
        f'<text x="{_WIDTH - _MARGIN}" y="76" font-size="12" text-anchor="end">{moment(now)}</text></svg>'
    )


def moment(at: float) -> str:
    """Write a time, UTC."""
    return dt.datetime.fromtimestamp(at, tz=dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")

"""Decides which date field is the day, from all that a whole file says."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Final

import msgspec

from fallback.networks.whatsapp.dates import ORDERS, Date, read_date, to_day
from fallback.networks.whatsapp.headers import Shape

_MAX_RUNS: Final = 200_000
_FILE_DATE: Final = re.compile(
    rb"(?:(?:IMG|VID|PTT|AUD|STK|DOC)-(20\d\d)(\d\d)(\d\d)-WA\d|[0-9]{8}-[A-Z]+-(20\d\d)-(\d\d)-(\d\d)-\d\d-\d\d-\d\d)"
)
_YEAR_FIRST: Final = frozenset({"zh-Hans", "zh-Hant", "ja", "ko", "hu", "lt", "sv", "fa", "af", "si", "mn"})


class DateOrder(msgspec.Struct, frozen=True):
    """Which reading of the dates was chosen, and why.

    Args:
        order: ``DMY``, ``MDY`` or ``YMD``.
        evidence: sentences, the strongest first.
        open: nothing in the file decides; the order is a guess from habits of the language.
    """

    order: str
    evidence: tuple[str, ...]
    open: bool = False


class Dates:
    """All dates of a file in order, as runs; bounded, however the file is made."""

    def __init__(self, this_year: int) -> None:
        self.counts: Counter[bytes] = Counter()
        self.runs: list[Date] = []
        self._this_year = this_year
        self._last = b""

    def feed(self, dates: list[bytes]) -> None:
        """Add the dates of the next records."""
        self.counts.update(dates)
        runs = [text for text, _ in groupby(dates)]
        start = 1 if runs[0] == self._last else 0
        self._last = runs[-1]
        left = _MAX_RUNS - len(self.runs)
        self.runs += [read_date(text, self._this_year) for text in runs[start : start + left]]

    def read(self) -> list[tuple[Date, int]]:
        """Give every date with how often it stands."""
        return [(read_date(text, self._this_year), count) for text, count in self.counts.items()]


def decide(
    dates: Dates,
    shape: Shape,
    language: str,
    this_year: int,
    bodies: Iterator[tuple[bytes, bytes]] | None = None,
    *,
    capital: bool = True,
) -> DateOrder:
    """Choose the date order.

    Args:
        capital: AM and PM stand in capitals, as in the United States; Britain and India write am and pm.
        bodies: (date, body) of every record, read only where the dates alone don't decide.
    """
    year = shape.year
    read = dates.read()
    if year == -1:
        year = next((date.year for date, _ in read if date.year != -1), -1)
    total = dates.counts.total()
    options = [o for o in ORDERS if year == -1 or o.index("Y") == year]
    if year == 1 or not options:
        options = list(ORDERS)
    if options == ["YMD"]:
        return DateOrder("YMD", ("the year stands first",))
    bad = {o: _impossible(read, o) for o in options}
    best = min(options, key=lambda o: bad[o])
    rest = [o for o in options if o != best]
    tolerance = max(2 * bad[best], bad[best] + total // 1000)
    left = [o for o in options if bad[o] <= tolerance]
    if len(left) == 1:
        why = tuple(f"{bad[o]:,} of {total:,} dates do not exist as {o}" for o in rest)
        return DateOrder(best, why)
    weighed = _weigh(dates.runs, left, this_year, bodies)
    return weighed or _habit(left, shape, language, capital=capital)


def certain(dates: Dates, shape: Shape, this_year: int) -> bool:
    """Say whether the dates so far allow one order alone, beyond doubt."""
    order = decide(dates, shape, "", this_year)
    if order.open:
        return False
    others = [o for o in ORDERS if o != order.order and shape.year in {-1, o.index("Y")}]
    read = dates.read()
    return _impossible(read, order.order) == 0 and all(_impossible(read, o) >= 100 for o in others)


def _impossible(read: list[tuple[Date, int]], order: str) -> int:
    """Count the records whose date does not exist in an order."""
    at = ORDERS.index(order)
    return sum(count for date, count in read if date.days[at] == -1)


def _weigh(
    runs: list[Date], options: list[str], this_year: int, bodies: Iterator[tuple[bytes, bytes]] | None
) -> DateOrder | None:
    votes = _file_votes(bodies, options, this_year) if bodies is not None else Counter()
    if votes:
        (best, most), *others = votes.most_common()
        if not others or most > 2 * others[0][1]:
            return DateOrder(best, (f"{most:,} media names carry the date of their message read as {best}",))
    days = {o: [date.day(o) for date in runs] for o in options}
    back = {o: sum(b < a for a, b in pairwise(days[o])) for o in options}
    best = min(options, key=lambda o: back[o])
    others_back = min(back[o] for o in options if o != best)
    if others_back >= 2 + 2 * back[best]:
        why = f"time runs backwards {back[best]} times as {best}, {others_back} times otherwise"
        return DateOrder(best, (why,))
    span = {o: max(days[o], default=0) - min(days[o], default=0) for o in options}
    changes = [sum(a.numbers[i] != b.numbers[i] for a, b in pairwise(runs)) for i in range(3)]
    fast = {o: changes[o.index("D")] for o in options}
    best = max(options, key=lambda o: (fast[o], -span[o]))
    second = max(fast[o] for o in options if o != best)
    if fast[best] >= 3 and fast[best] >= 2 * second + 2:
        why = f"the field that would be the day changes {fast[best]} times, the other one {second} times"
        return DateOrder(best, (why,))
    return None


def _file_votes(bodies: Iterator[tuple[bytes, bytes]], options: list[str], this_year: int) -> Counter[str]:
    """Count, for each order, the media whose name carries the day of the record that holds them."""
    votes: Counter[str] = Counter()
    for text, body in bodies:
        if b"-WA" not in body and b"-20" not in body:
            continue
        match = _FILE_DATE.search(body)
        if match is None:
            continue
        year, month, day = (int(g) for g in match.groups() if g)
        wanted = to_day((year, month, day), "YMD", this_year)
        stated = read_date(text, this_year)
        fits = [o for o in options if wanted != -1 and stated.day(o) == wanted]
        if len(fits) == 1:
            votes[fits[0]] += 1
    return votes


def _habit(options: list[str], shape: Shape, language: str, *, capital: bool) -> DateOrder:
    """Guess by what the language and the shape of the header are used to."""
    american = shape.separators[0] == "/" and language in {"", "en", "fil"} and shape.year == -1
    order, why = options[0], "the first reading that is possible"
    if "MDY" in options and american and capital and "\0" in shape.tail:
        order, why = "MDY", "two-digit years with AM and PM are the habit of the United States"
    elif "YMD" in options and language in _YEAR_FIRST:
        order, why = "YMD", "the language puts the year first"
    elif "DMY" in options:
        order, why = "DMY", "most languages put the day first"
    return DateOrder(order, ("nothing in the file decides", why), open=True)

"""Turns the date and time of a header into a local moment, in every calendar that phones use."""

import calendar
import functools
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from fallback.networks.whatsapp.dialects.periods import AFTERNOON, MORNING, NIGHT, NOON
from fallback.networks.whatsapp.headers import MARKS, find_period, normalise

ORDERS: Final = ("DMY", "MDY", "YMD")
_PLACES: Final = {order: (order.index("Y"), order.index("M"), order.index("D")) for order in ORDERS}
_MARK: Final = f"(?:{MARKS.pattern})?"
_PLAIN_DATE: Final = re.compile(r"[/.\-]".join([rf"{_MARK}(\d{{1,4}}){_MARK}"] * 3))
_NUMBER: Final = re.compile(r"([A-Z]{1,2}|令和|平成|昭和)?([0-9]{1,4})")
_ERAS: Final = {"R": 2018, "令和": 2018, "H": 1988, "平成": 1988, "S": 1925, "昭和": 1925}
_CLOCK: Final = re.compile(r"[0-9]+(?:(?: ?h ?|[:.])[0-9]+)*")
_USUAL: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:[ \u00a0\u202f]([^\W\d_]{1,4}))?")
_END: Final = re.compile(r"(\d\d)(\D*)")
_HALVES: Final = dict.fromkeys(MORNING, 0) | dict.fromkeys(AFTERNOON, 12)
_DAY: Final = 86400
_MANY_TIMES: Final = 1 << 17
_EPOCH: Final = date(1970, 1, 1).toordinal()
FIRST_YEAR: Final = 2009
"""The year in which WhatsApp appeared: an earlier one is a misreading."""


@functools.lru_cache(1 << 14)
def fields(raw: bytes) -> tuple[tuple[int, int, int], int]:
    """Read the three numbers of a date; an era becomes its Gregorian year.

    Returns:
        The numbers as they stand, and the index of the field with an era or four digits, or -1.
    """
    text = raw.decode("utf-8", "replace")
    usual = _PLAIN_DATE.fullmatch(text)
    if usual is not None:
        first, second, third = usual.groups()
        year = 2 if len(third) == 4 else 1 if len(second) == 4 else 0 if len(first) == 4 else -1
        return (int(first), int(second), int(third)), year
    numbers, year = [], -1
    for i, (era, digits) in enumerate(_NUMBER.findall(normalise(text))[:3]):
        value = int(digits)
        if era in _ERAS:
            value, year = value + _ERAS[era], i
        elif len(digits) == 4:
            year = i
        numbers.append(value)
    if len(numbers) != 3:
        return (0, 0, 0), -1
    return (numbers[0], numbers[1], numbers[2]), year


@functools.lru_cache(1 << 14)
def to_day(numbers: tuple[int, int, int], order: str, this_year: int) -> int:
    """Give the day since 1970 of three date fields, or -1 where there is no such day."""
    at = _PLACES[order]
    year, month, day = numbers[at[0]], numbers[at[1]], numbers[at[2]]
    if 1300 <= year <= 1500:
        return _solar_hijri(year, month, day)
    if 2400 <= year <= 2700:
        year -= 543
    elif year < 100:
        year += 2000
        if year > this_year + 1:
            year -= 43
    if not FIRST_YEAR - 1 <= year <= this_year + 1:
        return -1
    start, length = _month(year, month)
    return start + day if 0 < day <= length else -1


@functools.lru_cache(1 << 10)
def _month(year: int, month: int) -> tuple[int, int]:
    """Give the day since 1970 before a month's first, and the month's length: 0 for a month that does not exist."""
    if not 1 <= month <= 12:
        return 0, 0
    return date(year, month, 1).toordinal() - _EPOCH - 1, calendar.monthrange(year, month)[1]


def exists(numbers: tuple[int, int, int], this_year: int) -> bool:
    """Say whether three date fields are a day in any order."""
    return any(to_day(numbers, order, this_year) >= 0 for order in ORDERS)


def _solar_hijri(year: int, month: int, day: int) -> int:
    """Convert a day of the Persian calendar by its 33-year cycle (exact from 1206 to 1502)."""
    if not (1 <= month <= 12 and 1 <= day <= (31 if month <= 6 else 30)):
        return -1
    passed = 365 * (year - 1375) + _leaps(year) - _leaps(1375)
    new_year = date(1996, 3, 20).toordinal() + passed
    before = (month - 1) * 31 - max(0, month - 7)
    return new_year + before + day - 1 - _EPOCH


def _leaps(year: int) -> int:
    """Count Persian leap years before ``year`` since year 1."""
    leap = (1, 5, 9, 13, 17, 22, 26, 30)
    full, rest = divmod(year - 1, 33)
    return full * 8 + sum(1 for y in leap if y <= rest)


def plain_seconds(time: bytes) -> int:
    """Read the usual forms of a time quickly, in digits of any script; -1 for all that ``to_seconds`` must read."""
    found = _USUAL.fullmatch(time.decode("utf-8", "replace"))
    if found is None:
        return -1
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if hour > 23 or minute > 59 or second > 59:
        return -1
    if found[4]:
        half = _HALVES.get(found[4])
        if half is None or hour > 12:
            return -1
        hour = hour % 12 + half
    return hour * 3600 + minute * 60 + second


def to_seconds(text: str, words: dict[str, str]) -> int:
    """Give the seconds since midnight of a header's time, or -1 where it is none.

    Args:
        words: day-period words learnt from the file.
    """
    plain = normalise(text)
    numbers = [int(n) for n in re.findall(r"[0-9]+", plain)]
    if not 2 <= len(numbers) <= 3:
        return -1
    hour, minute, second = (*numbers, 0)[:3]
    if hour > 24 or minute > 59 or second > 60:
        return -1
    word = find_period(_CLOCK.sub(" ", plain))
    if not word:
        word = next((w for w in words if w in plain), "")
    meaning = words.get(word, "")
    if word and hour <= 12:
        hour = _hour(hour, word, meaning)
    elif not word and re.search(r"[^\W\d_]{2,}", re.sub(r"min|klo", "", plain)):
        return -1
    return (hour % 24) * 3600 + minute * 60 + min(second, 59)


class Clock:
    """Reads the times of one file; those that differ in their last two digits alone are read once.

    Args:
        words: day-period words learnt from the file.
        seconds: a time ends with its seconds, not with its minutes.
    """

    def __init__(self, words: dict[str, str], *, seconds: bool) -> None:
        self._known: dict[bytes, int] = {}
        self._words = words
        self._unit = 1 if seconds else 60
        self._cut = 0
        self._ends: dict[bytes, tuple[int, dict[bytes, int]]] = {}
        self._starts: dict[str, dict[bytes, int]] = {}

    @property
    def capital(self) -> bool:
        """Say whether AM or PM stood in capitals in a time so far."""
        seen = (*self._starts, *(time.decode("utf-8", "replace") for time in self._known))
        return any("AM" in text or "PM" in text for text in seen)

    def read(self, times: list[bytes]) -> list[int]:
        """Give the seconds since midnight of times, -1 for what is none."""
        known = self._known
        if self._unit != 1:
            for time in set(times).difference(known):
                known[time] = self._new(time)
            return [known[time] for time in times]
        # nearly every time with seconds is new: looking up its two halves is faster than remembering it
        self._cut = self._cut or len(times[0]) - times[0].rfind(b":") - 1
        cut, ends, found = self._cut, self._ends, []
        for time in times:
            try:
                last, starts = ends[time[-cut:]]
                found.append(starts[time[:-cut]] + last)
            except KeyError:
                found.append(known[time] if time in known else self._new(time))
        return found

    def _new(self, time: bytes) -> int:
        """Read a time whose start or end is new, and remember both, or the whole where it has other parts."""
        cut = self._cut or len(time) - time.rfind(b":") - 1
        start, end = time[:-cut], time[-cut:]
        last, starts = self._ends.get(end) or self._end(end)
        if start in starts:
            return starts[start] + last
        seconds = self._whole(time)
        if last >= 0 and seconds >= 0 and start:
            starts[start] = seconds - last
        elif len(self._known) < _MANY_TIMES:
            self._known[time] = seconds
        return seconds

    def _end(self, end: bytes) -> tuple[int, dict[bytes, int]]:
        """Read the last two digits, and find what stood before the same word ("05 PM")."""
        found = _END.fullmatch(end.decode("utf-8", "replace"))
        if found is None or int(found[1]) > 59:
            return -1, {}
        made = self._ends[end] = int(found[1]) * self._unit, self._starts.setdefault(found[2], {})
        return made

    def _whole(self, time: bytes) -> int:
        seconds = plain_seconds(time)
        return seconds if seconds >= 0 else to_seconds(time.decode("utf-8", "replace"), self._words)


def _hour(hour: int, word: str, meaning: str) -> int:
    if meaning == "am" or word in MORNING:
        return hour % 12
    if meaning == "pm" or word in AFTERNOON:
        return hour % 12 + 12
    if word in NOON:
        return hour if hour >= 10 else hour + 12
    if word in NIGHT:
        return hour % 12 if hour == 12 or hour < 6 else hour + 12
    return hour


class Zone:
    """Local wall time to UTC, with an hour that occurs twice resolved by the file's order."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._flat: dict[int, int | None] = {}
        self._last = 0

    def to_utc(self, local: int) -> int:
        """Give the UTC seconds of local seconds since 1970."""
        day = local // _DAY
        offset = self._flat.get(day, -1)
        if offset == -1:
            offset = self._flat[day] = self._whole_day(day)
        if offset is None:
            return self._by_order(local)
        self._last = local - offset
        return self._last

    def _offset(self, local: int, fold: int) -> int:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=local)
        delta = moment.replace(tzinfo=self.zone, fold=fold).utcoffset()
        return int(delta.total_seconds()) if delta is not None else 0

    def _whole_day(self, day: int) -> int | None:
        start, end = self._offset(day * _DAY, 0), self._offset(day * _DAY + _DAY - 1, 1)
        return start if start == end else None

    def _by_order(self, local: int) -> int:
        early, late = local - self._offset(local, 0), local - self._offset(local, 1)
        first, second = min(early, late), max(early, late)
        chosen = first if first >= self._last or first == second else second
        self._last = max(self._last, chosen)
        return chosen


def iso(local: int) -> str:
    """Write local seconds as ``YYYY-MM-DDTHH:MM:SS``."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=local)).strftime("%Y-%m-%dT%H:%M:%S")

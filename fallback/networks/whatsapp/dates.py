"""Reads the dates of headers in every order and every calendar that phones use."""

import calendar
import functools
import re
from datetime import date
from typing import Final

import msgspec

from fallback.networks.whatsapp.headers import normalise

Numbers = tuple[int, int, int]
ORDERS: Final = ("DMY", "MDY", "YMD")
FIRST_YEAR: Final = 2009
"""The year in which WhatsApp appeared: an earlier one is a misreading."""
_PLACES: Final = {order: (order.index("Y"), order.index("M"), order.index("D")) for order in ORDERS}
_NUMBER: Final = re.compile(r"([A-Z]{1,2}|令和|平成|昭和)?([0-9]{1,4})")
_ERAS: Final = {"R": 2018, "令和": 2018, "H": 1988, "平成": 1988, "S": 1925, "昭和": 1925}
_EPOCH: Final = date(1970, 1, 1).toordinal()


class Date(msgspec.Struct, frozen=True, gc=False):
    """A date as it stands, and what it may mean.

    Args:
        numbers: its three fields; an era has become its Gregorian year.
        year: index of the field with an era or four digits, or -1.
        days: days since 1970 as ``ORDERS`` read it, -1 where there is no such day.
    """

    numbers: Numbers
    year: int
    days: tuple[int, int, int]

    def day(self, order: str) -> int:
        """Give the day since 1970 that one order reads, or -1."""
        return self.days[ORDERS.index(order)]


@functools.lru_cache(1 << 14)
def read_date(raw: bytes, this_year: int) -> Date:
    """Read a date of a header in every order; dates beyond the next year do not exist."""
    numbers, year = _fields(raw.decode("utf-8", "replace"))
    first, second, third = numbers
    # a field of four digits is no day, one beyond twelve no month: hardly a date is looked up for all three orders
    days = (
        _day(third, second, first, this_year) if second <= 12 else -1,
        _day(third, first, second, this_year) if first <= 12 else -1,
        _day(first, second, third, this_year) if third <= 31 and second <= 12 else -1,
    )
    return Date(numbers, year, days)


def to_day(numbers: Numbers, order: str, this_year: int) -> int:
    """Give the day since 1970 of three date fields, or -1 where there is no such day."""
    year, month, day = _PLACES[order]
    return _day(numbers[year], numbers[month], numbers[day], this_year)


def _fields(text: str) -> tuple[Numbers, int]:
    """Give the three numbers, and the index of the field with an era or four digits, or -1."""
    if not text.isascii():
        text = text.replace("\u200f", "").replace("\u200e", "")
    # the usual dates, in digits of any script, without the expression that reads all others
    parts = text.replace("-", "/").replace(".", "/").split("/")
    if len(parts) == 3 and "".join(parts).isdecimal() and all(parts):
        first, second, third = parts
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


def _day(year: int, month: int, day: int, this_year: int) -> int:
    start, length = _month(year, month, this_year)
    return start + day if 0 < day <= length else -1


@functools.lru_cache(1 << 12)
def _month(year: int, month: int, this_year: int) -> tuple[int, int]:
    """Give the day since 1970 before a month's first, and its length: 0 for a month that does not exist."""
    if not 1 <= month <= 12:
        return 0, 0
    if 1300 <= year <= 1500:
        return _solar_hijri(year, month)
    if 2400 <= year <= 2700:
        year -= 543
    elif year < 100:
        year += 2000
        if year > this_year + 1:
            year -= 43
    if not FIRST_YEAR - 1 <= year <= this_year + 1:
        return 0, 0
    return date(year, month, 1).toordinal() - _EPOCH - 1, calendar.monthrange(year, month)[1]


def _solar_hijri(year: int, month: int) -> tuple[int, int]:
    """Place a month of the Persian calendar by its 33-year cycle (exact from 1206 to 1502)."""
    passed = 365 * (year - 1375) + _leaps(year) - _leaps(1375)
    new_year = date(1996, 3, 20).toordinal() + passed
    before = (month - 1) * 31 - max(0, month - 7)
    return new_year + before - 1 - _EPOCH, 31 if month <= 6 else 30


def _leaps(year: int) -> int:
    """Count Persian leap years before ``year`` since year 1."""
    leap = (1, 5, 9, 13, 17, 22, 26, 30)
    full, rest = divmod(year - 1, 33)
    return full * 8 + sum(1 for y in leap if y <= rest)

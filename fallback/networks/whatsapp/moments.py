"""Turns the time of a header into seconds, and local moments into those of UTC."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from operator import add, itemgetter
from typing import Final

from fallback.networks.whatsapp.dialects.periods import AFTERNOON, MORNING, NIGHT, NOON
from fallback.networks.whatsapp.headers import find_period, normalise

_CLOCK: Final = re.compile(r"[0-9]+(?:(?: ?h ?|[:.])[0-9]+)*")
_USUAL: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:[ \u00a0\u202f]([^\W\d_]{1,4}))?")
_END: Final = re.compile(r"(\d\d)(\D*)")
_HALVES: Final = dict.fromkeys(MORNING, 0) | dict.fromkeys(AFTERNOON, 12)
_DAY: Final = 86400
_ONE_O_CLOCK: Final = 13 * 3600
_MANY_TIMES: Final = 1 << 17
_NEITHER: Final = -2 * _DAY
"""Half of a time that is none: with any other half it stays below 0."""


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


class _Learnt(dict[bytes, int]):
    """Remembers what was read; what is new is read when it is looked up."""

    def __init__(self, read: Callable[[bytes], int]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: bytes) -> int:
        if len(self) >= _MANY_TIMES:
            self.clear()
        found = self[text] = self._read(text)
        return found


class _Halves:
    """Adds times up from what stands before and after their last colon.

    Nearly every time with seconds is new, hardly any half of one is.

    Args:
        sample: a time of the file; where it ends with a day-period word, its hours are those of half a day.
    """

    def __init__(self, sample: bytes, words: dict[str, str]) -> None:
        cut = len(sample) - sample.rfind(b":") - 1
        self._words = words
        self._twelve = not sample[-cut:].decode("utf-8", "replace").isdecimal()
        self._start, self._end = itemgetter(slice(-cut)), itemgetter(slice(-cut, None))
        self._starts = _Learnt(self._read_start)
        self.ends = _Learnt(self._read_end)

    def read(self, times: list[bytes]) -> list[int]:
        """Give the seconds since midnight of times, less than 0 for those that only their whole tells."""
        starts = map(self._starts.__getitem__, map(self._start, times))
        return list(map(add, starts, map(self.ends.__getitem__, map(self._end, times))))

    def _read_start(self, start: bytes) -> int:
        if not start.endswith(b":"):
            return _NEITHER
        whole = start + b"00"
        seconds = plain_seconds(whole)
        if self._twelve:
            return seconds % (_DAY // 2) if 0 <= seconds < _ONE_O_CLOCK else _NEITHER
        if seconds < 0:
            seconds = to_seconds(whole.decode("utf-8", "replace"), self._words)
        return seconds if seconds >= 0 else _NEITHER

    def _read_end(self, end: bytes) -> int:
        found = _END.fullmatch(normalise(end.decode("utf-8", "replace")))
        if found is None or int(found[1]) > 59:
            return _NEITHER
        half = _HALVES.get(found[2].strip(" ")) if self._twelve else 0
        return int(found[1]) + half * 3600 if half is not None else _NEITHER


class Clock:
    """Reads the times of one file, each part of them once.

    Args:
        words: day-period words learnt from the file.
        seconds: a time ends with its seconds, not with its minutes.
    """

    def __init__(self, words: dict[str, str], *, seconds: bool) -> None:
        self._words = words
        self._seconds = seconds
        self._whole = _Learnt(self._read)
        self._halves: _Halves | None = None

    @property
    def capital(self) -> bool:
        """Say whether AM or PM stood in capitals in a time so far."""
        seen = (*self._whole, *(self._halves.ends if self._halves is not None else ()))
        return any(b"AM" in time or b"PM" in time for time in seen)

    def read(self, times: list[bytes]) -> list[int]:
        """Give the seconds since midnight of times, -1 for what is none."""
        if not self._seconds:
            return list(map(self._whole.__getitem__, times))
        self._halves = self._halves or _Halves(times[0], self._words)
        found = self._halves.read(times)
        if min(found) < 0:
            whole = self._whole
            return [whole[time] if sum_ < 0 else sum_ for time, sum_ in zip(times, found, strict=True)]
        return found

    def _read(self, time: bytes) -> int:
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

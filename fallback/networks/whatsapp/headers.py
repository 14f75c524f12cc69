"""Learns the shape of a file's headers and turns it into one compiled pattern."""

import functools
import re
from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec

from fallback.networks.whatsapp.dialects.periods import AFTERNOON, MORNING, NIGHT, NOON

MARKS: Final = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]+")
_SPACES: Final = dict.fromkeys(map(ord, "\u00a0\u202f\u2009\u2007\u2008\u200a\u3000"), " ")
_ZEROS: Final = (
    0x660, 0x6F0, 0x966, 0x9E6, 0x1040, 0x7C0, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0,
    0x17E0, 0xFF10,
)  # fmt: skip
_DIGITS: Final = {zero + i: str(i) for zero in _ZEROS for i in range(10)}
_NORMAL: Final = _SPACES | _DIGITS

_ERA = "(?:[A-Z]{1,2}|令和|平成|昭和|民國)?"
_NUMBER = f"{_ERA}[0-9]{{1,4}}"
_SEPARATOR = r"\. ?|[/\-年月]|년 ?|월 ?"
_DATE = f"(?:AP ?)?(?P<a>{_NUMBER})(?P<s1>{_SEPARATOR})(?P<b>{_NUMBER})(?P<s2>{_SEPARATOR})(?P<c>{_NUMBER})"
_CLOCK = (
    "(?P<hour>[0-9]{1,2})(?P<t1> ?h ?|[:.])(?P<minute>[0-9]{1,2})"
    "(?:(?P<t2> ?min ?|[:.])(?P<second>[0-9]{1,2})(?P<t3> ?s)?)?"
)
_GAP = r"(?P<gap>[^0-9\n\[\]]{1,24}?)"
_TAIL = r"(?P<tail>[^0-9\n\[\]]{0,24}?)"
_BRACKET = re.compile(rf"\[ ?(?:{_DATE}{_GAP}{_CLOCK}{_TAIL})(?P<close>\] ?)")
_BRACKET_TIME = re.compile(rf"\[ ?(?:{_CLOCK}{_GAP}{_DATE}{_TAIL})(?P<close>\] ?)")
_PLAIN = re.compile(rf"(?:{_DATE}{_GAP}{_CLOCK}{_TAIL})(?P<close> [-–—] |: )")
_PLAIN_TIME = re.compile(rf"(?:{_CLOCK}{_GAP}{_DATE}{_TAIL})(?P<close> [-–—] |: )")
_BARE = re.compile(rf"(?:{_DATE}{_GAP}{_CLOCK}{_TAIL})(?P<close> )(?=[^\s:][^:\n]{{0,80}}: )")
_CANDIDATES = ((_BRACKET, False), (_BRACKET_TIME, True), (_PLAIN, False), (_PLAIN_TIME, True), (_BARE, False))

_MARK_BYTES = rb"(?:\xe2\x80[\x8e\x8f\xaa-\xae]|\xd8\x9c|\xe2\x81[\xa6-\xa9]|\xef\xbb\xbf)"
_SPACE_BYTES = rb"(?: |\xc2\xa0|\xe2\x80[\xaf\x87-\x8a]|\xe3\x80\x80)"
_PERIOD_BYTES = rb"[^\n\[\]0-9]{1,40}?"
_SENDER_BYTES = rb"(?:([^:\r\n]++):(?: |(?=\r?\n))|)"  # ``|)`` and not ``)?``: the engine then keeps no stack
_PERIOD = "\0"
_ENOUGH: Final = 250
_PERIOD_WORDS: Final = MORNING | AFTERNOON | NOON | NIGHT


class Shape(msgspec.Struct, frozen=True):
    """The skeleton of a header: all that is the same in every record of one file.

    Args:
        first: the literal before the date (``AP `` in Pashto), else empty.
        gap, tail: what stands between date and time and after them; NUL holds the place of a day-period word.
        clock: separators inside the time, the second and third empty where there are no seconds.
        year: which date field has four digits, or -1.
        zero: code point of the digit zero.
    """

    bracket: bool
    time_first: bool
    first: str
    separators: tuple[str, str]
    gap: str
    clock: tuple[str, str, str]
    tail: str
    close: str
    year: int
    zero: int

    @property
    def seconds(self) -> bool:
        """Say whether the header tells seconds."""
        return bool(self.clock[1])

    @property
    def platform(self) -> str:
        """Name the app that writes this shape."""
        return "ios" if self.bracket or self.close.startswith(":") else "android"


class Header(msgspec.Struct, frozen=True):
    """A file's learnt header.

    Args:
        exact: the pattern after the line end as the sample's headers stand, mark for mark; fast.
        loose: the same with any marks and any spaces; for the headers that ``exact`` misses.
        words: day-period words that no table knows, learnt from the file: word -> "am" or "pm".
        seen: how many headers of this shape the sample held.
    """

    shape: Shape
    exact: bytes
    loose: bytes
    words: dict[str, str]
    seen: int

    def compile(self, terminator: bytes, *, loose: bool = False) -> "re.Pattern[bytes]":
        """Compile the one pattern that splits the file into records: groups date, time, label."""
        return re.compile(terminator + (self.loose if loose else self.exact))


def normalise(text: str) -> str:
    """Drop direction marks, make every space plain and every digit ASCII."""
    if text.isascii():
        return text
    return MARKS.sub("", text).translate(_NORMAL)


def learn(lines: list[bytes]) -> Header | None:
    """Find the shape that most header-like lines share; the file's first line weighs more."""
    counts: Counter[Shape] = Counter()
    heads: dict[Shape, Counter[str]] = {}
    samples: dict[Shape, list[tuple[str, str]]] = {}
    first = True
    seen: list[tuple[Shape, str, tuple[str, str]]] = []
    for line in lines:
        found = candidate(line)
        if found is None:
            first = first and not line.strip()
            continue
        if len(seen) >= _ENOUGH:
            break
        seen.append(found)
        shape, head, when = found
        counts[shape] += 4 if first else 1
        first = False
        heads.setdefault(shape, Counter())[_raw_skeleton(head, shape)] += 1
        samples.setdefault(shape, []).append(when)
    if not counts:
        return None
    shape = counts.most_common(1)[0][0]
    words: dict[str, str] = {}
    twin = _twin(shape, counts)
    if twin:
        words, shape = _unknown_words(shape, twin, samples)
    loose = _pattern(shape)
    exact = loose if twin else _exact(heads[shape], shape) or loose
    return Header(shape=shape, exact=exact, loose=loose, words=words, seen=len(seen))


def candidate(line: bytes) -> tuple[Shape, str, tuple[str, str]] | None:
    """Read one line as a header of any shape.

    Returns:
        The shape, the raw header and (date, time) in plain digits; ``None`` for a line that is none.
    """
    if len(line) < 10:
        return None
    raw = line[:200].decode("utf-8", "replace")
    zero = (
        48
        if raw[:14].isascii()
        else next((zero for zero in _ZEROS if any(zero <= ord(c) < zero + 10 for c in raw[:12])), 48)
    )
    text = normalise(raw[:110]).lstrip(" ") if raw[0] != " " else normalise(raw[:110])
    for pattern, starts_with_time in _CANDIDATES:
        match = pattern.match(text)
        if match and match["close"] == ": " and _has_word(match["tail"]) and _BARE.match(text):
            continue
        if match:
            time_first = starts_with_time
            break
    else:
        return None
    part = match.groupdict(default="")
    if int(part["minute"]) > 59 or int(part["hour"]) > 24:
        return None
    gap, tail = _mask(part["gap"]), _mask(part["tail"])
    if (gap.count(_PERIOD) and tail.count(_PERIOD)) or tail[:1].isalpha():
        return None
    numbers = [part["a"], part["b"], part["c"]]
    year = next((i for i, n in enumerate(numbers) if len(n) >= 4 and n[-4:].isdigit()), -1)
    shape = Shape(
        bracket=text[0] == "[",
        time_first=time_first,
        first="AP " if "AP " in text[:5] else "",
        separators=(part["s1"], part["s2"]),
        gap=gap,
        clock=(part["t1"], part["t2"], part["t3"]),
        tail=tail,
        close=part["close"].rstrip(" ") if text[0] == "[" else part["close"],
        year=year,
        zero=zero,
    )
    return shape, _head(raw, match.end()), ("/".join(numbers), f"{part['gap']}{part['hour']}{part['tail']}")


def find_period(text: str) -> str:
    """Find the longest day-period word in the gap or tail of a header; empty for none."""
    bare = text.strip(" ,،()-")
    if bare in _PERIOD_WORDS:
        return bare
    tokens = text.replace(",", " ").replace("،", " ").replace("(", " ").replace(")", " ").split(" ")
    best = ""
    for i in range(len(tokens)):
        for j in range(i + 1, len(tokens) + 1):
            word = " ".join(tokens[i:j]).strip()
            if len(word) > len(best) and word in _PERIOD_WORDS:
                best = word
    return best


def _head(raw: str, length: int) -> str:
    """Cut the raw header, marks and all, that became ``length`` plain characters."""
    if raw[:length].isascii():
        return raw[:length]
    seen = 0
    for i, character in enumerate(raw):
        if seen == length:
            return raw[:i]
        seen += 0 if MARKS.match(character) else 1
    return raw


def _has_word(tail: str) -> bool:
    return any(map(str.isalpha, tail)) and not find_period(tail)


@functools.lru_cache(512)
def _mask(text: str) -> str:
    word = find_period(text)
    if not word:
        return text
    at = text.rindex(word)
    return text[:at] + _PERIOD + text[at + len(word) :]


def _twin(shape: Shape, counts: Counter[Shape]) -> Shape | None:
    """Find a shape that differs by the word beside the time alone: a day period that no table knows."""
    for other, count in counts.most_common(6):
        if other == shape or count < 1:
            continue
        for field in ("gap", "tail"):
            mine, theirs = getattr(shape, field), getattr(other, field)
            if mine == theirs or _PERIOD in mine + theirs:
                continue
            if not (any(map(str.isalpha, mine)) and any(map(str.isalpha, theirs))):
                continue
            if msgspec.structs.replace(other, **{field: mine}) == shape:
                return other
    return None


def _unknown_words(
    shape: Shape, twin: Shape, samples: dict[Shape, list[tuple[str, str]]]
) -> tuple[dict[str, str], Shape]:
    field = "gap" if shape.gap != twin.gap else "tail"
    mine, theirs = getattr(shape, field), getattr(twin, field)
    letters = [c for c in mine if not c.isspace() and c not in ",،()"]
    start, end = mine.index(letters[0]), mine.rindex(letters[-1]) + 1
    first, second = mine[start:end], theirs.strip(" ,،()")
    last: dict[str, int] = {}
    for word, found in ((first, samples[shape]), (second, samples[twin])):
        hours = [int(re.sub(r"\D", "", when) or 0) for _, when in found]
        last[word] = sum(1 for hour in hours if 8 <= hour <= 11) * 2 - len(hours)
    morning = max(last, key=lambda word: last[word])
    words = {word: "am" if word == morning else "pm" for word in last}
    return words, msgspec.structs.replace(shape, **{field: mine[:start] + _PERIOD + mine[end:]})


_RUN: Final = re.compile("[0-9]+")
_LEAD_MARKS: Final = re.compile("^[\u200e\u200f\ufeff]+")


def _raw_skeleton(head: str, shape: Shape) -> str:
    """Replace a raw header's digits and day-period word, and keep every mark and space as it is.

    Returns:
        The skeleton: ``N`` numbers of one or two digits, ``Y`` the four-digit year, NUL the day-period word.
    """
    text = head if head.isascii() else _LEAD_MARKS.sub("", head.translate(_DIGITS))
    runs = list(_RUN.finditer(text))
    if _PERIOD in shape.gap + shape.tail:
        at = _word_at(text, runs, shape)
        if at is None:
            return ""
        text = text[: at[0]] + _PERIOD + text[at[1] :]
    return _RUN.sub(lambda run: "Y" if len(run[0]) > 2 else "N", text)


def _word_at(text: str, runs: list[re.Match[str]], shape: Shape) -> tuple[int, int] | None:
    """Find where the day-period word stands: before the clock, after it, or between clock and date."""
    clock = 3 if shape.clock[1] else 2
    first = runs[clock - 1] if shape.time_first else (runs[2] if _PERIOD in shape.gap else runs[-1])
    later = [run for run in runs if run.start() > first.start()]
    end = later[0].start() if later else len(text)
    word = find_period(normalise(text[first.end() : end]).rstrip(" ]-–—:"))
    pattern = re.escape(word).replace("\\ ", "[ \u00a0\u202f\u2009]")
    found = re.compile(pattern).search(text, first.end(), end) if word else None
    return found.span() if found else None


def _exact(skeletons: Counter[str], shape: Shape) -> bytes | None:
    """Write the pattern of the one raw skeleton that all headers of the sample share; ``None`` where they differ."""
    if len(skeletons) != 1:
        return None
    skeleton = next(iter(skeletons))
    if not skeleton or any(
        c.isalpha() and c.isascii() and c not in "NYhminsR" for c in skeleton[:40].replace("klo", "")
    ):
        return None
    digit = _digits_fast(shape.zero)
    out: list[bytes] = []
    numbers = 0
    date_at, time_at = (3 if shape.clock[1] else 2, 0) if shape.time_first else (0, 3)
    total = 6 if shape.clock[1] else 5
    time_end = (time_at + (3 if shape.clock[1] else 2)) - 1
    period_first = _PERIOD in shape.gap and not shape.time_first
    for i, character in enumerate(skeleton):
        if character in "NY":
            if numbers == date_at:
                out.append(b"(?P<date>")
            if numbers == time_at and not period_first:
                out.append(b"(?P<time>")
            out.append(digit(4 if character == "Y" else 0))
            if numbers == date_at + 2:
                out.append(b")")
            if numbers == time_end and _PERIOD not in skeleton[i:]:
                out.append(b")")
            numbers += 1
        elif character == _PERIOD:
            out.append(
                (b"(?P<time>" if period_first else b"") + _PERIOD_BYTES + (b"" if period_first else b")")
            )
        else:
            out.append(re.escape(character.encode()))
    if numbers != total:
        return None
    lead = rb"(?:\xe2\x80[\x8e\x8f]|)"
    return lead + b"".join(out) + _SENDER_BYTES


def _digits_fast(zero: int) -> "Callable[[int], bytes]":
    if zero == 48:
        return lambda count: b"[0-9]{4}" if count else b"[0-9]{1,2}"
    first, last = chr(zero).encode(), chr(zero + 9).encode()
    bytes_each = len(first)
    fixed = b"".join(re.escape(bytes([b])) for b in first[:-1])
    cls = b"[" + fixed + re.escape(first[-1:]) + b"-" + re.escape(last[-1:]) + b"]"
    return lambda count: (
        cls + (b"{%d}" % (bytes_each * count) if count else b"{%d,%d}" % (bytes_each, bytes_each * 2))
    )


def _literal(text: str) -> bytes:
    out = []
    for character in text:
        if character == _PERIOD:
            out.append(_PERIOD_BYTES)
        elif character == " ":
            out.append(_SPACE_BYTES)
        else:
            out.append(re.escape(character.encode()))
    mark = _MARK_BYTES + b"{0,2}"
    return mark.join([b"", *out, b""]) if out else mark


def _digit(zero: int) -> bytes:
    if zero == 48:
        return b"[0-9]"
    first, last = chr(zero).encode(), chr(zero + 9).encode()
    return (
        rb"(?:" + re.escape(first[:-1]) + b"[" + re.escape(first[-1:]) + b"-" + re.escape(last[-1:]) + b"])"
    )


def _pattern(shape: Shape) -> bytes:
    """Write the pattern of a shape; spaces of any kind match, marks where the file has them."""
    digit = _digit(shape.zero)
    era = rb"(?:[A-Z]{1,2}|\xe4\xbb\xa4\xe5\x92\x8c|\xe5\xb9\xb3\xe6\x88\x90|\xe6\x98\xad\xe5\x92\x8c)?"
    mark = _MARK_BYTES + b"{0,2}"
    numbers = [era + digit + (b"{4}" if i == shape.year else b"{1,2}") for i in range(3)]
    date = b"(?P<date>" + mark + numbers[0]
    for i in (0, 1):
        date += _literal(shape.separators[i].rstrip(" "))
        date += (_SPACE_BYTES + b"?" + mark if shape.separators[i].endswith(" ") else b"") + numbers[i + 1]
    date += b")"
    clock = digit + b"{1,2}"
    clock += _literal(shape.clock[0]) + digit + b"{1,2}"
    if shape.clock[1]:
        clock += _literal(shape.clock[1]) + digit + b"{1,2}" + _literal(shape.clock[2])
    gap_before, gap_after = shape.gap, ""
    if _PERIOD in shape.gap and not shape.time_first:
        at = shape.gap.index(_PERIOD)
        gap_before, gap_after = shape.gap[:at], shape.gap[at:]
    tail = _literal(shape.tail)
    if shape.time_first:
        middle = b"(?P<time>" + clock + _literal(shape.gap) + b")"
        middle += date + tail
    else:
        middle = _literal(shape.first) + date + _literal(gap_before)
        middle += b"(?P<time>" + _literal(gap_after) + clock + tail + b")"
    start = rb"(?=[\[\x80-\xff])" if shape.bracket else rb"(?=[A-Z]{0,2} ?[0-9\x80-\xff])"
    start += _MARK_BYTES + b"{0,3}" + (rb"\[" + _SPACE_BYTES + b"?" + mark if shape.bracket else b"")
    end = mark + rb"\] ?" if shape.bracket else _literal(shape.close.rstrip())
    if not shape.bracket:
        end += b"(?: |(?=\r?\n))" if shape.close.endswith(" ") and shape.close.strip() else b" "
    return start + middle + end + _SENDER_BYTES

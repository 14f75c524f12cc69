"""Splits a chat's bytes into records with one compiled pattern, in flat memory and linear time."""

import re
from collections.abc import Callable, Iterator
from typing import IO, Final

import msgspec

from fallback.errors import ParseError
from fallback.networks.whatsapp.headers import Header, learn

_BLOCK: Final = 1 << 19
_SAMPLE: Final = 1 << 16
_TALLY: Final = 1 << 20

Raw = tuple[bytes, bytes, bytes | None, bytes]
"""Date, time, label and body of a record, as they stand in the file."""


class Layout(msgspec.Struct, frozen=True):
    """How one file is cut into records.

    Args:
        pattern: line end, header and label: groups date, time and label.
        terminator: what ends a record; a newline inside a body may be the other one.
        strict: the other line end never starts a record (section 1.2 of the catalogue).
    """

    header: Header
    pattern: "re.Pattern[bytes]"
    terminator: bytes
    strict: bool


class Preface(msgspec.Struct, frozen=True):
    """What stands before the first record."""

    text: bytes


def lay_out(stream: IO[bytes], name: str) -> Layout:
    """Learn a chat's header and line ends from its start.

    Raises:
        ParseError: nothing in the file looks like a record.
    """
    sample, header = b"", None
    size = _SAMPLE
    while header is None:
        block = stream.read(size)
        if not block:
            break
        kept = sample.rpartition(b"\n")[2] if len(sample) > _TALLY else sample
        sample = kept[-_TALLY:] + block
        header = learn(sample.split(b"\n"))
        size = min(size * 2, 1 << 24)
    if header is None:
        raise ParseError(f"{name} has no line that starts like a WhatsApp message", "Give an exported chat.", line=1)
    if len(sample) < _TALLY:
        sample += stream.read(_TALLY - len(sample))
    return _line_ends(header, sample)


def _line_ends(header: Header, sample: bytes) -> Layout:
    """Decide which line end closes a record (1.2): the other one is inside a body."""
    crlf, all_ends = sample.count(b"\r\n"), sample.count(b"\n")
    if crlf == 0:
        return Layout(header, header.compile(b"\n"), b"\n", strict=False)
    if crlf == all_ends:
        return Layout(header, header.compile(b"\r\n"), b"\r\n", strict=False)
    after_crlf = len(header.compile(b"\r\n").findall(b"\r\n" + sample))
    after_lf = len(header.compile(rb"(?<!\r)\n").findall(b"\r\n" + sample))
    others = max(0, crlf + 1 - after_crlf)
    if after_crlf and (others <= max(2, after_crlf // 25) or after_lf <= max(5, after_crlf // 10)):
        return Layout(header, header.compile(b"\r\n"), b"\r\n", strict=True)
    if after_crlf <= max(5, after_lf // 10):
        return Layout(header, header.compile(rb"(?<!\r)\n"), b"\n", strict=True)
    return Layout(header, header.compile(rb"\r?\n"), b"\n", strict=False)


def split(
    stream: IO[bytes],
    layout: Layout,
    valid: Callable[[bytes, bytes], bool],
    progress: Callable[[int], None] | None = None,
) -> Iterator[list[Raw] | Preface]:
    """Give the records in lists, and first what stands before them.

    Args:
        valid: tells whether a date and time exist; a header that names none is text.
        progress: told the bytes read so far.
    """
    pattern, end = layout.pattern, layout.terminator
    buffer, size, read, first = end, _BLOCK, 0, True
    while True:
        block = stream.read(size)
        read += len(block)
        final = len(block) == 0
        buffer += block
        if final:
            cut = len(buffer)
            buffer = _without_last_end(buffer)
            cut = len(buffer)
        else:
            cut = _last_header(buffer, pattern, end)
            if cut <= 0:
                size = min(max(size * 2, len(buffer)), 1 << 28)
                continue
            size = _BLOCK
        part, buffer = buffer[:cut], buffer[cut:]
        preface, records = _records(part, layout, valid)
        if first and preface.strip():
            yield Preface(preface)
        first = False
        if records:
            yield records
        if progress is not None:
            progress(read)
        if final:
            return


def _without_last_end(buffer: bytes) -> bytes:
    if buffer.endswith(b"\r\n"):
        return buffer[:-2]
    return buffer[:-1] if buffer.endswith(b"\n") else buffer


def _last_header(buffer: bytes, pattern: "re.Pattern[bytes]", end: bytes) -> int:
    """Find where the last header starts; 0 where there is none but the first."""
    at = len(buffer)
    while True:
        at = buffer.rfind(end, 0, at)
        if at <= 0:
            return 0
        if end == b"\n" and at and buffer[at - 1] == 13 and pattern.match(buffer, at - 1):
            return at - 1
        if pattern.match(buffer, at):
            return at


def _records(part: bytes, layout: Layout, valid: Callable[[bytes, bytes], bool]) -> tuple[bytes, list[Raw]]:
    pieces = layout.pattern.split(part)
    if layout.header.shape.time_first:
        pieces[1::4], pieces[2::4] = pieces[2::4], pieces[1::4]
    dates, times = pieces[1::4], pieces[2::4]
    if all(valid(date, time) for date, time in set(zip(dates, times, strict=True))):
        return pieces[0], list(zip(dates, times, pieces[3::4], pieces[4::4], strict=True))
    return _checked(part, layout, valid)


def _checked(part: bytes, layout: Layout, valid: Callable[[bytes, bytes], bool]) -> tuple[bytes, list[Raw]]:
    """Split again, and leave headers that name no day or time inside the body before."""
    found: list[Raw] = []
    preface, last = part, None
    for match in layout.pattern.finditer(part):
        date, time = match["date"], match["time"]
        if not valid(date, time):
            continue
        if last is None:
            preface = part[: match.start()]
        else:
            found.append((last["date"], last["time"], last[3], part[last.end() : match.start()]))
        last = match
    if last is not None:
        found.append((last["date"], last["time"], last[3], part[last.end() :]))
    return preface, found

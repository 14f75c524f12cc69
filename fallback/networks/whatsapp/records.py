"""Splits a chat's bytes into records with one compiled pattern, in flat memory and linear time."""

import re
from collections.abc import Callable, Iterator
from typing import IO, Final

import msgspec

from fallback.errors import ParseError
from fallback.networks.whatsapp.headers import Header, learn

_BLOCK: Final = 1 << 17
"""Bytes read at once: the pieces of so much still fit into a processor's cache."""
_SAMPLE: Final = 1 << 16
_SHORTEST: Final = 10
_TALLY: Final = 1 << 18

Valid = Callable[[bytes, bytes], int | None]
Read = Callable[[list[bytes], list[bytes]], list[int] | None]


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Records that were read together, column by column, as they stand in the file.

    Args:
        seconds: the times, since midnight.
        source: the bytes that all of it was cut from.
    """

    dates: list[bytes]
    times: list[bytes]
    seconds: list[int]
    labels: list[bytes | None]
    bodies: list[bytes]
    source: bytes


class Layout(msgspec.Struct, frozen=True):
    """How one file is cut into records.

    Args:
        pattern: line end, header and label: groups date, time and label.
        loose: the same with any marks and spaces: finds headers that the pattern misses.
        terminator: what ends a record; a newline inside a body may be the other one.
        strict: the other line end never starts a record (section 1.2 of the catalogue).
    """

    header: Header
    pattern: "re.Pattern[bytes]"
    loose: "re.Pattern[bytes]"
    terminator: bytes
    strict: bool

    def loosened(self) -> "Layout":
        """Give the layout that reads headers with any marks and spaces."""
        return msgspec.structs.replace(self, pattern=self.loose)


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
        header = learn([line for line in sample.split(b"\n") if len(line) >= _SHORTEST])
        size = min(size * 2, 1 << 24)
    if header is None:
        raise ParseError(
            f"{name} has no line that starts like a WhatsApp message", "Give an exported chat.", line=1
        )
    if len(sample) < _TALLY:
        sample += stream.read(_TALLY - len(sample))
    return _line_ends(header, sample)


def _line_ends(header: Header, sample: bytes) -> Layout:
    """Decide which line end closes a record (1.2): the other one is inside a body."""
    crlf, all_ends = sample.count(b"\r\n"), sample.count(b"\n")
    if crlf == 0:
        return _layout(header, b"\n", b"\n", strict=False)
    if crlf == all_ends:
        return _layout(header, b"\r\n", b"\r\n", strict=False)
    after_lf = len(header.compile(rb"(?<!\r)\n", loose=True).findall(sample))
    # the exact pattern finds enough of nearly every iPhone's headers, and sooner than the loose one
    after_crlf = len(header.compile(b"\r\n").findall(b"\r\n" + sample))
    if (
        header.shape.platform == "ios"
        and after_crlf > 1
        and crlf + 1 - after_crlf <= max(2, after_crlf // 25)
    ):
        return _layout(header, b"\r\n", b"\r\n", strict=True)
    after_crlf = len(header.compile(b"\r\n", loose=True).findall(b"\r\n" + sample))
    others = max(0, crlf + 1 - after_crlf)
    if header.shape.platform == "android" and after_crlf <= max(5, after_lf // 10):
        return _layout(header, rb"(?<!\r)\n", b"\n", strict=True)
    if after_crlf > 1 and (others <= max(2, after_crlf // 25) or after_lf <= max(5, after_crlf // 10)):
        return _layout(header, b"\r\n", b"\r\n", strict=True)
    if after_crlf <= max(5, after_lf // 10):
        return _layout(header, rb"(?<!\r)\n", b"\n", strict=True)
    return _layout(header, rb"\r?\n", b"\n", strict=False)


def _layout(header: Header, end: bytes, terminator: bytes, *, strict: bool) -> Layout:
    return Layout(header, header.compile(end), header.compile(end, loose=True), terminator, strict)


def split(
    stream: IO[bytes],
    layout: Layout,
    valid: Valid,
    when: Read,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Batch | Preface]:
    """Give the records in lists, and first what stands before them.

    Args:
        valid: gives the seconds of a time; a header whose date or time does not exist is text.
        when: gives the seconds of many times, or nothing where one of the dates or times does not exist.
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
            buffer = _without_last_end(buffer)
            cut = len(buffer)
        else:
            cut = _last_header(buffer, pattern)
            if cut <= 0:
                size = min(max(size * 2, len(buffer)), 1 << 28)
                continue
            size = _BLOCK
        part, buffer = buffer[:cut], buffer[cut:]
        preface, batch = _records(part, layout, valid, when)
        if first and preface.strip():
            yield Preface(preface)
        first = False
        if batch.dates:
            yield batch
        if progress is not None:
            progress(read)
        if final:
            return


def _without_last_end(buffer: bytes) -> bytes:
    if buffer.endswith(b"\r\n"):
        return buffer[:-2]
    return buffer[:-1] if buffer.endswith(b"\n") else buffer


def _last_header(buffer: bytes, pattern: "re.Pattern[bytes]") -> int:
    """Find where the last header starts; 0 where there is none but the first."""
    window = 1 << 13
    while True:
        start = max(0, len(buffer) - window)
        last = 0
        for match in pattern.finditer(buffer, start):
            last = match.start()
        if last > 0 or start == 0:
            return last
        window *= 8


def _records(
    part: bytes,
    layout: Layout,
    valid: Valid,
    when: Read,
) -> tuple[bytes, Batch]:
    pieces = layout.pattern.split(part)
    dates, times = pieces[1::4], pieces[2::4]
    if layout.header.shape.time_first:
        dates, times = times, dates
    seconds = when(dates, times) if dates else []
    if seconds is None:
        return _checked(part, layout, valid)
    return pieces[0], Batch(dates, times, seconds, pieces[3::4], pieces[4::4], part)


def _checked(part: bytes, layout: Layout, valid: Valid) -> tuple[bytes, Batch]:
    """Split again, and leave headers that name no day or time inside the body before."""
    batch = Batch([], [], [], [], [], part)
    preface, last = part, None
    for match in layout.pattern.finditer(part):
        seconds = valid(match["date"], match["time"])
        if seconds is None:
            continue
        if last is None:
            preface = part[: match.start()]
        else:
            batch.bodies.append(part[last.end() : match.start()])
        batch.dates.append(match["date"])
        batch.times.append(match["time"])
        batch.seconds.append(seconds)
        batch.labels.append(match[3])
        last = match
    if last is not None:
        batch.bodies.append(part[last.end() :])
    return preface, batch


def foreign_ends(batch: Batch, terminator: bytes) -> bool:
    """Say whether line ends inside a batch's bodies may be ``\\r\\n``."""
    if terminator == b"\n":
        return b"\r" in batch.source and b"\r\n" in batch.source
    return batch.source.count(b"\r\n") > len(batch.bodies)

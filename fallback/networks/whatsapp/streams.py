"""Streams of an export: any encoding as UTF-8, a member's damage as our error."""

import codecs
import io
import zipfile
import zlib
from pathlib import Path
from typing import IO, Final, cast

from fallback.errors import ArchiveError

BAD_ZIP: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What the standard library raises on a zip that is damaged."""


def utf8(stream: IO[bytes]) -> IO[bytes]:
    """Wrap a stream so that it gives UTF-8 without a byte-order mark."""
    start = stream.read(4)
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if start.startswith(mark):
            return cast("IO[bytes]", io.BufferedReader(_Transcoded(stream, encoding, start[2:])))
    if len(start) == 4 and start[1] == 0 and start[3] == 0 and start[0] and start[2]:
        return cast("IO[bytes]", io.BufferedReader(_Transcoded(stream, "utf-16-le", start)))
    if len(start) == 4 and start[0] == 0 and start[2] == 0 and start[1] and start[3]:
        return cast("IO[bytes]", io.BufferedReader(_Transcoded(stream, "utf-16-be", start)))
    return cast("IO[bytes]", _Prefixed(stream, start.removeprefix(b"\xef\xbb\xbf")))


class _Prefixed(io.RawIOBase):
    """A stream with its first bytes put back."""

    def __init__(self, stream: IO[bytes], start: bytes) -> None:
        super().__init__()
        self._stream = stream
        self._start = start

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        start, self._start = self._start, b""
        if not start:
            return self._stream.read(size)
        return start + (self._stream.read(size if size < 0 else max(0, size - len(start))))

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Transcoded(io.RawIOBase):
    """A UTF-16 stream read as UTF-8."""

    def __init__(self, stream: IO[bytes], encoding: str, start: bytes) -> None:
        super().__init__()
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._left = self._decoder.decode(start).encode("utf-8", "replace")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            raw = self._stream.read(1 << 16)
            self._left = self._decoder.decode(raw, final=not raw).encode("utf-8", "replace")
            if not raw and not self._left:
                return 0
        part, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._stream.close()
        super().close()


class Guarded(io.RawIOBase):
    """A zip member whose damage is our error."""

    def __init__(self, stream: IO[bytes], path: Path, name: str) -> None:
        super().__init__()
        self._stream = stream
        self._path = path
        self._name = name

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read, and name the member where it is damaged."""
        try:
            return self._stream.read(size)
        except BAD_ZIP as error:
            raise damaged(self._path, self._name) from error

    def close(self) -> None:
        """Close the member."""
        self._stream.close()
        super().close()


def damaged(path: Path, name: str) -> ArchiveError:
    """Name a member that can't be unpacked."""
    return ArchiveError(f"{name} in {path.name} is damaged", "Export the chat again, or copy the file again.")

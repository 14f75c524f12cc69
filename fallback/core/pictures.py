"""The size of a picture and the length of a voice note, read from their own bytes; 0 where those don't tell."""

import struct

from msgspec.structs import replace

from fallback.core.events import Attachment, MediaKind

_PNG = b"\x89PNG\r\n\x1a\n"
_LARGEST = 65_535
_OPUS_RATE = 48_000
_OGG_TAIL = 65_307
"""Bytes of the longest Ogg page: the last one begins within so many of the end."""
_NO_SIZE = (0, 0)


def measured(file: Attachment, data: bytes) -> Attachment:
    """Fill in what a file's bytes tell of it and is not known yet."""
    if file.kind in (MediaKind.IMAGE, MediaKind.STICKER) and not file.width:
        width, height = size_of(data)
        return replace(file, width=width, height=height)
    if file.kind in (MediaKind.VOICE, MediaKind.AUDIO) and not file.duration_ms:
        return replace(file, duration_ms=opus_duration(data))
    return file


def size_of(data: bytes) -> tuple[int, int]:
    """Give the width and height of a PNG, JPEG, WebP or GIF as it is shown; the beginning of the file is enough."""
    try:
        width, height = _size(data)
    except (struct.error, IndexError):
        return _NO_SIZE
    return (width, height) if 0 < width <= _LARGEST and 0 < height <= _LARGEST else _NO_SIZE


def _size(data: bytes) -> tuple[int, int]:
    if data.startswith(_PNG) and data[12:16] == b"IHDR":
        return _pair(">II", data, 16)
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return _pair("<HH", data, 6)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    return _jpeg(data) if data.startswith(b"\xff\xd8") else _NO_SIZE


def _pair(form: str, data: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(form, data, at)
    return int(first), int(second)


def _webp(data: bytes) -> tuple[int, int]:
    match data[12:16]:
        case b"VP8X" if len(data) >= 30:
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L" if data[20] == 0x2F:
            (bits,) = struct.unpack_from("<I", data, 21)
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 " if data[23:26] == b"\x9d\x01\x2a":
            width, height = _pair("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
        case _:
            return _NO_SIZE


def _jpeg(data: bytes) -> tuple[int, int]:
    """Walk the segments up to the frame header; a camera's turn of a quarter swaps the sides."""
    at, turned = 2, False
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            turned = _orientation(data[at + 10 : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")]) >= 5
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = _pair(">HH", data, at + 5)
            return (height, width) if turned else (width, height)
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:
            break
        at += 2 + length
    return _NO_SIZE


def _orientation(tiff: bytes) -> int:
    order = ">" if tiff[:2] == b"MM" else "<"
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(min(count, 64)):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, directory + 2 + 12 * entry)
            if tag == 0x0112:
                return int(value)
    except struct.error:
        return 1
    return 1


def opus_duration(data: bytes) -> int:
    """Give the milliseconds of an Ogg Opus file: its last page counts the samples."""
    head = data.find(b"OpusHead", 0, 512)
    last = data.rfind(b"OggS", max(0, len(data) - _OGG_TAIL))
    if not data.startswith(b"OggS") or head < 0 or last < 0 or len(data) < max(last + 14, head + 12):
        return 0
    (samples,) = struct.unpack_from("<q", data, last + 6)
    (skipped,) = struct.unpack_from("<H", data, head + 10)
    return int(max(0, samples - skipped) * 1000 // _OPUS_RATE)

"""Sizes of pictures and lengths of voice notes, out of the bytes themselves."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.core.events import Attachment, MediaKind
from fallback.core.pictures import measured, opus_duration, size_of

sides = st.tuples(st.integers(1, 16_383), st.integers(1, 16_383))


def png(width, height):
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def gif(width, height):
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)


def webp(chunk, body):
    return b"RIFF" + struct.pack("<I", 12 + len(body)) + b"WEBP" + chunk + struct.pack("<I", len(body)) + body


def webp_lossy(width, height):
    return webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height))


def webp_lossless(width, height):
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14))


def webp_extended(width, height):
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(b"VP8X", b"\x10\0\0\0" + size)


def jpeg(width, height, orientation=None, order=">"):
    app = b""
    if orientation is not None:
        mark = b"MM\0\x2a" if order == ">" else b"II\x2a\0"
        entries = struct.pack(f"{order}IHHHIHH", 8, 1, 0x0112, 3, 1, orientation, 0)
        exif = b"Exif\0\0" + mark + entries
        app = b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif
    table = b"\xff\xdb" + struct.pack(">H", 67) + bytes(65)
    frame = b"\xff\xff\xc2" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8" + app + table + frame


@pytest.mark.parametrize("make", [png, gif, webp_lossy, webp_lossless, webp_extended, jpeg])
@given(size=sides)
def test_a_picture_tells_its_size(make, size):
    assert size_of(make(*size)) == size


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize(
    ("orientation", "shown"), [(1, (40, 30)), (3, (40, 30)), (6, (30, 40)), (8, (30, 40))]
)
def test_a_turned_photograph_has_the_size_that_it_is_shown_in(order, orientation, shown):
    assert size_of(jpeg(40, 30, orientation, order)) == shown


@pytest.mark.parametrize("make", [png, gif, webp_lossy, webp_lossless, webp_extended, jpeg])
def test_a_picture_that_is_cut_off_has_no_size_or_the_right_one(make):
    whole = make(40, 30)
    for end in range(len(whole)):
        assert size_of(whole[:end]) in {(0, 0), (40, 30)}


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\xff\xd8", b"RIFF\0\0\0\0WEBPVP8X", b"OggS", b"\xff\xd8\xff\xe1"]),
)
def test_any_bytes_are_answered(data, start):
    size_of(start + data)
    opus_duration(start + data)


def page(samples, body):
    return b"OggS\0\0" + struct.pack("<qIII", samples, 1, 0, 0) + bytes([1, len(body)]) + body


def note(seconds):
    head = b"OpusHead\x01\x01" + struct.pack("<HIHB", 312, 16_000, 0, 0)
    return page(0, head) + page(0, b"OpusTags") + page(48_000 * seconds + 312, b"sound")


def test_a_voice_note_tells_its_length():
    assert opus_duration(note(4)) == 4000
    assert opus_duration(page(0, b"vorbis")) == 0


def test_a_file_is_measured_where_nothing_is_known_yet():
    image = measured(Attachment(MediaKind.IMAGE), png(40, 30))
    assert (image.width, image.height) == (40, 30)
    assert measured(image, png(1, 1)) == image
    assert measured(Attachment(MediaKind.VOICE), note(4)).duration_ms == 4000
    assert measured(Attachment(MediaKind.DOCUMENT), png(40, 30)) == Attachment(MediaKind.DOCUMENT)

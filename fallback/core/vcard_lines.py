"""Content lines of vCard 2.1, 3.0 and 4.0: folded and unfolded, their parameters, encodings and escapes.

All of it runs in linear time over any bytes.
"""

import binascii
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from fallback.core.contact_files import Problem

LINE_LIMIT = 1 << 20
_HEAD_LIMIT = 4096
_FOLD = 75

_HEAD = re.compile(rb"((?:[^\":]|\"[^\"]*+\")*+):")
_QUOTED_PRINTABLE = re.compile(rb"[^:]*(?:;|=)QUOTED-PRINTABLE", re.IGNORECASE)
_BASE64 = re.compile(rb"[^:]*(?:;|=)(?:BASE64|B)(?:[;:]|$)", re.IGNORECASE)
_BARE_BASE64 = re.compile(rb"[A-Za-z0-9+/=]+\s*")
_NAME = re.compile(r"(?:([A-Za-z0-9-]{1,32})\.)?([A-Za-z0-9-]{1,64})")
_PARAMETERS = re.compile(r"(?:[^\";]|\"[^\"]*+\")++")
_TOKENS = re.compile(r"\\.|\\|[^\\;,]+|[;,]", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\,;:nN])")
_ENCODINGS = frozenset({"QUOTED-PRINTABLE", "BASE64", "B", "8BIT", "7BIT"})
_CHARSETS = re.compile(
    r"(?:utf-?8|us-ascii|iso-?8859-(?:[1-9]|1[0-6])|(?:windows-|cp)125[0-8]"
    r"|koi8-[ru]|shift_jis|euc-(?:jp|kr)|gb2312|gbk|gb18030|big5)",
    re.IGNORECASE,
)


class Property(NamedTuple):
    """One content line; its value is still escaped, and base64 is still encoded."""

    line: int
    group: str
    name: str
    parameters: tuple[tuple[str, str], ...]
    value: str

    def parameter(self, name: str) -> str:
        """Give the values of a parameter, lower case and comma-separated; empty where there is none."""
        return ",".join(value for key, value in self.parameters if key == name).replace('"', "").lower()


def properties(data: bytes) -> Iterator[Property | Problem]:
    """Read content lines; one that is none, is too long or can't be decoded is a problem."""
    for number, line in _logical(data):
        yield (
            Problem(number, f"longer than {LINE_LIMIT >> 20} MB")
            if len(line) > LINE_LIMIT
            else _property(number, line)
        )


def fold_line(line: str) -> bytes:
    """Write a content line in pieces of 75 bytes; no character is cut in two."""
    data = line.encode()
    pieces = []
    start, width = 0, _FOLD
    while len(data) - start > width:
        end = start + width
        while data[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(data[start:end])
        start, width = end, _FOLD - 1
    pieces.append(data[start:])
    return b"\r\n ".join(pieces) + b"\r\n"


def escape(text: str) -> str:
    """Escape a text value."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace(",", "\\,").replace(";", "\\;")


def unescape(value: str, *, legacy: bool = False) -> str:
    """Read an escaped text value; in vCard 2.1 (``legacy``) a backslash and ``n`` are just that."""
    return _ESCAPED.sub(lambda match: _meant(match[1], legacy=legacy), value)


def split(value: str, separator: str) -> list[str]:
    """Part a value at a separator that is not escaped; the parts are still escaped."""
    parts: list[list[str]] = [[]]
    for token in _TOKENS.findall(value):
        if token == separator:
            parts.append([])
        else:
            parts[-1].append(token)
    return ["".join(part) for part in parts]


def _meant(character: str, *, legacy: bool) -> str:
    if character in "nN":
        return f"\\{character}" if legacy else "\n"
    return character


def _logical(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Join folded lines, soft breaks of quoted-printable and bare lines of base64."""
    held: list[bytes] = []
    start = 0
    legacy = quoted = coded = False
    whole = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for number, raw in enumerate(io.BytesIO(whole), 1):
        line = raw.rstrip(b"\n")
        if held:
            if quoted and held[-1].endswith(b"=") and not line.upper().startswith(b"END:VCARD"):
                held[-1] = held[-1][:-1]
                held.append(line)
                continue
            if line[:1] in (b" ", b"\t"):
                held.append(line if legacy and not coded else line[1:])
                continue
            if coded and _BARE_BASE64.fullmatch(line):
                held.append(line)
                continue
            yield start, b"".join(held)
            held = []
        if not line.strip():
            continue
        head = line[:_HEAD_LIMIT]
        if head[:8].upper() == b"VERSION:":
            legacy = head[8:].strip() == b"2.1"
        quoted = _QUOTED_PRINTABLE.match(head) is not None
        coded = _BASE64.match(head) is not None
        held, start = [line], number
    if held:
        yield start, b"".join(held)


def _property(number: int, line: bytes) -> Property | Problem:
    match = _HEAD.match(line[:_HEAD_LIMIT])
    head, found, value = (match[1], b":", line[match.end() :]) if match else line.partition(b":")
    described = _PARAMETERS.findall(head[:_HEAD_LIMIT].decode("utf-8", "replace"))
    name = _NAME.fullmatch(described[0].strip()) if found and described else None
    if name is None:
        return Problem(number, "not a line of a vCard")
    parameters = tuple(_parameter(one) for one in described[1:])
    fields = {key: text.strip('"').upper() for key, text in parameters}
    encoding, charset = fields.get("ENCODING", ""), fields.get("CHARSET", "utf-8")
    try:
        if encoding == "QUOTED-PRINTABLE":
            value = binascii.a2b_qp(value)
        text = value.decode(charset if _CHARSETS.fullmatch(charset) else "utf-8")
    except (UnicodeDecodeError, LookupError):
        return Problem(number, f"{name[2].upper()} is not in {charset.lower()[:16]}")
    kept = tuple(one for one in parameters if one[0] != "CHARSET" and one[1].upper() != "QUOTED-PRINTABLE")
    return Property(number, name[1] or "", name[2].upper(), kept, text.strip())


def _parameter(text: str) -> tuple[str, str]:
    key, equals, value = text.strip().partition("=")
    if not equals:
        return ("ENCODING" if key.upper() in _ENCODINGS else "TYPE"), key
    return key.strip().upper(), value.strip()

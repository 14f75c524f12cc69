"""vCard 2.1, 3.0 and 4.0 to contacts, and contacts to 3.0 or 4.0."""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, unquote

from fallback.core.contact_files import Card, Problem, Problems, Reading, address, bounded, claimed, refusal
from fallback.core.contacts import PHOTO_LIMIT, Contact, image_type, is_mxid, is_name
from fallback.core.vcard_lines import Property, escape, fold_line, properties, split, unescape
from fallback.errors import ParseError

PROPERTY_LIMIT = 2000

Version = Literal["3.0", "4.0"]

_NOISE = frozenset({"VERSION", "PRODID", "REV", "UID", "END"})
_BINARY = frozenset({"LOGO", "SOUND", "KEY", "AGENT"})
_MATRIX_URI = re.compile(r"(?:matrix:u/|https://matrix\.to/#/(?:@|%40))([^?]+)", re.IGNORECASE)


@dataclass(slots=True)
class _Draft:
    """A card while it is read."""

    line: int
    legacy: bool = False
    group: bool = False
    count: int = 0
    name: str = ""
    parts: list[str] = field(default_factory=list)
    organisation: str = ""
    phones: list[tuple[int, str]] = field(default_factory=list)
    lists: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    photo: bytes = b""

    def add(self, name: str, value: str) -> None:
        self.lists.setdefault(name, []).append(value)


def read(data: bytes, region: str = "") -> Reading:
    """Read every card of a file; what can't be read is named by its line, and the rest goes on.

    Args:
        region: where numbers without a country code are from (ISO 3166); empty where nobody knows.

    Raises:
        ParseError: the file is too large, or no vCard at all.
    """
    cards: list[Card] = []
    problems = Problems()
    draft: _Draft | None = None
    seen = nested = 0
    agent = False
    for one in properties(_utf8(bounded(data))):
        if isinstance(one, Problem):
            problems.tell(one.line, one.text)
            continue
        bracket = (one.name, one.value.upper()) if one.name in {"BEGIN", "END"} else None
        if bracket == ("BEGIN", "VCARD"):
            seen += 1
            if agent or nested:
                nested += 1
            else:
                _finish(draft, cards, problems, ended=False)
                draft = _Draft(one.line)
        elif bracket == ("END", "VCARD"):
            if nested:
                nested -= 1
            else:
                _finish(draft, cards, problems)
                draft = None
        elif draft is not None and not nested:
            draft.count += 1
            if draft.count <= PROPERTY_LIMIT:
                _take(draft, one, region, problems)
            elif draft.count == PROPERTY_LIMIT + 1:
                problems.tell(one.line, f"more than {PROPERTY_LIMIT} lines in one card")
        agent = draft is not None and one.name == "AGENT" and not one.value
    if not seen:
        raise ParseError("there is no vCard in the file", "It begins with the line BEGIN:VCARD.")
    _finish(draft, cards, problems, ended=False)
    return Reading(tuple(cards), tuple(problems.told))


def write(contacts: Iterable[Contact], version: Version = "4.0") -> bytes:
    """Write contacts as one file, lines folded and UTF-8; ids and trust are of this profile and stay here."""
    return b"".join(
        fold_line(line) for contact in contacts if contact.shown for line in _lines(contact, version)
    )


def _lines(contact: Contact, version: Version) -> Iterable[str]:
    given, family = contact.given, contact.family
    if not given and not family:
        given = contact.name
    yield from ("BEGIN:VCARD", f"VERSION:{version}")
    stand_in = (one for one in contact.addresses if len(one) <= 128 and not is_name(one))
    yield f"FN:{escape(contact.name or next(stand_in, '?'))}"
    yield f"N:{escape(family)};{escape(given)};;;"
    if contact.aliases:
        yield f"NICKNAME:{','.join(escape(one) for one in contact.aliases)}"
    for phone in contact.phones:
        yield f"TEL;VALUE=uri:tel:{phone}" if version == "4.0" else f"TEL;TYPE=CELL:{phone}"
    yield from (f"X-WHATSAPP-LID:{lid}" for lid in contact.lids)
    yield from (f"IMPP:matrix:u/{quote(mxid[1:], safe=':')}" for mxid in contact.mxids)
    yield from (f"EMAIL:{escape(email)}" for email in contact.emails)
    yield from (f"X-FALLBACK-CHANNEL:{escape(channel)}" for channel in contact.channels)
    if contact.notes:
        yield f"NOTE:{escape(contact.notes)}"
    if kind := image_type(contact.photo):
        encoded = base64.b64encode(contact.photo).decode()
        if version == "4.0":
            yield f"PHOTO:data:image/{kind};base64,{encoded}"
        else:
            yield f"PHOTO;ENCODING=b;TYPE={kind.upper()}:{encoded}"
    yield from contact.extra
    yield "END:VCARD"


def _take(draft: _Draft, one: Property, region: str, problems: Problems) -> None:
    text = unescape(one.value, legacy=draft.legacy)
    match one.name:
        case "VERSION":
            draft.legacy = one.value == "2.1"
        case "FN":
            draft.name = draft.name or text
        case "N":
            draft.parts = draft.parts or _components(one.value, draft)
        case "NICKNAME":
            for alias in split(one.value, ","):
                draft.add("aliases", unescape(alias, legacy=draft.legacy))
        case "TEL":
            _take_number(draft, one, text, region, problems)
        case "EMAIL":
            _take_address(draft, "emails", text.removeprefix("mailto:").strip(), one.line, problems)
        case "X-MATRIX" | "X-MATRIX-ID":
            _take_address(draft, "mxids", _mxid(text) or text, one.line, problems)
        case "IMPP" | "X-JABBER" | "URL" | "SOCIALPROFILE" | "X-SOCIALPROFILE" if _mxid(text):
            draft.add("mxids", _mxid(text))
        case "X-WHATSAPP-LID":
            _take_address(draft, "lids", text, one.line, problems)
        case "X-FALLBACK-CHANNEL":
            _take_address(draft, "channels", text, one.line, problems)
        case "NOTE":
            draft.notes.append(text)
        case "PHOTO":
            draft.photo = draft.photo or _photo(one, text, problems)
        case "KIND" | "X-ADDRESSBOOKSERVER-KIND":
            draft.group = text.lower() == "group"
        case name if name in _NOISE:
            pass
        case name if name in _BINARY or one.parameter("ENCODING") in {"b", "base64"}:
            problems.tell(one.line, f"{name} is left out: no file but the photo is kept")
        case _:
            if one.name == "ORG":
                draft.organisation = draft.organisation or text.replace(";", " ")
            draft.add("extra", _content_line(one, legacy=draft.legacy))


def _take_number(draft: _Draft, one: Property, text: str, region: str, problems: Problems) -> None:
    whatsapp = one.parameter("WAID")
    number = (address("phones", f"+{whatsapp}") if whatsapp else "") or address("phones", text, region)
    if number:
        preferred = one.parameter("PREF")
        rank = int(preferred) if preferred.isdecimal() and len(preferred) < 4 else 101
        draft.phones.append((1 if "pref" in one.parameter("TYPE").split(",") else rank, number))
    elif text:
        problems.tell(one.line, refusal("phones", text, region))


def _take_address(draft: _Draft, name: str, text: str, line: int, problems: Problems) -> None:
    if good := address(name, text):
        draft.add(name, good)
    elif text:
        problems.tell(line, refusal(name, text))


def _photo(one: Property, text: str, problems: Problems) -> bytes:
    kind, comma, encoded = text.partition(",")
    if kind.lower().startswith("data:") and comma and kind.lower().endswith(";base64"):
        pass
    elif one.parameter("ENCODING") in {"b", "base64"}:
        encoded = one.value
    else:
        problems.tell(one.line, "the photo is an address, which is not followed")
        return b""
    try:
        data = binascii.a2b_base64(encoded)
    except ValueError:
        data = b""
    if len(data) > PHOTO_LIMIT:
        problems.tell(one.line, f"the photo is larger than {PHOTO_LIMIT >> 10} kB")
    elif not image_type(data):
        problems.tell(one.line, "the photo is no JPEG, PNG, GIF or WebP")
    else:
        return data
    return b""


def _finish(draft: _Draft | None, cards: list[Card], problems: Problems, *, ended: bool = True) -> None:
    if draft is None:
        return
    if not ended:
        problems.tell(draft.line, "the card has no end")
    if draft.group:
        problems.tell(draft.line, "the card is a group, not a person")
        return
    family, given, middle, before, after = [*draft.parts, "", "", "", "", ""][:5]
    given = f"{given} {middle}".strip()
    composed = " ".join(part for part in (before, given, family, after) if part)
    lists: dict[str, Any] = {name: tuple(values) for name, values in draft.lists.items()}
    contact = claimed(
        Contact(
            name=draft.name or composed or draft.organisation,
            given=given,
            family=family,
            phones=tuple(number for _, number in sorted(draft.phones, key=lambda one: one[0])),
            notes="\n".join(draft.notes),
            photo=draft.photo,
            **lists,
        )
    )
    if not contact.shown:
        problems.tell(draft.line, "the card names nobody")
        return
    cards.append(Card(contact, draft.line))


def _components(value: str, draft: _Draft) -> list[str]:
    return [
        " ".join(unescape(one, legacy=draft.legacy).strip() for one in split(part, ",")).strip()
        for part in split(value, ";")
    ]


def _content_line(one: Property, *, legacy: bool) -> str:
    """Write a line that is kept as it is, in the escapes of 3.0 and 4.0."""
    value = one.value
    if legacy:
        value = ";".join(escape(unescape(part, legacy=True)) for part in split(value, ";"))
    group = f"{one.group}." if one.group else ""
    parameters = "".join(f";{key}={text}" for key, text in one.parameters)
    return f"{group}{one.name}{parameters}:{value}"


def _mxid(text: str) -> str:
    match = _MATRIX_URI.match(text.strip())
    found = "@" + unquote(match[1].removeprefix("@")) if match else text.removeprefix("matrix:").strip()
    return found if is_mxid(found) else ""


def _utf8(data: bytes) -> bytes:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace").encode("utf-8", "replace")
    return data.removeprefix(b"\xef\xbb\xbf")

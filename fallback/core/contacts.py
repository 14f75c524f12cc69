"""A contact: the names and addresses of a person, safe and bounded.

A contact may come from anywhere, so ``tidy`` makes it safe and bounded; whoever makes one calls it.
"""

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from fallback.core.events import Frozen
from fallback.core.ids import ContactId, UserId
from fallback.core.roster import fold
from fallback.text import sanitise, sanitise_name

PHOTO_LIMIT = 256 * 1024
LIST_LIMIT = 64
NOTES_LIMIT = 10_000
_EXTRA_LIMIT = 4096
_READ_LIMIT = 1000
_ADDRESS_LIMIT = 512
_NAMESAKES = 16

_PHONE = re.compile(r"\+[1-9][0-9]{4,14}")
_LID = re.compile(r"[0-9]{5,20}")
_MXID = re.compile(r"@[!-9;-~]+:[A-Za-z0-9.:\-\[\]]+")
_EMAIL = re.compile(r"[^\s@<>\"',;:\\|]+@[^\s@<>\"',;:\\|]+")
_CHANNEL = re.compile(r"[a-z][a-z0-9+.-]*:\S.*")
_EXTRA = re.compile(r"(?:[A-Za-z0-9-]{1,32}\.)?([A-Z0-9-]{1,64})(?:;(?:[^\":]|\"[^\"]*+\")*+)?:(.*)")
_OWN_PROPERTIES = frozenset(
    [
        "BEGIN",
        "END",
        "VERSION",
        "PRODID",
        "REV",
        "UID",
        "KIND",
        "AGENT",
        "FN",
        "N",
        "NICKNAME",
        "TEL",
        "EMAIL",
        "NOTE",
        "PHOTO",
        "LOGO",
        "SOUND",
        "KEY",
        "X-MATRIX",
        "X-WHATSAPP-LID",
        "X-FALLBACK-CHANNEL",
    ]
)


class Trust(StrEnum):
    """How sure it is that a contact's Matrix ids are that person's."""

    UNKNOWN = "unknown"
    CLAIMED = "claimed"
    CONFIRMED = "confirmed"


class Contact(Frozen, frozen=True, kw_only=True):
    """A person as this profile knows them.

    Args:
        id: opaque; made by whoever adds the contact.
        name: what they are shown as.
        aliases: other names they go by: labels of exports, push names, nicknames.
        phones: E.164, the preferred one first.
        lids: WhatsApp's linked ids, digits.
        channels: where alerts reach them outside Matrix, ``kind:address``.
        photo: a JPEG, PNG, GIF or WebP of ``PHOTO_LIMIT`` bytes at most.
        extra: what a vCard told beside all this, as its content lines.
    """

    id: ContactId = ContactId("")
    name: str = ""
    given: str = ""
    family: str = ""
    aliases: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    lids: tuple[str, ...] = ()
    mxids: tuple[UserId, ...] = ()
    emails: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    notes: str = ""
    trust: Trust = Trust.UNKNOWN
    photo: bytes = b""
    extra: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """All that leads to them, the surest first."""
        return (*self.phones, *self.mxids, *self.emails, *self.lids, *self.channels)

    @property
    def shown(self) -> str:
        """The name, or what stands in for it; empty for nobody."""
        return self.name or next(iter((*self.aliases, *self.addresses)), "")


class ContactStore(Protocol):
    """Where contacts last; every method is one transaction."""

    async def save_contact(self, contact: Contact) -> None:
        """Add or replace a contact."""
        ...

    async def save_contacts(self, contacts: Sequence[Contact], *, remove: Sequence[ContactId] = ()) -> None:
        """Add or replace many and remove some, all or nothing."""
        ...

    async def contact(self, contact: ContactId) -> Contact | None:
        """Give a contact; ``None`` where there is none of that id."""
        ...

    async def contacts(self) -> list[Contact]:
        """List all contacts, oldest first."""
        ...

    async def remove_contact(self, contact: ContactId) -> None:
        """Forget a contact; harmless when it is gone."""
        ...


def tidy(contact: Contact) -> Contact:
    """Make a contact safe and bounded: clean names, addresses that are some, nothing twice."""
    phones = _kept(contact.phones, _PHONE)
    lids = _kept(contact.lids, _LID)
    mxids = tuple(UserId(one) for one in _kept(contact.mxids, _MXID, 255))
    emails = _kept(contact.emails, _EMAIL, 254)
    channels = _kept(contact.channels, _CHANNEL, _ADDRESS_LIMIT)
    given, family = clean_name(contact.given), clean_name(contact.family)
    spelt = [
        one
        for one in map(clean_name, (contact.name, f"{given} {family}", *contact.aliases[:_READ_LIMIT]))
        if is_name(one)
    ]
    name = next(iter(spelt), "")
    if (given, family) in ((name, ""), ("", name)):
        given = family = ""
    aliases: dict[str, str] = {}
    for one in spelt:
        if _key(one) not in (_key(name), _key(clean_name(f"{given} {family}"))):
            aliases.setdefault(_key(one), one)
    notes = sanitise(sanitise(contact.notes)[:NOTES_LIMIT]).strip()
    return Contact(
        id=contact.id,
        name=name,
        given=given,
        family=family,
        aliases=tuple(aliases.values())[:LIST_LIMIT],
        phones=phones,
        lids=lids,
        mxids=mxids,
        emails=emails,
        channels=channels,
        notes=notes,
        trust=contact.trust,
        photo=contact.photo if len(contact.photo) <= PHOTO_LIMIT and image_type(contact.photo) else b"",
        extra=_extras(contact.extra),
    )


def image_type(data: bytes) -> str:
    """Tell a picture's kind by its first bytes, as the subtype of ``image/``; empty for no picture."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def is_mxid(text: str) -> bool:
    """Tell whether a text has the form of a Matrix user id."""
    return len(text) <= 255 and _MXID.fullmatch(text) is not None


def is_email(text: str) -> bool:
    """Tell whether a text has the form of an e-mail address."""
    return len(text) <= 254 and _EMAIL.fullmatch(text) is not None


def is_lid(text: str) -> bool:
    """Tell whether a text has the form of a LID."""
    return _LID.fullmatch(text) is not None


def is_channel(text: str) -> bool:
    """Tell whether a text has the form of an alert channel, ``kind:address``."""
    return len(text) <= _ADDRESS_LIMIT and _CHANNEL.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Tell whether a text names a person, and is not merely a number, Matrix id or e-mail address of theirs."""
    number = digits(text).lstrip("+")
    mail = is_email(text) and "." in text.rpartition("@")[2]
    return bool(text) and len(number) < 5 and not mail and not is_mxid(text)


def clean_name(text: str) -> str:
    """Make a name safe; what it gives it would give again."""
    return sanitise_name(sanitise_name(text))


def _kept(values: Sequence[str], pattern: re.Pattern[str], limit: int = 64) -> tuple[str, ...]:
    clean = dict.fromkeys(_line(one) for one in values[:_READ_LIMIT] if len(one) <= limit)
    return tuple(one for one in clean if pattern.fullmatch(one))[:LIST_LIMIT]


def _line(text: str) -> str:
    return sanitise_name(sanitise_name(text, _ADDRESS_LIMIT), _ADDRESS_LIMIT)


def _extras(lines: Sequence[str]) -> tuple[str, ...]:
    kept: dict[str, None] = {}
    for line in lines[:_READ_LIMIT]:
        clean = sanitise(line.replace("\n", " ")).replace("\n", " ").strip()
        match = _EXTRA.fullmatch(clean)
        if match and len(clean) <= _EXTRA_LIMIT and match[1] not in _OWN_PROPERTIES and match[2]:
            kept[clean] = None
    return tuple(kept)[:LIST_LIMIT]


def _key(name: str) -> str:
    return fold(name) or name


def digits(text: str) -> str:
    """Give the digits (of any script) and ``+`` of a text without letters; empty for any other."""
    if re.search(r"[^\W\d_]", text):
        return ""
    return "".join(
        str(unicodedata.digit(one)) if one.isdecimal() else one
        for one in text
        if one.isdecimal() or one == "+"
    )

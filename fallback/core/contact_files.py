"""What every reader of a file of contacts gives, and how it checks an address."""

from typing import Any

from msgspec.structs import replace

from fallback.core.contacts import Contact, Trust, is_channel, is_email, is_lid, is_mxid, tidy
from fallback.core.events import Frozen
from fallback.core.numbers import e164
from fallback.errors import ParseError

SIZE_LIMIT = 64 << 20
_PROBLEM_LIMIT = 1000

KINDS = {
    "phones": "phone number",
    "mxids": "Matrix id",
    "emails": "e-mail address",
    "lids": "LID",
    "channels": "alert channel",
}
"""A contact's fields of addresses, and what one of each is called."""


class Problem(Frozen, frozen=True):
    """Something in a file that was passed over; ``line`` is from 1."""

    line: int
    text: str


class Card(Frozen, frozen=True):
    """A contact as a file tells it, and the line where it begins."""

    contact: Contact
    line: int


class Reading(Frozen, frozen=True):
    """All that a file of contacts holds."""

    cards: tuple[Card, ...]
    problems: tuple[Problem, ...] = ()


class Problems:
    """The problems of a file; after a thousand, one more says that there are others."""

    def __init__(self) -> None:
        self.told: list[Problem] = []

    def tell(self, line: int, text: str) -> None:
        """Note what was passed over."""
        if len(self.told) <= _PROBLEM_LIMIT:
            more = len(self.told) == _PROBLEM_LIMIT
            self.told.append(Problem(line, "and more like these" if more else text))


def address(field: str, text: str, region: str = "") -> str:
    """Give an address as a contact's field holds it; empty for a text that is none.

    Args:
        field: one of ``KINDS``.
    """
    match field:
        case "phones":
            return e164(text, region)
        case "lids":
            plain = text.removesuffix("@lid").removeprefix("lid:")
            return plain if is_lid(plain) else ""
        case _:
            good = {"mxids": is_mxid, "emails": is_email, "channels": is_channel}[field]
            return text if good(text) else ""


def refusal(field: str, text: str, region: str = "") -> str:
    """Say why a text is no address of its field, as one clause."""
    shown = repr(text[:40])
    if field == "phones" and not region and any(e164(text, one) for one in ("US", "EG", "JO")):
        return f"{shown} has no country code; name its region"
    return f"{shown} is no {KINDS[field]}"


def claimed(fields: dict[str, Any] | Contact) -> Contact:
    """Make a file's contact safe; no file is taken at its word for trust, a Matrix id in it is a claim."""
    contact = tidy(fields if isinstance(fields, Contact) else Contact(**fields))
    return replace(contact, trust=Trust.CLAIMED if contact.mxids else Trust.UNKNOWN)


def bounded(data: bytes) -> bytes:
    """Let a file through that is not too large.

    Raises:
        ParseError: it is.
    """
    if len(data) > SIZE_LIMIT:
        raise ParseError(f"the file is larger than {SIZE_LIMIT >> 20} MB", "Split it into smaller ones.")
    return data

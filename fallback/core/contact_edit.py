"""A person's own change to a contact: found by what they call it, checked before it is kept."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from fallback.core.contact_book import Book, without
from fallback.core.contact_files import KINDS, address, refusal
from fallback.core.contacts import PHOTO_LIMIT, Contact, Trust, image_type, tidy
from fallback.core.ids import ContactId
from fallback.core.roster import fold
from fallback.errors import UsageError

_HINT = "See who there is: fallback contacts list"


def find(book: Book, text: str, region: str = "") -> Contact:
    """Find the one contact that a text means: an id, an address, a name, or a part of one.

    Raises:
        UsageError: it means nobody, or several.
    """
    by_id = book.get(ContactId(text))
    if by_id:
        return by_id
    lid = address("lids", text)
    marks = [mark for mark in (text, address("phones", text, region), lid and f"lid:{lid}") if mark]
    found = {one.id: one for mark in marks for one in book.with_mark(mark)}
    found = found or {one.id: one for one in book if fold(one.name) == fold(text)}
    found = found or {one.id: one for one in book.search(text)}
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise UsageError(f"there is no contact {text!r}", _HINT)
    several = ", ".join(f"{one.shown} ({one.id})" for one in list(found.values())[:5])
    raise UsageError(f"{text!r} means {len(found)} contacts: {several}", "Name one by its id.")


def edited(contact: Contact, changes: Mapping[str, Any], book: Book, region: str = "") -> Contact:
    """Change fields of a contact: single values are replaced, addresses and aliases added.

    A Matrix id that is added takes a trust of ``confirmed`` back to ``claimed``, unless trust is given too.

    Args:
        changes: by field; what is ``None`` or has no items is left as it is.

    Raises:
        UsageError: a value is not what its field holds, or belongs to somebody else.
    """
    fields: dict[str, Any] = {}
    for field, value in changes.items():
        if field in KINDS:
            added = [_address(field, one, region) for one in value]
            fields[field] = (*getattr(contact, field), *added)
        elif field == "aliases":
            fields[field] = (*contact.aliases, *value)
        elif value is not None:
            fields[field] = value
    fields["trust"] = _trust(contact, fields)
    if fields.get("photo"):
        _check_photo(fields["photo"])
    changed = tidy(replace(contact, **fields))
    if not changed.shown:
        raise UsageError("a contact needs a name or an address", "Give one of them.")
    for mark, others in book.sharing(changed).items():
        if mark.removeprefix("lid:") not in contact.addresses:
            raise UsageError(
                f"{mark} belongs to {others[0].shown} ({others[0].id})",
                "Is it one person? Then: fallback contacts merge. Else take it from them: edit --remove.",
            )
    return changed


def taken_out(contact: Contact, value: str, region: str = "") -> Contact:
    """Take an address or alias out of a contact.

    Raises:
        UsageError: it has no such.
    """
    for spelt in (value, address("phones", value, region), value.removesuffix("@lid")):
        less = without(contact, spelt)
        if less != contact:
            return less
    raise UsageError(
        f"{contact.shown} has no {value!r}", f"See what there is: fallback contacts show {contact.id}"
    )


def _address(field: str, text: str, region: str) -> str:
    found = address(field, text.strip(), region)
    if not found:
        raise UsageError(refusal(field, text, region), "Correct it; a number needs + or --region.")
    return found


def _trust(contact: Contact, fields: Mapping[str, Any]) -> Trust:
    if "trust" in fields:
        return Trust(fields["trust"])
    more = set(fields.get("mxids", ())) - set(contact.mxids)
    return Trust.CLAIMED if more else contact.trust


def _check_photo(photo: bytes) -> None:
    if len(photo) > PHOTO_LIMIT or not image_type(photo):
        raise UsageError(
            f"the photo is no JPEG, PNG, GIF or WebP of {PHOTO_LIMIT >> 10} kB at most", "Give another one."
        )

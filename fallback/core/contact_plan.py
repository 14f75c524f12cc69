"""What an import of contacts would do, decided before anything is changed."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Literal

from msgspec.structs import replace

from fallback.core import contact_table, vcard
from fallback.core.contact_book import Book, absorb, marks
from fallback.core.contact_files import Card, Problem, Reading, claimed
from fallback.core.contacts import Contact
from fallback.core.events import Frozen
from fallback.core.ids import ContactId

_PASSES = 20

SameName = Literal["skip", "join", "new"]
"""What becomes of somebody with a known name and other numbers: left out, taken as that person, or added."""


class ChangeKind(StrEnum):
    """What an import does with one card."""

    NEW = "new"
    UPDATED = "updated"
    SAME = "same"
    CONFLICT = "conflict"


class Change(Frozen, frozen=True):
    """One card of an import.

    Args:
        contact: as it will be; for a conflict, as the file tells it.
        line: where the card begins in the file.
        before: as it is, where it is updated.
        reason: of a conflict, one clause.
    """

    kind: ChangeKind
    contact: Contact
    line: int
    before: Contact | None = None
    reason: str = ""


class ImportPlan(Frozen, frozen=True):
    """All changes of an import in the file's order, and what has to be saved for them."""

    changes: tuple[Change, ...]
    saves: tuple[Contact, ...]
    problems: tuple[Problem, ...] = ()

    def of(self, kind: ChangeKind) -> list[Change]:
        """List the changes of one kind."""
        return [change for change in self.changes if change.kind is kind]


def read_contacts(data: bytes, region: str = "") -> Reading:
    """Read a file of contacts, vCard or table by what it begins with.

    Args:
        region: where numbers without a country code are from (ISO 3166); empty where nobody knows.

    Raises:
        ParseError: it is neither.
    """
    cards = b"BEGIN:VCARD" in data[:4096].replace(b"\0", b"").upper()
    return vcard.read(data, region) if cards else contact_table.read(data, region)


def plan_import(
    contacts: Iterable[Contact], reading: Reading, ids: Iterator[ContactId], *, same_name: SameName = "skip"
) -> ImportPlan:
    """Decide what becomes of each card of a file; a second import of the file changes nothing.

    A number, LID or Matrix id in common makes two the same person.  A name does where nothing speaks against
    it: one of them has no number, LID or Matrix id, or both have the same e-mail address.

    Args:
        ids: names for new contacts.
    """
    book = Book(contacts)
    decided: dict[int, Change] = {}
    touched: dict[ContactId, None] = {}
    waiting = list(enumerate(reading.cards))
    for _ in range(_PASSES):
        left = []
        for place, card in waiting:
            change = decided[place] = _decide(book, card, ids, same_name)
            if change.kind is ChangeKind.CONFLICT:
                left.append((place, card))
            elif change.kind is not ChangeKind.SAME:
                book.put(change.contact)
                touched[change.contact.id] = None
        if len(left) in (0, len(waiting)):
            break
        waiting = left
    saves = tuple(contact for one in touched if (contact := book.get(one)))
    return ImportPlan(tuple(decided[place] for place in sorted(decided)), saves, reading.problems)


def _decide(book: Book, card: Card, ids: Iterator[ContactId], same_name: SameName) -> Change:
    contact = replace(claimed(card.contact), id=ContactId(""))
    shared = book.sharing(contact)
    known = {one.id: one for others in shared.values() for one in others}
    if known:
        if len(known) == 1 or any(absorb(one, contact) == one for one in known.values()):
            return _joined(next(_fitting(known.values(), contact)), contact, card.line)
        owners = ", ".join(f"{mark} of {others[0].shown}" for mark, others in shared.items())
        return Change(ChangeKind.CONFLICT, contact, card.line, reason=f"has {owners}")
    namesakes = book.namesakes(contact)
    if any(absorb(one, contact) == one for one in namesakes) or (
        len(namesakes) == 1 and (same_name == "join" or _may_be(namesakes[0], contact))
    ):
        return _joined(next(_fitting(namesakes, contact)), contact, card.line)
    if namesakes and same_name != "new":
        reason = (
            f"has the name of {namesakes[0].shown} ({namesakes[0].id}) and other numbers"
            if len(namesakes) == 1
            else f"has the name of {len(namesakes)} contacts"
        )
        return Change(ChangeKind.CONFLICT, contact, card.line, reason=reason)
    return Change(ChangeKind.NEW, replace(contact, id=next(ids)), card.line)


def _fitting(candidates: Iterable[Contact], contact: Contact) -> Iterator[Contact]:
    """Give the candidates, those first that know all of a contact already."""
    yield from sorted(candidates, key=lambda one: absorb(one, contact) != one)


def _joined(ours: Contact, theirs: Contact, line: int) -> Change:
    after = absorb(ours, theirs)
    if after == ours:
        return Change(ChangeKind.SAME, ours, line)
    return Change(ChangeKind.UPDATED, after, line, before=ours)


def _may_be(ours: Contact, theirs: Contact) -> bool:
    mails = {one.casefold() for one in ours.emails} & {one.casefold() for one in theirs.emails}
    return bool(mails) or not marks(ours) or not marks(theirs)

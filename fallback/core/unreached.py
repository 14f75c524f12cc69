"""Who is to be told outside Matrix: people of the groups who were not seen in any room since the outage began."""

from collections.abc import Container, Iterable, Sequence

from fallback.core.alerting import Member, member
from fallback.core.contact_book import Book
from fallback.core.contacts import Contact
from fallback.core.events import Canonical
from fallback.core.portal import RoomState
from fallback.core.readiness import Standing, readiness


def unreached(
    rooms: Iterable[tuple[RoomState, Sequence[Canonical]]],
    book: Book,
    *,
    since: int,
    now: int,
    machines: Container[str] = (),
) -> list[Member]:
    """List those without a sign of life in any room; somebody whom no contact describes can't be told.

    Args:
        rooms: each with its events since the outage began.
        since, now: ms.
    """
    reached: set[str] = set()
    missing: dict[str, Contact] = {}
    for state, events in rooms:
        for one in readiness(state, book, events, now=now, machines=machines).people:
            contact = _contact(one, book)
            if contact is None:
                continue
            if one.proof is not None and one.proof.at >= since:
                reached.add(contact.id)
            missing.setdefault(contact.id, contact)
    others: dict[str, Contact] = {contact.id: contact for contact in book}
    return [member(contact, others) for key, contact in missing.items() if key not in reached]


def _contact(one: Standing, book: Book) -> Contact | None:
    marked = [found for mark in (one.mxid, one.phone) if mark for found in book.with_mark(mark)]
    found = marked or book.named(one.name)
    return found[0] if found and (marked or len(found) == 1) else None

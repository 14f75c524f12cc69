"""What a plan goes on with, and who its people are."""

from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn

from msgspec.structs import replace

from fallback.core.events import Canonical
from fallback.core.ids import EventId, PortalId, SourceId
from fallback.core.ports import Store
from fallback.errors import UsageError

if TYPE_CHECKING:
    from fallback.core.contact_book import Book
    from fallback.core.contact_files import Reading
    from fallback.core.contacts import Contact
    from fallback.core.migration import Plan

ENOUGH = 10
"""Messages in common by which a group is known under another name."""
FEW = 10
"""One message in common out of so many of the same time is chance."""


async def continued(
    plan: "Plan", events: Sequence[Canonical], store: Store
) -> "tuple[Plan, Container[SourceId]]":
    """Make a plan one that goes on with what is in a room already; the group may have another name now.

    Returns:
        The plan, and which events are in the room.

    Raises:
        UsageError: it is an export of another group than the room of its name.
    """
    from fallback.bridge.read_back import told_by_relay
    from fallback.core.migration import alias_of, as_later, timeline

    chosen = timeline(events)
    for portal in sorted(await store.portals(), key=lambda one: one.id != plan.portal):
        there = await store.imported(portal.id)
        shared = sum(event.id in there for event in chosen)
        first, last = await _span(portal.id, store) or (plan.first_at, plan.last_at)
        beside = sum(first <= event.at <= last for event in chosen)
        if portal.id == plan.portal and there and shared * FEW < beside:
            _refuse_another(plan)
        renamed = shared >= min(ENOUGH, len(chosen)) and 2 * shared >= min(len(there), beside)
        if there and (portal.id == plan.portal or renamed):
            there |= {event: EventId("") for event in await told_by_relay(store, portal, chosen)}
            room = replace(plan.room, alias=alias_of(portal.id.removeprefix("portal-")))
            return as_later(replace(plan, portal=portal.id, room=room), events, there), there
    return plan, ()


async def keep_span(plan: "Plan", store: Store) -> None:
    """Keep from when to when a room has history, so that another group's export can be told."""
    first, last = await _span(plan.portal, store) or (plan.first_at, plan.last_at)
    await store.put(f"history:{plan.portal}", f"{min(first, plan.first_at)} {max(last, plan.last_at)}")


async def _span(portal: PortalId, store: Store) -> tuple[int, int] | None:
    first, _, last = (await store.get(f"history:{portal}") or "").partition(" ")
    return (int(first), int(last)) if last else None


def _refuse_another(plan: "Plan") -> NoReturn:
    raise UsageError(
        f"this is an export of another group than the one that was moved as {plan.room.name!r}: "
        "they are of the same time and share next to no message",
        "Move it with another profile (--profile NAME); of the same group, export with the same phone.",
    )


def _book(contacts: "Iterable[Contact]", team: "Reading | None") -> "tuple[Book, list[str]]":
    """Join the profile's contacts and a team's file in one book that is not kept; warnings beside it."""
    from itertools import count

    from fallback.core.contact_book import Book
    from fallback.core.contact_plan import ChangeKind, plan_import
    from fallback.core.ids import ContactId

    book = Book(contacts)
    if team is None:
        return book, []
    ids = (ContactId(f"team-{number}") for number in count(1))
    joined = plan_import(book, team, ids, same_name="new")
    for contact in joined.saves:
        book.put(contact)
    conflicts = [(one.line, f"{one.contact.shown} {one.reason}") for one in joined.of(ChangeKind.CONFLICT)]
    told = [*((one.line, one.text) for one in team.problems), *conflicts]
    return book, [f"team, line {line}: {text}" for line, text in sorted(told)[:10]]


def with_people(
    plan: "Plan", contacts: "Iterable[Contact]", team: "Reading | None" = None
) -> "tuple[Plan, Book]":
    """Say of each person of a plan which contact they are; gives the book that knows them too."""
    from fallback.core.contact_match import recognised

    book, warnings = _book(contacts, team)
    return recognised(replace(plan, warnings=(*plan.warnings, *warnings)), book), book

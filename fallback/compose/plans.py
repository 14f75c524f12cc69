"""The plan of an export's migration, and who its people are."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from fallback.core.events import Canonical

if TYPE_CHECKING:
    from fallback.core.contact_book import Book
    from fallback.core.contact_files import Reading
    from fallback.core.contacts import Contact
    from fallback.core.migration import Plan
    from fallback.networks.whatsapp.export import Export


def planned(
    export: "Export", events: Iterable[Canonical], server_name: str, *, encrypted: bool = True
) -> "Plan":
    """Plan an export's migration, with a warning for all that it does not tell plainly."""
    from fallback.core.migration import plan

    warnings = [f"{one.what}: {one.text[:60]!r}" for one in export.problems[:10]]
    if len(export.problems) > len(warnings):
        warnings.append(
            f"{len(export.problems) - len(warnings)} more lines were not understood: fallback inspect"
        )
    if export.order.open:
        warnings.append(f"the dates may be read in two ways; taken as {export.date_order} (--date-order)")
    return plan(
        export.group,
        events,
        server_name=server_name,
        missing=len(export.totals.missing),
        warnings=warnings,
        encrypted=encrypted,
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

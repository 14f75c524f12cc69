"""Who of an export is which contact: by number, then by name, and where neither is sure, who it may be."""

from collections.abc import Iterable

from msgspec.structs import replace

from fallback.core.contact_book import Book, names
from fallback.core.contacts import Contact, Trust, is_name, tidy
from fallback.core.events import Frozen
from fallback.core.ids import UserId
from fallback.core.migration import Becomes, Candidate, Plan, PlannedPerson
from fallback.core.roster import Person, fold, is_ghost

_CANDIDATES = 5


class Match(Frozen, frozen=True):
    """The contacts that a person may be, and why; sure where it is one and nothing speaks against it."""

    found: tuple[Contact, ...] = ()
    why: str = ""
    sure: bool = False


class Matcher:
    """Looks people of exports up in a book."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._parts: dict[str, dict[str, Contact]] = {}
        for contact in book:
            for part in {part for name in names(contact) for part in name.split()}:
                self._parts.setdefault(part, {})[contact.id] = contact

    def match(self, person: Person) -> Match:
        """Find a person by number, LID or Matrix id, then by exact name, then by name with the spelling aside.

        A part of a name, a name that several have, and a name whose number is another are all doubtful.
        """
        by_mark = _by_mark(self.book, person)
        if by_mark.found:
            return by_mark
        called = [one.name for one in person.identities if is_name(one.name)]
        alike = _unique(one for name in called for one in self.book.named(name))
        exact = [one for one in alike if set(called) & {one.name, *one.aliases}]
        for found, why in ((exact, "the same name"), (alike, "the same name in another spelling")):
            if len(found) > 1:
                return Match(tuple(found[:_CANDIDATES]), f"{len(found)} contacts have the name")
            if found:
                other = bool(found[0].phones) and any(one.phone for one in person.identities)
                return Match(
                    tuple(found), "the name of a contact with another number" if other else why, not other
                )
        partly = _unique(one for name in called for one in self._partly(fold(name).split()))
        return Match(tuple(partly[:_CANDIDATES]), "a part of the name" if partly else "")

    def _partly(self, parts: list[str]) -> Iterable[Contact]:
        """Give the contacts that have all parts of a name, or all of whose name is among the parts."""
        for contact in _unique(one for part in parts for one in self._parts.get(part, {}).values()):
            if any(
                set(parts) >= set(name.split()) or set(parts) <= set(name.split()) for name in names(contact)
            ):
                yield contact


def recognised(plan: Plan, book: Book) -> Plan:
    """Say of each person of a plan which contact they are, and invite those who have an account."""
    matcher = Matcher(book)
    people = tuple(_planned(one, matcher.match(one.person)) for one in plan.people)
    made = replace(plan, people=people)
    warnings = list(plan.warnings)
    trusts = {mxid: one.trust for one in book for mxid in one.mxids}
    claimed = [one for one in made.invited if trusts.get(one) is not Trust.CONFIRMED]
    if claimed:
        warnings.append(f"not confirmed by anybody that these are theirs: {', '.join(claimed)}")
    return replace(made, warnings=tuple(warnings))


def decided(planned: PlannedPerson, contact: Contact, why: str) -> PlannedPerson:
    """Take a person for a contact: the account is invited, labels of the export become aliases."""
    account = next((one for one in contact.mxids if not is_ghost(one)), UserId(""))
    known = set(names(contact))
    labels = dict.fromkeys(one.name for one in planned.person.identities if is_name(one.name))
    return replace(
        planned,
        becomes=Becomes.ACCOUNT if account else Becomes.GHOST,
        account=account,
        contact=contact.id,
        match=why,
        candidates=(),
        aliases=tuple(one for one in labels if fold(one) not in known),
    )


def learnt(contact: Contact, planned: PlannedPerson) -> Contact:
    """Give the contact of a planned person the labels that the export has for them."""
    return tidy(replace(contact, aliases=(*contact.aliases, *planned.aliases)))


def _planned(planned: PlannedPerson, match: Match) -> PlannedPerson:
    if match.sure:
        return decided(planned, match.found[0], f"{match.why}: {match.found[0].shown}")
    if not match.found:
        return planned
    candidates = tuple(Candidate(one.id, one.shown, next(iter(one.mxids), UserId(""))) for one in match.found)
    return replace(planned, becomes=Becomes.DOUBTFUL, match=match.why, candidates=candidates)


def _by_mark(book: Book, person: Person) -> Match:
    found: dict[str, Contact] = {}
    reasons: list[str] = []
    for one in person.identities:
        marks = ((one.phone, "phone number"), (one.lid and f"lid:{one.lid}", "LID"), (one.mxid, "Matrix id"))
        for mark, kind in marks:
            owners = book.with_mark(mark) if mark else []
            found |= {contact.id: contact for contact in owners}
            reasons += [kind] if owners else []
    if len(found) == 1:
        return Match(tuple(found.values()), f"the same {reasons[0]}", sure=True)
    return Match(
        tuple(found.values())[:_CANDIDATES],
        f"{len(found)} contacts share it: {', '.join(dict.fromkeys(reasons))}",
    )


def _unique(contacts: Iterable[Contact]) -> list[Contact]:
    return list({one.id: one for one in contacts}.values())

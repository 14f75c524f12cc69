"""Who is the same person as whom among contacts, and how two become one."""

from collections.abc import Iterable, Iterator
from itertools import islice

from msgspec.structs import replace

from fallback.core.contacts import Contact, Trust, digits, tidy
from fallback.core.events import Identity
from fallback.core.ids import ContactId
from fallback.core.roster import fold, ghost_number

_NAMESAKES = 16


def marks(contact: Contact) -> tuple[str, ...]:
    """List what only one person has: numbers, LIDs, Matrix ids."""
    return (*contact.phones, *(f"lid:{one}" for one in contact.lids), *contact.mxids)


def names(contact: Contact) -> tuple[str, ...]:
    """List the folded names that a contact goes by."""
    spelt = (contact.name, f"{contact.given} {contact.family}", *contact.aliases)
    return tuple(dict.fromkeys(folded for folded in map(fold, spelt) if folded))


def absorb(ours: Contact, theirs: Contact) -> Contact:
    """Add to a contact what another tells of the same person; nothing of ours is lost.

    Another name becomes an alias, other notes come below ours, our photo stays.  Confirmed stays what has no
    Matrix id but confirmed ones.
    """
    parted = ours.given or ours.family
    sure = {one for part in (ours, theirs) if part.trust is Trust.CONFIRMED for one in part.mxids}
    mxids = (*ours.mxids, *theirs.mxids)
    trusts = {ours.trust, theirs.trust}
    if Trust.CONFIRMED in trusts and sure.issuperset(mxids):
        trust = Trust.CONFIRMED
    else:
        trust = Trust.UNKNOWN if trusts == {Trust.UNKNOWN} else Trust.CLAIMED
    known = not theirs.notes or theirs.notes in ours.notes
    return tidy(
        Contact(
            id=ours.id,
            name=ours.name or theirs.name,
            given=ours.given if parted else theirs.given,
            family=ours.family if parted else theirs.family,
            aliases=(*ours.aliases, theirs.name, *theirs.aliases),
            phones=(*ours.phones, *theirs.phones),
            lids=(*ours.lids, *theirs.lids),
            mxids=mxids,
            emails=(*ours.emails, *theirs.emails),
            channels=(*ours.channels, *theirs.channels),
            notes=ours.notes if known else f"{ours.notes}\n{theirs.notes}",
            trust=trust,
            photo=ours.photo or theirs.photo,
            extra=(*ours.extra, *theirs.extra),
        )
    )


class Book:
    """Contacts with an index by number, LID, Matrix id and folded name."""

    def __init__(self, contacts: Iterable[Contact] = ()) -> None:
        self._contacts: dict[ContactId, Contact] = {}
        self._index: dict[str, dict[ContactId, None]] = {}
        for contact in contacts:
            self.put(contact)

    def __iter__(self) -> Iterator[Contact]:
        return iter(self._contacts.values())

    def get(self, contact: ContactId) -> Contact | None:
        """Give the contact of an id."""
        return self._contacts.get(contact)

    def put(self, contact: Contact) -> None:
        """Add or replace a contact."""
        before = self._contacts.get(contact.id)
        for key in _keys(before) if before else ():
            self._index[key].pop(contact.id)
        self._contacts[contact.id] = contact
        for key in _keys(contact):
            self._index.setdefault(key, {})[contact.id] = None

    def with_mark(self, mark: str) -> list[Contact]:
        """List who has a number, ``lid:…`` or Matrix id."""
        return [self._contacts[one] for one in islice(self._index.get(mark, ()), _NAMESAKES)]

    def sharing(self, contact: Contact) -> dict[str, list[Contact]]:
        """Give, for each number, LID or Matrix id of a contact, the others who have it too."""
        found = {
            mark: [one for one in self.with_mark(mark) if one.id != contact.id] for mark in marks(contact)
        }
        return {mark: others for mark, others in found.items() if others}

    def namesakes(self, contact: Contact) -> list[Contact]:
        """List others who go by the name of a contact, spelling aside; without one, who share an inbox with it.

        Of each name sixteen at most.
        """
        folded = [fold(one) for one in (contact.name, f"{contact.given} {contact.family}")]
        keys = [f"name:{one}" for one in dict.fromkeys(folded) if one] or _inboxes(contact)
        ids = dict.fromkeys(
            one for key in keys for one in islice(self._index.get(key, ()), _NAMESAKES) if one != contact.id
        )
        return [self._contacts[one] for one in ids]

    def named(self, name: str) -> list[Contact]:
        """List who goes by a name, spelling aside; sixteen at most."""
        return [self._contacts[one] for one in islice(self._index.get(f"name:{fold(name)}", ()), _NAMESAKES)]

    def own_name(self, identity: Identity) -> str:
        """Give the name that this profile has for somebody's number, LID or Matrix id, else their own.

        A ghost is known by the number it stands for.
        """
        known = identity.phone or ghost_number(identity.mxid)
        marks = (identity.mxid, known, identity.lid and f"lid:{identity.lid}")
        found = (one.name for mark in marks if mark for one in self.with_mark(mark))
        return next(filter(None, found), identity.name)

    def duplicates(self) -> list[tuple[str, list[Contact]]]:
        """List contacts that may be one person, with the number, id or folded name that they share."""
        groups: dict[tuple[ContactId, ...], str] = {}
        for key, ids in self._index.items():
            if len(ids) > 1 and not key.startswith("at:"):
                groups.setdefault(tuple(ids), key)
        return [(key, [self._contacts[one] for one in ids]) for ids, key in groups.items()]

    def search(self, text: str) -> list[Contact]:
        """List contacts with the text in a name, number, address or note, spelling aside."""
        wanted = fold(text)
        number = digits(wanted).lstrip("+0")
        return [
            one
            for one in self._contacts.values()
            if any(wanted in name for name in names(one))
            or (number and any(number in phone for phone in one.phones))
            or any(wanted in address.casefold() for address in one.addresses)
            or wanted in fold(one.notes)
        ]


def without(contact: Contact, value: str) -> Contact:
    """Take an address or alias out of a contact; the same contact where it has no such."""
    fields = ("aliases", "phones", "lids", "mxids", "emails", "channels")
    changed = {
        field: tuple(one for one in getattr(contact, field) if one not in (value, value.removeprefix("lid:")))
        for field in fields
        if value in getattr(contact, field) or (field == "lids" and value.startswith("lid:"))
    }
    return tidy(replace(contact, **changed)) if changed else contact


def _keys(contact: Contact) -> tuple[str, ...]:
    return (*marks(contact), *(f"name:{one}" for one in names(contact)), *_inboxes(contact))


def _inboxes(contact: Contact) -> list[str]:
    """List what several people may share: e-mail addresses and alert channels."""
    return [f"at:{one.casefold()}" for one in (*contact.emails, *contact.channels)]

"""Contacts in both stores: ``core.contacts.ContactStore`` as a part of each."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from fallback.core.contacts import Contact
from fallback.core.ids import ContactId
from fallback.store import sql
from fallback.store.engine import Engine
from fallback.store.writer import Writer


class SqlContacts:
    """Contacts in a database; the photo lies beside the rest, as it is."""

    _writer: Writer

    async def save_contact(self, contact: Contact) -> None:
        """Add or replace a contact."""
        await self.save_contacts([contact])

    async def save_contacts(self, contacts: Sequence[Contact], *, remove: Sequence[ContactId] = ()) -> None:
        """Add or replace many and remove some, all or nothing."""
        rows = [(one.id, msgspec.json.encode(replace(one, photo=b"")), one.photo) for one in contacts]

        def work(db: Engine) -> None:
            for contact in remove:
                db.run(sql.REMOVE_CONTACT, contact)
            for row in rows:
                db.run(sql.SAVE_CONTACT, *row)

        await self._writer.run(work)

    async def contact(self, contact: ContactId) -> Contact | None:
        """Give a contact; ``None`` where there is none of that id."""
        found = await self._contacts(sql.CONTACT, contact)
        return found[0] if found else None

    async def contacts(self) -> list[Contact]:
        """List all contacts, oldest first."""
        return await self._contacts(sql.CONTACTS)

    async def remove_contact(self, contact: ContactId) -> None:
        """Forget a contact; harmless when it is gone."""
        await self.save_contacts([], remove=[contact])

    async def _contacts(self, statement: str, *values: str) -> list[Contact]:
        rows = await self._writer.run(lambda db: db.rows(statement, *values), write=False)
        try:
            return [
                replace(msgspec.json.decode(contact, type=Contact), photo=photo) for contact, photo in rows
            ]
        except msgspec.MsgspecError as error:
            raise self._writer.translate(error) from error


class MemoryContacts:
    """Contacts in a dictionary, which the store makes."""

    _people: dict[ContactId, Contact]

    async def save_contact(self, contact: Contact) -> None:
        """Add or replace a contact."""
        self._people[contact.id] = contact

    async def save_contacts(self, contacts: Sequence[Contact], *, remove: Sequence[ContactId] = ()) -> None:
        """Add or replace many and remove some, all or nothing."""
        for one in remove:
            self._people.pop(one, None)
        self._people |= {one.id: one for one in contacts}

    async def contact(self, contact: ContactId) -> Contact | None:
        """Give a contact; ``None`` where there is none of that id."""
        return self._people.get(contact)

    async def contacts(self) -> list[Contact]:
        """List all contacts, oldest first."""
        return list(self._people.values())

    async def remove_contact(self, contact: ContactId) -> None:
        """Forget a contact; harmless when it is gone."""
        self._people.pop(contact, None)

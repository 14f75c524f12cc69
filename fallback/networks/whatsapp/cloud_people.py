"""Who is who on the Cloud API: numbers, business-scoped user ids, and names that come beside them."""

import re
from collections.abc import Mapping
from typing import Final

from fallback.core.events import Identity
from fallback.networks.whatsapp.cloud_json import Json, child, identifier, items, string
from fallback.text import sanitise_name

_NUMBER: Final = re.compile("[1-9][0-9]{4,14}")
_SCOPED: Final = re.compile(r"[a-z0-9][a-z0-9.]{2,99}")


class People:
    """What is known of people; an id whose number was told once keeps it when later payloads leave it out.

    Args:
        numbers: user id -> number, as kept from an earlier run.

    Attributes:
        changed: a number was learnt since ``changed`` was last set to false.
    """

    def __init__(self, numbers: Mapping[str, str] | None = None) -> None:
        self.numbers = dict(numbers or {})
        self.changed = False
        self._names: dict[str, str] = {}

    def learn(self, value: Json) -> None:
        """Take in what a payload's ``contacts`` tell, if it has any."""
        for contact in items(value, "contacts"):
            profile = child(contact, "profile")
            name = sanitise_name(string(profile, "name", "username"))
            phone, scoped = numbered(string(contact, "wa_id")), scope(string(contact, "user_id"))
            self._pair(scoped, phone)
            if name:
                self._names.update({key: name for key in (phone, scoped) if key})

    def identity(self, number: str, user: str, name: str = "") -> Identity:
        """Give the identity of a number and a user id, either of which may be empty.

        Args:
            name: by which they are called where no better one is known.
        """
        phone, scoped = numbered(number), scope(user)
        self._pair(scoped, phone)
        phone = phone or self.numbers.get(scoped, "")
        name = self._names.get(phone) or self._names.get(scoped) or sanitise_name(name)
        if not (phone or scoped or name):
            return Identity(name=sanitise_name(number or user))
        if name:
            self._names.update({key: name for key in (phone, scoped) if key})
        return Identity(name=name, phone=phone, lid=scoped)

    def participant(self, one: Json) -> Identity:
        """Give the identity of an entry of a list of members."""
        known = identifier(one, "wa_id", "input")
        user = identifier(one, "user_id") or ("" if numbered(known) else known)
        return self.identity(known, user, string(one, "username"))

    def _pair(self, scoped: str, phone: str) -> None:
        if scoped and phone and self.numbers.get(scoped) != phone:
            self.numbers[scoped] = phone
            self.changed = True


def numbered(text: str) -> str:
    """Write a WhatsApp id as a number in E.164; empty where it is none."""
    digits = text.strip().removeprefix("+")
    return f"+{digits}" if _NUMBER.fullmatch(digits) else ""


def scope(text: str) -> str:
    """Write a business-scoped user id as a ghost's name can hold it; empty where it is none."""
    lowered = text.strip().lower()
    return lowered if _SCOPED.fullmatch(lowered) and not numbered(lowered) else ""

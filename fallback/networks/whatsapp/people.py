"""Names of an export: contacts, ``~ push names`` and phone numbers as identities."""

import re
from typing import Final

from fallback.core.events import Identity
from fallback.networks.whatsapp.headers import normalise
from fallback.networks.whatsapp.systems import YOU
from fallback.text import sanitise_name

_PHONE: Final = re.compile(r"\+[0-9][0-9 ()./\-‑–]{5,24}")
_DIGITS: Final = re.compile(r"[^0-9]")
ME: Final = Identity(me=True)


def identify(label: str, me: str = "") -> Identity:
    """Make an identity of a label as it stands in the export.

    Args:
        me: the exporter's own label, where known.
    """
    if label == YOU:
        return identify(me, me) if me else ME
    name = sanitise_name(label)
    mine = bool(me) and name == me
    if name_kind(name) == "phone":
        return Identity(phone="+" + _DIGITS.sub("", normalise(name)), me=mine)
    if name_kind(name) == "push name":
        return Identity(name=name.lstrip("~ \u202f\u00a0"), me=mine)
    return Identity(name=name, me=mine)


def name_kind(name: str) -> str:
    """Say what a label is: ``contact``, ``push name`` or ``phone``."""
    if name.startswith("~"):
        return "push name"
    plain = normalise(name).replace("\u2011", "-").strip()
    return "phone" if _PHONE.fullmatch(plain) else "contact"

"""Who is who: the identities of one person under number, LID, contact name and Matrix id."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence

from fallback.core.events import Frozen, Identity
from fallback.core.ids import UserId

GHOST_PREFIX = "wa_"
"""What the localpart of every ghost begins with; the appservice's namespace."""

_TASHKEEL = re.compile("[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0640]")
_LETTERS = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ة": "ه", "ؤ": "و", "ئ": "ي"})


def fold(text: str) -> str:
    """Reduce a text to what two spellings of it share: no tashkeel, tatweel, hamza forms or case."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_TASHKEEL.sub("", text).translate(_LETTERS).split())


def ghost(identity: Identity, server_name: str) -> UserId:
    """Give the Matrix user that stands for a person: by number, by LID, else by a hash of the name.

    Nobody is the network itself.
    """
    if not identity.key:
        local = "whatsapp"
    elif identity.phone:
        local = re.sub(r"\D", "", identity.phone)
    elif identity.lid:
        local = f"lid-{identity.lid}"
    else:
        local = hashlib.sha256(fold(identity.name).encode()).hexdigest()[:12]
    return UserId(f"@{GHOST_PREFIX}{local}:{server_name}")


def ghost_number(user: str) -> str:
    """Give the number, in E.164, of the person that a ghost stands for; empty where its name tells none."""
    local = user.partition(":")[0].removeprefix(f"@{GHOST_PREFIX}")
    return f"+{local}" if is_ghost(user) and re.fullmatch("[1-9][0-9]{4,14}", local) else ""


def is_system(user: str) -> bool:
    """Tell whether a Matrix user is the one that stands for the network itself."""
    return user.startswith(f"@{GHOST_PREFIX}whatsapp:")


def is_ghost(user: str) -> bool:
    """Tell whether a Matrix user is one of ours."""
    return user.startswith(f"@{GHOST_PREFIX}")


class Person(Frozen, frozen=True):
    """One person with every identity that is known of them; the first one is the strongest.

    Args:
        called: a name that somebody chose for them, before those of the identities.
    """

    identities: tuple[Identity, ...]
    admin: bool = False
    called: str = ""

    @property
    def name(self) -> str:
        """What people call them."""
        return self.called or next((i.name for i in self.identities if i.name), self.identities[0].key)


def merge(identities: Iterable[Identity], admins: Sequence[Identity] = ()) -> tuple[Person, ...]:
    """Join identities that share a number, a LID, a Matrix id or a folded name, in order of appearance."""
    people: list[list[Identity]] = []
    index: dict[str, list[Identity]] = {}
    for identity in identities:
        marks = _marks(identity)
        if not marks:
            continue
        known = next((index[mark] for mark in marks if mark in index), None)
        if known is None:
            known = []
            people.append(known)
        if identity not in known:
            known.append(identity)
        index.update(dict.fromkeys(marks, known))
    ranks = {mark for admin in admins for mark in _marks(admin)}
    return tuple(
        Person(tuple(one), admin=any(mark in ranks for identity in one for mark in _marks(identity)))
        for one in people
    )


def _marks(identity: Identity) -> list[str]:
    marks = [identity.mxid, identity.phone, identity.lid and f"lid:{identity.lid}"]
    return [mark for mark in (*marks, fold(identity.name) and f"name:{fold(identity.name)}") if mark]


def relay_of(user: UserId) -> UserId:
    """Name the relay of a person's own homeserver; its invitations are accepted, all others wait for the person."""
    return UserId(f"@fallback:{user.partition(':')[2]}")

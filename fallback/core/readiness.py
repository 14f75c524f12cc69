"""How ready a group is to move: who is mapped, invited, joined, has keys, and has proven to be reachable."""

from collections.abc import Container, Iterable, Mapping
from enum import StrEnum

from fallback.core.contact_book import Book
from fallback.core.contacts import Contact
from fallback.core.events import Canonical, Frozen, Identity
from fallback.core.ids import UserId
from fallback.core.portal import RoomState
from fallback.core.rollcall import Answer, sign_of
from fallback.core.roster import ghost, is_ghost, is_system

PROOF_LASTS = 30 * 86_400_000
"""For how long (ms) a sign of life in the room proves that somebody is reachable there."""


class Stage(StrEnum):
    """How far somebody has come; all but the last are missing something."""

    UNMAPPED = "unmapped"
    UNINVITED = "uninvited"
    INVITED = "invited"
    KEYLESS = "keyless"
    SILENT = "silent"
    READY = "ready"


TODO: Mapping[Stage, str] = {
    Stage.UNMAPPED: "find out their Matrix id, then: fallback contacts link NAME @USER:SERVER",
    Stage.UNINVITED: "invite {mxid} to the room",
    Stage.INVITED: "hand them the join sheet and let them accept: fallback ready --sheet FOLDER",
    Stage.KEYLESS: "let them sign in once with a client that can read encrypted rooms",
    Stage.SILENT: "ask for one word in the room, or wait for the next drill: fallback drill start",
    Stage.READY: "",
}
"""What to do for whom."""


class Standing(Frozen, frozen=True):
    """One person of the group.

    Args:
        mxid: their own account, empty where nobody knows it.
        proof: their last sign of life in the room, however old.
    """

    name: str
    stage: Stage
    mxid: str = ""
    phone: str = ""
    proof: Answer | None = None

    @property
    def todo(self) -> str:
        """What to do for them; empty for nothing."""
        return TODO[self.stage].format(mxid=self.mxid)


class Readiness(Frozen, frozen=True):
    """A group at a glance, those who miss most first."""

    people: tuple[Standing, ...]

    @property
    def ready(self) -> int:
        """How many could be reached if WhatsApp went down now."""
        return sum(one.stage is Stage.READY for one in self.people)

    @property
    def percent(self) -> int:
        """The same as one figure; 100 for a group of nobody."""
        return 100 * self.ready // len(self.people) if self.people else 100


def readiness(
    state: RoomState,
    book: Book,
    events: Iterable[Canonical],
    *,
    now: int,
    keyed: Container[str] | None = None,
    machines: Container[str] = (),
) -> Readiness:
    """Judge every person of a group.

    Args:
        state: the room, whose ghosts are the people of the WhatsApp group.
        events: of the room, as far back as proof lasts.
        keyed: accounts that have a device with keys; ``None`` where that does not matter.
        machines: accounts that are nobody's.
    """
    signs = last_signs(events)
    joined = {one.mxid for one in state.members}
    invited = {one.mxid for one in state.invited}
    people = _people(state, book, machines)

    def stage(mxid: str) -> Stage:
        if not mxid:
            return Stage.UNMAPPED
        if mxid not in joined:
            return Stage.INVITED if mxid in invited else Stage.UNINVITED
        if keyed is not None and mxid not in keyed:
            return Stage.KEYLESS
        sign = signs.get(mxid)
        return Stage.READY if sign is not None and now - sign.at <= PROOF_LASTS else Stage.SILENT

    standings = [
        Standing(one.name or one.mxid or one.phone, stage(one.mxid), one.mxid, one.phone, signs.get(one.mxid))
        for one in people
    ]
    order = list(Stage)
    return Readiness(tuple(sorted(standings, key=lambda one: (order.index(one.stage), one.name))))


def last_signs(events: Iterable[Canonical]) -> dict[str, Answer]:
    """Give each Matrix user's last sign of life."""
    last: dict[str, Answer] = {}
    for event in events:
        sign, who = sign_of(event), event.sender.mxid
        if sign and who and (who not in last or event.at >= last[who].at):
            last[who] = Answer(event.sender, event.at, sign)
    return last


def accounts(state: RoomState, machines: Container[str] = ()) -> tuple[UserId, ...]:
    """List the accounts in a room that are people's own."""
    return tuple(
        UserId(one.mxid) for one in state.members if not is_ghost(one.mxid) and one.mxid not in machines
    )


def _people(state: RoomState, book: Book, machines: Container[str]) -> list[Identity]:
    """Join the ghosts to their people's own accounts, by the contacts; one identity for each person."""
    there = [one for one in (*state.members, *state.invited) if one.mxid not in machines]
    own = {one.mxid: one for one in there if not is_ghost(one.mxid)}
    ghosts = [one for one in there if is_ghost(one.mxid) and not is_system(one.mxid)]
    owners = _owners(book, {one.mxid.partition(":")[2] for one in ghosts})
    people: dict[str, Identity] = {}
    for one in ghosts:
        contact = owners.get(one.mxid) or _namesake(one, book)
        mxid = _account(contact, own)
        phone = next(iter(contact.phones), "") if contact else ""
        people.setdefault(mxid or one.mxid, Identity(name=one.name, phone=phone, mxid=mxid))
    for mxid, one in own.items():
        people.setdefault(mxid, one)
    return list(people.values())


def _owners(book: Book, servers: Iterable[str]) -> dict[str, Contact]:
    """Give, for each ghost that a contact's number or LID would have, the contact."""
    return {
        ghost(identity, server): contact
        for server in servers
        for contact in book
        for identity in (
            *(Identity(phone=phone) for phone in contact.phones),
            *(Identity(lid=lid) for lid in contact.lids),
        )
    }


def _namesake(one: Identity, book: Book) -> Contact | None:
    """Find the only contact of a ghost's name."""
    found = book.namesakes(Contact(name=one.name))
    return found[0] if len(found) == 1 else None


def _account(contact: Contact | None, own: Container[str]) -> str:
    """Choose among a person's accounts the one that is in the room."""
    mxids = contact.mxids if contact else ()
    return next((one for one in mxids if one in own), next(iter(mxids), ""))

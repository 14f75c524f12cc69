"""An export and what the homeserver has become a plan of idempotent steps; a person reads it before it runs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from itertools import pairwise
from typing import assert_never

from fallback.core.events import (
    Canonical,
    Edit,
    Frozen,
    Group,
    GroupChange,
    Identity,
    Membership,
    Message,
    Notice,
    Reaction,
    Receipt,
    Redaction,
    Vote,
)
from fallback.core.ids import ChatId, ContactId, PortalId, SourceId, UserId
from fallback.core.ports import RoomSpec, Seen
from fallback.core.roster import Person, ghost, merge


class Becomes(StrEnum):
    """What a person of the export gets beside their ghost; who is doubtful or skipped is not invited."""

    ACCOUNT = "account"
    GHOST = "ghost"
    DOUBTFUL = "doubtful"
    SKIP = "skip"


class Candidate(Frozen, frozen=True):
    """A contact that a doubtful person may be."""

    contact: ContactId
    name: str
    account: UserId = UserId("")


class PlannedPerson(Frozen, frozen=True):
    """Who a person of the export will be in the room, and why.

    Args:
        reason: what the ghost is named by.
        speaks: messages of theirs.
        member: they were in the group when it was exported.
        becomes: what they get beside the ghost.
        account: theirs on Matrix, which is invited.
        contact: who they are among the contacts.
        match: why they are that contact, or why it is doubtful.
        candidates: whom a doubtful person may be.
        aliases: labels of the export that the contact learns.
    """

    person: Person
    ghost: UserId
    reason: str
    speaks: int = 0
    member: bool = True
    becomes: Becomes = Becomes.GHOST
    account: UserId = UserId("")
    contact: ContactId = ContactId("")
    match: str = ""
    candidates: tuple[Candidate, ...] = ()
    aliases: tuple[str, ...] = ()


class Plan(Frozen, frozen=True):
    """All that a migration will do.

    Args:
        events: timeline events that will be sent, in order.
        first_at, last_at: ms, of the first and last of them.
        media_missing: files that the export names and does not hold.
        seconds: estimated duration.
    """

    portal: PortalId
    chat: ChatId
    room: RoomSpec
    people: tuple[PlannedPerson, ...]
    kinds: Mapping[str, int]
    events: int
    media: int
    media_bytes: int
    media_missing: int
    first_at: int
    last_at: int
    seconds: float
    warnings: tuple[str, ...] = ()

    @property
    def messages(self) -> int:
        """Messages that people wrote."""
        return self.kinds.get("message", 0)

    @property
    def invited(self) -> tuple[UserId, ...]:
        """The accounts that are invited when the history is in."""
        found = (one.account for one in self.people if one.becomes is Becomes.ACCOUNT)
        return tuple(dict.fromkeys(found))

    def those(self, becomes: Becomes) -> list[PlannedPerson]:
        """List the people of one kind."""
        return [one for one in self.people if one.becomes is becomes]


RATE = 36.0
"""Events a second that one room takes one by one (measured on two cores); the estimate before a run has its own."""
MEDIA_RATE = 200.0
"""Files a second."""


def timeline(events: Iterable[Canonical]) -> list[Canonical]:
    """Choose what of an export becomes an event of the room, in the export's own order."""
    return [event for event in events if not isinstance(event, Receipt)]


def plan(
    group: Group,
    events: Iterable[Canonical],
    *,
    server_name: str,
    missing: int = 0,
    warnings: Iterable[str] = (),
    rate: float = RATE,
    encrypted: bool = True,
) -> Plan:
    """Plan the migration of one group.

    Args:
        encrypted: end to end; the room's name, topic and members are never.
        missing: media files that the export names and does not hold.
        rate: events a second that the homeserver takes.
    """
    chosen = timeline(events)
    speakers = Counter(
        event.sender.key for event in chosen if event.sender.key and isinstance(event, Message)
    )
    identities = [*group.members, *(event.sender for event in chosen)]
    people = merge((identity for identity in identities if identity.key), group.admins)
    files = [event.attachment for event in chosen if isinstance(event, Message) and event.attachment]
    held = [file for file in files if file.source]
    times = [event.at for event in chosen] or [0]
    here = {identity.key for identity in group.members}
    alias = "wa_" + "".join(character for character in group.chat if character.isalnum()).lower()[:40]
    return Plan(
        portal=PortalId(f"portal-{group.chat}"),
        chat=group.chat,
        room=RoomSpec(
            name=group.name or "WhatsApp",
            topic=group.description,
            alias=alias,
            announce_only=group.announce_only,
            encrypted=encrypted,
        ),
        people=tuple(_planned(person, here, speakers, server_name) for person in people),
        kinds=Counter(kind_of(event) for event in chosen),
        events=len(chosen),
        media=len(held),
        media_bytes=sum(file.size for file in held),
        media_missing=missing,
        first_at=min(times),
        last_at=max(times),
        seconds=len(chosen) / rate + len(held) / MEDIA_RATE + len(people) * 0.1,
        warnings=tuple(warnings),
    )


def kind_of(event: Canonical) -> str:
    """Name an event's kind for counts and reports."""
    match event:
        case Message():
            return "message"
        case Membership():
            return "membership"
        case GroupChange():
            return "group_change"
        case Notice():
            return "notice"
        case Edit() | Reaction() | Redaction() | Vote() | Receipt():
            return type(event).__name__.lower()
        case _:
            assert_never(event)


def _planned(
    person: Person, here: AbstractSet[str], speakers: Mapping[str, int], server_name: str
) -> PlannedPerson:
    first: Identity = person.identities[0]
    reason = "phone number" if first.phone else "linked id" if first.lid else "name in the export"
    return PlannedPerson(
        person=person,
        ghost=ghost(first, server_name),
        reason=reason,
        speaks=sum(speakers.get(identity.key, 0) for identity in person.identities),
        member=any(identity.key in here for identity in person.identities),
    )


class Verification(Frozen, frozen=True):
    """The room read back and held against the export.

    Args:
        expected: events that the export asks for.
        found: of them, in the room.
        missing, doubled, misplaced, altered: source ids of the differences.
    """

    expected: int
    found: int
    missing: tuple[SourceId, ...] = ()
    doubled: tuple[SourceId, ...] = ()
    misplaced: tuple[SourceId, ...] = ()
    altered: tuple[SourceId, ...] = ()

    @property
    def differences(self) -> int:
        """How many; 0 is what a migration must end with."""
        return len(self.missing) + len(self.doubled) + len(self.misplaced) + len(self.altered)


def verify(expected: Iterable[Seen], room: Iterable[Seen]) -> Verification:
    """Compare what should be in the room with what is: count, order, senders, times, text."""
    wanted = list(expected)
    by_source = {one.source: one for one in wanted}
    found = [one for one in room if one.source in by_source]
    counts = Counter(one.source for one in found)
    first: dict[SourceId, Seen] = {}
    for one in found:
        first.setdefault(one.source, one)
    place = {one.source: n for n, one in enumerate(wanted)}
    order = [place[source] for source in first]
    misplaced = [wanted[b].source for a, b in pairwise(order) if b < a]
    altered = [
        source
        for source, one in first.items()
        if (one.sender, one.at, one.text)
        != (by_source[source].sender, by_source[source].at, by_source[source].text)
    ]
    return Verification(
        expected=len(wanted),
        found=len(first),
        missing=tuple(source for source in by_source if source not in first),
        doubled=tuple(source for source, count in counts.items() if count > 1),
        misplaced=tuple(misplaced),
        altered=tuple(altered),
    )

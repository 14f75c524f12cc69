"""An export and what the homeserver has become a plan of idempotent steps; a person reads it before it runs."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import TypeGuard, assert_never

from msgspec.structs import replace

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
    Setting,
    Vote,
)
from fallback.core.ids import ChatId, ContactId, PortalId, SourceId, UserId
from fallback.core.importing import end_of
from fallback.core.ports import RoomSpec
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
        known: of the events, in the room already.
        late: of the others, those that come after newer ones.
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
    known: int = 0
    late: int = 0

    @property
    def messages(self) -> int:
        """Messages that people wrote."""
        return self.kinds.get("message", 0)

    @property
    def invited(self) -> tuple[UserId, ...]:
        """The accounts that are invited when the history is in."""
        found = (one.account for one in self.people if one.becomes is Becomes.ACCOUNT)
        return tuple(dict.fromkeys(found))

    @property
    def leaders(self) -> tuple[UserId, ...]:
        """Of the invited, those who are admins of the group."""
        admins = {one.account for one in self.people if one.person.admin}
        return tuple(user for user in self.invited if user in admins)

    def those(self, becomes: Becomes) -> list[PlannedPerson]:
        """List the people of one kind."""
        return [one for one in self.people if one.becomes is becomes]


RATE = 36.0
"""Events a second that one room takes one by one (measured on two cores); the estimate before a run has its own."""
MEDIA_RATE = 200.0
"""Files a second."""

MOST_PINS = 3
"""Messages that WhatsApp pins at once."""


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
    return Plan(
        portal=PortalId(f"portal-{group.chat}"),
        chat=group.chat,
        room=RoomSpec(
            name=group.name or "WhatsApp",
            topic=_topic(group),
            alias=alias_of(group.chat),
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


def ghosts(plan: Plan, server_name: str) -> Callable[[Identity], UserId]:
    """Give what names the ghost of any of a person's identities."""
    known = {identity.key: one.ghost for one in reversed(plan.people) for identity in one.person.identities}
    return lambda identity: known.get(identity.key) or ghost(identity, server_name)


def remaining(events: Iterable[Canonical], there: Container[SourceId], *, newest: int = 0) -> list[Canonical]:
    """List what of a timeline is not in the room; what comes after its place there is marked as late.

    Args:
        there: what is in the room, the ends of polls too.
        newest: time (ms) of the newest event there, for an export that shares nothing with it.
    """
    chosen = list(events)
    last = max((number for number, event in enumerate(chosen) if event.id in there), default=-1)
    found: list[Canonical] = []
    for number, event in enumerate(chosen):
        if event.id not in there:
            late = number < last or (last < 0 and event.at < newest)
            found.append(replace(event, late=True) if late else event)
        elif is_poll(event) and end_of(event.id) not in there:
            found.append(event)
    return found


def as_later(plan: Plan, events: Iterable[Canonical], there: Container[SourceId]) -> Plan:
    """Say in a plan what of it is done already; an export that shares nothing with what is there is doubted."""
    chosen = timeline(events)
    rest = [event for event in remaining(chosen, there) if event.id not in there]
    known = len(chosen) - len(rest)
    strange = () if known or not chosen else ("nothing of this export is in the room of that group yet",)
    return replace(
        plan,
        known=known,
        late=sum(event.late for event in rest),
        seconds=plan.seconds * len(rest) / max(1, len(chosen)),
        warnings=(*plan.warnings, *strange),
    )


def is_poll(event: Canonical) -> TypeGuard[Message]:
    """Tell whether an event asks a question."""
    return isinstance(event, Message) and event.poll is not None and not event.deleted


def pins(events: Iterable[Canonical]) -> tuple[SourceId, ...]:
    """List the messages that a group has pinned, where it tells which."""
    changes = [event for event in events if isinstance(event, GroupChange) and event.setting is Setting.PIN]
    return tuple(dict.fromkeys(SourceId(one.value) for one in changes if one.value))[-MOST_PINS:]


def alias_of(chat: str) -> str:
    """Give the alias by which a group's room is found again."""
    return "wa_" + "".join(character for character in chat if character.isalnum()).lower()[:40]


def _topic(group: Group) -> str:
    """Give a group's description and, where messages disappear in WhatsApp, that they stay here."""
    days, hours = divmod(group.disappearing // 3600, 24)
    after, after_ar = (f"{days} d", f"{days} يوم") if days else (f"{hours} h", f"{hours} ساعة")
    told = f"In WhatsApp messages disappear after {after}; here they stay. تختفي الرسائل في واتساب بعد {after_ar}، وتبقى هنا."
    return "\n".join(filter(None, (group.description, told if group.disappearing else "")))


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

"""Who has been reached since the outage began: a word, a vote, a reaction or a read receipt counts as an answer."""

from collections.abc import Container, Iterable
from enum import StrEnum
from typing import assert_never

from fallback.core.events import (
    Canonical,
    Edit,
    Frozen,
    GroupChange,
    Identity,
    Membership,
    Message,
    Notice,
    Origin,
    Poll,
    PollOption,
    Reaction,
    Receipt,
    ReceiptKind,
    Redaction,
    Vote,
)
from fallback.core.ids import ChatId, SourceId
from fallback.core.portal import RoomState
from fallback.core.roster import is_ghost

ANSWERS = ("✅ I am here · أنا هنا", "🆘 I need help · أحتاج مساعدة")
"""What the poll of a roll-call can be answered with."""
NAMED = 12
"""Missing people whom one line names."""


class Sign(StrEnum):
    """What shows that somebody was reached."""

    WROTE = "wrote"
    VOTED = "voted"
    REACTED = "reacted"
    READ = "read"


class Answer(Frozen, frozen=True):
    """The first sign of life of one person; ``at`` in ms."""

    who: Identity
    at: int
    sign: Sign


class RollCall(Frozen, frozen=True):
    """The members of a room and the answers of those of them who gave one, by time."""

    expected: tuple[Identity, ...]
    answers: tuple[Answer, ...] = ()

    @property
    def reached(self) -> tuple[Identity, ...]:
        """Those who gave a sign, in the order in which they are expected."""
        there = {answer.who.key for answer in self.answers}
        return tuple(identity for identity in self.expected if identity.key in there)

    @property
    def missing(self) -> tuple[Identity, ...]:
        """Those who gave no sign yet."""
        there = {answer.who.key for answer in self.answers}
        return tuple(identity for identity in self.expected if identity.key not in there)


def call(members: Iterable[Identity], events: Iterable[Canonical], *, since: int, until: int = 0) -> RollCall:
    """Find each member's first sign of life in the room.

    Args:
        since, until: ms; 0 for no end.
    """
    expected = {identity.key: identity for identity in members}
    first: dict[str, Answer] = {}
    for event in events:
        sign, key = sign_of(event), event.sender.key
        if sign is None or key not in expected or event.at < since or (until and event.at > until):
            continue
        if key not in first or event.at < first[key].at:
            first[key] = Answer(expected[key], event.at, sign)
    answers = sorted(first.values(), key=lambda answer: (answer.at, answer.who.key))
    return RollCall(tuple(expected.values()), tuple(answers))


def sign_of(event: Canonical) -> Sign | None:
    """Tell which sign of its sender's life an event is; joins, notices and deliveries are none."""
    match event:
        case Message() | Edit() | Redaction() | GroupChange():
            return Sign.WROTE
        case Vote():
            return Sign.VOTED
        case Reaction():
            return Sign.REACTED if event.key else None
        case Receipt():
            return Sign.READ if event.kind is ReceiptKind.READ else None
        case Membership() | Notice():
            return None
        case _:
            assert_never(event)


def expected(state: RoomState, machines: Container[str] = ()) -> tuple[Identity, ...]:
    """List the people of a room who can answer: no ghosts, and not the relay's own account."""
    return tuple(one for one in state.members if not is_ghost(one.mxid) and one.mxid not in machines)


def question(name: SourceId, chat: ChatId, at: int, *, drill: bool = False) -> Message:
    """Make the poll that asks everybody in the room, and tells every client to ring."""
    asked = (
        "🧪 DRILL, WhatsApp works. Who reads this here? · تمرين، واتساب يعمل. من يقرأ هذا هنا؟"
        if drill
        else "Who is here? A vote, a ✅ or one word is enough. · من هنا؟ يكفي تصويت أو ✅ أو كلمة."
    )
    poll = Poll(asked, tuple(PollOption(text) for text in ANSWERS), selectable=1)
    return Message(id=name, chat=chat, at=at, origin=Origin.MATRIX, poll=poll, mentions_all=True)


def summary(roll: RollCall) -> str:
    """Say it in one line: ``9 of 12 reached, missing: …``."""
    line = f"{len(roll.reached)} of {len(roll.expected)} reached"
    missing = [one.name or one.key for one in roll.missing]
    if not missing:
        return line
    more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    return f"{line}, missing: {', '.join(missing[:NAMED])}{more}"

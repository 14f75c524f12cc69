"""A drill: a rehearsal of the roll-call that says on both sides that it is one, and its score."""

import msgspec

from fallback.core.events import Frozen, Message, Origin
from fallback.core.ids import PortalId, SourceId
from fallback.core.outbox import Delivery
from fallback.core.ports import Portal
from fallback.core.rollcall import RollCall, question
from fallback.core.routing import MATRIX, delivery_id

KEY = "drills"
"""Under which the store keeps all of them."""
WHATSAPP = "🧪 *DRILL*, WhatsApp works. Open the second home and answer there. · *تمرين*، واتساب يعمل. افتحوا الغرفة البديلة وأجيبوا هناك."


class Drill(Frozen, frozen=True):
    """One drill of one group.

    Args:
        at: when it began, ms; names it together with its portal.
        minutes: within which an answer counts.
    """

    portal: PortalId
    at: int
    minutes: int
    who: str = ""

    @property
    def until(self) -> int:
        """The end, ms."""
        return self.at + self.minutes * 60_000


class Score(Frozen, frozen=True):
    """How a drill went; ``median`` seconds to an answer, ``None`` where there was none."""

    reached: int
    expected: int
    median: float | None = None


def calls(drill: Drill, portal: Portal, target: str = "") -> list[tuple[Message, Delivery]]:
    """Make what is said: the poll in the room, and where sending is on, a word in the WhatsApp group.

    Args:
        target: the connector's name; empty for the room alone.
    """
    asked = question(SourceId(f"drill-{drill.at}"), portal.chat, drill.at, drill=True)
    said = [(asked, _delivery(portal, asked, MATRIX))]
    if target and portal.sending:
        word = Message(
            id=SourceId(f"drill-{drill.at}-there"),
            chat=portal.chat,
            at=drill.at,
            origin=Origin.MATRIX,
            text=WHATSAPP,
        )
        said.append((word, _delivery(portal, word, target)))
    return said


def score(drill: Drill, roll: RollCall) -> Score:
    """Measure the answers."""
    times = sorted((answer.at - drill.at) / 1000 for answer in roll.answers)
    middle = times[(len(times) - 1) // 2] if times else None
    return Score(len(roll.reached), len(roll.expected), middle)


def encode(drills: list[Drill]) -> str:
    """Write all drills as the store keeps them."""
    return msgspec.json.encode(drills).decode()


def decode(kept: str | None) -> list[Drill]:
    """Read what the store keeps, oldest first."""
    return msgspec.json.decode(kept, type=list[Drill]) if kept else []


def _delivery(portal: Portal, event: Message, target: str) -> Delivery:
    return Delivery(id=delivery_id(portal, event, target), portal=portal.id, target=target, event=event)

"""The life of a delivery: pending → leased → sent, or back with a delay, or wedged until a person decides."""

from enum import StrEnum

from fallback.core.events import Canonical, Frozen
from fallback.core.ids import DeliveryId, PortalId, SourceId, UserId

FIRST_DELAY = 1.0
"""Seconds after the first failure."""
LONGEST_DELAY = 60.0
"""Seconds between two tries of a lane at most: a recovery must be noticed within a minute."""


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    LEASED = "leased"
    SENT = "sent"
    WEDGED = "wedged"
    DROPPED = "dropped"


class Delivery(Frozen, frozen=True):
    """One event on its way to one side.

    Args:
        id: also the Matrix transaction id: a re-send after a crash is harmless.
        target: the lane's end: ``matrix`` or a connector's name.
        sender: the ghost that speaks; ``None`` for our own account.
        attempts: tries that failed so far.
        not_before: ms; the lane waits until then.
        remote: what the target calls the event once it is sent.
        token: fencing token of the lease.
    """

    id: DeliveryId
    portal: PortalId
    target: str
    event: Canonical
    sender: UserId | None = None
    state: State = State.PENDING
    attempts: int = 0
    not_before: int = 0
    remote: SourceId | None = None
    error: str = ""
    token: int = 0

    @property
    def lane(self) -> str:
        """One portal and direction: first in, first out."""
        return f"{self.portal}/{self.target}"


class Sent(Frozen, frozen=True, tag=True):
    """It arrived; ``remote`` is its id over there."""

    remote: SourceId


class Retry(Frozen, frozen=True, tag=True):
    """It did not arrive this time; ``after`` seconds where the other side named them, else 0."""

    error: str
    after: float = 0.0


class Wedge(Frozen, frozen=True, tag=True):
    """It will never arrive as it is; the lane goes on without it."""

    error: str


class Dropped(Frozen, frozen=True, tag=True):
    """It has become pointless (its target is gone)."""

    reason: str


Outcome = Sent | Retry | Wedge | Dropped


def back_off(attempts: int, *, asked: float = 0.0, jitter: float = 0.0) -> float:
    """Give the seconds to wait after a failed try.

    Args:
        attempts: failed tries so far, this one included.
        asked: what the other side asked for; obeyed to the millisecond when longer.
        jitter: 0 to 1, drawn by the caller; spreads the wait by up to a quarter.
    """
    delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(attempts - 1, 16)) * (1 + jitter / 4)
    return max(asked, delay)

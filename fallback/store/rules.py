"""What every implementation of the store decides alike: sides, names and what an outcome makes of a delivery."""

from collections.abc import Iterable
from math import ceil
from typing import NamedTuple, assert_never

from fallback.core.events import Origin
from fallback.core.ids import SourceId
from fallback.core.outbox import Dropped, Outcome, Retry, Sent, State, Wedge, back_off
from fallback.core.portal import Portal
from fallback.core.routing import MATRIX

NO_BOUND = 2**63 - 1
"""Above every row."""


def is_matrix(target: str) -> bool:
    """Tell whether a lane's end is the room; every other target is the portal's one remote side."""
    return target == MATRIX


def name_of(target: str) -> Origin:
    """Say whose name a target's id is."""
    return Origin.MATRIX if is_matrix(target) else Origin.WHATSAPP


def by_name(portals: Iterable[Portal]) -> dict[str, Portal]:
    """Index portals by what they are called: their own id, else their room, else their chat; the oldest first."""
    portals = list(portals)
    names: dict[str, Portal] = {}
    for portal in portals:
        names.setdefault(portal.id, portal)
    for portal in portals:
        names.setdefault(portal.room, portal)
    for portal in portals:
        names.setdefault(portal.chat, portal)
    return names


class Standing(NamedTuple):
    """Where a settled delivery stands."""

    state: State
    remote: SourceId | None
    error: str
    attempts: int
    not_before: int


def settled(outcome: Outcome, *, attempts: int, now: int) -> Standing:
    """Say what an outcome makes of a delivery; ``attempts`` failed before it."""
    match outcome:
        case Sent():
            return Standing(State.SENT, outcome.remote, "", attempts, 0)
        case Retry():
            wait = ceil(back_off(attempts + 1, asked=outcome.after) * 1000)
            return Standing(State.PENDING, None, outcome.error, attempts + 1, now + wait)
        case Wedge():
            return Standing(State.WEDGED, None, outcome.error, attempts + 1, 0)
        case Dropped():
            return Standing(State.DROPPED, None, outcome.reason, attempts, 0)
        case _:
            assert_never(outcome)


def counts(outcome: Outcome, *, state: State, token: int, lease: int) -> bool:
    """Tell whether an outcome still counts.

    Args:
        state: of the delivery now.
        token: of its last lease.
        lease: the token that the outcome comes with.
    """
    if token != lease:
        return False
    return state is State.LEASED or (state is State.DROPPED and isinstance(outcome, Sent))


def chosen(names: Iterable[tuple[Origin, int]], *, matrix: bool) -> int:
    """Choose the row that an id means, its Matrix name first or its remote one; 0 where it is unknown.

    Args:
        names: whose name the id is, and of which row.
        matrix: prefer the Matrix name.
    """
    ranked = sorted(names, key=lambda one: ((one[0] is Origin.MATRIX) is not matrix, one[0] is Origin.EXPORT))
    return ranked[0][1] if ranked else 0


def row_named(names: Iterable[tuple[Origin, int]], origin: Origin) -> int:
    """Choose the row that ``origin``'s side calls so, its own name first; 0 where that side knows none."""
    side = [one for one in names if (one[0] is Origin.MATRIX) is (origin is Origin.MATRIX)]
    return next((row for whose, row in side if whose is origin), side[0][1] if side else 0)

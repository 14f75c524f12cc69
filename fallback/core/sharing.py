"""Several relays on one store: which portals each of them serves."""

from collections.abc import Collection, Sequence
from math import ceil
from typing import NamedTuple, Protocol

from fallback.core.events import Frozen
from fallback.core.ids import PortalId

LEASE = 9.0
"""Seconds without a renewal after which a relay is dead."""
RENEW = 2.0
"""Seconds between two renewals; a dead relay's portals are taken over within both together."""
SHARED_FACTS = frozenset({"alerts", "drills", "outage", "override"})
"""Small facts of the team; all others, secrets among them, belong to one relay and stay on its machine."""


class Share(Frozen, frozen=True):
    """A portal in a relay's hands.

    Args:
        owner: the relay; empty for nobody.
        token: fencing token: grows whenever the portal changes hands.
    """

    portal: PortalId
    owner: str
    token: int = 0


class Moves(NamedTuple):
    """What a relay does at a renewal."""

    take: tuple[PortalId, ...]
    give: tuple[PortalId, ...]


class SharedStore(Protocol):
    """A store that several relays can use; implementations have the contract suite of ``Store``."""

    async def share(self, owner: str, *, seconds: float, now: int | None = None) -> list[Share]:
        """Say that a relay lives, let it take and give what ``moves`` says, and give what it holds.

        A relay whose time is over is dead from then on: its portals are free, what it had in flight is due,
        and ``lease`` gives it nothing of a portal that another has taken.

        Args:
            seconds: until it is dead, unless it is called again.
            now: ms; by the store's own clock where not given, which is the same one for all relays.
        """
        ...

    async def unshare(self, owner: str) -> None:
        """Let a relay go that has nothing in flight; the others need not wait for its end."""
        ...


def moves(
    owner: str, portals: Sequence[PortalId], shares: Collection[Share], alive: Collection[str]
) -> Moves:
    """Say what a relay takes and gives: everyone alive serves as many portals, more or less by one.

    Args:
        portals: all, oldest first.
        alive: the relays that live, ``owner`` among them.
    """
    holder = {share.portal: share.owner for share in shares}
    most = ceil(len(portals) / len(alive))
    mine = [portal for portal in portals if holder.get(portal) == owner]
    free = [portal for portal in portals if holder.get(portal) not in alive]
    return Moves(take=tuple(free[: max(0, most - len(mine))]), give=tuple(mine[most:]))

"""How many deliveries may go to the remote side now: all, none, or one on trial while it seems to come back."""

from fallback.core.announce import holds
from fallback.core.events import Frozen
from fallback.core.health import State

ALL = 16
"""Lanes that are served at once where nothing is held."""
APART = 60_000
"""Milliseconds between two trials: a recovery is noticed within a minute, and nobody is pestered."""


class Trial(Frozen, frozen=True):
    """The last delivery that was let through on trial: when (ms), and whether it arrived."""

    at: int
    arrived: bool


def allowance(state: State, *, outage: bool, last: Trial | None, now: int) -> int:
    """Give how many lanes may deliver; what arrives on trial is proof, and the rest waits for the verdict.

    Args:
        outage: an outage was announced and is not over yet.
        last: of this recovery.
        now: ms.
    """
    if not outage and not holds(state):
        return ALL
    if state is not State.RECOVERING or (last is not None and (last.arrived or now - last.at < APART)):
        return 0
    return 1

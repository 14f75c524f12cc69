"""A person's word against the detector's: which state, who said so and why."""

import msgspec

from fallback.core.events import Frozen
from fallback.core.health import State

KEY = "override"
"""Under which the store keeps the last one."""


class Override(Frozen, frozen=True):
    """The state that a person set; ``None`` hands over to the detector again.

    Args:
        at: ms; two with the same moment are one.
    """

    state: State | None
    who: str
    why: str = ""
    at: int = 0


def encode(override: Override) -> str:
    """Write it as the store keeps it."""
    return msgspec.json.encode(override).decode()


def decode(kept: str | None) -> Override | None:
    """Read what the store keeps; ``None`` where nobody ever said anything."""
    return msgspec.json.decode(kept, type=Override) if kept else None

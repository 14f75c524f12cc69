"""What speaks against an export before anything of it is sent."""

from collections.abc import Iterable
from itertools import pairwise

from fallback.core.events import Canonical, GroupChange, Membership, Message

_DAY = 86_400_000
_BACK = 3_600_000
"""ms by which a clock that is set to winter time goes back."""


def doubts(events: Iterable[Canonical], *, now: int) -> list[str]:
    """Say in words what is odd: no group, messages from the future, out of order."""
    chosen = list(events)
    people = {event.sender.key for event in chosen if isinstance(event, Message)}
    grouped = any(isinstance(event, Membership | GroupChange) for event in chosen)
    future = sum(event.at > now + _DAY for event in chosen)
    back = sum(later.at < earlier.at - _BACK for earlier, later in pairwise(chosen))
    found = []
    if not grouped and len(people) <= 2:
        found.append("this looks like a chat of two people, not like a group")
    if future:
        found.append(f"{future} messages are from the future: see --date-order and --timezone")
    if back:
        found.append(f"{back} messages are older than those before them; the export's order is kept")
    return found

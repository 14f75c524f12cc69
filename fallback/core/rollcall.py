"""Who has been reached since the outage began: a word, a reaction or a read receipt counts as an answer."""

from collections.abc import Iterable

from fallback.core.events import Canonical, Frozen, Identity, Membership, Notice


class RollCall(Frozen, frozen=True):
    """The members of a room and those of them who answered."""

    expected: tuple[Identity, ...]
    reached: tuple[Identity, ...]

    @property
    def missing(self) -> tuple[Identity, ...]:
        """Those who gave no sign yet."""
        there = {identity.key for identity in self.reached}
        return tuple(identity for identity in self.expected if identity.key not in there)


def call(members: Iterable[Identity], events: Iterable[Canonical], *, since: int) -> RollCall:
    """Count who gave a sign of life in the room since ``since`` (ms); joins and notices are none."""
    expected = tuple(members)
    heard = {
        event.sender.key
        for event in events
        if event.at >= since and not isinstance(event, Notice | Membership)
    }
    return RollCall(expected, tuple(identity for identity in expected if identity.key in heard))

"""A store in memory with the same promises but durability, for tests, examples and dry runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from fallback.core.events import Canonical, Origin, Redaction
from fallback.core.health import Health
from fallback.core.ids import ChatId, DeliveryId, EventId, PortalId, RoomId, SourceId
from fallback.core.outbox import Delivery, Outcome, Sent, State
from fallback.core.ports import Portal, TimelineRow
from fallback.errors import StoreError
from fallback.store import rules
from fallback.store.contacts import MemoryContacts
from fallback.store.search import spoken, words
from fallback.store.shares import MemoryShares

_OPEN = (State.PENDING, State.LEASED)


@dataclass(slots=True)
class _Queued:
    delivery: Delivery
    row: int
    owner: str = ""
    lease_until: int = 0


@dataclass(slots=True)
class _Kept:
    row: int
    portal: PortalId
    event: Canonical
    words: list[str]
    delivery: _Queued | None = None


class MemoryStore(MemoryContacts, MemoryShares):
    """``core.ports.Store`` in dictionaries."""

    def __init__(self) -> None:
        self._portals: dict[PortalId, Portal] = {}
        self._events: list[_Kept] = []
        self._ids: dict[tuple[PortalId, SourceId], dict[Origin, int]] = {}
        self._outbox: dict[DeliveryId, _Queued] = {}
        self._imported: dict[PortalId, dict[SourceId, EventId]] = {}
        self._health: list[Health] = []
        self._facts: dict[str, str] = {}
        self._people = {}
        self._relays = {}
        self._shares = {}

    async def close(self) -> None:
        """Do nothing: there is nothing to free."""

    async def save_portal(self, portal: Portal) -> None:
        """Add or replace a portal."""
        self._portals[portal.id] = portal

    async def portals(self) -> list[Portal]:
        """List all portals, oldest first."""
        return list(self._portals.values())

    async def portal(self, name: PortalId | RoomId | ChatId) -> Portal | None:
        """Find a portal by its own id, its room or its chat."""
        return rules.by_name(self._portals.values()).get(name)

    async def record(
        self,
        portal: PortalId,
        event: Canonical,
        deliveries: Sequence[Delivery] = (),
        *,
        aliases: Sequence[SourceId] = (),
        replaces: Sequence[DeliveryId] = (),
    ) -> int:
        """Keep an event and its deliveries; 0 where it is known already, else its row."""
        names = (event.id, *aliases)
        if any(event.origin in self._ids.get((portal, name), {}) for name in names):
            return 0
        kept = _Kept(len(self._events) + 1, portal, event, words(spoken(event)))
        self._events.append(kept)
        for name in names:
            self._ids.setdefault((portal, name), {})[event.origin] = kept.row
        for one in deliveries:
            if one.id not in self._outbox:
                fresh = replace(one, state=State.PENDING, remote=None, error="", token=0)
                kept.delivery = self._outbox[one.id] = _Queued(fresh, kept.row)
        for replaced in replaces:
            if replaced in self._outbox:
                await self.drop(replaced)
        if isinstance(event, Redaction):
            row = rules.row_named(self._names(portal, event.target), event.origin)
            if row:
                self._events[row - 1].words.clear()
        return kept.row

    async def row_of(self, portal: PortalId, origin: Origin, source: SourceId) -> int:
        """Find the row of an event by what ``origin``'s side calls it; 0 where unknown."""
        return rules.row_named(self._names(portal, source), origin)

    async def counterpart(self, portal: PortalId, source: SourceId, target: str) -> SourceId | None:
        """Translate an event's id to what ``target`` calls it; ``None`` where it never got there."""
        matrix = rules.is_matrix(target)
        row = rules.chosen(self._names(portal, source), matrix=not matrix)
        if not row:
            imported = self._imported.get(portal, {}).get(source) if matrix else None
            return SourceId(imported) if imported else None
        to_side = [
            one.delivery.remote
            for one in self._outbox.values()
            if one.row == row and rules.is_matrix(one.delivery.target) is matrix
        ]
        if to_side:
            return next((remote for remote in reversed(to_side) if remote), None)
        event = self._events[row - 1].event
        return event.id if (event.origin is Origin.MATRIX) is matrix else None

    async def is_ours(self, portal: PortalId, remote: SourceId, target: str) -> bool:
        """Tell whether ``target``'s side got this id from one of our own deliveries."""
        return any(
            one.delivery.portal == portal
            and rules.is_matrix(one.delivery.target) is rules.is_matrix(target)
            and remote in (one.delivery.id, one.delivery.remote)
            for one in self._outbox.values()
        )

    async def lease(
        self, target: str, *, owner: str, now: int, seconds: float, limit: int = 1
    ) -> list[Delivery]:
        """Take the first due delivery of each lane of a target."""
        taken: list[Delivery] = []
        for lane in self._lanes(target):
            head = lane[0]
            busy = any(one.delivery.state is State.LEASED and one.lease_until >= now for one in lane)
            waits = head.delivery.state is State.PENDING and head.delivery.not_before > now
            elsewhere = self._holder(head.delivery.portal) not in ("", owner)
            if busy or waits or elsewhere or len(taken) >= limit:
                continue
            head.owner, head.lease_until = owner, now + int(seconds * 1000)
            head.delivery = replace(head.delivery, state=State.LEASED, token=head.delivery.token + 1)
            taken.append(head.delivery)
        return taken

    async def settle(self, delivery: Delivery, outcome: Outcome, *, now: int) -> None:
        """Write down what became of a leased delivery; an outcome with an old token is ignored."""
        queued = self._outbox.get(delivery.id)
        if queued is None:
            return
        one = queued.delivery
        if not rules.counts(outcome, state=one.state, token=one.token, lease=delivery.token):
            return
        after = rules.settled(outcome, attempts=one.attempts, now=now)
        queued.delivery = replace(one, **after._asdict())
        if isinstance(outcome, Sent):
            names = self._ids.setdefault((one.portal, outcome.remote), {})
            names[rules.name_of(one.target)] = queued.row

    async def pending(self, target: str = "") -> int:
        """Count deliveries that are neither sent nor dropped."""
        return sum(
            one.delivery.state in (*_OPEN, State.WEDGED) and target in ("", one.delivery.target)
            for one in self._outbox.values()
        )

    async def waiting(self, portal: PortalId, target: str) -> list[Delivery]:
        """List what waits in one lane, in order."""
        return [
            one.delivery
            for one in self._outbox.values()
            if (one.delivery.portal, one.delivery.target, one.delivery.state)
            == (portal, target, State.PENDING)
        ]

    async def wedges(self) -> list[Delivery]:
        """List deliveries that a person must clear."""
        return [one.delivery for one in self._outbox.values() if one.delivery.state is State.WEDGED]

    async def retry(self, delivery: DeliveryId) -> None:
        """Put a wedged delivery back at its place in its lane."""
        queued = self._queued(delivery)
        if queued.delivery.state is State.WEDGED:
            queued.delivery = replace(
                queued.delivery, state=State.PENDING, attempts=0, not_before=0, error=""
            )

    async def drop(self, delivery: DeliveryId) -> None:
        """Give a delivery up for good."""
        queued = self._queued(delivery)
        if queued.delivery.state is not State.SENT:
            queued.delivery = replace(queued.delivery, state=State.DROPPED)

    async def timeline(self, portal: PortalId, *, before: int = 0, limit: int = 200) -> list[TimelineRow]:
        """Give the newest rows (below ``before``, if not 0), oldest first."""
        rows = self._of(portal, before)
        return [_shown(kept) for kept in rows[max(0, len(rows) - limit) :]]

    async def events_since(
        self, portal: PortalId, *, at: int, origin: Origin | None = None
    ) -> list[TimelineRow]:
        """Give rows whose event time is not before ``at``, oldest first."""
        return [
            _shown(kept)
            for kept in self._of(portal, 0)
            if kept.event.at >= at and origin in (None, kept.event.origin)
        ]

    async def search(
        self, query: str, portal: PortalId | None = None, *, limit: int = 50, before: int = 0
    ) -> list[TimelineRow]:
        """Find rows whose text has a word beginning with each of the query's, newest first."""
        wanted = words(query)
        found = [
            _shown(kept)
            for kept in reversed(self._of(portal, before))
            if wanted and all(any(word.startswith(one) for word in kept.words) for one in wanted)
        ]
        return found[:limit]

    async def save_imported(self, portal: PortalId, items: Sequence[tuple[SourceId, EventId]]) -> None:
        """Journal what a migration put into the room."""
        self._imported.setdefault(portal, {}).update(items)

    async def imported(self, portal: PortalId) -> dict[SourceId, EventId]:
        """Read a migration's journal back."""
        return dict(self._imported.get(portal, {}))

    async def log_health(self, health: Health) -> None:
        """Keep a verdict."""
        self._health.append(health)

    async def health_log(self, limit: int = 100) -> list[Health]:
        """Give the last verdicts, newest first."""
        return self._health[::-1][:limit]

    async def get(self, key: str) -> str | None:
        """Read one value."""
        return self._facts.get(key)

    async def put(self, key: str, value: str | None) -> None:
        """Write one value; ``None`` removes it."""
        self._facts.pop(key, None)
        if value is not None:
            self._facts[key] = value

    def _abandon(self, owner: str) -> None:
        for one in self._outbox.values():
            if one.owner == owner:
                one.lease_until = 0

    def _names(self, portal: PortalId, name: SourceId) -> list[tuple[Origin, int]]:
        return list(self._ids.get((portal, name), {}).items())

    def _lanes(self, target: str) -> Iterator[list[_Queued]]:
        lanes: dict[PortalId, list[_Queued]] = {}
        for one in self._outbox.values():
            if one.delivery.target == target and one.delivery.state in _OPEN:
                lanes.setdefault(one.delivery.portal, []).append(one)
        yield from lanes.values()

    def _of(self, portal: PortalId | None, before: int) -> list[_Kept]:
        rows = self._events if not before else self._events[: before - 1]
        return [kept for kept in rows if portal in (None, kept.portal)]

    def _queued(self, delivery: DeliveryId) -> _Queued:
        if delivery not in self._outbox:
            raise StoreError(f"there is no delivery {delivery}")
        return self._outbox[delivery]


def _shown(kept: _Kept) -> TimelineRow:
    if kept.delivery is None:
        return TimelineRow(kept.row, kept.event, kept.portal)
    one = kept.delivery.delivery
    return TimelineRow(kept.row, kept.event, kept.portal, one.state.value, one.error, one.id)

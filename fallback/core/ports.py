"""Every seam of the house on one page: what the loops ask of the outside.

Each has one contract suite over all its implementations; adapters translate errors to ``fallback.errors``.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from fallback.core.contacts import ContactStore
from fallback.core.events import Attachment, Canonical, Event, Group, Origin
from fallback.core.health import Health, Sample
from fallback.core.ids import ChatId, DeliveryId, EventId, PortalId, RoomId, SourceId, UserId
from fallback.core.outbox import Delivery, Outcome
from fallback.core.portal import (
    Capabilities,
    ConnectorState,
    Portal,
    RoomSpec,
    RoomState,
    Seen,
    SyncBatch,
    TimelineRow,
)
from fallback.core.sharing import SharedStore
from fallback.core.trust import Keys

__all__ = [
    "Alert",
    "Capabilities",
    "Clock",
    "Connector",
    "ConnectorState",
    "Homeserver",
    "Incoming",
    "Portal",
    "Probe",
    "RoomSpec",
    "RoomState",
    "Seen",
    "Store",
    "SyncBatch",
    "TimelineRow",
]


class Clock(Protocol):
    """Time as the loops see it; a demo's runs faster, a test's only when it is told."""

    def now(self) -> int:
        """Give the time, milliseconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Give seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; a cancellation passes through."""
        ...


# ── the remote side ──────────────────────────────────────────────────────────────────────────────


class Incoming(Protocol):
    """An event that a network hands over; it is acknowledged only after the commit."""

    @property
    def event(self) -> Canonical: ...  # noqa: D102 - its name says it

    async def ack(self) -> None:
        """Tell the network that the event is safe here."""
        ...


class Connector(Protocol):
    """One remote network: gives and takes canonical events."""

    name: str
    capabilities: Capabilities

    @property
    def state(self) -> ConnectorState:
        """The present state."""
        ...

    async def start(self) -> None:
        """Connect; returns at once where the network is down and goes on trying."""
        ...

    async def close(self) -> None:
        """Disconnect and free everything."""
        ...

    def events(self) -> AsyncIterator[Incoming]:
        """Give events as they come, until ``close``; an unacknowledged one comes again after a restart."""
        ...

    async def send(self, event: Canonical, *, message_id: SourceId) -> SourceId:
        """Say something in ``event.chat``; returns the network's id (``message_id`` with ``fixed_ids``).

        Raises:
            TransientError: not now: offline, throttled, no acknowledgement.
            PermanentError: never: refused, unknown chat, too old.
        """
        ...

    async def group(self, chat: ChatId) -> Group:
        """Describe a group as it is now.

        Raises:
            TransientError, PermanentError: as in ``send``.
        """
        ...

    async def download(self, event: Event, source: str) -> bytes:
        """Fetch an attachment's plain bytes.

        Raises:
            TransientError, PermanentError: as in ``send``.
        """
        ...


# ── the Matrix side ──────────────────────────────────────────────────────────────────────────────


class Homeserver(Protocol):
    """The Matrix side as the loops use it: one account, and with an appservice its ghosts."""

    user: UserId

    @property
    def keys(self) -> Keys | None:
        """The account's keys; ``None`` where nothing is encrypted."""
        ...

    def batches(self, token: str) -> AsyncIterator[SyncBatch]:
        """Sync for ever from ``token`` (empty: from now, with the last messages).

        Raises:
            TransientError: the homeserver is unreachable; the iterator can be asked again.
            AuthError: the token was refused.
        """
        ...

    async def create_room(self, spec: RoomSpec) -> RoomId:
        """Create the room, or find it by its alias."""
        ...

    async def room_state(self, room: RoomId) -> RoomState:
        """Describe a room as it is now."""
        ...

    async def accept(self, room: RoomId) -> None:
        """Join a room that this account was invited to."""
        ...

    async def invite(self, room: RoomId, user: UserId) -> None:
        """Invite somebody; harmless when they are invited or there."""
        ...

    async def ensure_ghost(self, user: UserId, name: str) -> None:
        """Register a ghost with its device and display name; harmless when it exists."""
        ...

    async def join(self, room: RoomId, user: UserId) -> None:
        """Invite a ghost and let it join; harmless when it is there."""
        ...

    async def leave(self, room: RoomId, user: UserId) -> None:
        """Let a ghost leave; harmless when it is gone."""
        ...

    async def send(
        self,
        room: RoomId,
        event: Canonical,
        *,
        transaction: DeliveryId,
        sender: UserId | None = None,
        at: int = 0,
    ) -> EventId:
        """Send one event; a second call with the same transaction gives the same event.

        Args:
            sender: a ghost; ``None`` for the account itself, which says for its sender what an export tells.
            at: original time in ms, honoured for ghosts only; 0 for now.

        Raises:
            TransientError: offline or rate limited (with ``retry_after``).
            PermanentError: refused, or a target that is not in the room.
        """
        ...

    async def upload(
        self, room: RoomId, file: Attachment, data: bytes, *, sender: UserId | None = None
    ) -> Attachment:
        """Store a file as the room wants it; gives it back with its address, size and keys."""
        ...

    async def download(self, file: Attachment) -> bytes:
        """Fetch a file's plain bytes."""
        ...

    def history(self, room: RoomId, *, newest_first: bool = False) -> AsyncIterator[Canonical]:
        """Read a room's whole timeline back."""
        ...

    def brought(self, room: RoomId, *, newest_first: bool = False) -> AsyncIterator[Seen]:
        """Read back what a migration or relay put into a room; only ghosts' events and our own count."""
        ...

    async def close(self) -> None:
        """Free the connections."""
        ...


# ── what lasts ───────────────────────────────────────────────────────────────────────────────────


class Store(ContactStore, SharedStore, Protocol):
    """The one durable store of a profile; every method is one transaction."""

    async def close(self) -> None:
        """Flush and free the profile's lock."""
        ...

    # portals
    async def save_portal(self, portal: Portal) -> None:
        """Add or replace a portal."""
        ...

    async def portals(self) -> list[Portal]:
        """List all portals, oldest first."""
        ...

    async def portal(self, name: PortalId | RoomId | ChatId) -> Portal | None:
        """Find a portal by its own id, its room or its chat."""
        ...

    # events and the outbox
    async def record(
        self,
        portal: PortalId,
        event: Canonical,
        deliveries: Sequence[Delivery] = (),
        *,
        aliases: Sequence[SourceId] = (),
        replaces: Sequence[DeliveryId] = (),
    ) -> int:
        """Keep an event and its deliveries; 0 where (portal, origin, id) is known already, else its row.

        Known are recorded ids, their aliases, and what a side called one of our sent deliveries.

        Args:
            aliases: other ids of the same event on its own side.
            replaces: deliveries that are dropped in the same transaction, where they are not sent yet.
        """
        ...

    async def row_of(self, portal: PortalId, origin: Origin, source: SourceId) -> int:
        """Find the row of an event by what ``origin``'s side calls it, born there or sent there; 0 where unknown."""
        ...

    async def counterpart(self, portal: PortalId, source: SourceId, target: str) -> SourceId | None:
        """Translate an event's id to what ``target`` calls it; ``None`` where it never got there.

        A portal has two sides: ``matrix``, and the remote one for every other target.  ``source`` is the
        event's id, an alias, or what a side called its delivery.  Its name over there is the remote id of
        its delivery to that side (none before it is sent), else the event's own id if it was born there.
        An imported event's source gives its Matrix event.  An id that both know is read as the other side's.
        """
        ...

    async def is_ours(self, portal: PortalId, remote: SourceId, target: str) -> bool:
        """Tell whether ``target``'s side has this id from a delivery of ours, sent or not yet (the echo rule)."""
        ...

    async def lease(
        self, target: str, *, owner: str, now: int, seconds: float, limit: int = 1
    ) -> list[Delivery]:
        """Take the first due delivery of each lane of a target; a lane with a leased or waiting head gives none.

        A lease that ran out is taken over with a higher token.
        """
        ...

    async def settle(self, delivery: Delivery, outcome: Outcome, *, now: int) -> None:
        """Write down what became of a leased delivery.

        An outcome with an old token is ignored.  One that was dropped meanwhile stays so unless it was sent.
        """
        ...

    async def pending(self, target: str = "") -> int:
        """Count deliveries that are neither sent nor dropped."""
        ...

    async def waiting(self, portal: PortalId, target: str) -> list[Delivery]:
        """List what waits in one lane, in order; what is in flight or wedged does not wait."""
        ...

    async def wedges(self) -> list[Delivery]:
        """List deliveries that a person must clear."""
        ...

    async def retry(self, delivery: DeliveryId) -> None:
        """Put a wedged delivery back at its place in its lane; harmless for others.

        Raises:
            StoreError: there is no such delivery.
        """
        ...

    async def drop(self, delivery: DeliveryId) -> None:
        """Give a delivery up for good; harmless for one that is sent.

        Raises:
            StoreError: there is no such delivery.
        """
        ...

    # reading
    async def timeline(self, portal: PortalId, *, before: int = 0, limit: int = 200) -> list[TimelineRow]:
        """Give the newest rows (below ``before``, if not 0), oldest first."""
        ...

    async def events_since(
        self, portal: PortalId, *, at: int, origin: Origin | None = None
    ) -> list[TimelineRow]:
        """Give rows whose event time is not before ``at``, oldest first."""
        ...

    async def search(
        self, query: str, portal: PortalId | None = None, *, limit: int = 50, before: int = 0
    ) -> list[TimelineRow]:
        """Find rows whose text has a word beginning with each of the query's, newest first.

        Spelling is folded (``fallback.store.search``); a redacted event is found no more.

        Args:
            before: rows below this one only, if not 0.
        """
        ...

    # what was imported, and how the network was
    async def save_imported(self, portal: PortalId, items: Sequence[tuple[SourceId, EventId]]) -> None:
        """Journal what a migration put into the room; a second save of a source replaces its event."""
        ...

    async def imported(self, portal: PortalId) -> dict[SourceId, EventId]:
        """Read a migration's journal back."""
        ...

    async def log_health(self, health: Health) -> None:
        """Keep a verdict."""
        ...

    async def health_log(self, limit: int = 100) -> list[Health]:
        """Give the last verdicts, newest first."""
        ...

    # small facts
    async def get(self, key: str) -> str | None:
        """Read one value (sync token, health, journal of a migration)."""
        ...

    async def put(self, key: str, value: str | None) -> None:
        """Write one value; ``None`` removes it."""
        ...


# ── seeing and telling ───────────────────────────────────────────────────────────────────────────


class Probe(Protocol):
    """One way to see an outage."""

    name: str
    interval: float
    """Seconds between two looks."""

    async def sample(self) -> Sample:
        """Look once; a failure to look is an outcome, never an exception."""
        ...


class Alert(Protocol):
    """One channel to a person outside Matrix."""

    name: str

    async def send(self, title: str, text: str, address: str) -> None:
        """Tell one address.

        Raises:
            TransientError, PermanentError: as in ``Connector.send``.
        """
        ...

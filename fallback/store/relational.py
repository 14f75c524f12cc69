"""The store on SQL, whichever database runs it."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any, ClassVar, NamedTuple

import msgspec

from fallback.core.events import Canonical, Origin, Redaction, decode, encode
from fallback.core.health import Health
from fallback.core.ids import ChatId, DeliveryId, EventId, PortalId, RoomId, SourceId, UserId
from fallback.core.outbox import Delivery, Outcome, Sent, State
from fallback.core.ports import Portal, TimelineRow
from fallback.errors import StoreError
from fallback.store import rules, sql
from fallback.store.contacts import SqlContacts
from fallback.store.engine import Engine
from fallback.store.search import spoken, words
from fallback.store.shares import SqlShares
from fallback.store.writer import Writer

log = logging.getLogger(__name__)


class _Portals(NamedTuple):
    portals: tuple[Portal, ...]
    names: dict[str, Portal]
    until: float


class SqlStore(SqlContacts, SqlShares, ABC):
    """``core.ports.Store`` but its opening, and what full-text search is on the database at hand."""

    _search: ClassVar[str]
    """``sql.search`` with what ``_wanted`` gives."""
    _forget_after: ClassVar[float] = inf
    """Seconds until the portals are read again, where others write them too."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._portals: _Portals | None = None

    @staticmethod
    @abstractmethod
    def _kept(found: list[str]) -> str:
        """Write an event's words as the index wants them."""

    @staticmethod
    @abstractmethod
    def _wanted(wanted: list[str]) -> str:
        """Ask for words that begin like these."""

    async def save_portal(self, portal: Portal) -> None:
        """Add or replace a portal."""
        self._portals = None
        await self._write(sql.SAVE_PORTAL, portal.id, msgspec.json.encode(portal))
        self._portals = None

    async def portals(self) -> list[Portal]:
        """List all portals, oldest first."""
        return list((await self._known_portals()).portals)

    async def portal(self, name: PortalId | RoomId | ChatId) -> Portal | None:
        """Find a portal by its own id, its room or its chat."""
        known = await self._known_portals()
        if name not in known.names and self._forget_after < inf:
            self._portals = None
            known = await self._known_portals()
        return known.names.get(name)

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
        encoded = encode(event)
        queued = [(one, encode(one.event)) for one in deliveries]
        found = self._kept(words(spoken(event)))

        def work(db: Engine) -> int:
            names = dict.fromkeys((event.id, *aliases))
            if any(db.one(sql.KNOWN, portal, name, event.origin) for name in names):
                return 0
            row: int = db.one(sql.INSERT_EVENT, portal, event.origin, event.id, event.at, encoded)[0]
            for name in names:
                db.run(sql.INSERT_ID, portal, name, event.origin, row)
            for one, said in queued:
                db.run(
                    sql.INSERT_DELIVERY, one.id, row, one.portal, one.target, said,
                    one.sender or "", one.attempts, one.not_before,
                )  # fmt: skip
            for replaced in replaces:
                db.run(sql.DROP, replaced)
            if found:
                db.run(sql.INDEX, row, found)
            if isinstance(event, Redaction):
                db.run(sql.FORGET, rules.row_named(_names(db, portal, event.target), event.origin))
            return row

        return await self._writer.run(work)

    async def row_of(self, portal: PortalId, origin: Origin, source: SourceId) -> int:
        """Find the row of an event by what ``origin``'s side calls it; 0 where unknown."""
        return await self._writer.run(
            lambda db: rules.row_named(_names(db, portal, source), origin), write=False
        )

    async def counterpart(self, portal: PortalId, source: SourceId, target: str) -> SourceId | None:
        """Translate an event's id to what ``target`` calls it; ``None`` where it never got there."""
        matrix = rules.is_matrix(target)

        def work(db: Engine) -> SourceId | None:
            row = rules.chosen(_names(db, portal, source), matrix=not matrix)
            if not row:
                imported = db.one(sql.IMPORTED_AS, portal, source) if matrix else None
                return SourceId(imported[0]) if imported else None
            sent = db.one(sql.REMOTES, row, matrix)
            if sent:
                return SourceId(sent[0]) if sent[0] else None
            origin, name = db.one(sql.EVENT_NAME, row)
            return SourceId(name) if (origin == Origin.MATRIX) is matrix else None

        return await self._writer.run(work, write=False)

    async def is_ours(self, portal: PortalId, remote: SourceId, target: str) -> bool:
        """Tell whether ``target``'s side got this id from one of our own deliveries."""
        return bool(await self._read(sql.IS_OURS, portal, remote, rules.is_matrix(target)))

    async def lease(
        self, target: str, *, owner: str, now: int, seconds: float, limit: int = 1
    ) -> list[Delivery]:
        """Take the first due delivery of each lane of a target."""
        until = now + int(seconds * 1000)

        def work(db: Engine) -> list[Delivery]:
            due = [row[0] for row in db.rows(sql.DUE, target, now, limit, owner)]
            for seq in due:
                db.run(sql.LEASE, seq, owner, until)
            return [_delivery(db.one(sql.LEASED, seq)) for seq in due]

        return await self._writer.run(work)

    async def settle(self, delivery: Delivery, outcome: Outcome, *, now: int) -> None:
        """Write down what became of a leased delivery; an outcome with an old token is ignored."""

        def work(db: Engine) -> bool:
            found = db.one(sql.STANDING, delivery.id)
            if not found:
                return False
            row, portal, target, state, attempts, token = found
            if not rules.counts(outcome, state=State(state), token=token, lease=delivery.token):
                return False
            after = rules.settled(outcome, attempts=attempts, now=now)
            db.run(
                    sql.SETTLE, delivery.id, after.state, after.remote or "", after.error,
                after.attempts, after.not_before,
            )  # fmt: skip
            if isinstance(outcome, Sent):
                db.run(sql.POINT_ID, portal, outcome.remote, rules.name_of(target), row)
            return True

        if not await self._writer.run(work):
            log.warning("the outcome of delivery %s came after its lease; ignored", delivery.id)

    async def pending(self, target: str = "") -> int:
        """Count deliveries that are neither sent nor dropped."""
        return int((await self._read(sql.PENDING, target))[0][0])

    async def waiting(self, portal: PortalId, target: str) -> list[Delivery]:
        """List what waits in one lane, in order."""
        return self._deliveries(await self._read(sql.WAITING, target, portal))

    async def wedges(self) -> list[Delivery]:
        """List deliveries that a person must clear."""
        return self._deliveries(await self._read(sql.WEDGES))

    async def retry(self, delivery: DeliveryId) -> None:
        """Put a wedged delivery back at its place in its lane."""
        await self._change(sql.REVIVE, delivery)

    async def drop(self, delivery: DeliveryId) -> None:
        """Give a delivery up for good."""
        await self._change(sql.DROP, delivery)

    async def timeline(self, portal: PortalId, *, before: int = 0, limit: int = 200) -> list[TimelineRow]:
        """Give the newest rows (below ``before``, if not 0), oldest first."""
        rows = await self._read(sql.TIMELINE, portal, before or rules.NO_BOUND, limit)
        return self._rows(reversed(rows))

    async def events_since(
        self, portal: PortalId, *, at: int, origin: Origin | None = None
    ) -> list[TimelineRow]:
        """Give rows whose event time is not before ``at``, oldest first."""
        return self._rows(await self._read(sql.SINCE, portal, at, origin or ""))

    async def search(
        self, query: str, portal: PortalId | None = None, *, limit: int = 50, before: int = 0
    ) -> list[TimelineRow]:
        """Find rows whose text has a word beginning with each of the query's, newest first."""
        wanted = words(query)
        if not wanted:
            return []
        values = (self._wanted(wanted), before or rules.NO_BOUND, portal or "", limit)
        return self._rows(await self._read(self._search, *values))

    async def save_imported(self, portal: PortalId, items: Sequence[tuple[SourceId, EventId]]) -> None:
        """Journal what a migration put into the room."""

        def work(db: Engine) -> None:
            for source, event in items:
                db.run(sql.SAVE_IMPORTED, portal, source, event)

        await self._writer.run(work)

    async def imported(self, portal: PortalId) -> dict[SourceId, EventId]:
        """Read a migration's journal back."""
        return {SourceId(source): EventId(event) for source, event in await self._read(sql.IMPORTED, portal)}

    async def log_health(self, health: Health) -> None:
        """Keep a verdict."""
        await self._write(sql.LOG_HEALTH, msgspec.json.encode(health))

    async def health_log(self, limit: int = 100) -> list[Health]:
        """Give the last verdicts, newest first."""
        return [self._decoded(row[0], Health) for row in await self._read(sql.HEALTH_LOG, limit)]

    async def get(self, key: str) -> str | None:
        """Read one value."""
        rows = await self._read(sql.GET, key)
        return str(rows[0][0]) if rows else None

    async def put(self, key: str, value: str | None) -> None:
        """Write one value; ``None`` removes it."""
        await (self._write(sql.REMOVE, key) if value is None else self._write(sql.PUT, key, value))

    async def _known_portals(self) -> _Portals:
        known = self._portals
        if known is None or known.until < time.monotonic():
            until = time.monotonic() + self._forget_after
            rows = await self._read(sql.PORTALS)
            portals = tuple(self._decoded(row[0], Portal) for row in rows)
            known = self._portals = _Portals(portals, rules.by_name(portals), until)
        return known

    async def _read(self, statement: str, *values: Any) -> list[Any]:
        return await self._writer.run(lambda db: db.rows(statement, *values), write=False)

    async def _write(self, statement: str, *values: Any) -> None:
        await self._writer.run(lambda db: db.run(statement, *values))

    async def _change(self, statement: str, delivery: DeliveryId) -> None:
        def work(db: Engine) -> None:
            if not db.one(sql.STANDING, delivery):
                raise StoreError(f"there is no delivery {delivery}")
            db.run(statement, delivery)

        await self._writer.run(work)

    def _decoded(self, data: bytes, kind: type[Any]) -> Any:
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.MsgspecError as error:
            raise self._writer.translate(error) from error

    def _deliveries(self, rows: Iterable[Any]) -> list[Delivery]:
        try:
            return [_delivery(row) for row in rows]
        except msgspec.MsgspecError as error:
            raise self._writer.translate(error) from error

    def _rows(self, rows: Iterable[Any]) -> list[TimelineRow]:
        try:
            return [
                TimelineRow(
                    row, decode(event), PortalId(portal), state or "", error or "", DeliveryId(delivery or "")
                )
                for row, portal, event, state, error, delivery in rows
            ]
        except msgspec.MsgspecError as error:
            raise self._writer.translate(error) from error


def _names(db: Engine, portal: PortalId, name: SourceId) -> list[tuple[Origin, int]]:
    return [(Origin(origin), row) for origin, row in db.rows(sql.NAMES, portal, name)]


def _delivery(row: Any) -> Delivery:
    name, portal, target, event, sender, state, attempts, not_before, remote, error, token = row
    return Delivery(
        id=DeliveryId(name),
        portal=PortalId(portal),
        target=target,
        event=decode(event),
        sender=UserId(sender) if sender else None,
        state=State(state),
        attempts=attempts,
        not_before=not_before,
        remote=SourceId(remote) if remote else None,
        error=error,
        token=token,
    )

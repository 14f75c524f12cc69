"""The store of a profile: one SQLCipher file, one owner, one writer thread."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from fallback.core.events import Canonical, Origin, Redaction, decode, encode
from fallback.core.health import Health
from fallback.core.ids import DeliveryId, EventId, PortalId, SourceId, UserId
from fallback.core.outbox import Delivery, Outcome, Sent, State
from fallback.core.ports import Portal, TimelineRow
from fallback.errors import ProfileBusyError, StoreError
from fallback.store import keys, rules, sql
from fallback.store.contacts import SqliteContacts
from fallback.store.database import Connection, Upgrade, as_store_error, connect, upgrades
from fallback.store.lock import ProfileLock
from fallback.store.search import spoken, words
from fallback.store.writer import Writer

log = logging.getLogger(__name__)

_INDEX = "INSERT INTO words (rowid, text) VALUES ($1, $2)"
_FORGET = "DELETE FROM words WHERE rowid = $1"
_SEARCH = """
    SELECT e."row", e.portal, e.event, d.state, d.error, d.id FROM words w
    CROSS JOIN events e ON e."row" = w.rowid
    LEFT JOIN deliveries d ON d.seq = (SELECT max(l.seq) FROM deliveries l WHERE l."row" = e."row")
    WHERE words MATCH $1 AND w.rowid < $2 AND ($3 = '' OR e.portal = $3) ORDER BY w.rowid DESC LIMIT $4
"""


class SqliteStore(SqliteContacts):
    """``core.ports.Store`` on SQLCipher; made by ``open``."""

    def __init__(self, writer: Writer, lock: ProfileLock | None) -> None:
        self._writer = writer
        self._lock = lock
        self._portals: tuple[Portal, ...] | None = None

    @classmethod
    async def open(
        cls,
        path: Path,
        key: bytes | None = None,
        *,
        name: str = "",
        steps: Sequence[Upgrade] | None = None,
        shared: bool = False,
    ) -> Self:
        """Take the profile's lock and open its store, which is made where there is none.

        Args:
            key: 32 bytes; from the key file beside the store where not given.
            name: the profile, for messages; the folder's name where not given.
            steps: the schema, for tests of upgrades.
            shared: beside the process that owns the profile: to read, and to leave facts and events for it.
                Only where nobody owns it is the schema brought to this version.

        Raises:
            ProfileBusyError: another process owns the profile.
            StoreError: it has another key, is damaged or newer, or its key is missing.
        """
        writer = Writer(path)
        lock: list[ProfileLock] = []

        def start() -> Connection:
            try:
                lock.append(ProfileLock(path.with_suffix(".lock"), name or path.parent.name))
            except ProfileBusyError:
                if not shared:
                    raise
            free = shared
            try:
                secret = keys.load_or_make(path) if key is None else key
                return connect(path, secret, list(steps or upgrades()), owner=bool(lock))
            except BaseException:
                free = True
                raise
            finally:
                while free and lock:
                    lock.pop().release()

        await writer.open(start)
        return cls(writer, lock[0] if lock else None)

    async def close(self) -> None:
        """Commit what waits, close the file and free the lock."""
        await self._writer.close(self._lock.release if self._lock else lambda: None)

    async def save_portal(self, portal: Portal) -> None:
        """Add or replace a portal."""

        def work(db: Connection) -> None:
            _run(db, sql.SAVE_PORTAL, portal.id, msgspec.json.encode(portal))

        self._portals = None
        await self._writer.run(work)
        self._portals = None

    async def portals(self) -> list[Portal]:
        """List all portals, oldest first."""
        if self._portals is None:
            rows = await self._read(sql.PORTALS)
            self._portals = tuple(self._decoded(row[0], Portal) for row in rows)
        return list(self._portals)

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
        text = " ".join(words(spoken(event)))

        def work(db: Connection) -> int:
            names = dict.fromkeys((event.id, *aliases))
            if any(_one(db, sql.KNOWN, portal, name, event.origin) for name in names):
                return 0
            row: int = _one(db, sql.INSERT_EVENT, portal, event.origin, event.id, event.at, encoded)[0]
            for name in names:
                _run(db, sql.INSERT_ID, portal, name, event.origin, row)
            for one, said in queued:
                _run(
                    db, sql.INSERT_DELIVERY, one.id, row, one.portal, one.target, said,
                    one.sender or "", one.attempts, one.not_before,
                )  # fmt: skip
            for replaced in replaces:
                _run(db, sql.DROP, replaced)
            if text:
                _run(db, _INDEX, row, text)
            if isinstance(event, Redaction):
                _run(db, _FORGET, rules.row_named(_names(db, portal, event.target), event.origin))
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

        def work(db: Connection) -> SourceId | None:
            row = rules.chosen(_names(db, portal, source), matrix=not matrix)
            if not row:
                imported = _one(db, sql.IMPORTED_AS, portal, source) if matrix else None
                return SourceId(imported[0]) if imported else None
            sent = _one(db, sql.REMOTES, row, matrix)
            if sent:
                return SourceId(sent[0]) if sent[0] else None
            origin, name = _one(db, sql.EVENT_NAME, row)
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

        def work(db: Connection) -> list[Delivery]:
            due = [row[0] for row in _all(db, sql.DUE, target, now, limit)]
            for seq in due:
                _run(db, sql.LEASE, seq, owner, until)
            return [_delivery(_one(db, sql.LEASED, seq)) for seq in due]

        return await self._writer.run(work)

    async def settle(self, delivery: Delivery, outcome: Outcome, *, now: int) -> None:
        """Write down what became of a leased delivery; an outcome with an old token is ignored."""

        def work(db: Connection) -> bool:
            found = _one(db, sql.STANDING, delivery.id)
            if not found:
                return False
            row, portal, target, state, attempts, token = found
            if not rules.counts(outcome, state=State(state), token=token, lease=delivery.token):
                return False
            after = rules.settled(outcome, attempts=attempts, now=now)
            _run(
                db, sql.SETTLE, delivery.id, after.state, after.remote or "", after.error,
                after.attempts, after.not_before,
            )  # fmt: skip
            if isinstance(outcome, Sent):
                _run(db, sql.POINT_ID, portal, outcome.remote, rules.name_of(target), row)
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
        match = " ".join(f'"{word}"*' for word in words(query))
        if not match:
            return []
        return self._rows(await self._read(_SEARCH, match, before or rules.NO_BOUND, portal or "", limit))

    async def save_imported(self, portal: PortalId, items: Sequence[tuple[SourceId, EventId]]) -> None:
        """Journal what a migration put into the room."""

        def work(db: Connection) -> None:
            for source, event in items:
                _run(db, sql.SAVE_IMPORTED, portal, source, event)

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

    async def _read(self, statement: str, *values: Any) -> list[Any]:
        return await self._writer.run(lambda db: _all(db, statement, *values), write=False)

    async def _write(self, statement: str, *values: Any) -> None:
        await self._writer.run(lambda db: _run(db, statement, *values))

    async def _change(self, statement: str, delivery: DeliveryId) -> None:
        def work(db: Connection) -> None:
            if not _one(db, sql.STANDING, delivery):
                raise StoreError(f"there is no delivery {delivery}")
            _run(db, statement, delivery)

        await self._writer.run(work)

    def _decoded(self, data: bytes, kind: type[Any]) -> Any:
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.MsgspecError as error:
            raise as_store_error(error, self._writer.path) from error

    def _deliveries(self, rows: Iterable[Any]) -> list[Delivery]:
        try:
            return [_delivery(row) for row in rows]
        except msgspec.MsgspecError as error:
            raise as_store_error(error, self._writer.path) from error

    def _rows(self, rows: Iterable[Any]) -> list[TimelineRow]:
        try:
            return [
                TimelineRow(
                    row, decode(event), PortalId(portal), state or "", error or "", DeliveryId(delivery or "")
                )
                for row, portal, event, state, error, delivery in rows
            ]
        except msgspec.MsgspecError as error:
            raise as_store_error(error, self._writer.path) from error


_statements: dict[str, str] = {}


def _native(statement: str) -> str:
    """Rewrite a statement once."""
    native = _statements.get(statement)
    if native is None:
        native = _statements[statement] = sql.sqlite(statement)
    return native


def _run(db: Connection, statement: str, *values: Any) -> None:
    db.execute(_native(statement), values)


def _one(db: Connection, statement: str, *values: Any) -> Any:
    return db.execute(_native(statement), values).fetchone()


def _all(db: Connection, statement: str, *values: Any) -> list[Any]:
    rows: list[Any] = db.execute(_native(statement), values).fetchall()
    return rows


def _names(db: Connection, portal: PortalId, name: SourceId) -> list[tuple[Origin, int]]:
    return [(Origin(origin), row) for origin, row in _all(db, sql.NAMES, portal, name)]


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

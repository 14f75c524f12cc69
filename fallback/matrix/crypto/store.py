"""nio's store in an encrypted database of one owner, with what nio does not remember: pins, origins, back-ups."""

import fcntl
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nio.store import SqliteStore
from peewee import DatabaseError  # type: ignore[import-untyped]
from playhouse.sqlcipher_ext import SqlCipherDatabase  # type: ignore[import-untyped]

from fallback.errors import ProfileBusyError, StoreError

SCHEMA: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE IF NOT EXISTS fallback_pins (
            user TEXT PRIMARY KEY, master TEXT NOT NULL, seen TEXT NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE IF NOT EXISTS fallback_sessions (
            room TEXT, session TEXT,
            imported INTEGER NOT NULL DEFAULT 0, shared INTEGER NOT NULL DEFAULT 0,
            saved TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (room, session)
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE fallback_waiting (
            number INTEGER PRIMARY KEY, event TEXT NOT NULL UNIQUE,
            room TEXT NOT NULL, session TEXT NOT NULL, source TEXT NOT NULL
        )""",
        "CREATE INDEX fallback_waiting_room ON fallback_waiting (room, session)",
        """CREATE TABLE fallback_withheld (
            number INTEGER PRIMARY KEY, room TEXT NOT NULL, session TEXT NOT NULL, code TEXT NOT NULL,
            UNIQUE (room, session)
        )""",
    ),
    (
        """CREATE TABLE fallback_offers (
            number INTEGER PRIMARY KEY, room TEXT NOT NULL, sender TEXT NOT NULL, offer TEXT NOT NULL,
            UNIQUE (room, sender)
        )""",
    ),
    ("ALTER TABLE fallback_waiting ADD COLUMN position INTEGER NOT NULL DEFAULT 2147483647",),
)
"""What each version of our tables adds; the number of the last is the file's ``user_version``."""
WAITING_LIMIT = 10_000
"""Messages of one room that may wait for their keys, and refusals of keys that are remembered."""
OFFERS_LIMIT = 1000
"""Bundles of room keys that may wait."""
PRAGMAS = (
    ("cipher_log_level", "NONE"),  # else SQLCipher writes into the terminal
    ("busy_timeout", 200),  # ms; the owner of the store stays
    ("foreign_keys", 1),
    ("secure_delete", 1),
    ("temp_store", 2),
    ("journal_mode", "wal"),
    ("synchronous", "full"),
)


class Pin(msgspec.Struct, frozen=True):
    """An account's identity as it was first seen.

    Args:
        seen: the identity that it shows now; another one than ``master`` is a reset that nobody accepted yet.
    """

    master: str
    seen: str

    @property
    def changed(self) -> bool:
        """Tell whether the identity is not the pinned one."""
        return self.master != self.seen


class CryptoStore(SqliteStore):
    """A SQLCipher file beside which nothing readable lies; one process at a time.

    Args:
        pickle_key: the database's key as 64 hexadecimal digits; the one of nio's pickles is derived from it.

    Raises:
        ProfileBusyError: another process has it open.
        StoreError: the key is wrong, or the file is damaged.
    """

    def __init__(
        self, user_id: str, device_id: str, store_path: str, pickle_key: str = "", database_name: str = ""
    ) -> None:
        root = bytes.fromhex(pickle_key)
        if len(root) != 32:
            raise StoreError("the key of the crypto store has 32 bytes")
        self._raw_key = root.hex()
        self._counted: dict[str, int] = {}
        self._lock = _owned(Path(store_path) / "crypto.lock")
        try:
            super().__init__(
                user_id,
                device_id,
                store_path,
                _derive(root, "nio-pickle").hex(),
                database_name or "crypto.db",
            )
            self._upgrade()
        except DatabaseError as error:
            os.close(self._lock)
            raise StoreError(
                "the crypto store can't be opened: wrong key, or damaged", "Unlock the right profile."
            ) from error

    def _upgrade(self) -> None:
        """Bring our tables up to date, all steps or none."""
        ((version,),) = self.database.execute_sql("PRAGMA user_version")
        if version > len(SCHEMA):
            self.close()
            raise StoreError("the crypto store was written by a newer version", "Upgrade fallback.")
        with self.database.atomic():
            for statement in (line for step in SCHEMA[version:] for line in step):
                self.database.execute_sql(statement)
            self.database.execute_sql(f"PRAGMA user_version = {len(SCHEMA)}")

    def __repr__(self) -> str:
        return f"CryptoStore({self.user_id!r}, {self.device_id!r})"

    def _create_database(self) -> SqlCipherDatabase:
        path = Path(self.database_path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        return SqlCipherDatabase(str(path), passphrase=f"x'{self._raw_key}'", pragmas=PRAGMAS)

    def close(self) -> None:
        """Give the file free; a second call is harmless."""
        self.database.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # ── offers ───────────────────────────────────────────────────────────────────────────────────

    def offers(self) -> dict[tuple[str, str], str]:
        """Give the bundles of room keys that wait until we are in the room, by (room, sender)."""
        rows = self.database.execute_sql("SELECT room, sender, offer FROM fallback_offers ORDER BY number")
        return {(room, sender): offer for room, sender, offer in rows}

    def save_offer(self, room: str, sender: str, offer: str) -> None:
        """Keep a bundle in place of an older one of the same sender; of too many the oldest goes."""
        self.database.execute_sql(
            "INSERT OR REPLACE INTO fallback_offers (room, sender, offer) VALUES (?, ?, ?)",
            (room, sender, offer),
        )
        self.database.execute_sql(
            "DELETE FROM fallback_offers WHERE number <= (SELECT max(number) FROM fallback_offers) - ?",
            (OFFERS_LIMIT,),
        )

    def forget_offer(self, room: str, sender: str) -> None:
        """Remove a bundle that was taken or refused."""
        self.database.execute_sql("DELETE FROM fallback_offers WHERE room = ? AND sender = ?", (room, sender))

    # ── pins ─────────────────────────────────────────────────────────────────────────────────────

    def pins(self) -> dict[str, Pin]:
        """Give all identities that were ever seen, by user."""
        rows = self.database.execute_sql("SELECT user, master, seen FROM fallback_pins")
        return {user: Pin(master, seen) for user, master, seen in rows}

    def save_pin(self, user: str, pin: Pin) -> None:
        """Keep an identity."""
        self.database.execute_sql(
            "INSERT OR REPLACE INTO fallback_pins VALUES (?, ?, ?)", (user, pin.master, pin.seen)
        )

    # ── sessions ─────────────────────────────────────────────────────────────────────────────────

    def mark(
        self, sessions: Iterable[tuple[str, str]], *, imported: bool = False, shared: bool = False
    ) -> None:
        """Remember of (room, session) that a file, backup or person brought it, or that it may be passed on."""
        for room, session in sessions:
            self.database.execute_sql(
                "INSERT INTO fallback_sessions (room, session, imported, shared) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET imported = max(imported, excluded.imported),"
                " shared = max(shared, excluded.shared)",
                (room, session, int(imported), int(shared)),
            )

    def authenticate(self, room: str, session: str) -> None:
        """Take the mark *imported* off: the session's own device has sent it."""
        self.database.execute_sql(
            "UPDATE fallback_sessions SET imported = 0 WHERE room = ? AND session = ?", (room, session)
        )

    def forget_session(self, session: str) -> None:
        """Remove an inbound session from nio's table, which would keep its old owner."""
        self.database.execute_sql("DELETE FROM megolminboundsessions WHERE session_id = ?", (session,))

    def marked(self, flag: str) -> set[tuple[str, str]]:
        """List the (room, session) that are ``imported`` or ``shared``."""
        column = {"imported": "imported", "shared": "shared"}[flag]
        rows = self.database.execute_sql(f"SELECT room, session FROM fallback_sessions WHERE {column}")  # noqa: S608
        return set(rows)

    def saved(self, version: str) -> set[tuple[str, str]]:
        """List the (room, session) that this version of the key backup has."""
        rows = self.database.execute_sql(
            "SELECT room, session FROM fallback_sessions WHERE saved = ?", (version,)
        )
        return set(rows)

    def save_backed_up(self, sessions: Iterable[tuple[str, str]], version: str) -> None:
        """Remember that a version of the key backup has these."""
        with self.database.atomic():
            for room, session in sessions:
                self.database.execute_sql(
                    "INSERT INTO fallback_sessions (room, session, saved) VALUES (?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET saved = excluded.saved",
                    (room, session, version),
                )

    # ── messages without a key ───────────────────────────────────────────────────────────────────

    def put_aside(self, room: str, event: str, session: str, source: str, position: int) -> int:
        """Keep a message that waits for its key; returns how many older ones had to go for it.

        Args:
            position: its index in the session.
        """
        run = self.database.execute_sql
        run(
            "INSERT OR IGNORE INTO fallback_waiting (event, room, session, source, position)"
            " VALUES (?, ?, ?, ?, ?)",
            (event, room, session, source, position),
        )
        known = self._counted.get(room)
        self._counted[room] = self.waiting_count(room) if known is None else known + 1
        if self._counted[room] <= WAITING_LIMIT:
            return 0
        excess = self.waiting_count(room) - WAITING_LIMIT
        if excess > 0:
            run(
                "DELETE FROM fallback_waiting WHERE number IN"
                " (SELECT number FROM fallback_waiting WHERE room = ? ORDER BY number LIMIT ?)",
                (room, excess),
            )
        del self._counted[room]
        return max(excess, 0)

    def waiting(
        self, first_index: Callable[[str, str], int | None], limit: int
    ) -> list[tuple[str, str, str]]:
        """List room, event id and source of waiting messages whose key is here, oldest first.

        Args:
            first_index: gives the index from which on a (room, session) opens messages.
            limit: how many at most.
        """
        run = self.database.execute_sql
        ready: list[tuple[int]] = []
        for room, session in run("SELECT DISTINCT room, session FROM fallback_waiting").fetchall():
            index = first_index(room, session)
            if index is not None:
                ready += run(
                    "SELECT number FROM fallback_waiting WHERE room = ? AND session = ? AND position >= ?"
                    " ORDER BY number LIMIT ?",
                    (room, session, index, limit),
                )
        row = "SELECT room, event, source FROM fallback_waiting WHERE number = ?"
        return [run(row, number).fetchone() for number in sorted(ready)[:limit]]

    def place(self, event: str, position: int) -> None:
        """Say where in its session a message is that an older version put aside."""
        self.database.execute_sql(
            "UPDATE fallback_waiting SET position = ? WHERE event = ?", (position, event)
        )

    def missing(self, after: int, limit: int) -> list[tuple[int, str, str, str]]:
        """List number, room, session and source of one waiting message a session, of those after a number."""
        found = self.database.execute_sql(
            "SELECT max(number), room, session, source FROM fallback_waiting WHERE number > ?"
            " GROUP BY room, session ORDER BY 1 LIMIT ?",
            (after, limit),
        )
        return [(number, room, session, source) for number, room, session, source in found]

    def waiting_count(self, room: str = "") -> int:
        """Count the messages that wait, of one room or all."""
        run = self.database.execute_sql
        if room:
            rows = run("SELECT count(*) FROM fallback_waiting WHERE room = ?", (room,))
        else:
            rows = run("SELECT count(*) FROM fallback_waiting")
        return int(rows.fetchone()[0])

    def forget_waiting(self, events: Iterable[str]) -> None:
        """Remove messages by event id."""
        self._counted.clear()
        with self.database.atomic():
            for event in events:
                self.database.execute_sql("DELETE FROM fallback_waiting WHERE event = ?", (event,))

    def save_withheld(self, room: str, session: str, code: str) -> None:
        """Remember that we were refused a key; the oldest refusals are forgotten."""
        run = self.database.execute_sql
        run(
            "INSERT OR REPLACE INTO fallback_withheld (room, session, code) VALUES (?, ?, ?)",
            (room, session, code),
        )
        run(
            "DELETE FROM fallback_withheld WHERE number <= (SELECT max(number) FROM fallback_withheld) - ?",
            (WAITING_LIMIT,),
        )

    def withheld(self, room: str, session: str) -> str:
        """Give the code by which we were refused a key; empty where we were not."""
        rows = self.database.execute_sql(
            "SELECT code FROM fallback_withheld WHERE room = ? AND session = ?", (room, session)
        )
        return "".join(code for (code,) in rows)


def _owned(lock: Path) -> int:
    """Hold a lock as long as the descriptor is open: two owners of one ratchet lose messages (B10)."""
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise ProfileBusyError(
            "another process has this profile's keys open", "Stop it first, or use another profile."
        ) from error
    return descriptor


def _derive(root: bytes, purpose: str) -> bytes:
    return HKDF(hashes.SHA256(), 32, None, f"fallback {purpose}".encode()).derive(root)

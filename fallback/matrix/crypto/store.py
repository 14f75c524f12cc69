"""nio's store in an encrypted database of one owner, with what nio does not remember: pins, origins, back-ups."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nio.store import SqliteStore
from peewee import DatabaseError, OperationalError  # type: ignore[import-untyped]
from playhouse.sqlcipher_ext import SqlCipherDatabase  # type: ignore[import-untyped]

from fallback.errors import ProfileBusyError, StoreError

PIN_TABLE = """
CREATE TABLE IF NOT EXISTS fallback_pins (user TEXT PRIMARY KEY, master TEXT NOT NULL, seen TEXT NOT NULL)
WITHOUT ROWID
"""
SESSION_TABLE = """
CREATE TABLE IF NOT EXISTS fallback_sessions (
    room TEXT, session TEXT,
    imported INTEGER NOT NULL DEFAULT 0, shared INTEGER NOT NULL DEFAULT 0,
    saved TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (room, session)
) WITHOUT ROWID
"""
PRAGMAS = (
    ("cipher_log_level", "NONE"),  # else SQLCipher writes into the terminal
    ("busy_timeout", 200),  # ms; the owner of the store stays
    ("locking_mode", "EXCLUSIVE"),  # two owners of one ratchet lose messages (B10)
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
        pickle_key: the root key as 64 hexadecimal digits; the database's key and nio's are derived from it.

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
        self._raw_key = _derive(root, "nio-database").hex()
        try:
            super().__init__(
                user_id,
                device_id,
                store_path,
                _derive(root, "nio-pickle").hex(),
                database_name or "crypto.db",
            )
            for statement in (PIN_TABLE, SESSION_TABLE):
                self.database.execute_sql(statement)
        except OperationalError as error:
            raise ProfileBusyError(
                "another process has this profile's keys open", "Stop it first, or use another profile."
            ) from error
        except DatabaseError as error:
            raise StoreError(
                "the crypto store can't be opened: wrong key, or damaged", "Unlock the right profile."
            ) from error

    def __repr__(self) -> str:
        return f"CryptoStore({self.user_id!r}, {self.device_id!r})"

    def _create_database(self) -> SqlCipherDatabase:
        path = Path(self.database_path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        return SqlCipherDatabase(str(path), passphrase=f"x'{self._raw_key}'", pragmas=PRAGMAS)

    def close(self) -> None:
        """Give the file free."""
        self.database.close()

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


def _derive(root: bytes, purpose: str) -> bytes:
    return HKDF(hashes.SHA256(), 32, None, f"fallback {purpose}".encode()).derive(root)

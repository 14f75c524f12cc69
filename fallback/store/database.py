"""One SQLCipher connection: opened with its key, brought to this version's schema, its errors translated."""

import contextlib
import importlib.resources
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlcipher3 import dbapi2

from fallback.errors import FallbackError, StoreBlockedError, StoreError
from fallback.paths import private_folder
from fallback.store import sql
from fallback.store.engine import Engine

Connection = Any
"""``sqlcipher3.dbapi2.Connection``, which has no types."""
DatabaseError: type[Exception] = dbapi2.Error

_FULL, _READONLY, _IO, _CORRUPT, _CANT_OPEN, _PERMISSION, _NOT_A_DATABASE = 13, 8, 10, 11, 14, 3, 26
_BUSY, _LOCKED = 5, 6
_statements: dict[str, str] = {}


class SqliteEngine(dbapi2.Connection):  # type: ignore[misc]  # it has no types
    """``store.engine.Engine`` on SQLCipher."""

    def run(self, statement: str, *values: Any) -> None:
        """Run a statement."""
        self.execute(_native(statement), values)

    def one(self, statement: str, *values: Any) -> Any:
        """Give the first row; ``None`` where there is none."""
        return self.execute(_native(statement), values).fetchone()

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Give all rows."""
        rows: list[Any] = self.execute(_native(statement), values).fetchall()
        return rows

    def now(self) -> int:
        """Give the machine's time: the store has one owner."""
        return time.time_ns() // 1_000_000

    def begin(self, *, write: bool) -> None:
        """Begin a transaction."""
        self.execute("BEGIN IMMEDIATE" if write else "BEGIN")

    def roll_back(self) -> None:
        """Undo a transaction; harmless where there is none."""
        if self.in_transaction:
            with contextlib.suppress(DatabaseError):
                self.execute("ROLLBACK")


def _native(statement: str) -> str:
    """Rewrite a statement once."""
    native = _statements.get(statement)
    if native is None:
        native = _statements[statement] = sql.sqlite(statement)
    return native


class Upgrade(NamedTuple):
    """One numbered step of the schema; never edited once released."""

    number: int
    name: str
    statements: str


def upgrades() -> list[Upgrade]:
    """Read the steps that this version knows, in order."""
    folder = importlib.resources.files("fallback.store") / "schema"
    files = sorted((one.name, one) for one in folder.iterdir() if one.name.endswith(".sql"))
    return [
        Upgrade(int(name[:4]), name.removesuffix(".sql"), file.read_text("utf-8")) for name, file in files
    ]


def connect(path: Path, key: bytes, steps: list[Upgrade], *, owner: bool = True) -> Connection:
    """Open or make a store; nothing is written before the key has proved right.

    Args:
        owner: makes the file and brings it to this version's schema; whoever is not leaves both as they are.

    Raises:
        StoreError: another key's, damaged, of another version, or not to be opened.
    """
    if owner:
        private_folder(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    elif not path.exists():
        raise StoreError(f"{path} does not exist", "Look whether this is the right profile: --profile.")
    connection = raw(path, key)
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        _upgrade(connection, steps) if owner else _compare(connection, steps)
    except BaseException:
        connection.close()
        raise
    return connection


def raw(path: Path, key: bytes) -> Connection:
    """Open a database as it is; nothing is written before the key has proved right.

    Raises:
        DatabaseError: it has another key or is damaged.
    """
    connection = dbapi2.connect(
        str(path), isolation_level=None, check_same_thread=True, cached_statements=256, factory=SqliteEngine
    )
    try:
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def translate(error: Exception, path: Path) -> StoreError:
    """Say what a database's error means for a person."""
    if isinstance(error, msgspec.MsgspecError):
        return StoreError(
            f"{path} holds an entry that can't be read", "Restore the profile from its last backup."
        )
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case code if code == _FULL:
            return StoreBlockedError(
                "there is no space left for the store", "Free some disk space; nothing kept is lost."
            )
        case code if code in (_BUSY, _LOCKED):
            return StoreBlockedError(f"another process holds {path}", "Wait for it, or stop it.")
        case code if code == _NOT_A_DATABASE:
            return StoreError(
                f"{path} is damaged or has another key",
                "Put back the key that belongs to it, or a backup of both.",
            )
        case code if code == _CORRUPT:
            return StoreError(f"{path} is damaged", "Restore the profile from its last backup.")
        case code if code == _IO:
            return StoreBlockedError(f"{path} can't be written: {error}", "Look at the disk.")
        case code if code in (_READONLY, _CANT_OPEN, _PERMISSION):
            return StoreError(
                f"{path} can't be used: {error}", "Look at the disk and at the file's permissions."
            )
        case _:
            return StoreError(f"{path}: {error}")


def as_store_error(error: Exception, path: Path) -> Exception:
    """Translate what a database or decoder raises; our own errors and bugs stay as they are."""
    if isinstance(error, FallbackError) or not isinstance(
        error, DatabaseError | msgspec.MsgspecError | OSError
    ):
        return error
    translated = translate(error, path)
    translated.__cause__ = error
    return translated


def _upgrade(connection: Connection, steps: list[Upgrade]) -> None:
    connection.run(sql.UPGRADES)
    version = version_of(connection, steps)
    for step in steps:
        if step.number > version:
            _apply(connection, step)


def _compare(connection: Connection, steps: list[Upgrade]) -> None:
    """Refuse a store that its owner has not brought to this version."""
    version = version_of(connection, steps)
    if version < steps[-1].number:
        raise StoreError(
            f"the store is in use by an older version (schema {version}, this one needs {steps[-1].number})",
            "Restart the relay or client that owns this profile.",
        )


def version_of(engine: Engine, steps: list[Upgrade]) -> int:
    """Give the number of the last step that a store has seen.

    Raises:
        StoreError: it is newer than this program.
    """
    version: int = engine.one(sql.VERSION)[0]
    if version > steps[-1].number:
        raise StoreError(
            f"the store was written by a newer version (schema {version}, this one knows {steps[-1].number})",
            "Upgrade fallback.",
        )
    return version


def _apply(connection: Connection, step: Upgrade) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        statement = ""
        for line in step.statements.splitlines(keepends=True):
            statement += line
            if dbapi2.complete_statement(statement):
                connection.execute(statement)
                statement = ""
        connection.run(sql.UPGRADED, step.number, step.name)
        connection.commit()
    except BaseException:
        connection.roll_back()
        raise

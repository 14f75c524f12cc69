"""One PostgreSQL connection: opened by its URL, brought to this version's schema, its errors translated."""

import contextlib
import functools
import importlib
from typing import Any

import msgspec

from fallback.errors import FallbackError, StoreBlockedError, StoreError
from fallback.store import sql
from fallback.store.database import Upgrade, version_of
from fallback.text import sanitise_name

_OLDEST = 13_00_00
_DEFAULTS = {
    "application_name": "fallback",
    "client_encoding": "utf8",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""What a URL need not say; a server that is gone is noticed in seconds."""
_SETTINGS = """
    SET idle_in_transaction_session_timeout = '5s';
    SET lock_timeout = '20s';
    SET tcp_keepalives_idle = 5;
    SET tcp_keepalives_interval = 2;
    SET tcp_keepalives_count = 3;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""
"""A relay that hangs or is cut off holds no lock for long; what is committed is on the disk."""
_FITS = "SELECT current_schema() IS NOT NULL, current_setting('server_encoding') = 'UTF8'"
_WRITE = "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('fallback ' || current_schema(), 0))"
"""One writer at a time, as in SQLite: rows are numbered in the order of their commits."""
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_NOW = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_BLOCKED = ("08", "40", "53", "57P", "25P03", "55P03")
"""SQLSTATEs of what passes: no connection, a conflict, no space, a restart, a lock that took too long."""


@functools.cache
def driver() -> Any:
    """Import psycopg.

    Raises:
        StoreError: it is not installed.
    """
    try:
        return importlib.import_module("psycopg")
    except ImportError as error:
        raise StoreError(
            "the package psycopg is not installed", "Install it: pip install 'fallback[postgres]'"
        ) from error


def place(url: str) -> str:
    """Name the database that a URL leads to, without names and passwords of its users.

    Raises:
        StoreError: it is no URL of a PostgreSQL database.
    """
    parts = _parts(url)
    host = parts.get("host") or parts.get("hostaddr") or "this machine"
    return f"the database {parts.get('dbname') or 'of the user'} on {host}"


class PostgresEngine:
    """``store.engine.Engine`` on PostgreSQL; connects again where the server was restarted.

    Raises:
        StoreError: it can't be reached, does not fit, or was written by a newer version.
    """

    def __init__(self, url: str, steps: list[Upgrade]) -> None:
        self._url = url
        self._connection = self._connect()
        try:
            self._upgrade(steps)
        except BaseException:
            self._connection.close()
            raise

    def run(self, statement: str, *values: Any) -> None:
        """Run a statement."""
        self._execute(statement, values)

    def one(self, statement: str, *values: Any) -> Any:
        """Give the first row; ``None`` where there is none."""
        return self._execute(statement, values).fetchone()

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Give all rows."""
        rows: list[Any] = self._execute(statement, values).fetchall()
        return rows

    def now(self) -> int:
        """Give the server's time."""
        return int(self.one(_NOW)[0])

    def begin(self, *, write: bool) -> None:
        """Begin a transaction, on a new connection where the last one was lost."""
        begin = _WRITE if write else _READ
        try:
            self._connection.execute(begin, prepare=False)
        except driver().Error:
            if not self._connection.closed:
                raise
            self._connection = self._connect()
            self._connection.execute(begin, prepare=False)

    def commit(self) -> None:
        """Make it last."""
        self._connection.execute("COMMIT", prepare=False)

    def roll_back(self) -> None:
        """Undo a transaction; harmless where there is none."""
        with contextlib.suppress(driver().Error):
            self._connection.rollback()

    def close(self) -> None:
        """Free the connection."""
        self._connection.close()

    def _execute(self, statement: str, values: tuple[Any, ...]) -> Any:
        return self._connection.execute(statement, [_text(value) for value in values])

    def _connect(self) -> Any:
        psycopg = driver()
        parts = _DEFAULTS | _parts(self._url)
        connection = psycopg.connect(autocommit=True, cursor_factory=psycopg.RawCursor, **parts)
        try:
            connection.execute(_SETTINGS, prepare=False)
            _check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _upgrade(self, steps: list[Upgrade]) -> None:
        self.begin(write=True)
        try:
            self.run(sql.postgres(sql.UPGRADES))
            version = version_of(self, steps)
            for step in steps:
                if step.number > version:
                    self._connection.execute(sql.postgres(step.statements), prepare=False)
                    self.run(sql.UPGRADED, step.number, step.name)
            self.commit()
        except BaseException:
            self.roll_back()
            raise


def as_store_error(error: Exception, where: str) -> Exception:
    """Translate what the driver or a decoder raises; our own errors and bugs stay as they are."""
    if isinstance(error, FallbackError):
        return error
    if isinstance(error, msgspec.MsgspecError):
        translated = StoreError(f"{where} holds an entry that can't be read", "Restore its last dump.")
    elif isinstance(error, driver().Error):
        translated = _translate(error, where)
    else:
        return error
    translated.__cause__ = error
    return translated


def _translate(error: Any, where: str) -> StoreError:
    said = sanitise_name(str(error).strip().partition("\n")[0], 300)
    state = error.sqlstate or ""
    lost = not state and isinstance(error, driver().OperationalError | driver().InterfaceError)
    match state:
        case "53100":
            return StoreBlockedError(
                f"there is no space left for {where}", "Free some disk space; nothing kept is lost."
            )
        case "25006":
            return StoreBlockedError(f"{where} is read-only: {said}", "Name the primary server in store.url.")
        case "42501":
            return StoreError(f"{where}: {said}", "Let its user own the schema: ALTER SCHEMA … OWNER TO …")
        case _ if lost or state.startswith(_BLOCKED):
            return StoreBlockedError(
                f"{where} can't be used: {said}", "Look whether the PostgreSQL server runs and lets us in."
            )
        case _:
            return StoreError(f"{where}: {said}")


def _parts(url: str) -> dict[str, Any]:
    try:
        return dict(driver().conninfo.conninfo_to_dict(url))
    except driver().ProgrammingError:
        raise StoreError(
            "store.url is no address of a PostgreSQL database",
            "Write it so: postgresql://user@host:5432/database",
        ) from None


def _check(connection: Any) -> None:
    if connection.info.server_version < _OLDEST:
        raise StoreError("the PostgreSQL server is too old", "Upgrade it to version 13 or newer.")
    schema, utf8 = connection.execute(_FITS).fetchone()
    if not schema:
        raise StoreError("the schema in store.url does not exist", "Create it: CREATE SCHEMA …")
    if not utf8:
        raise StoreError("the database is not in UTF-8", "Create it so: createdb -E UTF8 -T template0 …")


def _text(value: Any) -> Any:
    """Write the one character that PostgreSQL's text can't hold as the mark of a lost one."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value

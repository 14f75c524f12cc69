"""The store of a profile: one SQLCipher file, one owner, one writer thread."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from fallback.errors import ProfileBusyError
from fallback.store import keys, sql
from fallback.store.database import Connection, Upgrade, as_store_error, connect, upgrades
from fallback.store.lock import ProfileLock
from fallback.store.relational import SqlStore
from fallback.store.writer import Writer


class SqliteStore(SqlStore):
    """``core.ports.Store`` on SQLCipher; made by ``open``."""

    _search = sql.search("CROSS JOIN", "words MATCH $1")

    def __init__(self, writer: Writer, lock: ProfileLock | None) -> None:
        super().__init__(writer)
        self._lock = lock

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
        writer = Writer(functools.partial(as_store_error, path=path))
        lock: list[ProfileLock] = []

        def start() -> Connection:
            try:
                lock.append(ProfileLock(path.with_suffix(".lock"), name or path.parent.name))
            except ProfileBusyError:
                if not shared:
                    raise
            free = True
            try:
                secret = keys.load_or_make(path) if key is None else key
                connection = connect(path, secret, list(steps or upgrades()), owner=bool(lock))
                if not shared:
                    connection.execute(sql.RELEASE)
                free = shared
            finally:
                while free and lock:
                    lock.pop().release()
            return connection

        await writer.open(start)
        return cls(writer, lock[0] if lock else None)

    async def close(self) -> None:
        """Commit what waits, close the file and free the lock."""
        await self._writer.close(self._lock.release if self._lock else lambda: None)

    @staticmethod
    def _kept(found: list[str]) -> str:
        return " ".join(found)

    @staticmethod
    def _wanted(wanted: list[str]) -> str:
        return " ".join(f'"{word}"*' for word in wanted)

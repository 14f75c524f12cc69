"""The store of several relays: one PostgreSQL database, one writer thread in each of them."""

import functools
from collections.abc import Sequence
from typing import Protocol, Self

from fallback.core.sharing import SHARED_FACTS
from fallback.store import sql
from fallback.store.database import Upgrade, upgrades
from fallback.store.relational import SqlStore
from fallback.store.server import PostgresEngine, as_store_error, place
from fallback.store.writer import Writer

_LONGEST = 500
"""Characters of a word that count: a lexeme has 2046 bytes at most."""
_MOST = 900_000
"""Bytes of an event's words: a tsvector has 1 MiB at most."""


class Facts(Protocol):
    """A store's small facts."""

    async def get(self, key: str) -> str | None:
        """Read one value."""
        ...

    async def put(self, key: str, value: str | None) -> None:
        """Write one value; ``None`` removes it."""
        ...


class PostgresStore(SqlStore):
    """``core.ports.Store`` on PostgreSQL; made by ``open``."""

    _search = sql.search("JOIN", "w.text @@ $1::tsquery")
    _forget_after = 1.0

    def __init__(self, writer: Writer, local: Facts | None) -> None:
        super().__init__(writer)
        self._local = local

    @classmethod
    async def open(
        cls, url: str, *, local: Facts | None = None, steps: Sequence[Upgrade] | None = None
    ) -> Self:
        """Open a database and bring it to this version's schema.

        Args:
            local: keeps what belongs to one relay alone, its secrets above all; the database where not given.
            steps: the schema, for tests of upgrades.

        Raises:
            StoreError: it can't be reached, does not fit, or was written by a newer version.
        """
        writer = Writer(functools.partial(as_store_error, where=place(url)))
        await writer.open(lambda: PostgresEngine(url, list(steps or upgrades())))
        return cls(writer, local)

    async def close(self) -> None:
        """Commit what waits and close the connection."""
        await self._writer.close(lambda: None)

    async def get(self, key: str) -> str | None:
        """Read one value."""
        if self._local is None or key in SHARED_FACTS:
            return await super().get(key)
        return await self._local.get(key)

    async def put(self, key: str, value: str | None) -> None:
        """Write one value; ``None`` removes it."""
        if self._local is None or key in SHARED_FACTS:
            await super().put(key, value)
        else:
            await self._local.put(key, value)

    @staticmethod
    def _kept(found: list[str]) -> str:
        kept, size = [], 0
        for word in dict.fromkeys(word[:_LONGEST] for word in found):
            size += len(word.encode()) + 4
            if size > _MOST:
                break
            kept.append(f"'{word}'")
        return " ".join(kept)

    @staticmethod
    def _wanted(wanted: list[str]) -> str:
        return " & ".join(f"'{word[:_LONGEST]}':*" for word in wanted)

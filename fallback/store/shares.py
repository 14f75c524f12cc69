"""Relays and their portals in both kinds of store: ``core.sharing.SharedStore`` as a part of each."""

import time
from abc import ABC, abstractmethod

from fallback.core.ids import PortalId
from fallback.core.portal import Portal
from fallback.core.sharing import Share, moves
from fallback.store import sql
from fallback.store.engine import Engine
from fallback.store.writer import Writer


class SqlShares:
    """Relays and shares in a database."""

    _writer: Writer

    async def share(self, owner: str, *, seconds: float, now: int | None = None) -> list[Share]:
        """Say that a relay lives, let it take and give portals, and give what it holds."""

        def work(db: Engine) -> list[Share]:
            moment = db.now() if now is None else now
            relays = {other: until for other, until in db.rows(sql.RELAYS) if other != owner}
            for other, until in relays.items():
                if until < moment:
                    db.run(sql.ABANDON, other)
                    db.run(sql.REMOVE_RELAY, other)
            db.run(sql.SAVE_RELAY, owner, moment + int(seconds * 1000))
            alive = {owner, *(other for other, until in relays.items() if until >= moment)}
            portals = [PortalId(row[0]) for row in db.rows(sql.PORTAL_IDS)]
            take, give = moves(owner, portals, _shares(db), alive)
            for portal in take:
                db.run(sql.SAVE_SHARE, portal, owner)
            for portal in give:
                db.run(sql.SAVE_SHARE, portal, "")
            return [one for one in _shares(db) if one.owner == owner]

        return await self._writer.run(work)

    async def unshare(self, owner: str) -> None:
        """Let a relay go that has nothing in flight."""

        def work(db: Engine) -> None:
            for one in _shares(db):
                if one.owner == owner:
                    db.run(sql.SAVE_SHARE, one.portal, "")
            db.run(sql.REMOVE_RELAY, owner)

        await self._writer.run(work)


def _shares(db: Engine) -> list[Share]:
    return [Share(PortalId(portal), owner, token) for portal, owner, token in db.rows(sql.SHARES)]


class MemoryShares(ABC):
    """Relays and shares in dictionaries, which the store makes."""

    _portals: dict[PortalId, Portal]
    _relays: dict[str, int]
    _shares: dict[PortalId, Share]

    async def share(self, owner: str, *, seconds: float, now: int | None = None) -> list[Share]:
        """Say that a relay lives, let it take and give portals, and give what it holds."""
        moment = time.time_ns() // 1_000_000 if now is None else now
        self._relays.pop(owner, None)
        for other in [other for other, until in self._relays.items() if until < moment]:
            self._abandon(other)
            del self._relays[other]
        self._relays[owner] = moment + int(seconds * 1000)
        take, give = moves(owner, list(self._portals), self._shares.values(), self._relays)
        for portal in take:
            self._hand(portal, owner)
        for portal in give:
            self._hand(portal, "")
        return self._held(owner)

    async def unshare(self, owner: str) -> None:
        """Let a relay go that has nothing in flight."""
        for one in self._held(owner):
            self._hand(one.portal, "")
        self._relays.pop(owner, None)

    @abstractmethod
    def _abandon(self, owner: str) -> None:
        """Let what a dead relay had in flight be due."""

    def _holder(self, portal: PortalId) -> str:
        share = self._shares.get(portal)
        return share.owner if share else ""

    def _hand(self, portal: PortalId, owner: str) -> None:
        before = self._shares.get(portal)
        self._shares[portal] = Share(portal, owner, before.token + 1 if before else 1)

    def _held(self, owner: str) -> list[Share]:
        return [self._shares[portal] for portal in self._portals if owner == self._holder(portal)]

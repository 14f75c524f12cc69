"""Tell those outside Matrix who were not seen in the room, as long as an outage lasts; a failed alert stops no other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from fallback.bridge.switch import outage
from fallback.core.acknowledge import mark, verify
from fallback.core.alerting import Attempt, Member, Rules, Rung, due
from fallback.core.events import Frozen
from fallback.core.ports import Alert, Clock, Store
from fallback.errors import FallbackError

log = logging.getLogger(__name__)
KEY = "alerts"
"""Under which the store keeps the last outage's alerts."""
PACE = 15.0
"""Seconds between two looks."""


class Told(Frozen, frozen=True):
    """What was done in one outage: attempts, who acknowledged, and the marks of used links."""

    outage: int = 0
    attempts: tuple[Attempt, ...] = ()
    acknowledged: tuple[str, ...] = ()
    used: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[Attempt, ...]:
        """The alerts that did not go out, to be shown."""
        return tuple(one for one in self.attempts if one.error)


async def told(store: Store) -> Told:
    """Give what was done in the last outage."""
    kept = await store.get(KEY)
    return msgspec.json.decode(kept, type=Told) if kept else Told()


class Alerting:
    """The loop of the alerts.

    Args:
        alerts: by the kind of channel that they serve.
        missing: gives those who were not seen in the room since a moment (ms).
        words: gives an alert's title and text for a member and an outage.
        key: of the acknowledging links.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        alerts: Mapping[str, Alert],
        missing: Callable[[int], Awaitable[Sequence[Member]]],
        words: Callable[[Member, int], tuple[str, str]],
        *,
        key: bytes,
        rules: Rules | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.alerts = alerts
        self.missing = missing
        self.words = words
        self.key = key
        self.rules = rules or Rules()
        self._writing = asyncio.Lock()

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await self.once()
            await self.clock.sleep(PACE)

    async def once(self) -> int:
        """Tell who is due now; gives how many were tried."""
        going_on = await outage(self.store)
        if going_on is None:
            return 0
        members = await self.missing(going_on.since)
        before = await self._told(going_on.since)
        chosen = due(members, before.attempts, self.rules, self.clock.now(), acknowledged=before.acknowledged)
        for member, rung in chosen:  # written down first, so that a crash tells nobody twice
            await self._keep(going_on.since, Attempt(self.clock.now(), member.id, rung))
        async with asyncio.TaskGroup() as sending:
            for member, rung in chosen:
                sending.create_task(self._send(going_on.since, member, rung))
        return len(chosen)

    async def acknowledge(self, token: str) -> str:
        """Take a link that somebody opened; gives who.

        Raises:
            AuthError: it is not ours, too old or used.
        """
        async with self._writing:
            before = await told(self.store)
            said = verify(self.key, token, now=self.clock.now(), used=before.used)
            if said.outage == before.outage:
                await self._put(
                    msgspec.structs.replace(
                        before,
                        acknowledged=(*before.acknowledged, said.who),
                        used=(*before.used, mark(token)),
                    )
                )
            return said.who

    async def _send(self, since: int, member: Member, rung: Rung) -> None:
        alert = self.alerts.get(rung.kind)
        try:
            if alert is None:
                await self._fail(since, member, rung, f"no alert is set up for {rung.kind}")
            else:
                await alert.send(*self.words(member, since), rung.address)
        except FallbackError as error:
            await self._fail(since, member, rung, error.message)

    async def _fail(self, since: int, member: Member, rung: Rung, why: str) -> None:
        log.warning("an alert by %s failed", rung.kind)
        async with self._writing:
            before = await self._told(since)
            attempts = tuple(
                msgspec.structs.replace(one, error=why)
                if (one.member, one.rung) == (member.id, rung)
                else one
                for one in before.attempts
            )
            await self._put(msgspec.structs.replace(before, attempts=attempts))

    async def _keep(self, since: int, attempt: Attempt) -> None:
        async with self._writing:
            before = await self._told(since)
            await self._put(msgspec.structs.replace(before, attempts=(*before.attempts, attempt)))

    async def _told(self, since: int) -> Told:
        kept = await told(self.store)
        return kept if kept.outage == since else Told(since)

    async def _put(self, kept: Told) -> None:
        await self.store.put(KEY, msgspec.json.encode(kept).decode())

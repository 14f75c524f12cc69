"""Empty the outbox: lease the head of each lane, send, settle; one request in flight per lane."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from fallback.bridge.patience import Patience
from fallback.core.events import Canonical, Edit, Message, Reaction, Redaction, Vote
from fallback.core.ids import PortalId, SourceId
from fallback.core.outbox import LONGEST_DELAY, Delivery, Dropped, Outcome, Retry, Sent, Wedge
from fallback.core.ports import Clock, Store
from fallback.core.routing import MATRIX
from fallback.core.trial import ALL
from fallback.errors import AuthError, FallbackError, PermanentError, TransientError

log = logging.getLogger(__name__)
Send = Callable[[Delivery], Awaitable[SourceId]]
Settled = Callable[[Delivery, Outcome], Awaitable[None]]
IDLE = 0.2
"""Seconds between two looks at an empty outbox, where nobody rings."""
LEASE = 120.0
"""Seconds until another worker may take a delivery over."""


async def nobody(delivery: Delivery, outcome: Outcome) -> None:
    """Tell nobody."""


class Deliverer:
    """The worker of one target.

    Args:
        target: ``matrix`` or a connector's name.
        send: says one delivery on the target's side and gives its id there.
        allowance: gives how many lanes may deliver now; 0 while they are to wait.
        settled: told of every outcome.
    """

    def __init__(
        self,
        target: str,
        send: Send,
        store: Store,
        clock: Clock,
        *,
        owner: str,
        allowance: Callable[[], int] = lambda: ALL,
        settled: Settled = nobody,
        patience: Patience | None = None,
    ) -> None:
        self.target = target
        self.send = send
        self.store = store
        self.clock = clock
        self.owner = owner
        self.allowance = allowance
        self.settled = settled
        self.patience = patience or Patience(clock)
        self.bell = asyncio.Event()

    def ring(self) -> None:
        """Say that something may be due."""
        self.bell.set()

    async def run(self) -> None:
        """Deliver for ever; cancel it to stop, what is in flight is settled by the next lease."""
        while True:
            if not await self.once():
                self.bell.clear()
                try:
                    async with asyncio.timeout(IDLE):
                        await self.bell.wait()
                except TimeoutError:
                    continue

    async def once(self) -> int:
        """Deliver the due head of each lane; gives how many were tried."""
        limit = self.allowance()
        due = await self.patience.keep(lambda: self._lease(limit)) if limit else []
        async with asyncio.TaskGroup() as lanes:
            for delivery in due:
                lanes.create_task(self._deliver(delivery))
        return len(due)

    async def _deliver(self, delivery: Delivery) -> None:
        outcome = await self._outcome(delivery)
        await self.patience.keep(lambda: self.store.settle(delivery, outcome, now=self.clock.now()))
        await self.settled(delivery, outcome)

    async def _lease(self, limit: int) -> list[Delivery]:
        now = self.clock.now()
        return await self.store.lease(self.target, owner=self.owner, now=now, seconds=LEASE, limit=limit)

    async def _outcome(self, delivery: Delivery) -> Outcome:
        try:
            event = await self._pointed(delivery.portal, delivery.event)
            if event is None:
                return Dropped("what it belongs to never arrived there")
            return Sent(await self.send(replace(delivery, event=event)))
        except TransientError as error:
            log.info("%s: delivery %s waits: %s", self.target, delivery.id, error.message)
            return Retry(error.message, error.retry_after or random.random() / 4)
        except AuthError as error:
            log.warning("%s: the account is refused, the lane waits: %s", self.target, error.message)
            return Retry(error.message, LONGEST_DELAY)
        except PermanentError as error:
            log.warning("%s: delivery %s is stuck: %s", self.target, delivery.id, error.message)
            return Wedge(error.message)
        except FallbackError as error:
            return Retry(error.message)

    async def _pointed(self, portal: PortalId, event: Canonical) -> Canonical | None:
        """Turn the id that an event points to into the target's; ``None`` where it is not known there."""
        match event:
            case Edit() | Reaction() | Redaction() | Vote():
                there = await self._there(portal, event.target)
                return replace(event, target=there) if there else None
            case Message(reply_to=str() as quoted):
                return replace(event, reply_to=await self._there(portal, quoted))
            case _:
                return event

    async def _there(self, portal: PortalId, source: SourceId) -> SourceId | None:
        there = await self.store.counterpart(portal, source, self.target)
        if there is None and self.target == MATRIX and source.startswith("$"):
            return source  # said and answered in the room alone
        return there

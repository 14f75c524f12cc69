"""Serve a fair part of the portals that several relays share, and take over those of a relay that died."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from fallback.core.ids import PortalId
from fallback.core.ports import Clock
from fallback.core.sharing import LEASE, RENEW, Share, SharedStore
from fallback.errors import StoreError

log = logging.getLogger(__name__)
Changed = Callable[[Sequence[Share]], Awaitable[None]]


async def nobody(shares: Sequence[Share]) -> None:
    """Tell nobody."""


class Sharing:
    """One relay among those of a store.

    Args:
        owner: the relay's name, which its deliverers lease under.
        changed: told of all that the relay holds whenever that has changed.
    """

    def __init__(self, store: SharedStore, clock: Clock, *, owner: str, changed: Changed = nobody) -> None:
        self.store = store
        self.clock = clock
        self.owner = owner
        self.changed = changed
        self.shares: tuple[Share, ...] = ()
        self._until = clock.monotonic()

    async def run(self) -> None:
        """Renew until cancelled; a store that can't be reached is asked again, and ``lapsed`` tells when it is late."""
        while True:
            try:
                await self.renew()
            except StoreError as error:
                log.warning("the relay's lease can't be renewed: %s", error.message)
            await self.clock.sleep(RENEW)

    async def renew(self) -> None:
        """Renew once.

        Raises:
            StoreError: it was not renewed.
        """
        asked = self.clock.monotonic()
        held = tuple(await self.store.share(self.owner, seconds=LEASE))
        self._until = asked + LEASE
        if held != self.shares:
            log.info("this relay serves %d portals, %d before", len(held), len(self.shares))
            self.shares = held
            await self.changed(held)

    async def leave(self) -> None:
        """Hand everything over at once; to be called when nothing is in flight any more.

        Raises:
            StoreError: the others have to wait for the lease to end.
        """
        self._until = self.clock.monotonic()
        self.shares = ()
        await self.store.unshare(self.owner)

    def lapsed(self) -> bool:
        """Tell whether another relay may have taken over; then nothing is to be sent."""
        return self.clock.monotonic() >= self._until

    def holds(self, portal: PortalId) -> bool:
        """Tell whether a portal is this relay's."""
        return not self.lapsed() and any(one.portal == portal for one in self.shares)

"""How a relay stands at this moment: what the socket, the pages and the metrics show."""

import os
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from fallback import __version__
from fallback.core.events import Frozen
from fallback.core.health import Health, State
from fallback.core.ports import ConnectorState, Store
from fallback.core.routing import MATRIX
from fallback.relay.protocol import Stuck

if TYPE_CHECKING:
    from fallback.relay.daemon import Relay

STALE = 120.0
"""Seconds without an answer to a sync after which the homeserver counts as lost; a sync waits 30 at most."""


class Group(Frozen, frozen=True):
    """A portal as a person knows it."""

    name: str
    room: str


class Status(Frozen, frozen=True):
    """A relay at a glance.

    Args:
        connector: its name.
        outage: since when (ms) one is going on; 0 for none.
        synced: when (ms) the homeserver answered last; 0 for never.
        lanes: waiting deliveries by target, stuck ones apart.
        trouble: why the store can't be written; empty where it can.
    """

    version: str
    pid: int
    account: str
    health: Health
    connector: str
    connector_state: ConnectorState
    outage: int
    synced: int
    synced_ago: float
    lanes: dict[str, int]
    stuck: int
    groups: tuple[Group, ...]
    paused: bool = False
    stopping: bool = False
    trouble: str = ""

    @property
    def ills(self) -> tuple[str, ...]:
        """List what keeps the relay from doing its work; WhatsApp's own outage is none of it."""
        ills = []
        if not self.synced or self.synced_ago > STALE:
            ills.append("the homeserver does not answer")
        away = self.connector_state is not ConnectorState.CONNECTED
        if away and self.health.state not in (State.DOWN, State.RECOVERING):
            ills.append(f"{self.connector} is {self.connector_state.value}")
        if self.trouble:
            ills.append(self.trouble)
        return tuple(ills)

    def told(self) -> dict[str, Any]:
        """Give it as plain values, defaults too, with what follows from them."""
        return {
            **asdict(self),
            "health": asdict(self.health),
            "groups": [asdict(one) for one in self.groups],
            "running": True,
            "waiting": sum(self.lanes.values()),
            "ills": self.ills,
        }

    @property
    def ready(self) -> bool:
        """Tell whether it mirrors now."""
        return bool(self.synced) and not self.paused and not self.stopping


async def status(relay: "Relay") -> Status:
    """Look at a relay."""
    store, there = relay.store, relay.connector.name
    wedges = await store.wedges()
    return Status(
        version=__version__,
        pid=os.getpid(),
        account=relay.homeserver.user,
        health=relay.watch.health,
        connector=there,
        connector_state=relay.connector.state,
        outage=relay.switch.outage.since if relay.switch.outage else 0,
        synced=relay.synced,
        synced_ago=(relay.clock.now() - relay.synced) / 1000 if relay.synced else 0.0,
        lanes={
            target: await store.pending(target) - sum(one.target == target for one in wedges)
            for target in (MATRIX, there)
        },
        stuck=len(wedges),
        groups=tuple(Group(one.name or one.id, one.room) for one in await store.portals()),
        paused=relay.paused,
        stopping=relay.stopping,
        trouble=relay.patience.trouble,
    )


async def stuck(store: Store) -> list[Stuck]:
    """List what a person must clear."""
    return [Stuck(one.id, one.portal, one.target, one.event.at, one.error) for one in await store.wedges()]

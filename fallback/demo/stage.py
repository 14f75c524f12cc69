"""Set the stage: homeserver, accounts, the example group migrated, a network with its phones, a relay."""

import contextlib
import importlib.resources
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from fallback import compose
from fallback.bridge.migrate import Migration, Progress
from fallback.clock import SystemClock
from fallback.core.events import Identity
from fallback.core.ids import UserId
from fallback.core.migration import Plan, Verification, plan
from fallback.core.ports import Portal, Store
from fallback.errors import UsageError
from fallback.homeserver.managed import ManagedHomeserver
from fallback.matrix.client import NioHomeserver
from fallback.networks.loopback import LoopbackConnector, LoopbackNetwork
from fallback.networks.whatsapp.archive import open_export
from fallback.networks.whatsapp.export import Export, read_export
from fallback.paths import Profile
from fallback.simulator.phones import Phones

EXAMPLE = "newsroom-ar.zip"
TIMEZONE = "Asia/Baghdad"


def example() -> Path:
    """Find the example export beside the package or in it."""
    beside = Path(str(importlib.resources.files("fallback"))).parent / "examples" / "exports" / EXAMPLE
    if beside.exists():
        return beside
    raise UsageError("the example export is not here", "Run the demo from a checkout: make demo")


@dataclass(slots=True)
class Stage:
    """Everything that the demo plays with."""

    clock: SystemClock
    server: ManagedHomeserver
    export: Export
    plan: Plan
    portal: Portal
    relay_store: Store
    relay_side: NioHomeserver
    member_store: Store
    member_side: NioHomeserver
    network: LoopbackNetwork
    connector: LoopbackConnector
    phones: Phones

    @property
    def talkers(self) -> list[str]:
        """The names of the people who speak most, the most talkative first."""
        by_speech = sorted(self.plan.people, key=lambda one: -one.speaks)
        here = [one.person.name for one in by_speech if one.member and one.person.name in self.phones.people]
        return here

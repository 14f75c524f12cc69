"""Set the stage: homeserver, accounts, the example group migrated, a network with its phones, a relay."""

import contextlib
import importlib.resources
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from fallback import compose
from fallback.bridge.migrate import Migration
from fallback.bridge.read_back import Progress
from fallback.clock import SystemClock
from fallback.core.events import Canonical, Group, Identity
from fallback.core.migration import Plan, plan
from fallback.core.ports import Portal, Store
from fallback.core.verification import Verification
from fallback.errors import UsageError
from fallback.homeserver.managed import ManagedHomeserver
from fallback.matrix.client import NioHomeserver
from fallback.networks.loopback import LoopbackConnector, LoopbackNetwork
from fallback.networks.whatsapp.archive import open_export
from fallback.networks.whatsapp.export import read_export
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
    """Everything that the demo plays with.

    Args:
        clock: of the story; stores and rooms keep true dates.
    """

    clock: SystemClock
    server: ManagedHomeserver
    plan: Plan
    events: list[Canonical]
    portal: Portal
    check: Verification
    relay_store: Store
    relay_side: NioHomeserver
    member_store: Store
    member_side: NioHomeserver
    network: LoopbackNetwork
    connector: LoopbackConnector
    phones: Phones

    @property
    def talkers(self) -> list[str]:
        """Name the people who speak most, the most talkative first."""
        by_speech = sorted(self.plan.people, key=lambda one: -one.speaks)
        return [one.person.name for one in by_speech if one.member and one.person.name in self.phones.people]


def read_example(profile: Profile) -> tuple[Plan, list[Canonical], Group]:
    """Read the example export and plan its migration."""
    server_name = compose.settings(profile).homeserver.server_name
    export = read_export(example(), timezone=TIMEZONE)
    events = list(export.events)
    return plan(export.group, events, server_name=server_name), events, export.group


@contextlib.asynccontextmanager
async def stage(profile: Profile, clock: SystemClock, progress: Progress) -> AsyncIterator[Stage]:
    """Set everything up; a second time on the same profile goes on with what is there."""
    own = Profile(f"{profile.name}-member")
    planned, events, group = read_example(profile)
    async with (
        compose.open_profile(profile) as (relay_store, relay_vault),
        compose.open_profile(own) as (member_store, member_vault),
        compose.hosted(profile, relay_store, relay_vault) as (server, relay_side),
        compose.member(server, own, member_store, member_vault, localpart="you", name="You") as member_side,
    ):
        run = Migration(planned, relay_side, relay_store, server_name=server.server_name, progress=progress)
        with open_export(example()) as media:
            portal = await run.run(events, media)
        await server.analyze()
        check = await run.check(portal, events)
        portal = replace(portal, sending=True)
        await relay_store.save_portal(portal)
        await relay_side.invite(portal.room, member_side.user)
        await member_side.accept(portal.room)
        network = LoopbackNetwork()
        network.found(group)
        people = [identity for identity in group.members if identity.name or identity.phone]
        yield Stage(
            clock=clock,
            server=server,
            plan=planned,
            events=events,
            portal=portal,
            check=check,
            relay_store=relay_store,
            relay_side=relay_side,
            member_store=member_store,
            member_side=member_side,
            network=network,
            connector=LoopbackConnector(network),
            phones=Phones(network, group.chat, [_named(one) for one in people], clock),
        )


def _named(identity: Identity) -> Identity:
    return identity if identity.name else replace(identity, name=identity.phone)

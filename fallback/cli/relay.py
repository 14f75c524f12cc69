"""``fallback relay``: the daemon."""

import asyncio
from typing import TYPE_CHECKING

import click

from fallback.cli.output import emit_json, say

if TYPE_CHECKING:
    from fallback.paths import Profile


@click.command("relay")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line when something changes.")
@click.option("--once", is_flag=True, help="Deliver what is due and end.")
@click.pass_obj
def command(profile: str, *, as_json: bool, once: bool) -> None:
    """Keep WhatsApp groups and their rooms in step until stopped.

    SIGTERM or Ctrl-C delivers what is due and ends; what is left goes out at the next start.  This version's only
    connector is the network in memory.

    \b
    Examples:
      fallback relay
      fallback --profile newsroom relay --once --json
    """
    from fallback import compose, logs
    from fallback.paths import Profile

    where = Profile(profile)
    config = compose.settings(where)
    logs.to_file(where.log_file, level=config.logging.level, as_json=config.logging.json)
    left = asyncio.run(_relay(where, once=once, say_json=as_json))
    emit_json({"waiting": left}) if as_json else say(f"stopped; {left} deliveries wait for the next start")


async def _relay(where: "Profile", *, once: bool, say_json: bool) -> int:
    from fallback import compose
    from fallback.clock import SystemClock
    from fallback.networks.loopback import LoopbackConnector, LoopbackNetwork
    from fallback.relay.daemon import Relay
    from fallback.relay.service import stop_signals, until

    with stop_signals() as stop:
        async with (
            compose.open_profile(where) as (store, vault),
            compose.hosted(where, store, vault) as (server, side),
        ):
            network = LoopbackNetwork()
            connector = LoopbackConnector(network)
            relay = Relay(connector, side, store, SystemClock(), server_name=server.server_name)
            for portal in await store.portals():
                pair = {"group": portal.name, "room": portal.room}
                emit_json(pair) if say_json else say(f"{portal.name} ↔ {portal.room}")
            if once:
                await relay.drain()
            else:
                await until(stop, relay.run())
            return await store.pending()

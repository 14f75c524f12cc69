"""``fallback relay``: the daemon, and what can be asked of one that runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from fallback.cli.output import data, emit_json, say

if TYPE_CHECKING:
    from fallback.core.ports import Store
    from fallback.paths import Profile

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group("relay", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Keep WhatsApp groups and their rooms in step until stopped.

    Without a command it runs.  The other commands ask the relay that runs on this profile, by a socket in its data
    folder; where none runs, `status`, `wedges`, `retry` and `drop` look into the store themselves.

    \b
    Examples:
      fallback relay
      fallback relay status
      fallback relay wedges --json
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(run)


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line when something changes.")
@click.option("--once", is_flag=True, help="Deliver what is due and end.")
@click.pass_obj
def run(profile: str, *, as_json: bool = False, once: bool = False) -> None:
    """Run the relay until SIGTERM or Ctrl-C.

    Then it delivers what is due, for some seconds, and ends; what is left goes out at the next start.  SIGHUP reads
    the configuration again.  `connector.kind` in it says what speaks with WhatsApp.

    \b
    Examples:
      fallback relay run
      fallback --profile newsroom relay run --once --json
    """
    from fallback import compose, logs
    from fallback.paths import Profile

    where = Profile(profile)
    config = compose.settings(where)
    if config.logging.to == "stderr":
        logs.to_stderr(level=config.logging.level, as_json=config.logging.json)
    else:
        logs.to_file(where.log_file, level=config.logging.level, as_json=config.logging.json)
    left = asyncio.run(_run(where, once=once, say_json=as_json))
    emit_json({"waiting": left}) if as_json else say(f"stopped; {left} deliveries wait for the next start")


async def _run(where: "Profile", *, once: bool, say_json: bool) -> int:
    from fallback.relay.running import opened
    from fallback.relay.service import stop_signals, until

    with stop_signals() as stop:
        async with opened(where) as running:
            store = running.relay.store
            for portal in await store.portals():
                pair = {"group": portal.name, "room": portal.room}
                emit_json(pair) if say_json else say(f"{portal.name} ↔ {portal.room}")
            if once:
                await running.relay.drain()
            else:
                await until(stop, running.run())
            return await store.pending()


@command.command()
@as_json_option
@click.pass_obj
def status(profile: str, *, as_json: bool) -> None:
    """Show how the relay stands.

    Ends with 1 if something keeps it from its work.

    \b
    Examples:
      fallback relay status
      fallback relay status --json | jq .health.state
    """
    told = _ask(profile, "status", _stored)
    if as_json:
        emit_json(told)
    else:
        _show(told)
    if told.get("ills"):
        raise click.exceptions.Exit(1)


async def _stored(store: "Store") -> dict[str, Any]:
    stuck = len(await store.wedges())
    return {
        "running": False,
        "groups": [{"name": one.name or one.id, "room": one.room} for one in await store.portals()],
        "waiting": await store.pending() - stuck,
        "stuck": stuck,
    }


def _show(told: dict[str, Any]) -> None:
    if told["running"]:
        health = told["health"]
        data(f"whatsapp    {health['state']} {health['why']}".rstrip())
        data(f"connector   {told['connector']} {told['connector_state']}")
        data(
            f"homeserver  answered {told['synced_ago']:.0f} s ago" if told["synced"] else "homeserver  silent"
        )
        data(f"mirroring   {'paused' if told['paused'] else 'yes'}")
        for ill in told["ills"]:
            data(f"MEND        {ill}")
    lanes = "".join(f", {count} of them to {target}" for target, count in told.get("lanes", {}).items())
    data(f"waiting     {told['waiting']}{lanes}; {told['stuck']} stuck")
    for group in told["groups"]:
        data(f"group       {group['name']} ↔ {group['room']}")


@command.command()
@click.pass_obj
def pause(profile: str) -> None:
    """Deliver nothing until `fallback relay resume`; what comes is still taken in.

    \b
    Example:
      fallback relay pause
    """
    _ask(profile, "pause")
    say("paused: nothing is delivered, and nothing is lost; go on with `fallback relay resume`")


@command.command()
@click.pass_obj
def resume(profile: str) -> None:
    """Deliver again.

    \b
    Example:
      fallback relay resume
    """
    _ask(profile, "resume")
    say("resumed")


@command.command()
@as_json_option
@click.pass_obj
def wedges(profile: str, *, as_json: bool) -> None:
    """List deliveries that are stuck, with the reason; the lane goes on without them.

    \b
    Examples:
      fallback relay wedges
      fallback relay wedges --json | jq -r '.[].id'
    """
    found = _ask(profile, "wedges", _stuck)
    if as_json:
        emit_json(found)
        return
    for one in found:
        data(f"{one['id']}  {one['portal']} → {one['target']}: {one['error']}")
    say(f"{len(found)} stuck; try one again with `fallback relay retry ID`, or give it up with `drop ID`")


async def _stuck(store: "Store") -> Any:
    import msgspec

    from fallback.relay.status import stuck

    return msgspec.to_builtins(await stuck(store))


@command.command()
@click.argument("delivery", metavar="ID")
@click.pass_obj
def retry(profile: str, *, delivery: str) -> None:
    """Put a stuck delivery back at its place in its lane.

    \b
    Example:
      fallback relay retry fb0123456789abcdef0123456789abcd
    """
    _ask(profile, "retry", lambda store: store.retry(_id(delivery)), delivery=delivery)
    say(f"{delivery} is tried again")


@command.command()
@click.argument("delivery", metavar="ID")
@click.pass_obj
def drop(profile: str, *, delivery: str) -> None:
    """Give a delivery up for good.

    \b
    Example:
      fallback relay drop fb0123456789abcdef0123456789abcd
    """
    _ask(profile, "drop", lambda store: store.drop(_id(delivery)), delivery=delivery)
    say(f"{delivery} is given up")


def _id(delivery: str) -> Any:
    from fallback.core.ids import DeliveryId

    return DeliveryId(delivery)


def _ask(
    profile: str,
    name: str,
    instead: "Callable[[Store], Awaitable[Any]] | None" = None,
    *,
    delivery: str = "",
) -> Any:
    """Ask the relay that runs; where none does, do ``instead`` on the store, and say so."""
    from fallback.paths import Profile
    from fallback.relay.client import NoRelayError, ask

    where = Profile(profile)
    try:
        return asyncio.run(ask(where.data, name, delivery=delivery))
    except NoRelayError:
        if instead is None:
            raise
    say("no relay runs on this profile; this is its store")
    return asyncio.run(_beside(where, instead))


async def _beside(where: "Profile", work: "Callable[[Store], Awaitable[Any]]") -> Any:
    from fallback import compose

    async with compose.open_store(where, shared=True) as store:
        return await work(store)

"""``fallback migrate``: an export becomes a room."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fallback.cli.output import data, emit_json, progress, say

if TYPE_CHECKING:
    from fallback.core.events import Canonical
    from fallback.core.migration import Plan, Verification
    from fallback.core.ports import Portal
    from fallback.paths import Profile


@click.command("migrate")
@click.argument("export", type=click.Path(path_type=Path))
@click.option("--plan", "only_plan", is_flag=True, help="Show the plan and stop.")
@click.option("--dry-run", is_flag=True, help="Show every step that would be taken, and take none.")
@click.option("--yes", is_flag=True, help="Do not ask before the change.")
@click.option("--resume", is_flag=True, help="Go on with a migration that was stopped, without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; asks nothing.")
@click.option(
    "--date-order",
    type=click.Choice(["DMY", "MDY", "YMD"]),
    help="Of the export's dates, if they leave it open.",
)
@click.option("--timezone", help="Of the phone that exported, e.g. Asia/Amman.  [default: this machine's]")
@click.option(
    "--invite",
    multiple=True,
    metavar="@USER:SERVER",
    help="Invite somebody when the history is in; repeatable.",
)
@click.option("--me", help="The name of the person who exported.")
@click.pass_obj
def command(profile: str, /, export: Path, **options: Any) -> None:
    """Turn a WhatsApp export into a Matrix room.

    The room is made on the managed homeserver of this profile, one ghost per person, each message with its own
    sender and time.  It can be stopped and run again at any time: nothing is sent twice.

    \b
    Examples:
      fallback migrate "WhatsApp Chat with Newsroom.zip" --plan
      fallback migrate chat.zip --timezone Asia/Amman --yes
      fallback migrate chat.zip --json --yes > report.json
      fallback migrate chat.zip --invite @sara:fallback.local
    """
    asyncio.run(_migrate(profile, export, **options))


async def _migrate(
    profile: str,
    path: Path,
    *,
    only_plan: bool,
    dry_run: bool,
    yes: bool,
    resume: bool,
    as_json: bool,
    date_order: str | None,
    timezone: str | None,
    me: str | None,
    invite: tuple[str, ...],
) -> None:
    from fallback import compose
    from fallback.cli.plan import describe, result
    from fallback.errors import FallbackError
    from fallback.networks.whatsapp.export import read_export
    from fallback.paths import Profile

    where = Profile(profile)
    config = compose.settings(where)
    say(f"reading {path.name}")
    export = read_export(
        path, date_order=date_order, timezone=timezone or config.whatsapp.timezone or None, me=me
    )
    events = list(export.events)
    plan = compose.planned(export, events, config.homeserver.server_name)
    if only_plan or dry_run:
        _show(plan, events if dry_run else [], as_json=as_json)
        return
    for line in describe(plan):
        say(line)
    if not (yes or resume or as_json) and not click.confirm("Do this?", err=True):
        say("nothing was changed")
        return
    portal, check = await _apply(where, path, plan, events, invite)
    if as_json:
        emit_json(
            {"plan": plan, "room": portal.room, "verification": check, "differences": check.differences}
        )
    else:
        data(f"room: {portal.room}")
        data(result(check))
    if check.differences:
        raise FallbackError(
            "the room differs from the export", "Run the same command again; it adds what is missing."
        )


async def _apply(
    where: "Profile", path: Path, plan: "Plan", events: "list[Canonical]", invite: tuple[str, ...]
) -> "tuple[Portal, Verification]":
    """Carry the plan out on the managed homeserver, and read the room back."""
    from fallback import compose
    from fallback.bridge.migrate import Migration
    from fallback.core.ids import UserId
    from fallback.errors import FallbackError, HomeserverError
    from fallback.networks.whatsapp.archive import open_export

    async with compose.open_store(where) as store, compose.hosted(where, store) as (server, side):
        say(f"homeserver on {server.url}")
        with progress("importing", len(events)) as advance, open_export(path) as media:

            def told(step: str, done: int, total: int) -> None:  # noqa: ARG001 - the protocol's names
                if step == "messages":
                    advance()

            run = Migration(plan, side, store, server_name=server.server_name, progress=told)
            try:
                portal = await run.run(events, media)
            except asyncio.CancelledError:
                say("stopped; the same command goes on from here")
                raise
            except FallbackError as raised:
                error = raised if server.alive else HomeserverError("the homeserver died during the import")
                error.hint = error.hint or "Nothing is lost: run the same command again and it goes on."
                raise error from raised
        await server.analyze()
        for user in invite:
            await side.invite(portal.room, UserId(user))
        return portal, await run.check(portal, events)


def _show(plan: "Plan", events: "list[Canonical]", *, as_json: bool) -> None:
    """Print the plan, and the steps of a dry run."""
    from fallback.cli.plan import describe
    from fallback.core.migration import kind_of, timeline

    steps = [f"would make the room #{plan.room.alias}"] if events else []
    steps += [
        f"would register {one.ghost} as {one.person.name!r} and let it join" for one in plan.people if events
    ]
    steps += [
        f"would send {kind_of(event)} {event.id} as {event.sender.name or 'WhatsApp'!r}, time {event.at}"
        for event in timeline(events)
    ]
    if as_json:
        emit_json({"plan": plan, "steps": steps} if steps else {"plan": plan})
        return
    for line in [*describe(plan), *steps]:
        data(line)

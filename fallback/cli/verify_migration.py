"""``fallback verify-migration``: a room held against the exports that it was made of."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fallback.cli.output import data, emit_json, say

if TYPE_CHECKING:
    from fallback.compose.exports import GroupHistory, Reading
    from fallback.core.events import Canonical
    from fallback.core.ports import Portal
    from fallback.core.verification import Verification
    from fallback.matrix.client import NioHomeserver

MOST = {"none": 0, "sample": 100, "all": 10**9}
"""Files that are downloaded and compared."""
SHOWN = 10
"""Differences of a kind that are named one by one."""


@click.command("verify-migration")
@click.argument("exports", metavar="EXPORT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--group", default="", help="Whose room it is.  [default: the group of the export's name]")
@click.option(
    "--media", type=click.Choice(list(MOST)), default="sample", show_default=True, help="Files to compare."
)
@click.option("--date-order", type=click.Choice(["DMY", "MDY", "YMD"]), help="As it was given to migrate.")
@click.option("--timezone", help="As it was given to migrate.")
@click.option("--me", help="As it was given to migrate.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(
    profile: str,
    *,
    exports: tuple[Path, ...],
    group: str,
    media: str,
    as_json: bool,
    date_order: str | None,
    timezone: str | None,
    me: str | None,
) -> None:
    """Read a room back as this profile's account, and compare it with the exports that it was made of.

    Compared are count, order, senders, times, texts and files.  It works on the profile that migrated and on any
    member's: what that member can't decrypt counts as missing.  The result is kept for `fallback status`.

    \b
    Examples:
      fallback verify-migration chat.zip --timezone Asia/Amman
      fallback verify-migration chat.zip --group Newsroom --media all
      fallback --profile sara verify-migration chat.zip --json
    """
    import asyncio

    from fallback.compose.exports import Reading, group_history
    from fallback.errors import FallbackError

    reading = _zoned(profile, Reading(date_order, timezone, me))
    with group_history(exports, reading) as history:
        portal, found = asyncio.run(_verified(profile, history, group, MOST[media]))
        if as_json:
            emit_json({"room": portal.room, "verification": found, "differences": found.differences})
        else:
            _show(portal, found, history.events)
    if found.differences:
        raise FallbackError(
            "the room differs from the export", "To add what is missing: fallback migrate EXPORT"
        )


def _zoned(profile: str, reading: "Reading") -> "Reading":
    from msgspec.structs import replace

    from fallback import compose
    from fallback.paths import Profile

    zone = compose.settings(Profile(profile)).whatsapp.timezone
    return replace(reading, timezone=reading.timezone or zone or None)


async def _verified(
    profile: str, history: "GroupHistory", group: str, most: int
) -> "tuple[Portal, Verification]":
    from fallback import compose
    from fallback.bridge.read_back import check, told_by_relay
    from fallback.cli.import_meter import meter
    from fallback.cli.import_run import keep_report
    from fallback.core.migration import ghosts, plan
    from fallback.paths import Profile

    async with compose.reading(Profile(profile)) as (store, side):
        portal = _portal(await store.portals(), group, history.group.name)
        await side.catch_up()
        server_name = await _server_of_ghosts(side, portal)
        who = ghosts(plan(history.group, history.events, server_name=server_name), server_name)
        relayed = await told_by_relay(store, portal, history.events)
        with meter() as told:
            found = await check(
                side,
                portal,
                history.events,
                who,
                told=relayed,
                media=history.media,
                most=most,
                progress=told,
            )
        await keep_report(store, side, portal, found)
        return portal, found


def _portal(portals: "Sequence[Portal]", group: str, name: str) -> "Portal":
    """Choose the room: of the group that is named, else of the export's name, else the only one."""
    from fallback.errors import UsageError

    if group:
        chosen = [one for one in portals if group in (one.name, one.id, one.room)]
    else:
        chosen = [one for one in portals if one.name == name] or list(portals)
    if len(chosen) == 1:
        return chosen[0]
    told = "; ".join(one.name or one.id for one in portals) or "none"
    raise UsageError("it is not clear which room is meant", f"Name one of the groups with --group: {told}")


async def _server_of_ghosts(side: "NioHomeserver", portal: "Portal") -> str:
    """Find the homeserver that the ghosts of a room are of."""
    from fallback.core.roster import is_ghost

    state = await side.room_state(portal.room)
    user = next((one.mxid for one in state.members if is_ghost(one.mxid)), side.user)
    return user.partition(":")[2]


def _show(portal: "Portal", found: "Verification", events: "Sequence[Canonical]") -> None:
    """Print the result, and which events differ; nobody's words."""
    from fallback.cli.plan import differing, result

    told = {event.id: event for event in events}
    for kind, sources in differing(found).items():
        for source in sources[:SHOWN]:
            at = datetime.fromtimestamp(told[source].at / 1000, UTC)
            data(f"{kind}: {source}, {at:%Y-%m-%d %H:%M} UTC, {told[source].sender.name or 'WhatsApp'}")
        if len(sources) > SHOWN:
            data(f"{kind}: {len(sources) - SHOWN} more")
    if found.others:
        say(
            f"{found.others} other events of ghosts are in the room: ends of polls, and what the relay brought"
        )
    data(f"room: {portal.room}")
    data(result(found))

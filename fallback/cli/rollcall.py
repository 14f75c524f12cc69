"""``fallback rollcall``: who has been reached since the outage, or the last drill, began."""

import datetime as dt
from typing import TYPE_CHECKING

import click

from fallback.cli.output import data, emit_json, say

if TYPE_CHECKING:
    from fallback.compose.rooms import Room
    from fallback.core.ports import Store
    from fallback.core.rollcall import RollCall

PACE = 2.0
"""Seconds between two looks of ``--watch``."""


@click.command("rollcall")
@click.argument("group", default="")
@click.option("--since", type=click.DateTime(), help="Count from this moment (UTC); the outage's begin else.")
@click.option("--watch", is_flag=True, help="Go on, and print each change until everybody is reached.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a group.")
@click.pass_obj
def command(profile: str, *, group: str, since: "dt.datetime | None", watch: bool, as_json: bool) -> None:
    """Show who of a GROUP has been reached since the outage began, and who is missing.

    A word, a vote, a reaction or a read receipt in the room is an answer.  It works beside a running relay.

    \b
    Examples:
      fallback rollcall
      fallback rollcall Newsroom --watch
      fallback rollcall --since 2021-10-04T15:40:00 --json
    """
    import asyncio

    begun = int(since.replace(tzinfo=dt.UTC).timestamp() * 1000) if since else 0
    asyncio.run(_follow(profile, group, begun, watch=watch, as_json=as_json))


async def _follow(profile: str, group: str, since: int, *, watch: bool, as_json: bool) -> None:
    import asyncio

    from fallback import compose
    from fallback.bridge.switch import outage
    from fallback.compose.rooms import rooms
    from fallback.paths import Profile

    async with compose.open_store(Profile(profile), shared=True) as store:
        kept = await outage(store)
        begun = since or (kept.since if kept else 0)
        if not begun:
            say("no outage is on; count from another moment with --since")
            return
        seen: dict[str, object] = {}
        while True:
            rolls = [(room, await _roll(store, room, begun)) for room in await rooms(store, group)]
            for room, roll in rolls:
                if seen.get(room.portal.id) != roll:
                    seen[room.portal.id] = roll
                    _show(room, roll, as_json=as_json)
            if not watch or not any(roll.missing for _, roll in rolls):
                return
            await asyncio.sleep(PACE)


async def _roll(store: "Store", room: "Room", since: int) -> "RollCall":
    from fallback.core.rollcall import call, expected

    rows = await store.events_since(room.portal.id, at=since)
    return call(expected(room.state, room.machines), (row.event for row in rows), since=since)


def _show(room: "Room", roll: "RollCall", *, as_json: bool) -> None:
    from fallback.core.rollcall import summary

    name = room.portal.name or room.portal.id
    if not as_json:
        data(f"{name}: {summary(roll)}")
        return
    answers = [{"who": one.who.key, "at": one.at, "sign": one.sign} for one in roll.answers]
    missing = [one.key for one in roll.missing]
    emit_json({"group": name, "of": len(roll.expected), "answers": answers, "missing": missing})

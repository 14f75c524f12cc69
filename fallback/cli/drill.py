"""``fallback drill``: rehearse the move, and see who answered."""

from typing import TYPE_CHECKING

import click

from fallback.cli.output import data, emit_json, say

if TYPE_CHECKING:
    from fallback.compose.rooms import Room
    from fallback.core.drill import Drill
    from fallback.core.ports import Store
    from fallback.core.rollcall import RollCall


@click.group("drill")
def command() -> None:
    """Rehearse the move, and see who answered.

    A drill says that it is one, in the room and (with --whatsapp) in the WhatsApp group.

    \b
    Examples:
      fallback drill start Newsroom --minutes 15
      fallback drill history
    """


@command.command()
@click.argument("group", default="")
@click.option(
    "--minutes", type=click.IntRange(1, 1440), default=15, show_default=True, help="Time to answer."
)
@click.option("--whatsapp", is_flag=True, help="Say it in the WhatsApp group too, where sending is on.")
@click.option("--who", default="", help="Who holds it; you, where not given.")
@click.pass_obj
def start(profile: str, group: str, *, minutes: int, whatsapp: bool, who: str) -> None:
    """Start a drill of a GROUP, or of all.

    The running relay posts it, or the next one to start; the score is that of `fallback drill history`.

    \b
    Example:
      fallback drill start Newsroom --minutes 10 --whatsapp
    """
    import asyncio
    import getpass

    from fallback.text import sanitise_name

    name = sanitise_name(who or getpass.getuser())
    started = asyncio.run(_start(profile, group, minutes, name, target="whatsapp" if whatsapp else ""))
    say(f"{started} drills began, {minutes} minutes to answer; see fallback drill history")


@command.command()
@click.argument("group", default="")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a drill.")
@click.pass_obj
def history(profile: str, group: str, *, as_json: bool) -> None:
    """Show the drills of a GROUP, or of all, with who answered in time.

    \b
    Examples:
      fallback drill history
      fallback drill history Newsroom --json
    """
    import asyncio

    from fallback.core.drill import score
    from fallback.core.outages import moment
    from fallback.core.rollcall import summary

    for room, drill, roll in asyncio.run(_history(profile, group)):
        name, result = room.portal.name or room.portal.id, score(drill, roll)
        if as_json:
            missing = [one.key for one in roll.missing]
            emit_json({"group": name, "at": drill.at, "minutes": drill.minutes, "who": drill.who}
                      | {"reached": result.reached, "of": result.expected, "median_s": result.median}
                      | {"missing": missing})  # fmt: skip
            continue
        median = "" if result.median is None else f", half of them within {result.median:.0f} s"
        data(f"{moment(drill.at / 1000)}  {name}: {summary(roll)}{median}")


async def _start(profile: str, group: str, minutes: int, who: str, *, target: str) -> int:
    from fallback import compose
    from fallback.clock import SystemClock
    from fallback.compose.rooms import rooms
    from fallback.core import drill as drills
    from fallback.paths import Profile

    at = SystemClock().now()
    async with compose.open_store(Profile(profile), shared=True) as store:
        found = [room.portal for room in await rooms(store, group)]
        begun = [drills.Drill(portal.id, at, minutes, who) for portal in found]
        kept = drills.decode(await store.get(drills.KEY))
        await store.put(drills.KEY, drills.encode([*kept, *begun]))
        for drill, portal in zip(begun, found, strict=True):
            for event, delivery in drills.calls(drill, portal, target):
                await store.record(portal.id, event, [delivery])
    return len(begun)


async def _history(profile: str, group: str) -> "list[tuple[Room, Drill, RollCall]]":
    from fallback import compose
    from fallback.compose.rooms import rooms
    from fallback.core import drill as drills
    from fallback.paths import Profile

    async with compose.open_store(Profile(profile), shared=True) as store:
        there = {room.portal.id: room for room in await rooms(store, group)}
        held = [one for one in drills.decode(await store.get(drills.KEY)) if one.portal in there]
        return [(there[one.portal], one, await _roll(store, there[one.portal], one)) for one in held]


async def _roll(store: "Store", room: "Room", drill: "Drill") -> "RollCall":
    from fallback.core.rollcall import call, expected

    rows = await store.events_since(room.portal.id, at=drill.at)
    people = expected(room.state, room.machines)
    return call(people, (row.event for row in rows), since=drill.at, until=drill.until)

"""``fallback outages``: what happened so far."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fallback.cli.output import data, emit_json, say

if TYPE_CHECKING:
    from fallback.compose.rooms import Room
    from fallback.core.outages import Entry
    from fallback.core.ports import Store

EVERY = 1_000_000
"""Verdicts that are read back."""


@click.command("outages")
@click.option("--csv", "table", type=click.Path(dir_okay=False, path_type=Path), help="Write a CSV file.")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write one HTML page.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_obj
def command(profile: str, *, table: Path | None, page: Path | None, as_json: bool) -> None:
    """List past outages and drills: how long, how soon noticed, who was reached.

    Reached counts those who are members now.

    \b
    Examples:
      fallback outages
      fallback outages --csv outages.csv --html outages.html
    """
    import asyncio

    from fallback.clock import SystemClock
    from fallback.core.outages import as_csv, as_page, line
    from fallback.paths import private_file

    entries = asyncio.run(_entries(profile))
    if table is not None:
        private_file(table, as_csv(entries).encode("utf-8-sig"))
    if page is not None:
        private_file(page, as_page(entries, SystemClock().now() / 1000).encode())
    for entry in entries:
        emit_json(entry) if as_json else data(line(entry))
    say(f"{sum(one.kind == 'outage' for one in entries)} outages")


async def _entries(profile: str) -> "list[Entry]":
    from fallback import compose
    from fallback.compose.rooms import rooms
    from fallback.core import drill as drills
    from fallback.core.outages import Entry, outages
    from fallback.paths import Profile

    async with compose.open_store(Profile(profile), shared=True) as store:
        there = await rooms(store)
        found = [
            Entry(
                "outage", one.down, one.up, *await _reach(store, there, one.down, one.up),
                noticed_after=one.noticed_after, cause=one.cause, why=one.why,
            )
            for one in outages(reversed(await store.health_log(EVERY)))
        ]  # fmt: skip
        for drill in drills.decode(await store.get(drills.KEY)):
            begun, ended = drill.at / 1000, drill.until / 1000
            concerned = [room for room in there if room.portal.id == drill.portal]
            found.append(Entry("drill", begun, ended, *await _reach(store, concerned, begun, ended)))
    return sorted(found, key=lambda one: one.began)


async def _reach(store: "Store", there: "list[Room]", begun: float, ended: float | None) -> tuple[int, int]:
    """Count who gave a sign in any of the rooms meanwhile, and who could have."""
    from fallback.core.rollcall import call, expected

    since, until = int(begun * 1000), int((ended or 0) * 1000)
    reached: set[str] = set()
    everybody: set[str] = set()
    for room in there:
        rows = await store.events_since(room.portal.id, at=since)
        people = expected(room.state, room.machines)
        roll = call(people, (row.event for row in rows), since=since, until=until)
        everybody |= {one.key for one in roll.expected}
        reached |= {one.key for one in roll.reached}
    return len(reached), len(everybody)

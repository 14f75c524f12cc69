"""``fallback ready``: how many of a group could be reached if WhatsApp went down now, and the sheets that bring the rest."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fallback.cli.output import data, emit_json, say

if TYPE_CHECKING:
    from fallback.compose.rooms import Room
    from fallback.core.readiness import Readiness, Standing


@click.command("ready")
@click.argument("group", default="")
@click.option("--sheet", type=click.Path(file_okay=False, path_type=Path), help="Write the join sheets here.")
@click.option("--via", multiple=True, help="A server that knows the room; may be given again.")
@click.option("--qr", is_flag=True, help="Show the room's link as a QR code.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a group.")
@click.pass_obj
def command(
    profile: str, *, group: str, sheet: Path | None, via: tuple[str, ...], qr: bool, as_json: bool
) -> None:
    """Show who of a GROUP could be reached if WhatsApp went down now, and what to do for the others.

    Reachable is who has given a sign of life in the room within 30 days: a word, a vote, a reaction, a read receipt.
    It works beside a running relay.

    \b
    Examples:
      fallback ready
      fallback ready Newsroom --json
      fallback ready Newsroom --sheet sheets --qr
    """
    import asyncio

    for number, (room, judged) in enumerate(asyncio.run(_judged(profile, group)), 1):
        _show(room, judged, as_json=as_json)
        if qr:
            _show_code(room, via)
        if sheet is not None:
            written = _write(sheet / f"group-{number}", room, judged, via)
            say(f"{written} join sheets of {room.portal.name} in {sheet / f'group-{number}'}")


async def _judged(profile: str, group: str) -> "list[tuple[Room, Readiness]]":
    from fallback import compose
    from fallback.clock import SystemClock
    from fallback.compose.rooms import rooms
    from fallback.core.contact_book import Book
    from fallback.core.readiness import PROOF_LASTS, readiness
    from fallback.paths import Profile

    now, found = SystemClock().now(), []
    async with compose.open_store(Profile(profile), shared=True) as store:
        book = Book(await store.contacts())
        for room in await rooms(store, group):
            rows = await store.events_since(room.portal.id, at=now - 3 * PROOF_LASTS)
            events = [row.event for row in rows]
            judged = readiness(room.state, book, events, now=now, keyed=room.keyed, machines=room.machines)
            found.append((room, judged))
    return found


def _show(room: "Room", judged: "Readiness", *, as_json: bool) -> None:
    name = room.portal.name or room.portal.id
    if as_json:
        people = [_as_object(one) for one in judged.people]
        ready = {"ready": judged.ready, "of": len(judged.people), "percent": judged.percent}
        emit_json({"group": name, **ready, "fresh": room.fresh, "people": people})
        return
    if not room.fresh:
        say(f"{name}: the homeserver does not answer; this is how the room was last seen")
    data(f"{name}: {judged.percent} % ready ({judged.ready} of {len(judged.people)})")
    for one in judged.people:
        if one.todo:
            data(f"  {one.name}  {one.stage.value}: {one.todo}")


def _as_object(one: "Standing") -> dict[str, object]:
    proof = {"at": one.proof.at, "sign": one.proof.sign} if one.proof else None
    return {
        "name": one.name,
        "stage": one.stage,
        "mxid": one.mxid or None,
        "phone": one.phone or None,
        "proof": proof,
        "todo": one.todo or None,
    }


def servers(room: "Room", via: tuple[str, ...]) -> tuple[str, ...]:
    """Choose who is named as knowing the room: those given, else the servers of its members."""
    return via or tuple(dict.fromkeys(one.mxid.partition(":")[2] for one in room.state.members))[:3]


def _show_code(room: "Room", via: tuple[str, ...]) -> None:
    from fallback.core import qr
    from fallback.core.join_sheet import matrix_to

    link = matrix_to(room.portal.room, servers(room, via))
    say(qr.blocks(link))
    say(link)


def _write(folder: Path, room: "Room", judged: "Readiness", via: tuple[str, ...]) -> int:
    """Write the group's sheet and one for each who has not joined; gives how many."""
    from msgspec.structs import replace

    from fallback.core.join_sheet import Sheet, file_name, page
    from fallback.core.readiness import Stage
    from fallback.paths import private_file

    base = Sheet(room.portal.name, room.portal.room, room.homeserver, servers(room, via))
    here = (Stage.KEYLESS, Stage.SILENT, Stage.READY)
    absent = [one for one in judged.people if one.stage not in here]
    sheets = [base] + [replace(base, person=one.name, mxid=one.mxid) for one in absent]
    for number, sheet in enumerate(sheets):
        private_file(folder / file_name(sheet, number), page(sheet).encode())
    return len(sheets)

"""``fallback invite``: people come into a group's room, with its history."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fallback.cli.output import data, emit_json, say

if TYPE_CHECKING:
    from fallback.compose.joining import Invited
    from fallback.compose.rooms import Room
    from fallback.core.readiness import Readiness


@click.command("invite")
@click.argument("users", metavar="[@USER:SERVER...]", nargs=-1)
@click.option("--group", default="", help="Whose room it is.  [default: the only one]")
@click.option("--all-matched", is_flag=True, help="Everybody of the group whose account the contacts know.")
@click.option(
    "--sheets",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write each person's join sheet here; who has no account gets a registration token, for once.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(
    profile: str, *, users: tuple[str, ...], group: str, all_matched: bool, sheets: Path | None, as_json: bool
) -> None:
    """Invite people to a group's room on the managed homeserver; the history's keys go ahead of each invitation.

    Who has no device with signed keys yet is on a list, and is invited by the relay when they have.  When you
    know the account of somebody who came with a token: fallback contacts link NAME @USER:SERVER, and invite them.

    \b
    Examples:
      fallback invite @sara:fallback.local
      fallback invite --group Newsroom --all-matched
      fallback invite --all-matched --sheets sheets --json
    """
    import asyncio

    from fallback.core.contacts import is_mxid
    from fallback.core.roster import is_ghost
    from fallback.errors import UsageError

    wrong = next((one for one in users if not is_mxid(one) or is_ghost(one)), None)
    if wrong:
        raise UsageError(f"{wrong!r} is no person's Matrix id", "Write it as @name:server.")
    if not (users or all_matched or sheets):
        raise UsageError("nobody was named", "Name accounts, or give --all-matched or --sheets FOLDER.")
    room, done, written = asyncio.run(_invited(profile, users, group, sheets, every=all_matched))
    if as_json:
        emit_json(
            {"group": room.portal.name, "room": room.portal.room, "invitations": done, "sheets": written}
        )
        return
    for one in done:
        data(f"{one.user}  {one.standing}" + (f": {one.why}" if one.why else ""))
    if sheets:
        say(f"{written} join sheets of {room.portal.name} in {sheets}; a token in one is a secret")


async def _invited(
    profile: str, users: tuple[str, ...], group: str, sheets: Path | None, *, every: bool
) -> "tuple[Room, list[Invited], int]":
    from fallback import compose
    from fallback.clock import SystemClock
    from fallback.compose.joining import invite_all, matched, tokens
    from fallback.compose.rooms import rooms
    from fallback.core.contact_book import Book
    from fallback.core.ids import UserId
    from fallback.core.readiness import readiness
    from fallback.errors import UsageError
    from fallback.paths import Profile

    where, now = Profile(profile), SystemClock().now()
    async with (
        compose.open_profile(where) as (store, vault),
        compose.hosted(where, store, vault) as (server, side),
    ):
        found = await rooms(store, group)
        if len(found) != 1:
            names = "; ".join(one.portal.name for one in found) or "none yet"
            raise UsageError("it is not clear which group is meant", f"Name one with --group: {names}")
        (room,) = found
        book = Book(await store.contacts())
        judged = readiness(room.state, book, (), now=now, keyed=room.keyed, machines=room.machines)
        wanted = [*map(UserId, users), *(matched(judged) if every else ())]
        done = await invite_all(side, store, room, wanted)
        if sheets is None:
            return room, done, 0
        known = await tokens(server, store, room, judged.people, now=now)
        return room, done, _write(sheets, room, judged, known)


def _write(folder: Path, room: "Room", judged: "Readiness", known: dict[str, str]) -> int:
    """Write the sheet of each who has not joined; gives how many."""
    from fallback.cli.ready import servers
    from fallback.core.join_sheet import Sheet, file_name, page
    from fallback.core.readiness import Stage
    from fallback.paths import private_file

    via = servers(room, ())
    absent = [one for one in judged.people if one.stage in (Stage.UNMAPPED, Stage.UNINVITED, Stage.INVITED)]
    for number, one in enumerate(absent, 1):
        token = "" if one.mxid else known.get(one.phone or one.name, "")
        sheet = Sheet(room.portal.name, room.portal.room, room.homeserver, via, one.name, one.mxid, token)
        private_file(folder / file_name(sheet, number), page(sheet).encode())
    return len(absent)

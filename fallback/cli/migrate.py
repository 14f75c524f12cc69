"""``fallback migrate``: exports of a group become a room."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fallback.cli.output import data, emit_json, say

if TYPE_CHECKING:
    from fallback.compose.exports import GroupHistory
    from fallback.core.contact_book import Book
    from fallback.core.contact_files import Reading
    from fallback.core.events import Canonical
    from fallback.core.history_choice import HistoryChoice
    from fallback.core.ids import SourceId
    from fallback.core.migration import Plan
    from fallback.core.ports import Store
    from fallback.store.vault import Vault


@click.command("migrate")
@click.argument("exports", metavar="EXPORT...", nargs=-1, required=True, type=click.Path(path_type=Path))
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
@click.option("--unencrypted", is_flag=True, help="Make a room that the homeserver can read.")
@click.option(
    "--picture", type=click.Path(path_type=Path), help="The group's picture, which no export holds."
)
@click.option("--me", help="The name of the person who exported.")
@click.option(
    "--team",
    type=click.Path(path_type=Path),
    help="A vCard or CSV file of people to know beside the contacts; it is not kept.",
)
@click.option(
    "--plan-out", type=click.Path(path_type=Path), help="Write the plan to a file for editing, and stop."
)
@click.option(
    "--apply",
    "plan_file",
    type=click.Path(path_type=Path),
    help="Do what a plan file says, as --plan-out wrote it.",
)
@click.option(
    "--account", "by_account", is_flag=True, help="Tell it as this profile's own account, on any homeserver."
)
@click.option(
    "--history",
    "told",
    metavar="CHOICE",
    help="With --account: all, last:500, since:DATE, none or archive.  [default: all]",
)
@click.option(
    "--beside",
    metavar="ROOM",
    help="With --account: the group is in this room already; its history gets one of its own.",
)
@click.option(
    "--space",
    metavar="NAME",
    help="With --account: put the room into your space of that name, made if need be.",
)
@click.pass_obj
def command(profile: str, /, exports: tuple[Path, ...], **options: Any) -> None:
    """Turn the exports of a WhatsApp group into a Matrix room.

    The room is made on the managed homeserver of this profile, end-to-end encrypted, one ghost per person, each
    message with its own sender and time.  People whom the contacts know are invited when the history is in, with
    its keys; those who have no device with keys yet, later by the relay.  It can be stopped and run again at any
    time: nothing is sent twice.  A later export of the group adds what is new; several exports of it are one history.

    \b
    Examples:
      fallback migrate "WhatsApp Chat with Newsroom.zip" --plan
      fallback migrate chat.zip --team staff.csv --plan-out plan.toml
      fallback migrate chat.zip --apply plan.toml
      fallback migrate chat.zip --timezone Asia/Amman --yes --picture group.jpg
      fallback migrate mine.zip saras.zip
      fallback migrate chat.zip --json --yes > report.json
      fallback migrate chat.zip --invite @sara:fallback.local
      fallback migrate chat.zip --account --history last:500
    """
    asyncio.run(_migrate(profile, exports, **options))


async def _migrate(
    profile: str,
    paths: tuple[Path, ...],
    *,
    only_plan: bool,
    dry_run: bool,
    yes: bool,
    resume: bool,
    as_json: bool,
    unencrypted: bool,
    invite: tuple[str, ...],
    team: Path | None,
    picture: Path | None,
    plan_out: Path | None,
    plan_file: Path | None,
    by_account: bool,
    told: str | None,
    beside: str | None,
    space: str | None,
    **reading: str | None,
) -> None:
    from fallback import compose
    from fallback.cli.import_run import carry_out, show
    from fallback.cli.own_account import OnOwnAccount, Ties
    from fallback.cli.plan import describe
    from fallback.compose.exports import Reading, group_history
    from fallback.errors import FallbackError
    from fallback.networks.whatsapp.export import zone_of
    from fallback.paths import Profile

    where = Profile(profile)
    config = compose.settings(where)
    choice = _choice(told, by_account=by_account, ties=(beside, space))
    say(f"reading {', '.join(path.name for path in paths)}")
    reading["timezone"] = reading["timezone"] or config.whatsapp.timezone or None
    looking = only_plan or dry_run or plan_out is not None
    async with contextlib.AsyncExitStack() as stack:
        history = stack.enter_context(group_history(paths, Reading(**reading)))
        plan = _planned(history, config.homeserver.server_name, encrypted=not unencrypted)
        opened: tuple[Store, Vault] | None = None
        there: Container[SourceId] = ()
        if where.store_file.exists():
            opened = await stack.enter_async_context(compose.open_profile(where, shared=looking))
            plan, there = await compose.continued(plan, history.events, opened[0])
        known = _team(team, config.whatsapp.region) if team else None
        contacts = await opened[0].contacts() if opened else []
        plan, book = compose.with_people(plan, contacts, known)
        plan = _edited(plan, plan_file) if plan_file else plan
        if plan_out:
            _write(plan, plan_out)
        if choice:
            if opened is None:
                opened = await stack.enter_async_context(compose.open_profile(where, shared=looking))
            zone = zone_of(reading["timezone"])
            own = OnOwnAccount(where, *opened, plan, history, choice, zone, Ties(beside or "", space or ""))
            await own.run(invite, looking=looking, dry_run=dry_run, yes=yes or resume, as_json=as_json)
            return
        if looking:
            _show(plan, _steps(plan, history.events, there) if dry_run else [], as_json=as_json)
            return
        for line in describe(plan):
            say(line)
        if not (yes or resume or as_json):
            plan = _asked(plan, book)
            if not click.confirm("Do this?", err=True):
                say("nothing was changed")
                return
        if opened is None:
            opened = await stack.enter_async_context(compose.open_profile(where))
        outcome = await carry_out(where, opened, plan, history, invite=invite, picture=picture)
    show(plan, outcome, as_json=as_json)
    if outcome.check.differences:
        raise FallbackError(
            "the room differs from the export", "Run the same command again; it adds what is missing."
        )


def _choice(told: str | None, *, by_account: bool, ties: tuple[str | None, ...]) -> "HistoryChoice | None":
    """Read how much the account tells; ``None`` where the ghosts bring all of it."""
    from fallback.core.history_choice import parse
    from fallback.errors import UsageError

    if any((told, *ties)) and not by_account:
        raise UsageError(
            "--history, --beside and --space are for the way of --account",
            "Ghosts bring all of it into one room: leave them out.",
        )
    return parse(told or "all") if by_account else None


def _planned(history: "GroupHistory", server_name: str, *, encrypted: bool) -> "Plan":
    from fallback.clock import SystemClock
    from fallback.core.export_doubts import doubts
    from fallback.core.migration import plan

    return plan(
        history.group,
        history.events,
        server_name=server_name,
        missing=history.missing,
        warnings=(*history.warnings, *doubts(history.events, now=SystemClock().now())),
        encrypted=encrypted,
    )


def _team(file: Path, region: str) -> "Reading":
    from fallback.core.contact_files import SIZE_LIMIT
    from fallback.core.contact_plan import read_contacts
    from fallback.errors import ParseError

    try:
        with file.open("rb") as opened:
            return read_contacts(opened.read(SIZE_LIMIT + 1), region)
    except OSError as error:
        raise ParseError(f"{file} can't be read: {error.strerror}", "Name a file that is there.") from error


def _edited(plan: "Plan", file: Path) -> "Plan":
    from fallback.core.plan_file import edited
    from fallback.errors import UsageError

    try:
        return edited(plan, file.read_text("utf-8"), file.name)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} can't be read: {error}", "Name a plan as --plan-out wrote it.") from error


def _write(plan: "Plan", file: Path) -> None:
    """Write a plan for its owner alone; a file that is there stays."""
    from fallback.core.plan_file import write
    from fallback.errors import UsageError

    try:
        with os.fdopen(
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as out:
            out.write(write(plan))
    except OSError as error:
        raise UsageError(f"{file} can't be written: {error.strerror}", "Name another file.") from error
    say(f"the plan is in {file}; edit it, then: --apply {file.name}")


def _asked(plan: "Plan", book: "Book") -> "Plan":
    """Ask who the doubtful are, where a person is there to answer."""
    from msgspec.structs import replace

    from fallback.core.contact_match import decided
    from fallback.core.migration import Becomes

    people = []
    for one in plan.people:
        choices = [contact for who in one.candidates if (contact := book.get(who.contact))]
        if one.becomes is Becomes.DOUBTFUL and choices and sys.stdin.isatty():
            say(f"Who is {one.person.name}?")
            for number, contact in enumerate(choices, 1):
                say(f"  {number} {contact.shown} {' '.join(contact.addresses[:3])}")
            answer = click.prompt(
                "Number, 0 for nobody of these", type=click.IntRange(0, len(choices)), default=0, err=True
            )
            one = decided(one, choices[answer - 1], "you said so") if answer else one  # noqa: PLW2901 - one place
        people.append(one)
    return replace(plan, people=tuple(people))


def _show(plan: "Plan", steps: list[str], *, as_json: bool) -> None:
    """Print the plan, and the steps of a dry run."""
    from fallback.cli.plan import as_object, describe

    if as_json:
        emit_json(as_object(plan) | ({"steps": steps} if steps else {}))
        return
    for line in [*describe(plan), *steps]:
        data(line)


def _steps(plan: "Plan", events: "list[Canonical]", there: "Container[SourceId]") -> list[str]:
    """Say each step that a plan would take."""
    from fallback.core.migration import kind_of, remaining, timeline

    people = [f"would register {one.ghost} as {one.person.name!r} and let it join" for one in plan.people]
    sends = [
        f"would send {kind_of(event)} {event.id} as {event.sender.name or 'WhatsApp'!r}, time {event.at}"
        + (", late" if event.late else "")
        for event in remaining(timeline(events), there)
        if event.id not in there
    ]
    return [
        f"would make the room #{plan.room.alias}, or find it",
        *people,
        f"would name the room {plan.room.name!r}" + (", and set its topic" if plan.room.topic else ""),
        *(f"would give {user} power as an admin" for user in plan.leaders),
        *sends,
        *(["would let only admins speak"] if plan.room.announce_only else []),
        *(f"would invite {user}" for user in plan.invited),
    ]

"""A plan carried out by the profile's own account, on any homeserver: no ghosts, no admin, and its limits kept."""

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from fallback.cli.output import data, emit_json, progress, say
from fallback.cli.plan import span

if TYPE_CHECKING:
    from fallback.compose.exports import GroupHistory
    from fallback.core.history_choice import Estimate, HistoryChoice
    from fallback.core.ids import EventId, RoomId, SourceId, UserId
    from fallback.core.migration import Plan
    from fallback.core.ports import Portal, Store
    from fallback.core.retelling import Line, Told
    from fallback.core.verification import Verification
    from fallback.matrix.client import NioHomeserver
    from fallback.paths import Profile
    from fallback.store.vault import Vault

ARCHIVE_LIMIT = 50_000_000
"""Bytes of an archive with its media; what a homeserver takes whose admin has set nothing (Synapse)."""
SHOWN = 10
"""Refused events that are named one by one."""


class Ties(NamedTuple):
    """What the room is tied to; empty for nothing.

    Args:
        beside: the room where the group is already.
        space: the name of one of the account's spaces.
    """

    beside: str = ""
    space: str = ""


@dataclass
class OnOwnAccount:
    """One group on its way; a second run goes on where the first one stopped.

    Args:
        zone: of the phone that exported, in which the times are written.

    Attributes:
        space: that the room is in.
        refused: events that are not in the room as they are, and why.
    """

    where: "Profile"
    store: "Store"
    vault: "Vault"
    plan: "Plan"
    history: "GroupHistory"
    choice: "HistoryChoice"
    zone: tzinfo
    ties: Ties
    space: "RoomId | None" = None
    refused: "dict[SourceId, str]" = field(default_factory=dict)

    async def run(
        self, invite: Iterable[str], *, looking: bool, dry_run: bool, yes: bool, as_json: bool
    ) -> None:
        """Show what is told and how long it takes, ask, and do it.

        Args:
            invite: beside those of the plan.
            looking: only show.
            dry_run: every message that would be sent, too.

        Raises:
            AuthError: the profile has no account.
            FallbackError: what the homeserver raises, or that the room has not all of it in the end.
        """
        from fallback import compose
        from fallback.core.history_choice import chosen, estimate
        from fallback.core.retelling import retold, settled

        account = await compose.account(self.store)
        lines = chosen(self.choice, settled(self.history.events), self.zone)
        told = retold(lines, zone=self.zone)
        rough = estimate(told)
        steps = [_step(one) for one in told] if dry_run else []
        if looking and as_json:
            plan = {"account": account.user, "choice": self.choice, "estimate": rough}
            emit_json(plan | ({"steps": steps} if steps else {}))
        else:
            self._show(account.user, rough, data if looking else say)
        if looking:
            for step in () if as_json else steps:
                data(step)
            return
        if not (yes or as_json) and not click.confirm("Do this?", err=True):
            say("nothing was changed")
            return
        side = compose.matrix(self.where, account, self.store, self.vault)
        try:
            await self._carry_out(side, lines, invite, as_json=as_json)
        except asyncio.CancelledError:
            say("stopped; the same command goes on from here")
            raise
        finally:
            await side.close()

    async def _carry_out(
        self, side: "NioHomeserver", lines: "list[Line]", invite: Iterable[str], *, as_json: bool
    ) -> None:
        from msgspec.structs import replace

        from fallback.cli.import_run import invited_now
        from fallback.core.history_choice import Which
        from fallback.core.ids import UserId
        from fallback.errors import FallbackError

        archive = None
        try:
            portal, others = await self._room(side)
            check = await self._tell(side, portal, lines)
            if self.choice.which is Which.ARCHIVE:
                archive = await self._archive(side, portal)
        except FallbackError as error:
            error.hint = error.hint or "Nothing is lost: run the same command again and it goes on."
            raise
        invited = dict.fromkeys((*self.plan.invited, *map(UserId, invite), *others))
        not_invited = [user for user in invited if not await invited_now(side, portal, user)]
        if self.space:
            for user in invited:
                await invited_now(side, replace(portal, room=self.space), user)
        if as_json:
            found = {"room": portal.room, "verification": check, "differences": check.differences}
            emit_json(found | {"refused": self.refused, "archive": archive, "not_invited": not_invited})
        else:
            for event, why in list(self.refused.items())[:SHOWN]:
                data(f"not as it was: {event}: {why}")
            data(f"room: {portal.room}")
            data(f"told: {check.found} of {check.expected} events, {check.differences} differences")
        if check.differences:
            raise FallbackError(
                "the room has not all of the history", "Run the same command again; it adds what is missing."
            )

    async def _room(self, side: "NioHomeserver") -> "tuple[Portal, list[UserId]]":
        """Give the room with its ties, and who is in the one beside it."""
        from fallback.bridge.archive_room import archive_room, put_in_space
        from fallback.bridge.retold import own_room
        from fallback.core.ids import RoomId, UserId
        from fallback.core.roster import is_ghost
        from fallback.matrix.linking import RoomLinks

        links, live, others = RoomLinks(side.http, side.user), RoomId(self.ties.beside), []
        if live:
            there = [UserId(one.mxid) for one in (await side.room_state(live)).members]
            others = [user for user in there if user != side.user and not is_ghost(user)]
            portal = await archive_room(side, links, self.store, self.plan, live)
        else:
            portal = await own_room(side, self.store, self.plan)
        if self.ties.space:
            rooms = (live, portal.room) if live else (portal.room,)
            self.space = await put_in_space(links, self.store, self.ties.space, rooms)
        return portal, others

    async def _tell(self, side: "NioHomeserver", portal: "Portal", lines: "list[Line]") -> "Verification":
        """Bring in what is not there yet and read the room back."""
        from fallback.bridge.retold import Retelling
        from fallback.clock import SystemClock
        from fallback.core.retelling import retold

        run = Retelling(portal, side, self.store, clock=SystemClock(), say=say)
        self.refused = run.refused
        told = retold(await run.remaining(lines), zone=self.zone)
        with progress("telling", sum(len(one.sources) for one in told)) as advance:
            async for count in run.bring(told, self.history.media):
                for _ in range(count):
                    advance()
        return await run.check(lines)

    async def _archive(self, side: "NioHomeserver", portal: "Portal") -> "EventId":
        """Keep the history in the profile, as a page and in its timeline, and send the page.

        An archive that is too large goes without its media.
        """
        from fallback.bridge.archive_upload import upload_archive
        from fallback.bridge.local_history import keep_history
        from fallback.clock import SystemClock
        from fallback.compose.archives import packed, write_archive

        folder, history = _place(self.where, portal), self.history
        say(f"writing the archive to {folder}")
        await asyncio.to_thread(
            write_archive, history.group, history.events, history.media, folder, zone=self.zone, force=True
        )
        await keep_history(self.store, portal, history.events)
        zipped, whole = await asyncio.to_thread(packed, folder, limit=ARCHIVE_LIMIT)
        if not whole:
            say(f"its media are too much for the room and stay in {folder}")
        say(f"sending the archive, {len(zipped) / 1_000_000:.1f} MB")
        name = re.sub(r"[^\w-]+", "_", portal.name)[:60].strip("_") or "archive"
        return await upload_archive(
            side,
            self.store,
            portal,
            zipped,
            filename=f"{name}.zip",
            text="The whole history: unpack it and open index.html in a browser.",
            clock=SystemClock(),
            say=say,
        )

    def _show(self, user: str, told: "Estimate", out: "Callable[[str], None]") -> None:
        """Say what will be done, and how long that takes."""
        from fallback.core.history_choice import Which

        plan = self.plan
        secrecy = (
            "end-to-end encrypted" if plan.room.encrypted else "NOT encrypted: the homeserver can read it"
        )
        out(f"Room        {plan.room.name}, private, {secrecy}")
        out(f"Account     {user} tells it, each message with its sender's name and time")
        match self.choice.which:
            case Which.ARCHIVE:
                out(f"History     {plan.events} events as one page in a zip, kept in this profile too")
            case Which.NONE:
                out("History     none")
            case _:
                out(f"History     {told.events} of {plan.events} events in {told.sends} messages")
                out(f"Media       {told.files} files, {told.media_bytes / 1000:.0f} kB")
        if self.ties.beside:
            out(
                f"Beside      {self.ties.beside}, which is told where the history is; who is there is invited"
            )
        if self.ties.space:
            out(f"Space       {self.ties.space}")
        out(f"Invited     {', '.join(plan.invited) or 'nobody'}")
        limits = ", where the homeserver has the usual limits" if told.seconds > 10 else ""
        out(f"Duration    about {span(told.seconds)}{limits}")


def _step(told: "Told") -> str:
    count = f" ({len(told.sources)} events)" if len(told.sources) > 1 else ""
    name = told.event.sender.name or told.event.sender.key or "WhatsApp"
    return f"would send {told.event.id}{count} for {name!r}, time {told.event.at}"


def _place(where: "Profile", portal: "Portal") -> Path:
    from fallback.paths import private_folder

    name = re.sub(r"[^A-Za-z0-9]+", "-", portal.id).strip("-")
    return private_folder(where.data / "archives") / name

"""A plan carried out on the managed homeserver, read back, and told."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fallback.cli.output import data, emit_json, say

if TYPE_CHECKING:
    from fallback.bridge.migrate import Migration
    from fallback.compose.exports import GroupHistory
    from fallback.core.ids import SourceId, UserId
    from fallback.core.migration import Plan
    from fallback.core.ports import Homeserver, Portal, Store
    from fallback.core.verification import Verification
    from fallback.matrix.client import NioHomeserver
    from fallback.paths import Profile
    from fallback.store.vault import Vault

SAMPLE = 20
"""Files that are compared at the end of a migration."""
SHOWN = 10
"""Refused events that are named one by one."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of a migration.

    Args:
        refused: events that the homeserver did not take as they are, and why.
        not_invited: accounts whose invitation waits or was refused.
    """

    portal: "Portal"
    check: "Verification"
    refused: "dict[SourceId, str]"
    not_invited: "list[UserId]"


async def carry_out(
    where: "Profile",
    opened: "tuple[Store, Vault]",
    plan: "Plan",
    history: "GroupHistory",
    *,
    invite: Sequence[str],
    picture: Path | None,
) -> Outcome:
    """Bring the history in, invite, and read the room back.

    Raises:
        InterruptedWorkError: somebody pressed Ctrl-C; the chain in flight is in.
        FallbackError: what the homeserver raises, with what to do next.
    """
    from fallback import compose
    from fallback.bridge.migrate import Migration
    from fallback.cli.import_meter import meter
    from fallback.core.ids import UserId
    from fallback.errors import FallbackError, HomeserverError

    store, vault = opened
    shown = _picture(picture) if picture else None
    async with compose.hosted(where, store, vault) as (server, side):
        say(f"homeserver on {server.url}")
        with meter() as told:
            run = Migration(plan, side, store, server_name=server.server_name, progress=told, say=say)
            try:
                with stoppable(run):
                    portal = await run.run(history.events, history.media, picture=shown)
            except FallbackError as raised:
                gone = await server.died()
                error = HomeserverError("the homeserver died during the import") if gone else raised
                error.hint = error.hint or "Nothing is lost: run the same command again and it goes on."
                raise error from raised
            await server.analyze()
            invited = dict.fromkeys((*plan.invited, *map(UserId, invite)))
            not_invited = [user for user in invited if not await invited_now(side, portal, user)]
            await _learn(store, plan)
            await compose.keep_span(plan, store)
            check = await run.check(portal, history.events, media=history.media, most=SAMPLE)
        await keep_report(store, side, portal, check)
        return Outcome(portal, check, run.refused, not_invited)


def show(plan: "Plan", outcome: Outcome, *, as_json: bool) -> None:
    """Print what became of a migration."""
    from fallback.cli.plan import as_object, result

    if as_json:
        found = {"room": outcome.portal.room, "verification": outcome.check}
        counts = {"differences": outcome.check.differences, "refused": outcome.refused}
        emit_json(as_object(plan) | found | counts | {"not_invited": outcome.not_invited})
        return
    for event, why in list(outcome.refused.items())[:SHOWN]:
        data(f"not as it was: {event}: {why}")
    if len(outcome.refused) > SHOWN:
        data(f"and {len(outcome.refused) - SHOWN} more; --json lists all of them")
    data(f"room: {outcome.portal.room}")
    data(result(outcome.check))


async def invited_now(side: "NioHomeserver", portal: "Portal", user: "UserId") -> bool:
    """Invite somebody, and say why that could not be."""
    from fallback.compose.joining import invite_one

    done = await invite_one(side, portal.room, user)
    if done.why:
        say(f"{user} could not be invited: {done.why}")
    return not done.why


async def keep_report(store: "Store", side: "Homeserver", portal: "Portal", check: "Verification") -> None:
    """Keep a verification for ``fallback status``."""
    from fallback.clock import SystemClock
    from fallback.core.verification import Report, report_key

    report = Report(SystemClock().now(), side.user, check, check.differences)
    await store.put(report_key(portal.id), msgspec.json.encode(report).decode())


@contextlib.contextmanager
def stoppable(run: "Migration") -> Iterator[None]:
    """Let Ctrl-C wait for the chain in flight; a second one does not wait.

    Raises:
        InterruptedWorkError: it did not wait.
    """
    from fallback.errors import InterruptedWorkError

    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    at_once = False

    def stop() -> None:
        nonlocal at_once
        if run.stopping and task is not None:
            at_once = True
            task.cancel()
        else:
            run.stopping = True
            say("stopping when what is on its way is in; Ctrl-C again stops at once")

    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        yield
    except asyncio.CancelledError:
        if not at_once or task is None:
            raise
        task.uncancel()
        raise InterruptedWorkError(
            "stopped at once", "Run the same command again: it goes on from here."
        ) from None
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _picture(file: Path) -> tuple[bytes, str]:
    """Read the group's picture."""
    import mimetypes

    from fallback.errors import UsageError

    mimetype = mimetypes.guess_type(file.name)[0] or ""
    if not mimetype.startswith("image/"):
        raise UsageError(f"{file.name} is no picture", "Name a PNG, JPEG or WebP file.")
    try:
        return file.read_bytes(), mimetype
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}", "Name a file that is there.") from error


async def _learn(store: "Store", plan: "Plan") -> None:
    """Give the contacts of the plan the labels that the export has for them."""
    from fallback.core.contact_match import learnt

    for one in plan.people:
        contact = await store.contact(one.contact) if one.aliases else None
        if contact:
            await store.save_contact(learnt(contact, one))

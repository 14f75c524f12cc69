"""A migration's plan and result as a person reads them."""

from datetime import UTC, datetime, tzinfo
from typing import Any, assert_never

from fallback.core.ids import SourceId
from fallback.core.migration import Becomes, Plan, PlannedPerson
from fallback.core.verification import Verification


def describe(plan: Plan, zone: tzinfo = UTC) -> list[str]:
    """Write a plan as lines."""
    here = [one for one in plan.people if one.member]
    gone = len(plan.people) - len(here)
    lines = [
        f"Room        {plan.room.name}",
        *([f"Topic       {plan.room.topic}"] if plan.room.topic else []),
        f"            private, {_secrecy(plan)}, room version {plan.room.version}, history shown to members"
        + (", only admins may write" if plan.room.announce_only else ""),
        f"History     {plan.events} events, {_day(plan.first_at, zone)} to {_day(plan.last_at, zone)}",
        *([f"            {_progress(plan)}"] if plan.known else []),
        "            "
        + ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(plan.kinds.items())),
        f"Media       {plan.media} files, {plan.media_bytes / 1000:.0f} kB"
        + (f"; {plan.media_missing} missing from the export" if plan.media_missing else ""),
        f"People      {len(here)} in the group" + (f", {gone} who left" if gone else ""),
    ]
    for one in plan.people:
        star = "★" if one.person.admin else " "
        lines.append(f"  {star} {one.person.name:<24} → {one.ghost}  ({one.reason}; {one.speaks} messages)")
        lines += [f"      {told}" for told in _standing(one)]
    lines.append(f"Invited     {', '.join(plan.invited) or 'nobody'}")
    lines.append(f"Duration    about {span(plan.seconds)}")
    lines += [f"Warning     {text}" for text in plan.warnings]
    return lines


def as_object(plan: Plan) -> dict[str, Any]:
    """Give a plan for a program: whole, with its people counted by what they become and whom it invites."""
    return {
        "plan": plan,
        "people": {str(becomes): len(plan.those(becomes)) for becomes in Becomes},
        "invitations": plan.invited,
    }


def _progress(plan: Plan) -> str:
    late = f", {plan.late} of them late: they come after newer ones" if plan.late else ""
    return f"{plan.known} are in the room already, {plan.events - plan.known} are new{late}"


def _secrecy(plan: "Plan") -> str:
    return "end-to-end encrypted" if plan.room.encrypted else "NOT encrypted: the homeserver can read it"


def differing(check: Verification) -> dict[str, tuple[SourceId, ...]]:
    """Give what differs, by what it is called."""
    return {
        "missing": check.missing,
        "twice": check.doubled,
        "out of order": check.misplaced,
        "of another sender": check.senders,
        "of another time": check.times,
        "of another text": check.texts,
        "with another file": check.files,
    }


def result(check: Verification) -> str:
    """Write the last line of a migration: messages in the export, events in the room, differences."""
    line = f"verified: {check.expected} events in the export, {check.found} in the room, {check.differences} differences"
    named = [f"{len(ids)} {word}" for word, ids in differing(check).items() if ids]
    line += f" ({', '.join(named)})" if named else ""
    line += f"; {check.files_seen} files compared" if check.files_seen else ""
    return line + (f"; {check.late} brought late" if check.late else "")


def _standing(one: PlannedPerson) -> list[str]:
    """Say which contact a person is, and what follows from it."""
    told = []
    match one.becomes:
        case Becomes.ACCOUNT:
            leads = ", an admin of the room" if one.person.admin else ""
            told.append(f"account {one.account}{leads}" + (f"  ({one.match})" if one.match else ""))
        case Becomes.GHOST:
            told += [f"no account  ({one.match})"] if one.match else []
        case Becomes.DOUBTFUL:
            told.append(f"doubtful: {one.match}")
            told += [f"  may be {who.name} ({who.contact}) {who.account}".rstrip() for who in one.candidates]
        case Becomes.SKIP:
            told.append("skipped: as one who has left")
        case _:
            assert_never(one.becomes)
    return told + ([f"the contact learns: {', '.join(one.aliases)}"] if one.aliases else [])


def _day(at: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(at / 1000, zone):%Y-%m-%d %H:%M}"


def span(seconds: float) -> str:
    """Write a duration as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

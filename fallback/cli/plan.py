"""A migration's plan and result as a person reads them."""

from datetime import UTC, datetime, tzinfo

from fallback.core.migration import Plan, Verification


def describe(plan: Plan, zone: tzinfo = UTC) -> list[str]:
    """Write a plan as lines."""
    here = [one for one in plan.people if one.member]
    gone = len(plan.people) - len(here)
    lines = [
        f"Room        {plan.room.name}",
        *([f"Topic       {plan.room.topic}"] if plan.room.topic else []),
        f"            private, room version {plan.room.version}, history shown to members"
        + (", only admins may write" if plan.room.announce_only else ""),
        f"History     {plan.events} events, {_day(plan.first_at, zone)} to {_day(plan.last_at, zone)}",
        "            "
        + ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(plan.kinds.items())),
        f"Media       {plan.media} files, {plan.media_bytes / 1000:.0f} kB"
        + (f"; {plan.media_missing} missing from the export" if plan.media_missing else ""),
        f"People      {len(here)} in the group" + (f", {gone} who left" if gone else ""),
    ]
    lines += [
        f"  {'★' if one.person.admin else ' '} {one.person.name:<24} → {one.ghost}  ({one.reason}; {one.speaks} messages)"
        for one in plan.people
    ]
    lines.append(f"Duration    about {_span(plan.seconds)}")
    lines += [f"Warning     {text}" for text in plan.warnings]
    return lines


def result(check: Verification) -> str:
    """Write the last line of a migration: messages in the export, events in the room, differences."""
    line = f"verified: {check.expected} events in the export, {check.found} in the room, {check.differences} differences"
    parts = {
        "missing": check.missing,
        "twice": check.doubled,
        "out of order": check.misplaced,
        "altered": check.altered,
    }
    named = [f"{len(ids)} {word}" for word, ids in parts.items() if ids]
    return line + (f" ({', '.join(named)})" if named else "")


def _day(at: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(at / 1000, zone):%Y-%m-%d %H:%M}"


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

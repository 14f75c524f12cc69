"""How much of a group's history is retold, and how long that takes."""

from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from enum import StrEnum
from typing import assert_never

from fallback.core.events import Frozen, Message
from fallback.core.retelling import Line, Told
from fallback.errors import UsageError

PER_SECOND, BURST = 0.2, 10
"""What a homeserver lets one account send, where nobody has set it otherwise (Synapse)."""
BYTES_PER_SECOND = 1_000_000
"""Of files on their way up."""


class Which(StrEnum):
    """What of the history comes into the room."""

    ALL = "all"
    LAST = "last"
    SINCE = "since"
    NONE = "none"
    ARCHIVE = "archive"


class HistoryChoice(Frozen, frozen=True):
    """A person's choice; ``archive`` is the whole history as one file instead of messages."""

    which: Which = Which.ALL
    last: int = 0
    since: date | None = None


class Estimate(Frozen, frozen=True):
    """What a retelling takes.

    Args:
        events: of the export.
        sends: events of the room, which are fewer.
        seconds: where the homeserver limits as it does when nobody has set it otherwise; elsewhere less.
    """

    events: int
    sends: int
    files: int
    media_bytes: int
    seconds: float


def parse(text: str) -> HistoryChoice:
    """Read what a person wrote.

    Raises:
        UsageError: it is no choice.
    """
    word, _, value = text.strip().lower().partition(":")
    match word:
        case "all" | "none" | "archive" if not value:
            return HistoryChoice(Which(word))
        case "last" if value.isdecimal() and int(value) > 0:
            return HistoryChoice(Which.LAST, last=int(value))
        case "since":
            try:
                return HistoryChoice(Which.SINCE, since=date.fromisoformat(value))
            except ValueError:
                pass
        case _:
            pass
    raise UsageError(
        f"{text!r} is no choice of history", "Write all, last:500, since:2021-10-04, none or archive."
    )


def chosen(choice: HistoryChoice, lines: Sequence[Line], zone: tzinfo) -> list[Line]:
    """Choose what of a history is retold."""
    match choice.which:
        case Which.ALL:
            return list(lines)
        case Which.LAST:
            return list(lines[-choice.last :])
        case Which.SINCE:
            since = choice.since or date.min
            return [one for one in lines if datetime.fromtimestamp(one.at / 1000, zone).date() >= since]
        case Which.NONE | Which.ARCHIVE:
            return []
        case _:
            assert_never(choice.which)


def estimate(told: Sequence[Told], *, per_second: float = PER_SECOND, burst: int = BURST) -> Estimate:
    """Say what a retelling takes.

    Args:
        per_second, burst: what the homeserver lets one account send.
    """
    files = [one.event.attachment for one in told if isinstance(one.event, Message) and one.event.attachment]
    size = sum(file.size for file in files)
    return Estimate(
        events=sum(len(one.sources) for one in told),
        sends=len(told),
        files=len(files),
        media_bytes=size,
        seconds=max(0, len(told) - burst) / per_second + size / BYTES_PER_SECOND,
    )

"""History as one account retells it: whose words, when, and several messages of one person in one."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import assert_never

from msgspec.structs import replace

from fallback.core.aftermath import as_it_became, fates, tally
from fallback.core.events import (
    Canonical,
    Edit,
    Frozen,
    GroupChange,
    Membership,
    Message,
    Notice,
    Origin,
    Reaction,
    Receipt,
    Redaction,
    Vote,
)
from fallback.core.ids import SourceId

Line = Message | Membership | GroupChange | Notice
"""What is retold; the rest is told at its message."""

WITHIN = 5 * 60_000
"""Milliseconds between two messages of one person that are told as one."""
LONGEST = 2000
"""Characters of messages that are told as one."""

_BLOCK = re.compile(r"> |[-*] |[0-9]{1,2}\. |```")
"""How a text begins that is a block of its own."""


class Told(Frozen, frozen=True):
    """What is sent as one event.

    Args:
        event: from its sender, with the times in its text.
        sources: the events that it tells, in order.
    """

    event: Canonical
    sources: tuple[SourceId, ...]


def settled(events: Iterable[Canonical]) -> list[Line]:
    """List what is retold, each as later events left it."""
    held = list(events)
    became = fates(held)
    lines: list[Line] = []
    for event in held:
        match event:
            case Message():
                fate = became.get(event.id)
                message = as_it_became(event, fate)
                marks = " ".join(f"{key} {count}" if count > 1 else key for key, count in tally(fate))
                lines.append(replace(message, text=f"{message.text}\n{marks}".strip()) if marks else message)
            case Membership() | GroupChange() | Notice():
                lines.append(event)
            case Edit() | Reaction() | Redaction() | Vote() | Receipt():
                pass
            case _:
                assert_never(event)
    return lines


def retold(
    lines: Sequence[Line], *, zone: tzinfo, within: int = WITHIN, longest: int = LONGEST
) -> list[Told]:
    """Join what one person wrote in one go; what is more than words stays alone.

    Args:
        within: ms between two messages.
        longest: characters of a joined one.
    """
    return [_one(group, zone) for group in _groups(lines, zone, within, longest)]


def source_of(sources: Sequence[SourceId]) -> SourceId:
    """Name what tells several events: by the first one, and how many follow it."""
    return SourceId(f"{sources[0]}+{len(sources) - 1}" if len(sources) > 1 else sources[0])


def sources_of(name: SourceId, lines: Sequence[Line], places: dict[SourceId, int]) -> tuple[SourceId, ...]:
    """List the events that an event of the room tells, by the name that ``source_of`` gave it; empty if unknown.

    Args:
        places: where in ``lines`` each one is.
    """
    if name in places:
        return (name,)
    first, _, more = name.rpartition("+")
    place = places.get(SourceId(first))
    if place is None or not more.isdecimal():
        return ()
    return tuple(line.id for line in lines[place : place + int(more) + 1])


def _groups(lines: Sequence[Line], zone: tzinfo, within: int, longest: int) -> Iterator[list[Line]]:
    group: list[Line] = []
    size = 0
    for line in lines:
        text = len(_words(line))
        if group and not (_follows(group[-1], line, zone, within) and size + text <= longest):
            yield group
            group, size = [], 0
        group.append(line)
        size += text
    if group:
        yield group


def _follows(before: Line, line: Line, zone: tzinfo, within: int) -> bool:
    """Tell whether a line can be told together with the one before it."""
    return (
        _joins(before)
        and _joins(line)
        and before.sender.key == line.sender.key
        and isinstance(before, Message) == isinstance(line, Message)
        and 0 <= line.at - before.at <= within
        and _moment(before, zone).date() == _moment(line, zone).date()
    )


def _joins(line: Line) -> bool:
    if not isinstance(line, Message) or line.deleted:
        return True
    file = line.attachment is not None and bool(line.attachment.source)
    return not (file or line.poll or line.location or line.reply_to or line.forwarded)


def _words(line: Line) -> str:
    """Write a line's own words."""
    if not isinstance(line, Message):
        return line.text
    if line.deleted:
        return "🚫 This message was deleted"
    text = f"{line.text} (edited)" if line.edited else line.text
    if line.attachment is not None and not line.attachment.source:
        return f"📎 {line.attachment.kind.value} (not in the export)\n{text}".rstrip()
    return text


def _one(group: Sequence[Line], zone: tzinfo) -> Told:
    first = group[0]
    sources = tuple(line.id for line in group)
    name = source_of(sources)
    text = "\n".join(_dated(line, zone, day=line is first) for line in group)
    if not isinstance(first, Message):
        notice = Notice(
            id=name, chat=first.chat, at=first.at, origin=Origin.EXPORT, text=text, topic="history"
        )
        return Told(notice, sources)
    if _joins(first):
        first = Message(id=name, chat=first.chat, sender=first.sender, at=first.at, text=text)
    else:
        first = _alone(first, zone)
    return Told(replace(first, origin=Origin.EXPORT, mentions=(), mentions_all=False), sources)


def _alone(message: Message, zone: tzinfo) -> Message:
    """Write the time where people see it, whatever the message is."""
    stamp = _stamp(message, zone, day=True)
    if message.poll:
        question = f"{stamp} {message.poll.question}"
        return replace(message, poll=replace(message.poll, question=question))
    if message.location:
        name = f"{stamp} {message.location.name}".rstrip()
        return replace(message, location=replace(message.location, name=name))
    return replace(message, text=_after(stamp, message.text))


def _dated(line: Line, zone: tzinfo, *, day: bool) -> str:
    return _after(_stamp(line, zone, day=day), _words(line))


def _after(stamp: str, text: str) -> str:
    """Put a text after its time; what is a block of its own begins a line."""
    return f"{stamp}\n{text}" if _BLOCK.match(text) else f"{stamp} {text}".rstrip()


def _stamp(line: Line, zone: tzinfo, *, day: bool) -> str:
    """Write a moment, kept together where the text runs from right to left."""
    at = _moment(line, zone)
    return f"\u2066{at:%Y-%m-%d %H:%M}\u2069" if day else f"\u2066{at:%H:%M}\u2069"


def _moment(line: Line, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(line.at / 1000, zone)

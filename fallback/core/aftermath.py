"""What later events made of a message: edited, taken back, reacted to, voted on, replied to."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from fallback.core.events import Canonical, Edit, Message, Reaction, Redaction, Vote
from fallback.core.ids import SourceId


class Fate(msgspec.Struct):
    """What became of one message.

    Args:
        text: of the last edit; ``None`` for none.
        reactions, votes: by who gave them; one person has one of each.
        quoted: somebody replies to it.
    """

    text: str | None = None
    deleted: bool = False
    reactions: dict[str, str] = {}
    votes: dict[str, tuple[str, ...]] = {}
    quoted: bool = False


def fates(events: Iterable[Canonical]) -> dict[SourceId, Fate]:
    """Gather what became of messages; only those that something became of are in it."""
    found: dict[SourceId, Fate] = {}
    for event in events:
        match event:
            case Message(reply_to=str() as target):
                found.setdefault(SourceId(target), Fate()).quoted = True
            case Edit():
                found.setdefault(event.target, Fate()).text = event.text
            case Redaction():
                found.setdefault(event.target, Fate()).deleted = True
            case Reaction():
                found.setdefault(event.target, Fate()).reactions[event.sender.key] = event.key
            case Vote():
                found.setdefault(event.target, Fate()).votes[event.sender.key] = event.options
            case _:
                pass
    return found


def as_it_became(message: Message, fate: Fate | None) -> Message:
    """Give a message with its last text, its votes counted, or deleted."""
    if fate is None:
        return message
    if fate.deleted:
        return msgspec.structs.replace(message, deleted=True)
    if fate.text is not None:
        message = msgspec.structs.replace(message, text=fate.text, edited=True)
    if message.poll is None or not fate.votes:
        return message
    counts = Counter(choice for choices in fate.votes.values() for choice in choices)
    options = tuple(
        msgspec.structs.replace(one, votes=max(one.votes, counts[one.id or one.text] or counts[one.text]))
        for one in message.poll.options
    )
    return msgspec.structs.replace(message, poll=msgspec.structs.replace(message.poll, options=options))


def tally(fate: Fate | None) -> list[tuple[str, int]]:
    """Count a message's reactions, the most frequent first."""
    return Counter(key for key in fate.reactions.values() if key).most_common() if fate else []

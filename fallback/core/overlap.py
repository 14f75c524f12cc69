"""Which messages of an export a relay has brought already: the same person, words and minute, each counted once."""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

from fallback.core.events import Canonical, Message
from fallback.core.ids import SourceId
from fallback.core.roster import merge
from fallback.core.verification import words

_MINUTE = 60_000
"""ms: an export of Android tells no seconds."""


def told_already(export: Sequence[Canonical], relayed: Iterable[Canonical]) -> dict[SourceId, SourceId]:
    """Match messages of an export with those that a relay brought; gives the relay's ids by the export's."""
    ours = [event for event in export if isinstance(event, Message)]
    theirs = [event for event in relayed if isinstance(event, Message)]
    senders = (event.sender for event in (*ours, *theirs) if event.sender.key)
    people = {
        identity.key: number for number, person in enumerate(merge(senders)) for identity in person.identities
    }
    told: defaultdict[tuple[object, ...], deque[SourceId]] = defaultdict(deque)
    for event in theirs:
        told[people.get(event.sender.key), _content(event), event.at // _MINUTE].append(event.id)
    found: dict[SourceId, SourceId] = {}
    for event in ours:
        for minute in (event.at // _MINUTE + step for step in (0, -1, 1)):
            if same := told.get((people.get(event.sender.key), _content(event), minute)):
                found[event.id] = same.popleft()
                break
    return found


def _content(event: Message) -> tuple[str, str]:
    """Give what a network and an export agree on about a message."""
    if event.poll is not None:
        return "poll", event.poll.question
    if event.location is not None:
        return "place", f"{event.location.latitude:.4f} {event.location.longitude:.4f}"
    if event.attachment is not None:
        return "file", words(event)
    return "deleted" if event.deleted else "text", " ".join(event.text.split())

"""A room that was read back, held against its export: count, order, senders, times, texts, files."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from fallback.core.events import Canonical, Frozen, GroupChange, Membership, Message, Notice
from fallback.core.ids import SourceId
from fallback.core.ports import Seen


class Verification(Frozen, frozen=True):
    """What was found.

    Args:
        expected: events that the export asks for.
        found: of them, in the room.
        missing, doubled, misplaced: source ids; what was brought late has no place to be in.
        senders, times, texts, files: source ids of those in which one of these differs.
        late: of those found, brought after newer ones.
        others: events in the room that are brought and not of this export.
        files_seen: files that were downloaded and compared.
    """

    expected: int
    found: int
    missing: tuple[SourceId, ...] = ()
    doubled: tuple[SourceId, ...] = ()
    misplaced: tuple[SourceId, ...] = ()
    senders: tuple[SourceId, ...] = ()
    times: tuple[SourceId, ...] = ()
    texts: tuple[SourceId, ...] = ()
    files: tuple[SourceId, ...] = ()
    late: int = 0
    others: int = 0
    files_seen: int = 0

    @property
    def altered(self) -> tuple[SourceId, ...]:
        """All that are there and not as they should be."""
        return tuple(dict.fromkeys((*self.senders, *self.times, *self.texts, *self.files)))

    @property
    def differences(self) -> int:
        """How many; 0 is what a migration must end with."""
        return len(self.missing) + len(self.doubled) + len(self.misplaced) + len(self.altered)


class Report(Frozen, frozen=True):
    """A verification that is kept; ``by`` is the account that read the room, ``at`` ms since the epoch."""

    at: int
    by: str
    found: Verification
    differences: int


def report_key(portal: str) -> str:
    """Name the small fact under which a store keeps a room's last verification."""
    return f"verification:{portal}"


def verify(expected: Iterable[Seen], room: Iterable[Seen]) -> Verification:
    """Compare what should be in the room with what is."""
    wanted = {one.source: one for one in expected}
    brought = list(room)
    counts = Counter(one.source for one in brought)
    first: dict[SourceId, Seen] = {}
    for one in brought:
        if one.source in wanted:
            first.setdefault(one.source, one)
    place = {source: number for number, source in enumerate(wanted)}
    order = [one.source for one in first.values() if not one.late]
    pairs = [(wanted[one.source], one) for one in first.values()]
    return Verification(
        expected=len(wanted),
        found=len(first),
        missing=tuple(source for source in wanted if source not in first),
        doubled=tuple(source for source in wanted if counts[source] > 1),
        misplaced=tuple(b for a, b in pairwise(order) if place[b] < place[a]),
        senders=tuple(one.source for meant, one in pairs if one.sender != meant.sender),
        times=tuple(one.source for meant, one in pairs if one.at != meant.at),
        texts=tuple(one.source for meant, one in pairs if one.text != meant.text),
        late=sum(one.late for one in first.values()),
        others=sum(count for source, count in counts.items() if source not in wanted),
    )


def words(event: Canonical) -> str:
    """Give the text of an event as ``Homeserver.brought`` shows it; one without words of its own has none."""
    match event:
        case Message(deleted=True):
            return ""
        case Message(attachment=None, location=None, poll=None):
            return event.text
        case Message(attachment=file) if file is not None and file.source and event.text != file.filename:
            return event.text
        case Membership() | GroupChange() | Notice():
            return event.text
        case _:
            return ""


def sampled(files: Sequence[SourceId], most: int) -> Collection[SourceId]:
    """Choose some files, spread over all of them."""
    if len(files) <= most:
        return set(files)
    return {files[number * len(files) // most] for number in range(most)}

"""Merges exports of one group, by different people or at different times, into one history."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

import msgspec

from fallback.core.events import Canonical, Group, GroupChange, Identity, Membership, Message, Notice
from fallback.core.ids import SourceId
from fallback.errors import UsageError
from fallback.networks.whatsapp.export import Export

_NEAR: Final = 119_000
"""Milliseconds by which the same message may differ: one phone tells minutes, the other seconds."""
_QUARTER: Final = 900_000
_NUMBER: Final = re.compile(r"@\+?[0-9][0-9 ()\u00a0\u2011-]{5,20}")
_DISTINCT: Final = 10

Content = tuple[str, ...]


class Merged(msgspec.Struct):
    """One history out of several exports.

    Args:
        events: in the order of the longest export, the others' own events between them.
        people: identity of an export -> the person in the merged history.
        files: id of an event with a file -> which export (by its place in the call) holds it.
        same: how many records of the other exports were already there.
        added: how many were not.
    """

    group: Group
    events: list[Canonical]
    people: dict[str, Identity]
    files: dict[str, int]
    same: int = 0
    added: int = 0


def merge(exports: Sequence[Export]) -> Merged:
    """Merge exports of one group; the same message under another contact's name is recognised.

    Raises:
        UsageError: no export was given, or two of them share nothing.
    """
    if not exports:
        raise UsageError("There is nothing to merge", "Give two exports or more.")
    ranked = sorted(range(len(exports)), key=lambda i: -exports[i].totals.records)
    first = exports[ranked[0]]
    merged = Merged(first.group, list(first.events), {}, {})
    for event in merged.events:
        if _holds(event):
            merged.files[event.id] = ranked[0]
    for number in ranked[1:]:
        _merge_in(merged, list(exports[number].events), exports[number], number)
    return merged


def missing(known: Sequence[Canonical], told: Sequence[Canonical], group: Group) -> list[Canonical]:
    """Give what an export tells and the known events lack, in its order.

    People get the names and numbers that they are known under, and times are those of the known events' clock.
    """
    base, others = list(known), list(told)
    shift = _shift(base, others) or 0
    partner = _match(base, others, shift)
    aliases = _aliases(base, others, partner)
    return [
        _renamed(event, aliases, group, shift) for number, event in enumerate(others) if number not in partner
    ]


def _holds(event: Canonical) -> bool:
    return isinstance(event, Message) and event.attachment is not None and event.attachment.source != ""


def content(event: Canonical) -> Content:
    """Give what two phones agree on about a record: its words, but neither names nor file names."""
    match event:
        case Message(deleted=True):
            return ("deleted",)
        case Message(attachment=attachment) if attachment is not None:
            return ("media", _said(event))
        case Message(poll=poll) if poll is not None:
            return ("poll", _words(poll.question))
        case Message(location=place) if place is not None:
            return ("place", f"{place.latitude:.4f}", f"{place.longitude:.4f}", place.name)
        case Message():
            return ("text", _said(event))
        case Membership():
            return ("member", event.change.value, str(len(event.members)))
        case GroupChange():
            return ("group", event.setting.value, event.value)
        case Notice():
            return ("notice", event.topic, "" if event.topic != "call" else _words(event.text))
        case _:
            return (type(event).__name__, event.id)


def _said(event: Message) -> str:
    """Give a message's words without the names that each phone puts into mentions."""
    text = event.text
    for person in event.mentions:
        if person.name:
            text = text.replace(f"@{person.name}", "@ ")
    return _words(_NUMBER.sub("@ ", text) if event.mentions else text)


def _words(text: str) -> str:
    return " ".join(text.split())


def _merge_in(merged: Merged, others: list[Canonical], export: Export, number: int) -> None:
    base = merged.events
    shift = _shift(base, others)
    if shift is None and base and others and _overlap(base, others):
        raise UsageError(
            f"{export.path.name} shares no message with the other exports", "Merge exports of one group only."
        )
    partner = _match(base, others, shift or 0)
    aliases = _aliases(base, others, partner)
    merged.people.update(aliases)
    inserted: defaultdict[int, list[Canonical]] = defaultdict(list)
    used = {event.id for event in base}
    last = -1
    for i, event in enumerate(others):
        if i in partner:
            last = partner[i]
            better = _better(base[last], event)
            if _holds(better) and not _holds(base[last]):
                merged.files[better.id] = number
            base[last] = better
            merged.same += 1
            continue
        if last == -1:
            last = _place(base, event.at + (shift or 0))
        mine = _renamed(event, aliases, merged.group, shift or 0)
        while mine.id in used:
            mine = msgspec.structs.replace(mine, id=SourceId(f"{mine.id}+"))
        used.add(mine.id)
        inserted[last].append(mine)
        if _holds(mine):
            merged.files[mine.id] = number
        merged.added += 1
    merged.events = [*inserted[-1]]
    for i, event in enumerate(base):
        merged.events.append(event)
        merged.events += inserted.get(i, [])
    members = {p.key: p for p in merged.group.members}
    for person in export.group.members:
        known = aliases.get(person.key, person)
        members.setdefault(known.key, known)
    merged.group = msgspec.structs.replace(merged.group, members=tuple(members.values()))


def _place(base: list[Canonical], at: int) -> int:
    """Find after which event of the base an event belongs that has no neighbour there."""
    return max((i for i, event in enumerate(base) if event.at <= at), default=-1)


def _overlap(base: list[Canonical], others: list[Canonical]) -> bool:
    return min(e.at for e in base) <= max(e.at for e in others) and min(e.at for e in others) <= max(
        e.at for e in base
    )


def _distinct(events: Iterable[Canonical]) -> dict[Content, Canonical]:
    """Keep the texts that occur once and are long enough to be no chance."""
    counts: Counter[Content] = Counter()
    first: dict[Content, Canonical] = {}
    for event in events:
        key = content(event)
        if key[0] == "text" and len(key[1]) >= _DISTINCT:
            counts[key] += 1
            first.setdefault(key, event)
    return {key: event for key, event in first.items() if counts[key] == 1}


def _shift(base: list[Canonical], others: list[Canonical]) -> int | None:
    """Find by how much the other phone's clock differs, in quarters of an hour; ``None`` without a common text."""
    mine, theirs = _distinct(base), _distinct(others)
    differences = [mine[key].at - theirs[key].at for key in mine.keys() & theirs.keys()]
    if not differences:
        return None
    return round(median(differences) / _QUARTER) * _QUARTER


def _match(base: list[Canonical], others: list[Canonical], shift: int) -> dict[int, int]:
    """Pair the events of two exports: first the certain ones, then the rest under the names learnt."""
    partner: dict[int, int] = {}
    taken: set[int] = set()
    places: defaultdict[Content, list[int]] = defaultdict(list)
    for i, event in enumerate(base):
        places[content(event)].append(i)
    votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for event in others:
        for i in places.get(content(event), ()):
            if abs(base[i].at - event.at - shift) <= _NEAR:
                votes[event.sender.key][base[i].sender.key] += 1
    names = {who: count.most_common(1)[0][0] for who, count in votes.items()}
    starts: dict[Content, int] = {}
    for number, event in enumerate(others):
        key = content(event)
        found = places.get(key, [])
        start = starts.get(key, 0)
        while start < len(found) and base[found[start]].at < event.at + shift - 86_400_000:
            start += 1
        starts[key] = start
        at = event.at + shift
        near = [i for i in found[start : start + 64] if i not in taken and abs(base[i].at - at) <= _NEAR]
        same = [i for i in near if names.get(event.sender.key, base[i].sender.key) == base[i].sender.key]
        if same:
            partner[number] = same[0]
            taken.add(same[0])
    _match_changed(base, others, shift, partner, names)
    return partner


def _match_changed(
    base: list[Canonical],
    others: list[Canonical],
    shift: int,
    partner: dict[int, int],
    names: dict[str, str],
) -> None:
    """Pair what one phone has before and the other after it was deleted or edited."""
    taken = set(partner.values())
    free: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for i, event in enumerate(base):
        if i not in taken and isinstance(event, Message):
            free[event.sender.key, event.at // 60_000].append(i)
    for number, event in enumerate(others):
        if number in partner or not isinstance(event, Message):
            continue
        who = names.get(event.sender.key, event.sender.key)
        for i in free.get((who, (event.at + shift) // 60_000), ()):
            twin = base[i]
            changed = isinstance(twin, Message) and (
                event.deleted or twin.deleted or event.edited != twin.edited
            )
            if i not in taken and changed:
                partner[number] = i
                taken.add(i)
                break


def _aliases(base: list[Canonical], others: list[Canonical], partner: dict[int, int]) -> dict[str, Identity]:
    """Say who is who: each name of the other export, and the person of ours that wrote the same."""
    votes: defaultdict[str, Counter[Identity]] = defaultdict(Counter)
    theirs: dict[str, Identity] = {}
    for number, i in partner.items():
        other, mine = others[number].sender, base[i].sender
        if other.key and mine.key:
            votes[other.key][mine] += 1
            theirs[other.key] = other
    found = {}
    for key, count in votes.items():
        mine = count.most_common(1)[0][0]
        found[key] = msgspec.structs.replace(
            mine, name=mine.name or theirs[key].name, phone=mine.phone or theirs[key].phone
        )
    return found


def _better(mine: Canonical, other: Canonical) -> Canonical:
    """Keep ours, with the other export's file; a deletion or an edit that one of them knows counts."""
    if not isinstance(mine, Message) or not isinstance(other, Message):
        return mine
    if other.deleted and not mine.deleted:
        return msgspec.structs.replace(other, id=mine.id, sender=mine.sender, at=mine.at, chat=mine.chat)
    if other.edited and not mine.edited and not mine.deleted:
        return msgspec.structs.replace(mine, text=other.text, edited=True)
    if mine.attachment is not None and not mine.attachment.source and other.attachment is not None:
        return msgspec.structs.replace(mine, attachment=other.attachment)
    return mine


def _renamed(event: Canonical, aliases: dict[str, Identity], group: Group, shift: int) -> Canonical:
    sender = aliases.get(event.sender.key, event.sender)
    changed = msgspec.structs.replace(event, sender=sender, chat=group.chat, at=event.at + shift)
    if isinstance(changed, Membership):
        members = tuple(aliases.get(m.key, m) for m in changed.members)
        return msgspec.structs.replace(changed, members=members)
    return changed

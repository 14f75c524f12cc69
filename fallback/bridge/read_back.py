"""A room's history read back as a member sees it, and held against the export."""

import hashlib
from collections.abc import Callable, Collection, Container, Iterable
from typing import Protocol

from msgspec.structs import replace

from fallback.bridge.history import Media
from fallback.core.events import Canonical, Identity, Message, Origin
from fallback.core.ids import EventId, SourceId, UserId
from fallback.core.migration import timeline
from fallback.core.overlap import told_already
from fallback.core.ports import Homeserver, Portal, Seen, Store
from fallback.core.verification import Verification, sampled, verify, words
from fallback.errors import ParseError, PermanentError


class Progress(Protocol):
    """Told the step and how far it is."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Tell once."""
        ...


_AROUND = 120_000
"""ms by which the clocks of a phone and of a network may differ, minutes that an export cuts off included."""


async def told_by_relay(
    store: Store, portal: Portal, events: Iterable[Canonical]
) -> dict[SourceId, SourceId]:
    """Match an export's events with those that a relay brought into the room, as far as this profile saw them."""
    chosen = timeline(events)
    since = min((event.at for event in chosen), default=0) - _AROUND
    rows = await store.events_since(portal.id, at=since)
    relayed = (row.event for row in rows if Origin.WHATSAPP in (row.event.origin, row.event.relayed))
    return told_already(chosen, relayed)


async def check(
    homeserver: Homeserver,
    portal: Portal,
    events: Iterable[Canonical],
    ghost: Callable[[Identity], UserId],
    *,
    told: Container[SourceId] = (),
    media: Media | None = None,
    most: int = 0,
    progress: Progress,
) -> Verification:
    """Read the room back and compare.

    Args:
        ghost: who of the room a person of the export is.
        told: events that are in the room as a relay's.
        media: where the export's files are read from.
        most: files that are downloaded and compared, spread over all.

    Raises:
        TransientError, PermanentError: the room can't be read.
    """
    chosen = timeline(events)
    expected = [_expected(event, ghost) for event in chosen]
    seen: list[Seen] = []
    async for one in homeserver.brought(portal.room):
        seen.append(one)
        progress("check", len(seen), max(len(expected), len(seen)))
    there = {one.source: one for one in seen}
    found = verify((one for one in expected if one.source in there or one.source not in told), seen)
    if media is None or not most:
        return found
    names = {
        event.id: event.attachment.source
        for event in chosen
        if isinstance(event, Message) and event.attachment and event.attachment.source
    }
    picked = sampled([source for source in names if source in there], most)
    wrong = await _files(
        homeserver, [there[source] for source in names if source in picked], names, media, progress
    )
    return replace(found, files=wrong, files_seen=len(picked))


async def _files(
    homeserver: Homeserver,
    seen: Collection[Seen],
    names: dict[SourceId, str],
    media: Media,
    progress: Progress,
) -> tuple[SourceId, ...]:
    """Compare the plain bytes; gives those that differ, are gone, or never came."""
    wrong = []
    for done, one in enumerate(seen, 1):
        try:
            ours = media.read(names[one.source])
            theirs = await homeserver.download(one.file) if one.file else b""
            same = hashlib.sha256(ours).digest() == hashlib.sha256(theirs).digest()
        except (ParseError, PermanentError):
            same = False
        wrong += [] if same else [one.source]
        progress("compare", done, len(seen))
    return tuple(wrong)


def _expected(event: Canonical, ghost: Callable[[Identity], UserId]) -> Seen:
    return Seen(event.id, EventId(""), ghost(event.sender), event.at, words(event))

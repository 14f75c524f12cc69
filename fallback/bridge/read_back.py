"""A room's history read back as a member sees it, and held against the export."""

import hashlib
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from msgspec.structs import replace

from fallback.bridge.history import Media
from fallback.core.events import Canonical, Identity, Message
from fallback.core.ids import EventId, SourceId, UserId
from fallback.core.migration import timeline
from fallback.core.ports import Homeserver, Portal, Seen
from fallback.core.verification import Verification, sampled, verify, words
from fallback.errors import ParseError, PermanentError


class Progress(Protocol):
    """Told the step and how far it is."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Tell once."""
        ...


async def check(
    homeserver: Homeserver,
    portal: Portal,
    events: Iterable[Canonical],
    ghost: Callable[[Identity], UserId],
    *,
    media: Media | None = None,
    most: int = 0,
    progress: Progress,
) -> Verification:
    """Read the room back and compare.

    Args:
        ghost: who of the room a person of the export is.
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
    found = verify(expected, seen)
    if media is None or not most:
        return found
    names = {
        event.id: event.attachment.source
        for event in chosen
        if isinstance(event, Message) and event.attachment and event.attachment.source
    }
    there = {one.source: one for one in seen if one.source in names}
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

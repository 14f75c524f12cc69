"""A group's history in this profile's own timeline, where no room holds it as messages."""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice

from msgspec.structs import replace

from fallback.core.events import Canonical, Message
from fallback.core.migration import timeline
from fallback.core.ports import Portal, Store

AT_ONCE = 200
"""Events that are recorded together, which is ten times as fast as one by one."""


async def keep_history(store: Store, portal: Portal, events: Iterable[Canonical]) -> int:
    """Record an export's events in order, once; their files stay where the archive is.

    Returns:
        How many were not there yet.

    Raises:
        StoreError: it can't be written; a second call goes on.
    """
    kept = 0
    for batch in _batches(timeline(events)):
        async with asyncio.TaskGroup() as tasks:
            rows = [tasks.create_task(store.record(portal.id, _without_file(event))) for event in batch]
        kept += sum(row.result() > 0 for row in rows)
    return kept


def _batches(events: Iterable[Canonical]) -> Iterator[list[Canonical]]:
    rest = iter(events)
    while batch := list(islice(rest, AT_ONCE)):
        yield batch


def _without_file(event: Canonical) -> Canonical:
    if not isinstance(event, Message) or event.attachment is None:
        return event
    return replace(event, attachment=replace(event.attachment, source=""))

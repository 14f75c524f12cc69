"""What an event of a timeline points to, as the ids of the rows that it means."""

from collections import Counter

from msgspec.structs import replace

from fallback.core.events import Edit, Message, Origin, Reaction, Receipt, ReceiptKind, Redaction, Vote
from fallback.core.ids import PortalId, SourceId
from fallback.core.ports import Store, TimelineRow

TRIED = 5
"""Times that an unknown id is looked up: what it names may still come, but rarely does."""


class Pointer:
    """Looks ids up in the store, and remembers what it found."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._aliases: dict[tuple[PortalId, SourceId], SourceId] = {}
        self._misses: Counter[tuple[PortalId, SourceId]] = Counter()

    async def rows(self, portal: PortalId, rows: list[TimelineRow]) -> list[TimelineRow]:
        """Turn the ids that rows point to into ids of the timeline."""
        known = {row.event.id for row in rows}
        by_row = {row.row: row.event.id for row in rows}
        return [await self._pointed(portal, row, known, by_row) for row in rows]

    async def _pointed(
        self, portal: PortalId, row: TimelineRow, known: set[SourceId], by_row: dict[int, SourceId]
    ) -> TimelineRow:
        """Turn the ids that an event points to into those of the rows that it means."""
        event = row.event
        match event:
            case Edit() | Reaction() | Redaction() | Vote() if event.target not in known:
                target = await self._own_id(portal, event.target, by_row)
                return replace(row, event=replace(event, target=target))
            case Message(reply_to=str() as quoted) if quoted not in known:
                return replace(row, event=replace(event, reply_to=await self._own_id(portal, quoted, by_row)))
            case Receipt(kind=ReceiptKind.READ):
                targets = [await self._own_id(portal, one, by_row) for one in event.targets]
                return replace(row, event=replace(event, targets=tuple(targets)))
            case _:
                return row

    async def _own_id(self, portal: PortalId, source: SourceId, by_row: dict[int, SourceId]) -> SourceId:
        key = (portal, source)
        if key not in self._aliases and self._misses[key] < TRIED:
            self._misses[key] += 1
            for origin in Origin:
                row = await self.store.row_of(portal, origin, source)
                if row:
                    found = by_row.get(row)
                    if found is None:
                        there = await self.store.timeline(portal, before=row + 1, limit=1)
                        found = there[0].event.id if there else source
                    self._aliases[key] = found
                    break
        return self._aliases.get(key, source)

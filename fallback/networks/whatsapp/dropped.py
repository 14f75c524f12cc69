"""A watched folder of exports as a connector: each new export of a group fills what the room lacks."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from fallback.core.events import Canonical, Event, Group, Message, Origin
from fallback.core.ids import ChatId, SourceId
from fallback.core.ports import Capabilities, Clock, ConnectorState, Portal, Store
from fallback.core.roster import fold
from fallback.core.routing import as_spoken
from fallback.errors import FallbackError, ParseError, PermanentError, StoreError, UsageError
from fallback.networks.whatsapp.archive import open_export
from fallback.networks.whatsapp.export import read_export
from fallback.networks.whatsapp.merge import missing
from fallback.text import sanitise_name

log = logging.getLogger(__name__)
NAME: Final = "dropped"
DONE: Final = "dropped.done"
"""Where the store keeps which files were read, with their size and time."""
_EXPORTS: Final = (".zip", ".txt")
_EVERY: Final = 5.0
_DAY: Final = 86_400_000

Mark = tuple[int, int]
"""A file's size and time of change (ns)."""


class Offered:
    """An event of an export on its way to the store."""

    def __init__(self, event: Canonical, queue: "deque[Canonical]") -> None:
        self.event = event
        self._queue = queue

    async def ack(self) -> None:
        """Go on to the next one."""
        if self._queue and self._queue[0] is self.event:
            self._queue.popleft()


class DroppedExports:
    """The folder.

    A file is read when two looks in a row find it unchanged; it is never moved or deleted.

    Args:
        timezone: of the exporting phone; empty for the machine's.
        me: the exporter's own name in the chats.
        every: seconds between two looks.

    Attributes:
        problems: files that could not be used, and why.
    """

    name = NAME
    capabilities = Capabilities(send=False, live=False)

    def __init__(
        self,
        folder: Path,
        store: Store,
        clock: Clock,
        *,
        timezone: str = "",
        me: str = "",
        every: float = _EVERY,
    ) -> None:
        self.folder = folder
        self.problems: dict[str, str] = {}
        self._store = store
        self._clock = clock
        self._timezone, self._me = timezone or None, me or None
        self._every = every
        self._closing = asyncio.Event()
        self._queue: deque[Canonical] = deque()
        self._reading: tuple[str, Mark] | None = None
        self._seen: dict[str, Mark] = {}
        self._done: dict[str, Mark] = {}
        self._tried: dict[str, Mark] = {}
        self._groups: dict[ChatId, Group] = {}

    @property
    def state(self) -> ConnectorState:
        """Connected while the folder is there."""
        there = not self._closing.is_set() and self.folder.is_dir()
        return ConnectorState.CONNECTED if there else ConnectorState.DISCONNECTED

    async def start(self) -> None:
        """Remember what was read before."""
        self._done = msgspec.json.decode(await self._store.get(DONE) or "{}", type=dict[str, Mark])

    async def close(self) -> None:
        """Stop to look; a file that is half read is read again after the next start."""
        self._closing.set()

    async def events(self) -> AsyncIterator[Offered]:
        """Give what each new export adds, marked late, the oldest export first."""
        while not self._closing.is_set():
            async for offered in self._rest():
                yield offered
            for name, mark in await asyncio.to_thread(self._settled):
                await self._read(name, mark)
                async for offered in self._rest():
                    yield offered
            await self._pause()

    async def send(self, event: Canonical, *, message_id: SourceId) -> SourceId:
        """Refuse: an export is a way in only."""
        raise PermanentError("nothing can be sent through exports", "Write it on a phone.")

    async def group(self, chat: ChatId) -> Group:
        """Describe a group as its newest export does."""
        if chat not in self._groups:
            raise PermanentError("no export of this group was dropped since the start")
        return self._groups[chat]

    async def download(self, event: Event, source: str) -> bytes:
        """Read a file out of the export that holds it."""
        return await asyncio.to_thread(self._member, source)

    async def _rest(self) -> AsyncIterator[Offered]:
        """Give what is left of the export that is being read, then mark it as done."""
        while self._queue and not self._closing.is_set():
            yield Offered(self._queue[0], self._queue)
        if self._reading is not None and not self._queue:
            name, mark = self._reading
            self._reading = None
            self._done[name] = mark
            try:
                await self._store.put(DONE, msgspec.json.encode(self._done).decode())
            except StoreError as error:
                log.warning("%s may be read once more: %s", sanitise_name(name), error.message)

    def _settled(self) -> list[tuple[str, Mark]]:
        """List the exports that are new and did not change since the last look, the oldest first."""
        try:
            with os.scandir(self.folder) as entries:
                looked = {one.name: one.stat() for one in entries if _is_export(one)}
        except OSError as error:
            log.warning("the folder of exports can't be read: %s", error.strerror)
            return []
        found = {name: (about.st_size, about.st_mtime_ns) for name, about in looked.items()}
        ready = [
            (name, mark)
            for name, mark in found.items()
            if mark[0]
            and self._seen.get(name) == mark
            and mark not in (self._done.get(name), self._tried.get(name))
        ]
        self._seen = found
        self._done = {name: mark for name, mark in self._done.items() if name in found}
        return sorted(ready, key=lambda one: (one[1][1], one[0]))

    async def _read(self, name: str, mark: Mark) -> None:
        """Queue what an export adds; one that can't be used is named and left where it is."""
        self.problems.pop(name, None)
        try:
            group, told = await asyncio.to_thread(self._load, name)
            portal = await self._portal(group)
            added = await self._added(portal, group, told)
        except StoreError as error:
            log.warning("%s has to wait: %s", sanitise_name(name), error.message)
            return
        except (FallbackError, OSError) as error:
            says = error.message if isinstance(error, FallbackError) else error.strerror or "it can't be read"
            self.problems[name] = says
            self._tried[name] = mark
            log.warning("%s is no use: %s", sanitise_name(name), says)
            return
        self._groups[portal.chat] = replace(group, chat=portal.chat)
        self._queue.extend(_offered(event, portal.chat, name) for event in added)
        self._reading = name, mark
        log.info("%s adds %d events", sanitise_name(name), len(added))

    def _load(self, name: str) -> tuple[Group, list[Canonical]]:
        with read_export(self.folder / name, timezone=self._timezone, me=self._me) as export:
            return export.group, list(export.events)

    async def _portal(self, group: Group) -> Portal:
        """Find the portal of an export: by the chat that its migration gave it, else by the group's name."""
        portals = await self._store.portals()
        named = [one for one in portals if group.name and fold(one.name) == fold(group.name)]
        found = next((one for one in portals if one.chat == group.chat), None)
        if found is None and len(named) != 1:
            raise UsageError(
                "it is of a group that this profile does not keep", "Move the group first: fallback migrate"
            )
        return found or named[0]

    async def _added(self, portal: Portal, group: Group, told: list[Canonical]) -> list[Canonical]:
        """Choose what is new: after the last event that the migration brought, and not recorded since."""
        imported = await self._store.imported(portal.id)
        last = max((place for place, event in enumerate(told) if event.id in imported), default=-1)
        told = told[last + 1 :]
        if not told:
            return []
        rows = await self._store.events_since(portal.id, at=min(event.at for event in told) - _DAY)
        known = [_as_told(row.event) for row in rows]
        if imported and last < 0:
            if not known:
                raise ParseError(
                    "it shares no message with the group's history",
                    "Export it on the phone whose export was migrated.",
                )
            first = min(event.at for event in known)
            told = [event for event in told if event.at >= first]
        return missing(known, told, group)

    def _member(self, source: str) -> bytes:
        name, _, member = source.partition("/")
        if not name.endswith(_EXPORTS) or not member:
            raise PermanentError("this is no file of an export")
        try:
            with open_export(self.folder / name) as archive:
                return archive.read(member)
        except (ParseError, OSError) as error:
            raise PermanentError("the export that held this file is gone or damaged") from error

    async def _pause(self) -> None:
        """Wait for the next look, or for the end."""
        async with asyncio.TaskGroup() as tasks:
            waits = (
                tasks.create_task(self._clock.sleep(self._every)),
                tasks.create_task(self._closing.wait()),
            )
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for one in waits:
                one.cancel()


def _is_export(entry: "os.DirEntry[str]") -> bool:
    return entry.name.lower().endswith(_EXPORTS) and entry.is_file(follow_symlinks=False)


def _as_told(event: Canonical) -> Canonical:
    """Give a recorded event as an export tells it: what was said in the room stands there under our account."""
    if event.origin is not Origin.MATRIX:
        return event
    return as_spoken(event, Capabilities()) or event


def _offered(event: Canonical, chat: ChatId, name: str) -> Canonical:
    """Give an event to its portal, its file named with the export that holds it."""
    event = replace(event, chat=chat, late=True)
    if isinstance(event, Message) and event.attachment is not None and event.attachment.source:
        file = replace(event.attachment, source=f"{name}/{event.attachment.source}")
        return replace(event, attachment=file)
    return event

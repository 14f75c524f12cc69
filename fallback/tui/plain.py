"""The client line by line, for screen readers, pipes and terminals that can do nothing else; no Textual."""

import asyncio
import sys
from collections.abc import Callable
from datetime import tzinfo

from fallback import locale
from fallback.config import Interface
from fallback.core.events import Message
from fallback.core.ids import PortalId
from fallback.errors import FallbackError
from fallback.locale import ntr, tr
from fallback.tui import words
from fallback.tui.contract import Session
from fallback.tui.fold import Entry, Thread, Tick
from fallback.tui.messages import BannerChanged, TimelineChanged
from fallback.tui.typeset import safe

SHOWN = 20
"""Messages that are said when a group is opened."""


class Plain:
    """A session as lines.

    Args:
        write: takes one line, made safe.
        zone: of all times; ``None`` for the machine's own.
        receipts: others are told what was read.
    """

    def __init__(
        self,
        session: Session,
        write: Callable[[str], None],
        zone: tzinfo | None = None,
        *,
        receipts: bool = True,
    ) -> None:
        self.session = session
        self.zone = zone
        self.receipts = receipts
        self.current: PortalId | None = None
        self.thread = Thread(session.me)
        self._write = write
        self._banner = ""

    def say(self, text: str) -> None:
        """Write one line."""
        self._write(safe(" / ".join(text.splitlines())))

    async def start(self) -> None:
        """Say how all stands, and open the newest group."""
        await self._say_banner()
        groups = await self.session.groups()
        if groups:
            await self.open(groups[0].portal)
        else:
            self.say(tr("no group yet"))

    async def open(self, portal: PortalId) -> None:
        """Open a group and say its last messages."""
        group = next(one for one in await self.session.groups() if one.portal == portal)
        self.current, self.thread = portal, Thread(self.session.me)
        self.say(f"== {group.name} ==")
        self.thread.merge(await self.session.timeline(portal))
        for entry in self.thread.entries[-SHOWN:]:
            self.say(self.line(entry))
        await self.session.mark_read(portal, self.thread.last_row, tell=self.receipts)

    def line(self, entry: Entry) -> str:
        """Say an entry: time, who, what, and how far it got."""
        time = words.clock_time(entry.at, self.zone)
        event = entry.event
        if not isinstance(event, Message):
            return f"[{time}] * {words.system(event)}"
        name = tr("You") if entry.own else words.name_of(entry.sender)
        text = tr("This message was deleted") if entry.deleted else entry.text
        extra = words.snippet(event, "") if event.attachment or event.poll or event.location else ""
        mark = f" ({words.tick(entry.tick)})" if entry.tick not in (Tick.NONE, Tick.SENT) else ""
        return f"[{time}] {name}: {' '.join(part for part in (extra, text) if part)}{mark}"

    async def follow(self) -> None:
        """Say what is new, for ever."""
        async for change in self.session.changes():
            match change:
                case TimelineChanged(portal=portal) if portal == self.current:
                    await self._say_news(portal)
                case BannerChanged():
                    await self._say_banner()
                case _:
                    pass

    async def _say_news(self, portal: PortalId) -> None:
        before = len(self.thread)
        update = self.thread.merge(await self.session.timeline(portal))
        for entry in self.thread.entries[before:]:
            self.say(self.line(entry))
        for changed in update.changed:
            known = self.thread.get(changed)
            if known is not None and (known.edits or known.deleted or known.tick is Tick.FAILED):
                self.say(self.line(known))
        await self.session.mark_read(portal, self.thread.last_row, tell=self.receipts)

    async def _say_banner(self) -> None:
        _, text, advice = words.banner(await self.session.banner())
        if text != self._banner:
            self._banner = text
            self.say(f"*** {text} ({advice})" if advice[:1] != "F" else f"*** {text}")

    async def take(self, line: str) -> bool:
        """Do what a line says: send it, or one of ``/groups /open /people /file /help /quit``; false to leave."""
        command, _, rest = line.strip().partition(" ")
        match command:
            case "":
                pass
            case "/quit":
                return False
            case "/groups":
                for number, group in enumerate(await self.session.groups(), 1):
                    self.say(
                        f"{number}. {group.name} ({ntr('{count} unread', '{count} unread', group.unread)})"
                    )
            case "/open" if rest.isdigit():
                groups = await self.session.groups()
                if 0 < int(rest) <= len(groups):
                    await self.open(groups[int(rest) - 1].portal)
            case "/people" if self.current:
                for person in await self.session.people(self.current):
                    self.say(f"{person.name}: {words.presence(person)[1]}")
            case "/file" if self.current:
                await self._send_file(self.current, rest)
            case "/help":
                self.say(
                    tr("Type a message and Enter, or: /groups, /open NUMBER, /people, /file PATH, /quit")
                )
            case _ if self.current:
                await self.session.send(self.current, line.strip())
            case _:
                self.say(tr("no group yet"))
        return True

    async def _send_file(self, portal: PortalId, path: str) -> None:
        from fallback.tui import files  # noqa: PLC0415 - few sessions send one

        try:
            await self.session.send_file(portal, *await asyncio.to_thread(files.read, path))
        except FallbackError as error:
            self.say(f"{error.message}. {error.hint}".strip())


async def run_plain(session: Session, interface: Interface | None = None) -> None:
    """Read lines from stdin and say what happens on stdout until ``/quit`` or the end of the input."""
    interface = interface or Interface()
    locale.use(await session.get("language") or locale.detect(interface.language))

    def write(line: str) -> None:
        print(line, flush=True)  # noqa: T201 - stdout is the interface

    plain = Plain(session, write, receipts=interface.read_receipts)
    await plain.start()
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(plain.follow())
        await session.connect()
        while True:
            line = await asyncio.to_thread(sys.stdin.readline)
            if not line or not await plain.take(line):
                break
        following.cancel()

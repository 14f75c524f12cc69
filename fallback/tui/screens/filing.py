"""Files on the main screen: shown before they are sent, saved and opened when they came."""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import platformdirs
from msgspec.structs import replace
from textual import work

from fallback.core.events import Attachment, MediaKind, Message
from fallback.core.ids import PortalId
from fallback.errors import FallbackError, UsageError
from fallback.locale import tr
from fallback.tui import files, words
from fallback.tui.fold import Entry
from fallback.tui.screens.finding import Finding, windows
from fallback.tui.screens.security import asking
from fallback.tui.screens.writing import FILE
from fallback.tui.typeset import isolate
from fallback.tui.views import Choice
from fallback.tui.widgets.asked import Paragraph
from fallback.tui.widgets.timeline import Timeline


class Filing(Finding):
    """Mixed into the main screen."""

    opened: Path | None = None
    """Where files lie while other programs show them; removed when the client closes."""

    # ── sending ─────────────────────────────────────────────────────────────────────────────────

    @work(exclusive=True, group="file")
    async def action_send_file(self) -> None:
        """Ask for a file, and send it."""
        portal = self.main.current
        if portal is None:
            return
        asked = asking()
        found: list[tuple[Attachment, bytes]] = []

        async def look(typed: Mapping[str, str]) -> str:
            path = files.dropped(typed["file"]) or typed["file"].strip()
            found[:] = [await asyncio.to_thread(files.read, path)]
            return path

        question = asked.Question("file", tr("File"), tr("a path, or drop the file here"))
        form = asked.Asking(self.main.setting, tr("Send a file"), [], [question], look)
        if await self.client.push_screen_wait(form) is not None:
            await self._offer(portal, *found[0])

    @work(exclusive=True, group="file")
    async def send_file(self, path: str) -> None:
        """Send the file at a path, once the person has seen what it is."""
        portal = self.main.current
        try:
            file, data = await asyncio.to_thread(files.read, path)
        except FallbackError as error:
            if not self.main.composer.text:
                self.main.composer.load(FILE + path)
            self.client.complain(error)
            return
        if portal is not None:
            await self._offer(portal, file, data)

    async def _offer(self, portal: PortalId, file: Attachment, data: bytes) -> None:
        """Show what would be sent; Enter sends it, with a caption if one is typed."""
        if file.kind is MediaKind.AUDIO:
            choices = [
                Choice("voice", tr("Send as a voice message"), "1"),
                Choice("audio", tr("Send as a file"), "2"),
            ]
            menu = windows().Menu(self.main.setting, words.attachment(file), choices)
            chosen = await self.client.push_screen_wait(menu)
            if chosen is not None:
                kind = MediaKind.VOICE if chosen == "voice" else MediaKind.AUDIO
                await self._send_file(portal, replace(file, kind=kind), data, "")
            return
        asked = asking()
        reply = self.main.replying

        async def send(typed: Mapping[str, str]) -> str:
            await self.main.session.send_file(portal, file, data, typed["caption"].strip(), reply)
            return "sent"

        said = [Paragraph(words.attachment(file)), Paragraph(file.mimetype, "dim", code=True)]
        question = asked.Question("caption", tr("Caption"), tr("Enter sends"), optional=True)
        form = asked.Asking(self.main.setting, tr("Send this file?"), said, [question], send)
        if await self.client.push_screen_wait(form) is not None:
            self._sent()

    async def _send_file(self, portal: PortalId, file: Attachment, data: bytes, caption: str) -> None:
        try:
            await self.main.session.send_file(portal, file, data, caption, self.main.replying)
        except FallbackError as error:
            self.client.complain(error)
        else:
            self._sent()

    def _sent(self) -> None:
        self.main.intend("", reply=None, edit=None)
        self.main.query_one(Timeline).to_bottom()

    # ── what came ───────────────────────────────────────────────────────────────────────────────

    @work(exclusive=True, group="fetch")
    async def open_file(self, entry: Entry) -> None:
        """Fetch a message's file, and let another program show it; nothing is opened unasked."""
        try:
            file = _file(entry)
            command = files.program(file)
            data = await self._fetch(file)
            if self.opened is None:
                self.opened = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fallback-"))
            path = await asyncio.to_thread(files.write, str(self.opened / files.safe_name(file)), data)
        except FallbackError as error:
            self.client.complain(error)
            return
        self.client.run_worker(files.show(command, path), group="shown", exit_on_error=False)

    @work(exclusive=True, group="fetch")
    async def save_file(self, entry: Entry) -> None:
        """Ask where to, fetch a message's file and write it for its owner alone."""
        asked = asking()
        try:
            file = _file(entry)
        except FallbackError as error:
            self.client.complain(error)
            return
        free = files.free_path(platformdirs.user_downloads_path() / files.safe_name(file))

        async def save(typed: Mapping[str, str]) -> str:
            data = await self._fetch(file)
            return str(await asyncio.to_thread(files.write, typed["file"].strip(), data))

        said = [Paragraph(words.attachment(file))]
        question = asked.Question("file", tr("File"), value=str(free))
        form = asked.Asking(self.main.setting, tr("Save the file"), said, [question], save)
        written = await self.client.push_screen_wait(form)
        if written is not None:
            self.client.say(tr("Saved: {file}", file=isolate(written)))

    async def _fetch(self, file: Attachment) -> bytes:
        self.client.say(tr("Fetching {file}…", file=words.attachment(file)))
        return await self.main.session.download(file)

    def remove_opened(self) -> None:
        """Remove what was written for other programs."""
        if self.opened is not None:
            shutil.rmtree(self.opened, ignore_errors=True)


def _file(entry: Entry) -> Attachment:
    """Give the file of a message.

    Raises:
        UsageError: it has none, or its bytes were never brought.
    """
    event = entry.event
    if not isinstance(event, Message) or event.attachment is None or entry.deleted:
        raise UsageError(tr("This message has no file"))
    if not event.attachment.source:
        raise UsageError(tr("This file was not in the export"), tr("Look for it on the phone that has it."))
    return event.attachment

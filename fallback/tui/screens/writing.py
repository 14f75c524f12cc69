"""What is being written on the main screen: sending, replies, edits, drafts, mentions."""

import re
from typing import TYPE_CHECKING

from textual import on
from textual.screen import Screen

from fallback.core.events import Identity, Message
from fallback.core.ids import PortalId, SourceId
from fallback.core.roster import fold
from fallback.errors import FallbackError
from fallback.locale import tr
from fallback.tui import words
from fallback.tui.contract import Session
from fallback.tui.fold import Entry
from fallback.tui.setting import Setting
from fallback.tui.typeset import isolate
from fallback.tui.views import PersonView
from fallback.tui.widgets.composer import Composer
from fallback.tui.widgets.panels import Hint
from fallback.tui.widgets.timeline import Timeline

if TYPE_CHECKING:
    from fallback.tui.app import ClientApp

SUGGESTED = 4
"""Names that are offered at a time."""
FILE = "/file "
"""Begins a line that sends the file of a path instead of its words."""
_MENTION = re.compile(r"(?:^|\s)@([^\s@]*)$")


class Writing(Screen[None]):
    """The part of the main screen that writes.

    Args:
        classes: of the screen.
    """

    def __init__(self, session: Session, setting: Setting, *, classes: str) -> None:
        super().__init__(classes=classes)
        self.session = session
        self.setting = setting
        self.current: PortalId | None = None
        self.replying: SourceId | None = None
        self.editing: SourceId | None = None
        self._draft = ""
        self._people: list[PersonView] = []
        self._suggested: list[PersonView] = []
        self._mentioned: dict[str, Identity] = {}
        self._hint = ""

    @property
    def client(self) -> "ClientApp":
        """The app."""
        return self.app  # type: ignore[return-value]

    @property
    def composer(self) -> Composer:
        """Where messages are written."""
        return self.query_one("#composer", Composer)

    async def keep_draft(self) -> None:
        """Keep what is being written in the open group."""
        if self.current is not None and self._draft != await self.session.get(f"draft.{self.current}"):
            await self.session.put(f"draft.{self.current}", self._draft)

    async def take_up_draft(self, portal: PortalId) -> None:
        """Go on with what was being written in a group."""
        self.intend("", reply=None, edit=None)
        self._people, self._mentioned = [], {}
        self._draft = await self.session.get(f"draft.{portal}")
        self.composer.load(self._draft)

    @on(Composer.Changed, "#composer")
    async def note_change(self) -> None:
        """Remember what is being written, and offer names after an @."""
        if self.editing is None:
            self._draft = self.composer.text
        if self.current is not None and self.client.interface.typing:
            await self.session.typing(self.current, bool(self.composer.text))
        await self._suggest()

    @on(Composer.Submitted, "#composer")
    async def send(self, event: Composer.Submitted) -> None:
        """Send, or change the message that is being edited; what can't be kept comes back."""
        if self.current is None:
            self.composer.load(event.text)
            return
        if await self.held_back():
            self.composer.load(event.text + self.composer.text)
            return
        if event.text.startswith(FILE):
            self.client.main.send_file(event.text.removeprefix(FILE))
            return
        portal, reply, edit = self.current, self.replying, self.editing
        mentions = [who for name, who in self._mentioned.items() if f"@{name}" in event.text]
        self.intend("", reply=None, edit=None)
        self._draft, self._mentioned = self.composer.text, {}
        try:
            if edit is not None:
                await self.session.edit(portal, edit, event.text)
            else:
                await self.session.send(portal, event.text, reply, mentions)
                self.query_one(Timeline).to_bottom()
            await self.keep_draft()
        except FallbackError as error:
            self.composer.load(event.text + self.composer.text)
            self.intend("", reply=reply, edit=edit)
            self.client.complain(error)

    @on(Composer.Dropped, "#composer")
    def take_dropped(self, event: Composer.Dropped) -> None:
        """Offer the file that was dropped or pasted."""
        self.client.main.send_file(event.path)

    async def held_back(self) -> bool:
        """Tell whether the person is to decide something before anything is said here; asks it then."""
        return False

    def intend(self, hint: str, *, reply: SourceId | None, edit: SourceId | None) -> None:
        """Say what the next message is going to be."""
        self.replying, self.editing = reply, edit
        self._hint = hint
        self.query_one(Hint).show(hint)

    def start_reply(self, entry: Entry) -> None:
        """Answer a message."""
        name = tr("You") if entry.own else words.name_of(entry.sender)
        text = words.snippet(entry.event, entry.text) if isinstance(entry.event, Message) else ""
        hint = tr("↩ Reply to {name}: {text}", name=isolate(name), text=isolate(text))
        self.intend(hint, reply=entry.id, edit=None)
        self.to_composer()

    def start_edit(self, entry: Entry) -> None:
        """Change an own message."""
        if entry.own and not entry.deleted:
            self.intend(tr("✎ Editing · Esc cancels"), reply=None, edit=entry.id)
            self.composer.load(entry.text)
            self.to_composer()

    def to_composer(self) -> None:
        """Go back to writing."""
        self.query_one(Timeline).select(None)
        self.composer.focus()

    @on(Timeline.Left)
    def go_on_writing(self, event: Timeline.Left) -> None:
        """Go on writing with what was typed."""
        self.composer.focus()
        if event.typed:
            self.composer.insert(event.typed)

    @on(Composer.LeftUpwards)
    def go_to_timeline(self) -> None:
        """Go from the empty composer to the newest message."""
        timeline = self.query_one(Timeline)
        timeline.focus()
        timeline.action_select(-1)

    # ── mentions ────────────────────────────────────────────────────────────────────────────────

    async def _suggest(self) -> None:
        composer = self.composer
        found = _MENTION.search(composer.text[: composer.cursor])
        was = self._suggested
        self._suggested = []
        if found and self.current is not None:
            self._people = self._people or await self.session.people(self.current)
            self._suggested = [one for one in self._people if not one.me and _begins(one.name, found[1])][
                :SUGGESTED
            ]
        if self._suggested:
            first, *others = (isolate(f"@{one.name}") for one in self._suggested)
            self.query_one(Hint).show(" · ".join([tr("Tab: {name}", name=first), *others]))
        elif was:
            self.query_one(Hint).show(self._hint)

    def complete(self) -> bool:
        """Put the first suggested name in; false where none is suggested."""
        composer = self.composer
        found = _MENTION.search(composer.text[: composer.cursor])
        if not self._suggested or found is None:
            return False
        who = self._suggested[0]
        mxid = who.contact if who.contact.startswith("@") else ""
        self._mentioned[who.name] = Identity(name=who.name, mxid=mxid, phone="" if mxid else who.contact)
        composer.swap(composer.cursor - len(found[1]), f"{who.name} ")
        return True


def _begins(name: str, typed: str) -> bool:
    wanted = fold(typed)
    return any(word.startswith(wanted) for word in fold(name).split()) or fold(name).startswith(wanted)

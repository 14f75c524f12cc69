"""What the main screen does through a window: palette, jump, search, message actions, settings."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from textual import work

from fallback.core.events import Message
from fallback.core.ids import PortalId, SourceId
from fallback.core.roster import fold
from fallback.errors import UsageError
from fallback.locale import tr
from fallback.tui import words
from fallback.tui.commands import commands, help_lines
from fallback.tui.fold import Entry, Tick
from fallback.tui.typeset import Mode
from fallback.tui.views import Choice, Hit
from fallback.tui.widgets.timeline import REACTIONS, Timeline

if TYPE_CHECKING:
    from fallback.tui.app import ClientApp
    from fallback.tui.screens.main import MainScreen


def windows() -> Any:
    """Load the windows when the first one opens; the first frame needs none."""
    from fallback.tui.screens import dialogs  # noqa: PLC0415

    return dialogs


class Finding:
    """Mixed into the main screen."""

    @property
    def main(self) -> "MainScreen":
        """The screen that this is mixed into."""
        return self  # type: ignore[return-value]

    @property
    def client(self) -> "ClientApp":
        """The app."""
        return self.main.app  # type: ignore[return-value]

    def action_help(self) -> None:
        """Explain the keys and the ticks."""
        self.client.push_screen(
            windows().Reader(self.main.setting, tr("Help"), help_lines(self.client.interface.keys))
        )

    def action_language(self) -> None:
        """Switch between Arabic and English."""
        self.client.switch_language()

    def action_quit(self) -> None:
        """Leave; what waits stays in the outbox."""
        self._quit()

    @work
    async def _quit(self) -> None:
        view = await self.main.session.banner()
        if view.waiting:
            ask = windows().Menu(
                self.main.setting,
                tr("Messages still wait; they go out at the next start"),
                [Choice("quit", tr("Quit"), "q"), Choice("", tr("Stay"), "s")],
            )
            if await self.client.push_screen_wait(ask) != "quit":
                return
        self.client.exit()

    @work
    async def action_palette(self) -> None:
        """List everything that can be done."""
        known = commands(self.client.interface.keys)
        rows = [Choice(one.action, one.label, one.shown) for one in known if one.action != "palette"]
        rows += [
            Choice(f"extra:{key}", label, key.upper()) for key, label, _ in self.main.session.extra_actions()
        ]

        async def find(query: str) -> Sequence[Choice]:
            return [one for one in rows if fold(query) in fold(one.label)]

        chosen = await self.client.push_screen_wait(
            windows().Picker(self.main.setting, tr("All commands"), find)
        )
        if chosen is None:
            return
        for key, _, act in self.main.session.extra_actions():
            if chosen == f"extra:{key}":
                await act()
                return
        await self.main.run_action(chosen)

    @work
    async def action_jump(self) -> None:
        """Open a group by its name."""
        groups = await self.main.session.groups()

        async def find(query: str) -> Sequence[Choice]:
            return [Choice(one.portal, one.name) for one in groups if fold(query) in fold(one.name)]

        chosen = await self.client.push_screen_wait(
            windows().Picker(self.main.setting, tr("Jump to a group"), find)
        )
        if chosen is not None:
            await self.main.open_group(PortalId(chosen))

    async def action_next_unread(self) -> None:
        """Open the next group with something unread."""
        for group in await self.main.session.groups():
            if group.unread and group.portal != self.main.current:
                await self.main.open_group(group.portal)
                return

    @work
    async def action_search(self) -> None:
        """Find messages by their words."""
        hits: dict[str, Hit] = {}

        async def find(query: str) -> Sequence[Choice]:
            if len(query.strip()) < 2:
                return []
            found = await self.main.session.search(query)
            hits.clear()
            hits.update({f"{hit.portal}\0{hit.row.event.id}": hit for hit in found})
            return [Choice(value, self._found(hit), self._when(hit)) for value, hit in hits.items()]

        chosen = await self.client.push_screen_wait(
            windows().Picker(self.main.setting, tr("Search messages"), find)
        )
        if chosen in hits:
            hit = hits[chosen]
            await self.main.open_group(hit.portal, at=hit.row.event.id)

    @work
    async def action_date(self) -> None:
        """Ask for a day, and go to its first message."""
        from fallback.tui.screens import asking  # noqa: PLC0415 - as ``windows``

        main, portal = self.main, self.main.current
        if portal is None:
            return

        async def look(typed: Mapping[str, str]) -> str:
            try:
                day = datetime.strptime(typed["day"].strip(), "%Y-%m-%d").replace(tzinfo=main.setting.zone)
                found = await main.session.first_since(portal, int(day.timestamp() * 1000))
            except (ValueError, OverflowError) as error:
                raise UsageError(tr("This is no date"), tr("Write it like 2026-01-31.")) from error
            if found is None:
                raise UsageError(tr("Nothing was said from that day on"))
            return found

        today = datetime.fromtimestamp(main.setting.now() / 1000, main.setting.zone)
        question = asking.Question("day", tr("Date"), f"{today:%Y-%m-%d}")
        form = asking.Asking(main.setting, tr("Go to a date"), [], [question], look)
        found = await self.client.push_screen_wait(form)
        if found is not None:
            await main.open_group(portal, at=SourceId(found))

    def _found(self, hit: Hit) -> str:
        event = hit.row.event
        text = words.snippet(event, event.text) if isinstance(event, Message) else ""
        return f"{words.name_of(event.sender)}: {text}"

    def _when(self, hit: Hit) -> str:
        setting = self.main.setting
        return words.day(hit.row.event.at, setting.now(), setting.zone)

    async def _go_to(self, entry: SourceId) -> None:
        """Load older pages until a message is there, then select it."""
        timeline = self.main.query_one(Timeline)
        for _ in range(200):
            if timeline.thread.position(entry) is not None:
                timeline.focus()
                timeline.select(entry)
                return
            before = timeline.thread.first_row
            await self.main.read_older()
            if timeline.thread.first_row == before:
                return

    @work
    async def action_calibrate(self) -> None:
        """Ask which line reads correctly, and keep the answer."""
        chosen = await self.client.push_screen_wait(windows().Calibration(self.main.setting))
        if chosen is not None:
            await self.client.set_mode(Mode(chosen))

    @work
    async def action_theme(self) -> None:
        """Choose colours."""
        themes = sorted(self.client.available_themes)

        async def find(query: str) -> Sequence[Choice]:
            return [Choice(name, name) for name in themes if query.casefold() in name]

        chosen = await self.client.push_screen_wait(windows().Picker(self.main.setting, tr("Theme"), find))
        if chosen is not None:
            await self.client.set_theme(chosen)

    # ── what to do with a message ───────────────────────────────────────────────────────────────

    @work
    async def ask_what(self, entry: Entry) -> None:
        """Offer what can be done with a message."""
        choices = [Choice("reply", tr("Reply"), "r"), Choice("copy", tr("Copy"), "c")]
        if entry.own and not entry.deleted:
            choices += [Choice("edit", tr("Edit"), "e"), Choice("delete", tr("Delete"), "d")]
        if entry.stuck:
            choices = [Choice("retry", tr("Try again"), "r"), Choice("cancel", tr("Cancel"), "x"), choices[1]]
        if isinstance(entry.event, Message) and entry.event.poll:
            choices += [
                Choice(f"vote:{option.id or option.text}", tr("Vote: {option}", option=option.text))
                for option in entry.event.poll.options
            ]
        if isinstance(entry.event, Message) and entry.event.reply_to:
            choices.append(Choice("jump", tr("Go to the quoted message"), "q"))
        if isinstance(entry.event, Message) and entry.event.attachment and not entry.deleted:
            choices += [Choice("open", tr("Open the file"), "o"), Choice("save", tr("Save the file"), "s")]
        choices += [Choice("pin", tr("Pin, or unpin"), "p"), Choice("info", tr("Details"), "i")]
        choices += [Choice(f"react{place}", glyph, str(place)) for place, glyph in enumerate(REACTIONS, 1)]
        chosen = await self.client.push_screen_wait(windows().Menu(self.main.setting, tr("Message"), choices))
        if chosen is not None:
            await self.do(entry, chosen)

    async def do(self, entry: Entry, action: str) -> None:
        """Do one thing with a message."""
        main, portal = self.main, self.main.current
        if portal is None:
            return
        failed = entry.stuck
        match action:
            case "reply" | "retry" if failed:
                await main.session.retry(entry.delivery)
            case "cancel" if failed:
                await main.session.drop(entry.delivery)
            case "reply":
                main.start_reply(entry)
            case "edit":
                main.start_edit(entry)
            case "copy":
                self.client.copy_to_clipboard(entry.text)
                self.client.say(tr("copied"))
            case "delete" if entry.own:
                await self._delete(portal, entry)
            case "info":
                self.client.push_screen(windows().Reader(main.setting, tr("Details"), self._details(entry)))
            case "pin":
                main.pin(entry)
            case "open":
                main.open_file(entry)
            case "save":
                main.save_file(entry)
            case "jump" if isinstance(entry.event, Message) and entry.event.reply_to:
                await self._go_to(entry.event.reply_to)
            case _ if action.startswith("react"):
                await self._react(portal, entry, REACTIONS[int(action[5:]) - 1])
            case _ if action.startswith("vote:"):
                await main.session.vote(portal, entry.id, [action[5:]])

    async def _react(self, portal: PortalId, entry: Entry, glyph: str) -> None:
        mine = entry.reactions.get(self.main.session.me)
        await self.main.session.react(portal, entry.id, "" if mine == glyph else glyph)

    async def _delete(self, portal: PortalId, entry: Entry) -> None:
        await self.main.session.redact(portal, entry.id)
        self.main.to_composer()

    def _details(self, entry: Entry) -> list[tuple[str, str]]:
        zone = self.main.setting.zone
        day = words.day(entry.at, self.main.setting.now(), zone)
        found: list[tuple[str, str]] = [
            (tr("From"), f"{words.name_of(entry.sender)} {entry.sender.phone or entry.sender.mxid}".strip()),
            (tr("Time"), f"{day} {words.clock_time(entry.at, zone)}"),
            (tr("Said on"), "Matrix" if entry.network == "matrix" else "WhatsApp"),
        ]
        if entry.tick is not Tick.NONE:
            found.append(
                (tr("State"), f"{words.TICKS[entry.tick]} {words.tick(entry.tick)} {entry.error}".strip())
            )
        if trusted := words.trust(entry.event.trust):
            found.append((tr("Sender"), trusted))
        found += [(glyph, who) for who, glyph in entry.reactions.items()]
        found += [(tr("Before"), text) for text in entry.edits]
        return found

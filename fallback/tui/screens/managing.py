"""What an admin does with the open group: name, topic, who may write, members, admins, pins."""

from collections.abc import Mapping, Sequence

from textual import work

from fallback.core.administration import Administration
from fallback.core.ids import PortalId, UserId
from fallback.core.roster import fold, is_ghost
from fallback.errors import FallbackError, UsageError
from fallback.locale import tr
from fallback.text import sanitise_name
from fallback.tui.fold import Entry
from fallback.tui.screens.finding import Finding, windows
from fallback.tui.screens.security import asking
from fallback.tui.typeset import isolate
from fallback.tui.views import Choice, PersonView


class Managing(Finding):
    """Mixed into the main screen."""

    @work(exclusive=True, group="manage")
    async def action_manage(self) -> None:
        """Offer what an admin can do."""
        admin, portal = self.main.session.admin, self.main.current
        if admin is None or portal is None:
            self.client.say(tr("This needs the connection; wait a moment"))
            return
        try:
            people = await self.main.session.people(portal)
            if not any(one.me and one.admin for one in people):
                raise UsageError(tr("Only the group's admins can change it"), tr("F2 shows who they are."))
            room = await self.main.session.room(portal)
            closed = await admin.is_announce_only(room)
            choices = [
                Choice("name", tr("Name of the group"), "1"),
                Choice("topic", tr("Description"), "2"),
                Choice("announce", tr("Let everybody write") if closed else tr("Let only admins write"), "3"),
                Choice("invite", tr("Invite somebody"), "4"),
                Choice("remove", tr("Remove somebody"), "5"),
                Choice("promote", tr("Make somebody an admin"), "6"),
                Choice("demote", tr("Make an admin a member"), "7"),
            ]
            menu = windows().Menu(self.main.setting, tr("Manage the group"), choices)
            match await self.client.push_screen_wait(menu):
                case "announce":
                    await admin.set_announce_only(room, not closed)
                    self.client.say(
                        tr("Everybody may write now") if closed else tr("Only admins may write now")
                    )
                case "name" | "topic" | "invite" as what:
                    await self._ask_line(admin, portal, what)
                case "remove" | "promote" | "demote" as what:
                    await self._with_somebody(admin, portal, what, people)
                case _:
                    return
        except FallbackError as error:
            self.client.complain(error)

    async def _ask_line(self, admin: Administration, portal: PortalId, what: str) -> None:
        session = self.main.session
        room = await session.room(portal)

        async def do(typed: Mapping[str, str]) -> str:
            line = typed["line"].strip()
            if not line and what != "topic":
                raise UsageError(tr("Type something first"))
            match what:
                case "name":
                    await admin.rename(room, line)
                case "topic":
                    await admin.describe(room, line)
                case _:
                    if not (line.startswith("@") and ":" in line):
                        raise UsageError(tr("This is no Matrix id"), tr("It looks like @name:server."))
                    await session.invite(portal, UserId(line))
            return line

        asked = asking()
        title, label = {
            "name": (tr("Name of the group"), tr("Name")),
            "topic": (tr("Description"), tr("Text")),
            "invite": (tr("Invite somebody"), tr("Matrix id")),
        }[what]
        groups = await session.groups()
        name = next((one.name for one in groups if one.portal == portal), "") if what == "name" else ""
        hint = "@name:server" if what == "invite" else ""
        question = asked.Question("line", label, hint, optional=what == "topic", value=name)
        form = asked.Asking(self.main.setting, title, [], [question], do)
        if await self.client.push_screen_wait(form) is not None:
            self.client.say(tr("Done"))

    async def _with_somebody(
        self, admin: Administration, portal: PortalId, what: str, people: Sequence[PersonView]
    ) -> None:
        """Choose a person; putting somebody out is asked once more."""
        able = [one for one in people if _can(one, what)]

        async def find(query: str) -> Sequence[Choice]:
            return [
                Choice(one.contact, sanitise_name(one.name), one.contact)
                for one in able
                if fold(query) in fold(one.name)
            ]

        title = {
            "remove": tr("Remove somebody"),
            "promote": tr("Make somebody an admin"),
            "demote": tr("Make an admin a member"),
        }[what]
        chosen = await self.client.push_screen_wait(windows().Picker(self.main.setting, title, find))
        if chosen is None:
            return
        name = isolate(next(sanitise_name(one.name) for one in able if one.contact == chosen))
        if what == "remove" and not await self._is_sure(name):
            return
        room, user = await self.main.session.room(portal), UserId(chosen)
        match what:
            case "remove":
                await admin.remove(room, user)
                self.client.say(tr("{name} is out of the group", name=name))
            case "promote":
                await admin.promote(room, user)
                self.client.say(tr("{name} is an admin now", name=name))
            case "demote":
                await admin.demote(room, user)
                self.client.say(tr("{name} is an admin no more", name=name))

    async def _is_sure(self, name: str) -> bool:
        choices = [Choice("yes", tr("Remove"), "1"), Choice("", tr("Not now"), "2")]
        menu = windows().Menu(self.main.setting, tr("Remove {name} from the group?", name=name), choices)
        return bool(await self.client.push_screen_wait(menu) == "yes")

    @work(exclusive=True, group="manage")
    async def pin(self, entry: Entry) -> None:
        """Pin a message, or unpin a pinned one."""
        session, portal = self.main.session, self.main.current
        if session.admin is None or portal is None:
            self.client.say(tr("This needs the connection; wait a moment"))
            return
        try:
            room, event = await session.room(portal), await session.event_id(portal, entry.id)
            if event is None:
                raise UsageError(tr("This message is not on the server yet"))
            on = event not in await session.admin.pinned(room)
            await session.admin.set_pinned(room, event, on)
            self.client.say(tr("pinned") if on else tr("unpinned"))
        except FallbackError as error:
            self.client.complain(error)


def _can(one: PersonView, what: str) -> bool:
    """Whether an admin can do this with a person who has an account of their own."""
    if one.me or not one.contact.startswith("@") or is_ghost(UserId(one.contact)):
        return False
    return what == "remove" or one.admin is (what == "demote")

"""The panes around the timeline: banner, header, group list, people, hint above the composer, footer."""

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message as Posted

from fallback.core.ids import PortalId
from fallback.locale import figures, ntr, tr
from fallback.tui import words
from fallback.tui.setting import Setting
from fallback.tui.typeset import PLAIN, Line, Run, isolate, width_of
from fallback.tui.views import BannerKind, BannerView, GroupView, PersonView, Presence
from fallback.tui.widgets.painted import Painted, PaintedWidget


def two_ends(setting: Setting, start: list[Run], end: list[Run], width: int, fill: Style) -> Painted:
    """Paint a row with one text at the interface's start and one at its end; the end gives way last."""
    paint, fit, rtl = setting.typesetter.paint, setting.typesetter.fit, setting.rtl
    last: Line = fit(end, min(width, width_of(end)), rtl=rtl)
    room = width - last.width - (1 if last.width else 0)
    first: Line = fit(start, max(0, room), rtl=rtl)
    gap = Segment(" " * (width - first.width - last.width), fill)
    left, right = paint(first, first.width, fill=fill), paint(last, last.width, fill=fill)
    return [*right, gap, *left] if rtl else [*left, gap, *right]


class Banner(PaintedWidget):
    """How all of it stands, always there: glyph, words, colour, and the key for what to do next."""

    view = BannerView()

    def show(self, view: BannerView) -> None:
        """Show another state."""
        self.view = view
        for kind in BannerKind:
            self.set_class(kind is view.kind, f"-{kind.value}")
        self.repaint()

    def rows(self, width: int) -> list[Painted]:
        """Paint the one row."""
        glyph, text, advice = words.banner(self.view)
        strong = Style(bold=True)
        end: list[Run] = [(f"{advice} ", PLAIN)]
        if width_of([(text, PLAIN)]) + width_of(end) + 5 > width:
            advice = advice.split(" ", 1)[0] if advice[:1] == "F" else ""
            end = [(f"{advice} " if advice else "", PLAIN)]
        return [two_ends(self.setting, [(f" {glyph} {text}", strong)], end, width, self.rich_style)]


class Header(PaintedWidget):
    """The open group: its name, and who is here."""

    group: GroupView | None = None

    def show(self, group: GroupView | None) -> None:
        """Show another group."""
        self.group = group
        self.repaint()

    def rows(self, width: int) -> list[Painted]:
        """Paint the one row."""
        if self.group is None:
            return [
                two_ends(
                    self.setting, [(" " + tr("no group yet"), self.look("dim"))], [], width, self.rich_style
                )
            ]
        group = self.group
        end: list[Run] = []
        if group.members:
            members = ntr("{count} member", "{count} members", group.members)
            end = [(f"{members} · {tr('{here} here', here=group.here)} ", self.look("dim"))]
        if group.typing:
            end = [(f"{words.typing(group.typing)} ", self.look("accent"))]
        lock = "🔒 " if group.encrypted else ""
        start: list[Run] = [(f" {lock}{group.name}", self.look("strong"))]
        return [two_ends(self.setting, start, end, width, self.rich_style)]


class Hint(PaintedWidget):
    """What the composer is about to do: reply, edit."""

    runs: ClassVar[list[Run]] = []

    def show(self, text: str) -> None:
        """Show a text, or hide for an empty one."""
        self.runs: list[Run] = [(text, self.look("dim"))] if text else []  # type: ignore[misc]
        self.display = bool(text)
        self.repaint()

    def rows(self, width: int) -> list[Painted]:
        """Paint the one row."""
        line = self.setting.typesetter.fit(self.runs, width, rtl=self.setting.rtl)
        return [self.setting.typesetter.paint(line, width, fill=self.rich_style)]


class Footer(PaintedWidget):
    """The few keys that matter now."""

    keys: tuple[tuple[str, str], ...] = ()

    class Pressed(Posted):
        """A key's label was clicked."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def show(self, keys: tuple[tuple[str, str], ...]) -> None:
        """Show other keys; each is (key, label)."""
        self.keys = keys
        self.repaint()

    def rows(self, width: int) -> list[Painted]:
        """Paint the one row."""
        runs: list[Run] = []
        for key, label in self.keys:
            runs += [(f" {isolate(key)} ", self.look("accent")), (f"{isolate(label)} ", PLAIN)]
        line = self.setting.typesetter.fit(runs, width, rtl=self.setting.rtl)
        return [self.setting.typesetter.paint(line, width, fill=self.rich_style)]

    def on_click(self, event: events.Click) -> None:
        """Do what the label under the mouse says."""
        at = self.size.width - 1 - event.x if self.setting.rtl else event.x
        for key, label in self.keys:
            at -= width_of([(f" {key} {label} ", PLAIN)])
            if at < 0:
                self.post_message(self.Pressed(key))
                return


class Groups(PaintedWidget, can_focus=True):
    """The list of groups, two rows each."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("enter,right,left", "open", show=False),
    ]

    class Opened(Posted):
        """A group is to be shown."""

        def __init__(self, portal: PortalId) -> None:
            super().__init__()
            self.portal = portal

    def __init__(self, setting: Setting, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(setting, id=id)
        self.groups: list[GroupView] = []
        self.current: PortalId | None = None
        self.picked = 0

    def show(self, groups: list[GroupView], current: PortalId | None) -> None:
        """Show other groups or counts."""
        picked = self.groups[self.picked].portal if self.groups else current
        self.groups, self.current = groups, current
        self.picked = next((place for place, one in enumerate(groups) if one.portal == picked), 0)
        self.repaint()

    def action_move(self, step: int) -> None:
        """Pick the group above or below."""
        if self.groups:
            self.picked = max(0, min(len(self.groups) - 1, self.picked + step))
            self.repaint()

    def action_open(self) -> None:
        """Show the picked group."""
        if self.groups:
            self.post_message(self.Opened(self.groups[self.picked].portal))

    def on_click(self, event: events.Click) -> None:
        """Show the group under the mouse."""
        place = (event.y + self._first(self.size.height)) // 2
        if place < len(self.groups):
            self.picked = place
            self.action_open()

    def watch_has_focus(self, focused: bool) -> None:
        """Show where the keys go."""
        super().watch_has_focus(focused)
        self.repaint()

    def _first(self, height: int) -> int:
        return max(0, 2 * self.picked + 2 - height)

    def rows(self, width: int) -> list[Painted]:
        """Paint the groups from the first one that fits."""
        painted: list[Painted] = []
        for place, group in enumerate(self.groups):
            shown = group.portal == self.current or (self.has_focus and place == self.picked)
            painted += self._group(group, width, picked=shown)
        return painted[self._first(self.size.height) :]

    def _group(self, group: GroupView, width: int, *, picked: bool) -> list[Painted]:
        fill = self.rich_style + self.look("picked") if picked else self.rich_style
        mention: list[Run] = [(figures(f"@{group.mentions} "), self.look("bad"))] if group.mentions else []
        unread: list[Run] = [(figures(f"{group.unread} "), self.look("good"))] if group.unread else []
        time = words.clock_time(group.at, self.setting.zone) if group.at else ""
        name: list[Run] = [(f" {group.name}", self.look("strong") if group.unread or picked else PLAIN)]
        draft: list[Run] = [(tr("draft") + ": ", self.look("warn"))] if group.draft else []
        who = tr("You") if group.last_own else group.last_sender.split(" ")[0]
        sender = f"{who}: " if who else ""
        last: list[Run] = [(" ", PLAIN), *draft, (sender + group.last, self.look("dim"))]
        first_row = two_ends(self.setting, name, [(f"{time} ", self.look("dim"))], width, fill)
        return [first_row, two_ends(self.setting, last, [*mention, *unread], width, fill)]


class People(PaintedWidget):
    """Who is here, who is invited, who is missing."""

    people: tuple[PersonView, ...] = ()

    def show(self, people: list[PersonView]) -> None:
        """Show other people."""
        order = {Presence.MISSING: 0, Presence.INVITED: 1, Presence.HERE: 2}
        self.people = tuple(sorted(people, key=lambda one: (order[one.presence], one.name.casefold())))
        self.repaint()

    def rows(self, width: int) -> list[Painted]:
        """Paint a summary, then the people, the missing ones first."""
        here = sum(1 for one in self.people if one.presence is Presence.HERE)
        title = tr("{here} of {all} are here", here=here, all=len(self.people))
        painted = [two_ends(self.setting, [(f" {title}", self.look("strong"))], [], width, self.rich_style)]
        looks = {Presence.HERE: "good", Presence.INVITED: "warn", Presence.MISSING: "bad"}
        for person in self.people:
            glyph, word = words.presence(person)
            role = tr("admin") if person.admin else ""
            who = tr("{name} (you)", name=person.name) if person.me else person.name
            start: list[Run] = [(f" {glyph} ", self.look(looks[person.presence])), (who, PLAIN)]
            end = [(f"{role} {word} ".lstrip(), self.look("dim"))]
            painted.append(two_ends(self.setting, start, end, width, self.rich_style))
        hints = (tr("F6 compares emoji with somebody"), tr("F2 closes"))
        dim, fill = self.look("dim"), self.rich_style
        return painted + [two_ends(self.setting, [(f" {hint}", dim)], [], width, fill) for hint in hints]

"""One entry of the timeline becomes strips: dividers, name, quote, text, poll, reactions, time and tick."""

from collections import Counter
from datetime import datetime, tzinfo
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from fallback.core.events import GroupChange, Membership, Message, Notice, Origin, Poll
from fallback.locale import active, ntr, tr
from fallback.tui import markup, words
from fallback.tui.fold import Entry, Tick, starts_group
from fallback.tui.looks import PEOPLE
from fallback.tui.setting import Setting
from fallback.tui.typeset import PLAIN, Line, Run, isolate, reads_rtl, width_of

BAR = 2
"""Cells of the colour bar and the blank beside it."""


class Around(NamedTuple):
    """What an entry's look depends on beside itself."""

    previous: Entry | None
    quoted: Entry | None
    first_unread: bool
    selected: bool


class RowPainter:
    """Paints entries at one width, in one theme and language.

    Args:
        base: lies under everything.
    """

    def __init__(self, setting: Setting, width: int, base: Style) -> None:
        self.typesetter = setting.typesetter
        self.width = max(12, width)
        self.look = setting.look
        self.zone = setting.zone
        self.now = setting.now()
        self.base = base

    def strips(self, entry: Entry, around: Around) -> list[Strip]:
        """Paint an entry with the dividers above it."""
        lines = self._dividers(entry, around)
        if isinstance(entry.event, Message):
            lines += self._message(entry, entry.event, around)
        else:
            lines += self._system(entry.event, around.selected)
        return [Strip(line, self.width) for line in lines]

    def estimate(self, entry: Entry, previous: Entry | None) -> int:
        """Guess an entry's height without laying it out."""
        text = entry.text if entry.spoken else "x"
        lines = 1 + len(text) // max(8, self.width - BAR - 8) + text.count("\n")
        if previous is None or _days(previous.at, self.zone) != _days(entry.at, self.zone):
            lines += 1
        if starts_group(previous, entry) and entry.spoken:
            lines += 1
        if isinstance(entry.event, Message):
            lines += (
                bool(entry.event.reply_to) + bool(entry.reactions) + bool(entry.event.attachment and text)
            )
            lines += len(entry.event.poll.options) if entry.event.poll else 0
        return lines

    # ── dividers and system lines ───────────────────────────────────────────────────────────────

    def _dividers(self, entry: Entry, around: Around) -> list[list[Segment]]:
        lines = []
        previous = around.previous
        if previous is None or _days(previous.at, self.zone) != _days(entry.at, self.zone):
            lines.append(self._rule(words.day(entry.at, self.now, self.zone), self.look("divider")))
        if previous is not None and previous.network is Origin.EXPORT and entry.network is not Origin.EXPORT:
            time = words.clock_time(entry.at, self.zone)
            lines.append(self._rule(tr("continued on Matrix from {time}", time=time), self.look("seam")))
        if around.first_unread:
            lines.append(self._rule(tr("new messages"), self.look("unread")))
        return lines

    def _rule(self, text: str, style: Style) -> list[Segment]:
        line = self.typesetter.fit([(f" {text} ", style)], self.width - 6)
        spare = self.width - line.width
        left = spare // 2
        return [
            Segment("─" * left, self.base + style),
            *self.typesetter.paint(line, line.width, align="left", fill=self.base),
            Segment("─" * (spare - left), self.base + style),
        ]

    def _system(self, event: Membership | GroupChange | Notice, selected: bool) -> list[list[Segment]]:
        style = self.look("system")
        fill = self.base + self.look("selected") if selected else self.base
        runs = markup.runs(words.system(event), style)
        if isinstance(event, Notice) or event.text:
            lines = self.typesetter.wrap(runs, self.width - 6)
        else:
            lines = self.typesetter.wrap(runs, self.width - 6, rtl=active().rtl, forced=True)
        return [self.typesetter.paint(line, self.width, align="center", fill=fill) for line in lines]

    # ── messages ────────────────────────────────────────────────────────────────────────────────

    def _message(self, entry: Entry, event: Message, around: Around) -> list[list[Segment]]:
        rtl = self.direction(entry)
        body: list[Line] = []
        inner = self.width - BAR - 1
        previous = around.previous
        if starts_group(previous, entry) or (previous is not None and self.direction(previous) != rtl):
            body.append(self._header(entry, inner, rtl=rtl))
        body += self._quote(event, around.quoted, inner, rtl=rtl)
        body += self._content(entry, event, inner, rtl=rtl)
        body = self._with_time(entry, event, body, inner, rtl=rtl)
        if entry.reactions:
            counts = Counter(entry.reactions.values())
            text = "  ".join(f"{key} {count}" if count > 1 else key for key, count in counts.most_common())
            body.append(self._fit([(text, self.look("dim"))], inner, rtl=rtl))
        if entry.tick is Tick.FAILED:
            reason = tr("not sent: {error}", error=entry.error) if entry.error else tr("not sent")
            keys = f" · {tr('↑ then r retry, x cancel')}" if entry.stuck else ""
            runs = [(f"⚠ {reason}{keys}", self.look("failed"))]
            body += self.typesetter.wrap(runs, inner, rtl=rtl)
        return [self._barred(line, entry, rtl=rtl, selected=around.selected) for line in body]

    def direction(self, entry: Entry) -> bool:
        """Tell whether an entry reads from right to left; what has no letters follows the interface."""
        text = entry.text
        if isinstance(entry.event, Message) and not text and entry.event.poll:
            text = entry.event.poll.question
        return reads_rtl(text, default=active().rtl)

    def _fit(self, runs: list[Run], inner: int, *, rtl: bool) -> Line:
        return self.typesetter.fit(runs, inner, rtl=rtl)

    def _header(self, entry: Entry, inner: int, *, rtl: bool) -> Line:
        name = tr("You") if entry.own else words.name_of(entry.sender)
        style = self.look("own" if entry.own else f"name{_colour(entry.sender.key)}") + Style(bold=True)
        runs: list[Run] = [(name, style)]
        if entry.network is not Origin.MATRIX:
            runs.append(("  " + tr("WhatsApp"), self.look("tag")))
        return self._fit(runs, inner, rtl=rtl)

    def _quote(self, event: Message, quoted: Entry | None, inner: int, *, rtl: bool) -> list[Line]:
        if event.reply_to is None:
            return []
        style = self.look("quote")
        if quoted is None or not isinstance(quoted.event, Message):
            return [self._fit([("┃ " + tr("an earlier message"), style)], inner, rtl=rtl)]
        name = tr("You") if quoted.own else words.name_of(quoted.sender)
        text = tr("deleted message") if quoted.deleted else words.snippet(quoted.event, quoted.text)
        runs = [("┃ ", style), (name + ": ", style + Style(bold=True)), (text, style)]
        return [self._fit(runs, inner, rtl=rtl)]

    def _content(self, entry: Entry, event: Message, inner: int, *, rtl: bool) -> list[Line]:
        if entry.deleted:
            runs = [("🚫 " + tr("This message was deleted"), self.look("dim") + Style(italic=True))]
            return self.typesetter.wrap(runs, inner, rtl=rtl)
        lines: list[Line] = []
        if event.forwarded:
            lines.append(self._fit([("↪ " + tr("Forwarded"), self.look("dim"))], inner, rtl=rtl))
        if event.attachment:
            chip = [(words.attachment(event.attachment), self.look("chip"))]
            lines += self.typesetter.wrap(chip, inner, rtl=rtl, forced=True)
        if event.location:
            lines += self._location(event, inner, rtl=rtl)
        if event.poll:
            lines += self._poll(entry, event.poll, inner, rtl=rtl)
        if entry.text:
            lines += self.typesetter.wrap(markup.runs(entry.text, PLAIN), inner, rtl=rtl)
        return lines or [Line((), rtl)]

    def _location(self, event: Message, inner: int, *, rtl: bool) -> list[Line]:
        place = event.location
        if place is None:
            return []
        name = ", ".join(part for part in (place.name, place.address) if part) or tr("Location")
        chip = f"📍 {isolate(name)} · {place.latitude:.5f}, {place.longitude:.5f}"
        return self.typesetter.wrap([(chip, self.look("chip"))], inner, rtl=rtl, forced=True)

    def _poll(self, entry: Entry, poll: Poll, inner: int, *, rtl: bool) -> list[Line]:
        lines = self.typesetter.wrap([("📊 " + poll.question, Style(bold=True))], inner, rtl=rtl)
        live = Counter(choice for chosen in entry.votes.values() for choice in chosen)
        counts = [option.votes + live[option.id or option.text] for option in poll.options]
        total = sum(counts)
        for option, count in zip(poll.options, counts, strict=True):
            bar = "▰" * round(8 * count / total) if total else ""
            votes = ntr("{count} vote", "{count} votes", count)
            runs: list[Run] = [
                (f"○ {option.text}  ", PLAIN),
                (f"{bar} {isolate(votes)}".strip(), self.look("dim")),
            ]
            lines.append(self._fit(runs, inner, rtl=rtl))
        return lines

    def _with_time(
        self, entry: Entry, event: Message, body: list[Line], inner: int, *, rtl: bool
    ) -> list[Line]:
        """Put time and tick behind the last line, or below it where they don't fit."""
        mark = entry.tick
        parts: list[Run] = [("  ", PLAIN)]
        if entry.edits or event.edited:
            parts.append((tr("edited") + " ", self.look("dim")))
        if event.late:
            parts.append((tr("late") + " ", self.look("dim")))
        if doubt := words.TRUST_MARKS.get(event.trust):
            parts.append((f"{doubt} ", self.look("dim")))
        parts.append((words.clock_time(entry.at, self.zone), self.look("dim")))
        if mark is not Tick.NONE:
            looks = {Tick.READ: "read", Tick.FAILED: "failed"}.get(mark, "dim")
            parts.append((" " + words.TICKS[mark], self.look(looks)))
        last = body[-1]
        if last.width + width_of(parts) <= inner:
            return [*body[:-1], self.typesetter.join(last, parts)]
        return [*body, self._fit(parts[1:], inner, rtl=rtl)]

    def _barred(self, line: Line, entry: Entry, *, rtl: bool, selected: bool) -> list[Segment]:
        fill = self.base + self.look("selected") if selected else self.base
        colour = self.look("own" if entry.own else "other")
        bar = Segment("█" if selected else "▌" if not rtl else "▐", fill + colour)
        blank = Segment(" ", fill)
        painted = self.typesetter.paint(line, self.width - BAR, align="right" if rtl else "left", fill=fill)
        return [*painted, blank, bar] if rtl else [bar, blank, *painted]


def _days(at: int, zone: tzinfo | None) -> int:
    return datetime.fromtimestamp(at / 1000, zone).toordinal()


def _colour(key: str) -> int:
    return sum(key.encode(errors="surrogatepass")) % PEOPLE

"""A group's whole history as one HTML page, given in pieces: nothing but the page's threads is held in memory."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, tzinfo
from html import escape
from typing import assert_never

import msgspec

from fallback.core.aftermath import Fate, as_it_became, fates, tally
from fallback.core.archive_look import COLOURS, SCRIPT, STYLE, policy
from fallback.core.archive_words import Words
from fallback.core.events import (
    Attachment,
    Canonical,
    Edit,
    Frozen,
    Group,
    GroupChange,
    Identity,
    Location,
    MediaKind,
    Membership,
    Message,
    Notice,
    Poll,
    Reaction,
    Receipt,
    Redaction,
    Vote,
)
from fallback.core.ids import SourceId
from fallback.core.markup import to_html

BESIDE = "'self' file:"
"""The policy's source of media that are files beside the page."""
INSIDE = "data:"
"""The policy's source of media that are in the page itself."""
EXCERPT = 120
"""Characters of a message that a reply to it shows."""

_LINK = re.compile(r"https?://(?:(?!&[lg]t;)[^\s<>\"'])+", re.IGNORECASE)
_DIRECTED = re.compile(r"https?://\S+|@\S+", re.IGNORECASE)

Address = Callable[[Attachment], str]
"""Gives where the page finds a file, as a URL; empty for one that can't be had."""


class Survey(msgspec.Struct):
    """What the page must know before its first line.

    Args:
        months: the first day of each month that has one.
    """

    fates: dict[SourceId, Fate]
    messages: int = 0
    first: date | None = None
    last: date | None = None
    months: dict[tuple[int, int], date] = {}


class _Quoted(Frozen, frozen=True):
    number: int
    sender: Identity
    text: str


def survey(events: Iterable[Canonical], zone: tzinfo) -> Survey:
    """Read the events once for what the page's head tells."""
    known = Survey(fates={})

    def counted() -> Iterator[Canonical]:
        for event in events:
            if isinstance(event, Message):
                known.messages += 1
                day = _moment(event, zone).date()
                known.first = min(known.first or day, day)
                known.last = max(known.last or day, day)
                month = (day.year, day.month)
                known.months[month] = min(known.months.get(month, day), day)
            yield event

    known.fates = fates(counted())
    return known


def page(
    group: Group,
    known: Survey,
    events: Iterable[Canonical],
    *,
    zone: tzinfo,
    words: Words,
    address: Address,
    media: str = BESIDE,
) -> Iterator[str]:
    """Write the page, one piece an event.

    Args:
        known: of the same events.
        media: where the addresses lead, for the page's policy.
    """
    yield _head(group, known, words, media)
    rows = _Rows(known, zone, words, address)
    for event in events:
        yield rows.row(event)
    yield f"</main><script>{SCRIPT}</script></body></html>\n"


def direction(text: str, default: str = "auto") -> str:
    """Tell a text's direction by its first strong character; links, mentions and digits don't count."""
    for character in _DIRECTED.sub("", text):
        match unicodedata.bidirectional(character):
            case "L":
                return "ltr"
            case "R" | "AL":
                return "rtl"
            case _:
                pass
    return default


def size_in_words(size: int) -> str:
    """Write a number of bytes as people read it."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def _head(group: Group, known: Survey, words: Words, media: str) -> str:
    name = escape(group.name or "WhatsApp")
    about = [words.messages.format(known.messages)]
    if known.first and known.last:
        about.append(words.between.format(words.day(known.first), words.day(known.last)))
    months = "".join(
        f'<a href="#d{first.isoformat()}">{escape(words.month(first))}</a> '
        for _, first in sorted(known.months.items())
    )
    return f"""<!doctype html>
<html lang="{words.language}" dir="{words.direction}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(policy(media))}">
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" content="no-referrer">
<meta name="generator" content="fallback"><title>{name}</title><style>{STYLE}</style></head><body>
<header><h1><bdi>{name}</bdi></h1><p>{" · ".join(map(escape, about))}</p>
<input id="q" type="search" placeholder="{words.search}" aria-label="{words.search}" hidden>
<span id="n" role="status" data-hits="{words.hits}"></span>
<details><summary>{words.months_title}</summary><nav>{months}</nav></details></header><main>
"""


class _Rows:
    """Writes the rows; remembers the days that it wrote and the messages that somebody replies to."""

    def __init__(self, known: Survey, zone: tzinfo, words: Words, address: Address) -> None:
        self._known = known
        self._zone = zone
        self._words = words
        self._address = address
        self._number = 0
        self._day: date | None = None
        self._days: set[date] = set()
        self._quoted: dict[SourceId, _Quoted] = {}

    def row(self, event: Canonical) -> str:
        match event:
            case Message():
                return self._dated(event) + self._message(event)
            case Membership() | GroupChange() | Notice():
                return self._dated(event) + self._system(event)
            case Edit() | Reaction() | Redaction() | Vote() | Receipt():
                return ""  # told at the message itself
            case _:
                assert_never(event)

    def _dated(self, event: Canonical) -> str:
        """Count the row, and write its day where a new one begins."""
        self._number += 1
        day = _moment(event, self._zone).date()
        if day == self._day:
            return ""
        self._day = day
        mark = "" if day in self._days else f' id="d{day.isoformat()}"'
        self._days.add(day)
        return f"<h2{mark}>{escape(self._words.day(day))}</h2>\n"

    def _system(self, event: Membership | GroupChange | Notice) -> str:
        text = event.text
        if not text and isinstance(event, Membership):
            text = f"{', '.join(one.name or one.key for one in event.members)}: {event.change.value}"
        return (
            f'<p class="s" id="m{self._number}" dir="{direction(text)}">'
            f"<bdi>{_html(text)}</bdi>{self._time(event)}</p>\n"
        )

    def _message(self, event: Message) -> str:
        fate = self._known.fates.get(event.id)
        message = as_it_became(event, fate)
        if fate and fate.quoted:
            self._quoted[event.id] = _Quoted(self._number, event.sender, self._excerpt(message))
        name = event.sender.name or event.sender.key or "·"
        mine = ' class="me"' if event.sender.me else ""
        edited = f'<span class="k">{self._words.edited}</span>' if message.edited else ""
        return (
            f'<article id="m{self._number}"{mine}><b class="w c{_colour(event.sender)}"><bdi>{escape(name)}</bdi></b>'
            f"{self._time(event)}{edited}{self._quote(message)}{self._body(message)}{_reactions(fate)}</article>\n"
        )

    def _time(self, event: Canonical) -> str:
        at = _moment(event, self._zone)
        return f'<a href="#m{self._number}"><time datetime="{at.isoformat()}">{at:%H:%M}</time></a>'

    def _excerpt(self, message: Message) -> str:
        if message.deleted:
            return self._words.deleted
        file = self._words.media[message.attachment.kind] if message.attachment else ""
        question = message.poll.question if message.poll else ""
        place = self._words.location if message.location else ""
        return (message.text or question or file or place)[:EXCERPT]

    def _quote(self, message: Message) -> str:
        found = self._quoted.get(message.reply_to) if message.reply_to else None
        if found is None:
            return ""
        name = escape(found.sender.name or found.sender.key)
        return (
            f'<a class="q" href="#m{found.number}" dir="{direction(found.text)}">'
            f"<bdi>{name}</bdi> <bdi>{escape(found.text)}</bdi></a>"
        )

    def _body(self, message: Message) -> str:
        if message.deleted:
            return f'<div class="t k">🚫 {self._words.deleted}</div>'
        parts = [f'<div class="k">↷ {self._words.forwarded}</div>'] if message.forwarded else []
        parts += [self._file(message.attachment)] if message.attachment else []
        parts += [_poll(message.poll)] if message.poll else []
        parts += [self._location(message.location)] if message.location else []
        if message.text:
            parts.append(f'<div class="t" dir="{direction(message.text)}">{_html(message.text)}</div>')
        return "".join(parts)

    def _location(self, place: Location) -> str:
        where = f"{place.latitude:.6f},{place.longitude:.6f}"
        label = " · ".join(part for part in (place.name, place.address) if part) or where
        kind = self._words.live_location if place.live else self._words.location
        return f'<div>📍 {kind}: <a href="geo:{where}"><bdi>{escape(label)}</bdi></a></div>'

    def _file(self, file: Attachment) -> str:
        kind, name = self._words.media[file.kind], file.filename
        address = escape(self._address(file)) if file.source else ""
        if not address:
            return f'<div class="k">📎 {kind} <bdi>{escape(name)}</bdi> ({self._words.missing})</div>'
        size = f' width="{file.width}" height="{file.height}"' if file.width and file.height else ""
        label = escape(name or kind)
        match file.kind:
            case MediaKind.IMAGE | MediaKind.STICKER:
                return f'<a href="{address}"><img loading="lazy" src="{address}" alt="{label}"{size}></a>'
            case MediaKind.VIDEO | MediaKind.GIF:
                shown = f'<video controls preload="none" src="{address}"{size}></video>'
            case MediaKind.AUDIO | MediaKind.VOICE:
                shown = f'<audio controls preload="none" src="{address}"></audio>'
            case MediaKind.DOCUMENT | MediaKind.CONTACT:
                shown = ""
            case _:
                assert_never(file.kind)
        told = f'<span class="k">{size_in_words(file.size)}</span>' if file.size else ""
        return f'{shown}<div>📎 <a href="{address}" download="{label}"><bdi>{label}</bdi></a>{told}</div>'


def _poll(poll: Poll) -> str:
    options = "".join(
        f'<li dir="{direction(one.text)}"><bdi>{escape(one.text)}</bdi><b>{one.votes}</b></li>'
        for one in poll.options
    )
    return f'<div class="t" dir="{direction(poll.question)}">📊 {_html(poll.question)}</div><ul class="p">{options}</ul>'


def _reactions(fate: Fate | None) -> str:
    told = [f"<bdi>{escape(key)}</bdi>{f' {count}' if count > 1 else ''}" for key, count in tally(fate)]
    return f'<div class="r">{" ".join(told)}</div>' if told else ""


def _html(text: str) -> str:
    """Write a text's markup, with its links to be followed."""
    return _LINK.sub(_link, to_html(text) or escape(text, quote=False).replace("\n", "<br>"))


def _link(found: re.Match[str]) -> str:
    address = found[0].rstrip(".,!?)،؟")
    rest = found[0][len(address) :]
    return f'<a href="{address}" rel="noopener noreferrer" dir="ltr">{address}</a>{rest}'


def _colour(sender: Identity) -> int:
    return hashlib.sha256(sender.key.encode()).digest()[0] % COLOURS


def _moment(event: Canonical, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(event.at / 1000, zone)

"""Reads an exported chat into canonical events."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from itertools import accumulate, chain
from operator import sub
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from fallback.core.events import Canonical, Group, Identity
from fallback.core.ids import ChatId
from fallback.errors import UsageError
from fallback.networks.whatsapp.archive import Archive, ChatText, open_export
from fallback.networks.whatsapp.convert import Converter
from fallback.networks.whatsapp.order import DateOrder
from fallback.networks.whatsapp.people import identify
from fallback.networks.whatsapp.reader import Reader
from fallback.networks.whatsapp.record import Record, Slice
from fallback.networks.whatsapp.state import GroupState
from fallback.networks.whatsapp.survey import Problem
from fallback.networks.whatsapp.systems import YOU
from fallback.text import sanitise_name

_GAP: Final = 14 * 86400
"""Seconds of silence that a report names."""


class Totals(msgspec.Struct):
    """What a whole reading of an export counts.

    Args:
        people: label -> records of that person, system lines not counted.
        found, missing: names of media that the export holds, and of those that it names and does not hold.
        omitted: media that WhatsApp left out.
        gaps: long silences, as pairs of local moments.
    """

    kinds: Counter[str] = msgspec.field(default_factory=Counter)
    systems: Counter[str] = msgspec.field(default_factory=Counter)
    people: Counter[str] = msgspec.field(default_factory=Counter)
    found: int = 0
    missing: list[str] = msgspec.field(default_factory=list)
    omitted: int = 0
    gaps: list[tuple[int, int]] = msgspec.field(default_factory=list)
    first: int = 0
    last: int = 0
    records: int = 0

    def time(self, stamps: list[int], latest: int) -> int:
        """Take the next moments into account.

        Args:
            latest: the latest moment before them.

        Returns:
            The latest moment so far.
        """
        if not self.records:
            self.first = latest = stamps[0]
        self.records += len(stamps)
        self.last = stamps[-1]
        # only where one moment is far beyond the one before it can it be far beyond all before it
        if max(map(sub, stamps, chain((latest,), stamps))) > _GAP:
            before = accumulate(stamps, max, initial=latest)
            self.gaps += [(a, b) for a, b in zip(before, stamps, strict=False) if b - a > _GAP]
        return max(chain((latest,), stamps))


class Export:
    """One exported chat, to be read as often as wanted; nothing of it is kept in memory.

    Iterate ``events`` for canonical events, ``records`` for the lines as they stand.
    """

    def __init__(
        self, path: Path, archive: Archive, reader: Reader, *, chat: str | None, zone: tzinfo, me: str | None
    ) -> None:
        self.path = path
        self.archive = archive
        self.text = reader.chat
        self._reader = reader
        self._zone = zone
        self._totals: Totals | None = None
        self._me = sanitise_name(me) if me else ""
        self._group: Group | None = None
        self._chat = ChatId(chat) if chat else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self.archive.close()

    @property
    def platform(self) -> str:
        """``android`` or ``ios``."""
        return self._reader.survey.layout.header.shape.platform

    @property
    def language(self) -> str:
        """The app's language, empty where the file does not tell."""
        return self._reader.survey.language

    @property
    def date_order(self) -> str:
        """``DMY``, ``MDY`` or ``YMD``."""
        return self._reader.survey.order.order

    @property
    def order(self) -> DateOrder:
        """The date order with its evidence, and whether it is open."""
        return self._reader.survey.order

    @property
    def evidence(self) -> tuple[str, ...]:
        """Sentences that say why the date order was chosen."""
        return self._reader.survey.order.evidence

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Lines that were not understood, and what became of them."""
        return tuple(self._reader.survey.problems)

    @property
    def group(self) -> Group:
        """The group at the end of the file, as its system lines tell."""
        if self._group is None:
            self._walk()
        assert self._group is not None  # noqa: S101 - the walk sets it
        return self._group

    @property
    def totals(self) -> Totals:
        """Counts of the whole file."""
        if self._totals is None:
            self._walk()
        assert self._totals is not None  # noqa: S101 - the walk sets it
        return self._totals

    @property
    def chat(self) -> ChatId:
        """The chat's id on every event."""
        return self.group.chat

    @property
    def me(self) -> Identity:
        """The exporter; without a name where the file does not tell."""
        if self._totals is None:
            self._walk()
        return identify(YOU, self._me)

    @property
    def participants(self) -> tuple[Identity, ...]:
        """Everybody who wrote something, in the order of their first message."""
        return tuple(identify(label, self._me) for label in self.totals.people)

    def records(self) -> Iterator[Record]:
        """Give the file's records in their order."""
        return self._reader.records()

    @property
    def events(self) -> "Events":
        """The canonical events, to be iterated as often as wanted."""
        return Events(self)

    def __iter__(self) -> Iterator[Canonical]:
        return self.iterate()

    def iterate(self) -> Iterator[Canonical]:
        """Give the canonical events in the file's order, in flat memory."""
        converter = Converter(
            self.archive,
            self.text,
            self.chat,
            zone=self._zone,
            me=self._me,
            seconds=self._reader.survey.layout.header.shape.seconds,
        )
        for record in self._reader.records():
            yield converter.event(record)

    def _walk(self) -> None:
        """Read the whole file once for its totals and its group."""
        totals, state, mine, writers = Totals(), GroupState(), Counter[str](), Counter[str | None]()
        latest = 0
        for part in self._reader.slices():
            latest = totals.time(part.stamps, latest)
            writers.update(part.names)
            totals.kinds.update(text=len(part.names) - len(part.special))
            self._walk_special(part, totals, state, mine)
        totals.people = Counter({name: n for name, n in writers.items() if name is not None})
        totals.kinds = +totals.kinds
        if not self._me and mine:
            self._me = mine.most_common(1)[0][0]
        name = state.renamed or self._reader.survey.group_label or state.created or self.text.title
        chat = self._chat or ChatId("export:" + _hash(name.casefold().encode() or self._reader.survey.first))
        self._totals = totals
        self._group = state.group(chat, sanitise_name(name), list(totals.people), self._me)

    def _walk_special(self, part: Slice, totals: Totals, state: GroupState, mine: Counter[str]) -> None:
        """Count what the app wrote; who only talked between two system lines is looked at together."""
        spoken = 0
        for place, record in part.special.items():
            totals.kinds[record.kind] += 1
            if record.system is not None:
                state.spoke(part.names[spoken:place])
                spoken = place
                totals.systems[record.system.kind] += 1
                state.apply(record.system)
                continue
            body = record.special
            if body is None:
                continue
            if body.mine and record.label:
                mine[record.label] += 1
            if body.attachment and not body.omitted:
                if self.archive.find(body.attachment, self.text):
                    totals.found += 1
                else:
                    totals.missing.append(body.attachment)
            totals.omitted += body.omitted
        state.spoke(part.names[spoken:])


class Events:
    """The events of an export as something to iterate again and again."""

    def __init__(self, export: Export) -> None:
        self._export = export

    def __iter__(self) -> Iterator[Canonical]:
        return self._export.iterate()

    def __len__(self) -> int:
        return self._export.totals.records


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=10).hexdigest()


def read_export(
    path: Path | str,
    *,
    chat: str | None = None,
    date_order: str | None = None,
    timezone: str | tzinfo | None = None,
    me: str | None = None,
    member: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Export:
    """Open an export and survey it.

    Args:
        chat: the chat's id on every event, instead of one derived from the group's name.
        date_order: ``DMY``, ``MDY`` or ``YMD``, instead of what the file tells.
        timezone: the exporting phone's zone; the machine's where not given.
        me: the exporter's own name in the chat.
        member: which chat to read, where the export holds several.
        progress: told bytes done and bytes in all while surveying.

    Raises:
        ParseError: it is no readable export.
        UsageError: an option makes no sense, or the export holds several chats.
    """
    archive = open_export(path)
    try:
        text = _pick(archive, member)
        reader = Reader(text, date_order=date_order, progress=progress)
        return Export(Path(path), archive, reader, chat=chat, zone=zone_of(timezone), me=me)
    except BaseException:
        archive.close()
        raise


def read_exports(
    path: Path | str,
    *,
    date_order: str | None = None,
    timezone: str | tzinfo | None = None,
    me: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Export]:
    """Open every chat of an export; the arguments are those of ``read_export``."""
    with open_export(path) as archive:
        names = [text.name for text in archive.chats]
    return [
        read_export(path, date_order=date_order, timezone=timezone, me=me, member=name, progress=progress)
        for name in names
    ]


def zone_of(zone: str | tzinfo | None) -> tzinfo:
    """Find a time zone by its name; the machine's without one.

    Raises:
        UsageError: there is no such zone.
    """
    if isinstance(zone, tzinfo):
        return zone
    if zone is None:
        return _machine_zone()
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(
            f"There is no time zone {zone}", "Name one like Europe/Berlin or Africa/Cairo."
        ) from error


def _machine_zone() -> tzinfo:
    """Find the machine's zone with its history, not only its present offset."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if not name:
        name = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        here = datetime.now().astimezone().tzinfo
        return here if here is not None else ZoneInfo("UTC")


def _pick(archive: Archive, member: str | None) -> ChatText:
    if member is not None:
        for text in archive.chats:
            if text.name == member:
                return text
        raise UsageError(f"The export holds no chat {member}", "Run fallback inspect to see its chats.")
    if len(archive.chats) > 1:
        names = ", ".join(text.name for text in archive.chats)
        raise UsageError(f"The export holds several chats: {names}", "Give one of them, unpacked.")
    return archive.chats[0]

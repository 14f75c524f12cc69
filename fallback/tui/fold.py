"""Rows of the store become the entries of a timeline: edits, reactions, votes and receipts are folded in; no I/O."""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import assert_never

import msgspec

from fallback.core.events import (
    CLEAR,
    Edit,
    Event,
    GroupChange,
    Identity,
    Membership,
    Message,
    Notice,
    Origin,
    Reaction,
    Receipt,
    ReceiptKind,
    Redaction,
    Vote,
)
from fallback.core.ids import DeliveryId, SourceId
from fallback.core.ports import TimelineRow

NOT_SENT = DeliveryId("")
GROUP_WITHIN = 5 * 60_000
"""Messages of one sender within these ms share a header."""


class Tick(Enum):
    """How far an own message got."""

    NONE = ""
    QUEUED = "queued"
    SENT = "sent"
    READ = "read"
    FAILED = "failed"


class Entry(msgspec.Struct):
    """One thing in the timeline.

    Args:
        revision: grows with every change; part of every cache key.
        network: where it was first said.
    """

    id: SourceId
    row: int
    event: Message | Membership | GroupChange | Notice
    own: bool
    network: Origin
    text: str = ""
    edits: list[str] = msgspec.field(default_factory=list)
    deleted: bool = False
    reactions: dict[str, str] = msgspec.field(default_factory=dict)
    votes: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    readers: set[str] = msgspec.field(default_factory=set)
    state: str = ""
    error: str = ""
    delivery: DeliveryId = NOT_SENT
    revision: int = 0

    @property
    def at(self) -> int:
        """When it was said, ms."""
        return self.event.at

    @property
    def sender(self) -> Identity:
        """Who said it."""
        return self.event.sender

    @property
    def spoken(self) -> bool:
        """Whether a person said it."""
        return isinstance(self.event, Message)

    @property
    def stuck(self) -> bool:
        """Whether a person must decide what becomes of it."""
        return self.own and self.state == "wedged"

    @property
    def tick(self) -> Tick:
        """The mark that WhatsApp users read."""
        if not self.own or not self.spoken:
            return Tick.NONE
        match self.state:
            case "pending" | "leased":
                return Tick.QUEUED
            case "wedged" | "dropped":
                return Tick.FAILED
            case "read":
                return Tick.READ
            case _:
                return Tick.READ if self.readers else Tick.SENT


class Update(msgspec.Struct):
    """What a change did to the timeline."""

    appended: int = 0
    prepended: int = 0
    changed: set[SourceId] = msgspec.field(default_factory=set)


class Thread:
    """A group's entries, oldest first, kept up to date row by row.

    Args:
        me: the Matrix id whose messages are our own.

    ``first_row`` and ``last_row`` are the lowest and highest row that is loaded; 0 where there is none.
    """

    def __init__(self, me: str) -> None:
        self.me = me
        self.entries: list[Entry] = []
        self.first_row = 0
        self.last_row = 0
        self._base = 0
        self._ordinals: dict[SourceId, int] = {}
        self._waiting: dict[SourceId, list[TimelineRow]] = {}
        self._reaction_of: dict[SourceId, tuple[SourceId, str]] = {}
        self._read: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.entries)

    def position(self, entry: SourceId) -> int | None:
        """Find an entry's place by its id."""
        ordinal = self._ordinals.get(entry)
        return None if ordinal is None else ordinal - self._base

    def get(self, entry: SourceId | None) -> Entry | None:
        """Find an entry by its id."""
        place = self.position(entry) if entry else None
        return None if place is None else self.entries[place]

    def merge(self, rows: Sequence[TimelineRow]) -> Update:
        """Take the newest rows: new ones are appended, known ones may have a new state."""
        update = Update()
        for row in rows:
            if row.row <= self.last_row:
                self._refresh(row, update)
                continue
            self.last_row = row.row
            self.first_row = self.first_row or row.row
            entry = self._entry(row)
            if entry is None:
                self._apply(row, update)
            elif entry.id in self._ordinals:
                self._refresh(row, update)
            else:
                self._ordinals[entry.id] = self._base + len(self.entries)
                self.entries.append(entry)
                update.appended += 1
                self._catch_up(entry, update)
        return update

    def prepend(self, rows: Sequence[TimelineRow]) -> Update:
        """Take rows that are older than all others, oldest first."""
        update = Update()
        older: list[Entry] = []
        later: list[TimelineRow] = []
        for row in rows:
            entry = self._entry(row)
            if entry is None:
                later.append(row)
            elif entry.id not in self._ordinals:
                self._ordinals[entry.id] = 0
                older.append(entry)
        self._base -= len(older)
        for place, entry in enumerate(older):
            self._ordinals[entry.id] = self._base + place
        self.entries[:0] = older
        for row in later:
            self._apply(row, update)
        for entry in older if self._read else ():
            if entry.own:
                entry.readers.update(self._read)
        for entry in older:
            self._catch_up(entry, update)
        update.prepended = len(older)
        if rows:
            self.first_row = rows[0].row
            self.last_row = max(self.last_row, rows[-1].row)
        return update

    def _entry(self, row: TimelineRow) -> Entry | None:
        event = row.event
        match event:
            case Message() | Membership() | GroupChange() | Notice():
                network = event.relayed or event.origin
                own = event.sender.mxid == self.me if event.sender.mxid else event.sender.me
                entry = Entry(event.id, row.row, event, own, network)
                if isinstance(event, Message):
                    entry.text, entry.deleted = event.text, event.deleted
                entry.state, entry.error, entry.delivery = row.state, row.error, row.delivery
                return entry
            case Edit() | Reaction() | Redaction() | Vote() | Receipt():
                return None
            case _:
                assert_never(event)

    def _refresh(self, row: TimelineRow, update: Update) -> None:
        entry = self.get(row.event.id)
        if entry is not None and (entry.state, entry.error) != (row.state, row.error):
            entry.state, entry.error, entry.delivery = row.state, row.error, row.delivery
            self._touch(entry, update)

    def _apply(self, row: TimelineRow, update: Update) -> None:
        event = row.event
        targets: Iterable[SourceId] = ()
        match event:
            case Edit() | Reaction() | Redaction() | Vote():
                targets = (event.target,)
            case Receipt():
                targets = event.targets
            case _:
                return
        for target in targets:
            entry = self.get(target)
            if entry is not None:
                self._fold(event, entry, update)
            elif isinstance(event, Redaction) and target in self._reaction_of:
                self._take_back(target, update)
            else:
                self._waiting.setdefault(target, []).append(row)

    def _catch_up(self, entry: Entry, update: Update) -> None:
        for row in sorted(self._waiting.pop(entry.id, ()), key=lambda one: one.row):
            self._fold(row.event, entry, update)

    def _fold(self, event: Event, entry: Entry, update: Update) -> None:
        who = event.sender.key
        match event:
            case Edit():
                forged = event.trust == CLEAR != entry.event.trust
                if forged or who != entry.sender.key:
                    return
                entry.edits.append(entry.text)
                entry.text = event.text
            case Reaction():
                if event.key:
                    entry.reactions[who] = event.key
                    self._reaction_of[event.id] = (entry.id, who)
                else:
                    entry.reactions.pop(who, None)
            case Redaction():
                entry.deleted, entry.text = True, ""
                entry.reactions.clear()
            case Vote():
                entry.votes[who] = event.options
            case Receipt():
                if event.kind is ReceiptKind.READ and who != self.me and not event.sender.me:
                    self._read_up_to(entry, who, update)
                return
        self._touch(entry, update)

    def _read_up_to(self, entry: Entry, who: str, update: Update) -> None:
        """Take note that somebody read an entry, and so all above it."""
        last = self._ordinals[entry.id]
        for place in range(self._read.get(who, self._base - 1) + 1 - self._base, last + 1 - self._base):
            seen = self.entries[place]
            if seen.own and who not in seen.readers:
                seen.readers.add(who)
                self._touch(seen, update)
        self._read[who] = max(last, self._read.get(who, last))

    def _take_back(self, reaction: SourceId, update: Update) -> None:
        target, who = self._reaction_of.pop(reaction)
        entry = self.get(target)
        if entry is not None and entry.reactions.pop(who, ""):
            self._touch(entry, update)

    def _touch(self, entry: Entry, update: Update) -> None:
        entry.revision += 1
        update.changed.add(entry.id)


def starts_group(previous: Entry | None, entry: Entry) -> bool:
    """Tell whether a message needs its sender's name above it."""
    return (
        previous is None
        or not previous.spoken
        or previous.sender.key != entry.sender.key
        or previous.network != entry.network
        or abs(entry.at - previous.at) > GROUP_WITHIN
    )

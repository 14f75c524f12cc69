"""Reads a chat record after record, each understood as far as the app may have written it."""

from collections.abc import Callable, Iterator
from datetime import date
from itertools import count
from operator import add
from typing import Final

import msgspec

from fallback.errors import UsageError
from fallback.networks.whatsapp import bodies, systems
from fallback.networks.whatsapp.archive import ChatText
from fallback.networks.whatsapp.bodies import Body
from fallback.networks.whatsapp.dates import ORDERS, read_date
from fallback.networks.whatsapp.dialects import fold, forms, frames
from fallback.networks.whatsapp.headers import MARKS
from fallback.networks.whatsapp.record import Record, Slice, decode
from fallback.networks.whatsapp.records import Batch, foreign_ends
from fallback.networks.whatsapp.survey import Source, look
from fallback.networks.whatsapp.systems import SystemLine
from fallback.text import sanitise_name

_DAY: Final = 86400
_LONGEST_LABEL: Final = 400
_NOTICE: Final = 40
"""Characters of a first line, by nobody and in an unknown wording, that can only be the encryption notice."""
_HEAD: Final = 8
_RARE: Final = 2
_SHORT: Final = 300
_MANY: Final = 4096
_CLOSING, _ANGLE, _COLON = b")>:"
_LEFT: Final = "\u200e".encode()
_RIGHT: Final = "\u200f".encode()
_QUOTES: Final = '"”“„«»「」'


class Reader:
    """One chat, surveyed, to be read as often as wanted.

    Args:
        this_year: dates beyond the next year are misreadings.
    """

    def __init__(
        self,
        chat: ChatText,
        *,
        date_order: str | None = None,
        this_year: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if date_order is not None and date_order not in ORDERS:
            raise UsageError(f"{date_order} is no date order", f"Choose one of {', '.join(ORDERS)}.")
        self.chat = chat
        self._source = Source(chat, this_year or date.today().year, progress)  # noqa: DTZ011 - a bound only
        self.survey = look(self._source, date_order)
        self._ios = self._source.ios
        self._days: dict[bytes, int] = {}
        self._names: dict[bytes | None, str | None] = {}
        self._fixed: dict[bytes, tuple[str, Body]] = {}
        self._first: int | None = None
        self._heads = _heads(self.survey.language)
        self._ends = tuple(
            after.encode() for before, after, _ in frames("attached") if after and "(" not in before + after
        )

    def records(self) -> Iterator[Record]:
        """Give every record in the file's order."""
        for part in self.slices():
            yield from part.records()

    def slices(self) -> Iterator[Slice]:
        """Give the file's records column by column; what nobody but a person can have written stays undecoded."""
        for batch in self._source.again():
            stamps = self._stamps(batch)
            if self._first is None:
                self._first = stamps[0]
            names = self._known(batch.labels)
            foreign = foreign_ends(batch, self._source.layout.terminator)
            special: dict[int, Record] = {}
            for place in self._suspects(names, batch):
                record = self._special(
                    stamps[place], batch.labels[place], batch.bodies[place], foreign=foreign
                )
                special[place] = record
                names[place] = record.label if record.system is None else None
            yield Slice(stamps, names, batch.bodies, special, foreign)

    def _stamps(self, batch: Batch) -> list[int]:
        """Give the local moments of a batch; each date of it is read once."""
        days = self._days
        for day in set(batch.dates).difference(days):
            days[day] = max(0, read_date(day, self._source.year).day(self.survey.order.order)) * _DAY
        return list(map(add, map(days.__getitem__, batch.dates), batch.seconds))

    def _known(self, labels: list[bytes | None]) -> list[str | None]:
        """Give the names of labels, ``None`` where only the whole record tells whether it is one."""
        for label in set(labels).difference(self._names):
            if label is None or len(label) > _LONGEST_LABEL or label in self.survey.renamed:
                continue
            name = label.decode("utf-8", "replace")
            if not self._may_be_sentence(label, name):
                self._names[label] = _shown(name)
        return list(map(self._names.get, labels))

    def _suspects(self, names: list[str | None], batch: Batch) -> list[int]:
        """Find the records that the app may have written, by what all its wordings share."""
        heads, ends = self._heads, self._ends
        # one expression over bytes, and bytes sought as numbers, which made it three times faster
        return [
            place
            for place, name, body in zip(count(), names, batch.bodies)
            if name is None
            or _CLOSING in body
            or _ANGLE in body
            or (_COLON in body and body.find(b"://") >= 0)
            or body[:_HEAD] in heads
            or (
                not body.isascii()
                and (body.find(_LEFT) >= 0 or body.find(_RIGHT) >= 0 or body.endswith(ends))
            )
        ]

    def _special(self, stamp: int, label: bytes | None, body: bytes, *, foreign: bool) -> Record:
        """Understand a record that is not simply a known person's words."""
        name = self._names.get(label)
        fixed = self._fixed.get(body)
        if name is not None and fixed is not None:
            return Record(stamp, name, fixed[0], fixed[1])
        text = decode(body, foreign=foreign)
        if label is None:
            return self._senderless(stamp, text)
        if name is None:
            return self._unknown(stamp, label, text)
        record = self._typed(stamp, name, text)
        found = record.special
        wordless = found is not None and record.system is None and not (found.text or found.attachment)
        if found is not None and wordless and len(body) < _SHORT and len(self._fixed) < _MANY:
            self._fixed[body] = text, found
        return record

    def _unknown(self, stamp: int, label: bytes, text: str) -> Record:
        """Read a record whose label may be a part of a sentence, or of a name that holds a colon."""
        raw_name = label.decode("utf-8", "replace")
        line = f"{raw_name}: {text}"
        if len(label) > _LONGEST_LABEL:
            return self._senderless(stamp, line)
        renamed = self.survey.renamed.get(label)
        if renamed is None:
            if self._is_system(label, raw_name, line):
                return self._system(stamp, None, line)
            name = self._names[label] = _shown(raw_name)
            return self._typed(stamp, name, text)
        rest = renamed[len(raw_name) + 2 :]
        after = text.removeprefix(f"{rest}: ").removeprefix(f"{rest}:")
        if after == text:
            said = self._system_about(renamed, line)
            if said is not None:
                return self._system(stamp, None, line)
        return self._typed(stamp, _shown(renamed, raw_name), after)

    def _typed(self, stamp: int, name: str, text: str) -> Record:
        alone = bodies.attached_alone(text)
        if alone is not None:
            return Record(stamp, name, text, alone)
        if text.endswith(">"):
            known = bodies.known_edited(text)
            if known is not None:
                return self._edited(stamp, name, text, known)
        if self._ios and text[:1] in ("\u200e", "\u200f") and text.startswith(name, 1):
            said = systems.understand(text, self.survey.language)
            if said.kind != "other":
                return self._system(stamp, name, text, said)
        found = bodies.understand(text, self.survey.markers)
        if found is not None:
            return Record(stamp, name, text, found)
        if self._ios and text[:1] in ("\u200e", "\u200f") and self._app_wrote(name, text):
            return self._system(stamp, name, text)
        kept, edited = bodies.take_edited(text, self.survey.markers)
        return Record(stamp, name, text, Body("text", kept, edited=True) if edited else None)

    def _edited(self, stamp: int, name: str, text: str, kept: str) -> Record:
        """Make a record of what was edited: text, or a file's caption."""
        found = bodies.understand(kept, self.survey.markers)
        if found is not None and found.kind in {"media", "contact", "poll"}:
            return Record(stamp, name, text, msgspec.structs.replace(found, edited=True))
        return Record(stamp, name, text, Body("text", kept, edited=True))

    def _app_wrote(self, name: str, text: str) -> bool:
        """Say whether a marked body under a label is a system line (3.4)."""
        language = self.survey.language
        rtl = language in {"ar", "he", "fa", "ur", ""}
        if text[0] == "\u200f" and not rtl:
            return False
        if name == self.survey.group_label or fold(text).startswith(fold(name)):
            return True
        if systems.understand(text, language, ()).kind != "other":
            return True
        return text[0] == "\u200e" or not rtl or fold(name) in fold(text)

    def _may_be_sentence(self, label: bytes, name: str) -> bool:
        """Say whether what stands before the first colon may be a sentence, not a name (3.5)."""
        if self._ios and not name.startswith(("\u200e", "\u200f")):
            return False
        bare = MARKS.sub("", name)
        if bare != name and self.survey.labels.get(bare.strip().encode()):
            return False
        return self.survey.labels[label] <= _RARE

    def _is_system(self, label: bytes, name: str, line: str) -> bool:
        """Say whether a label with its body is a sentence of the app (3.5)."""
        if not self._may_be_sentence(label, name):
            return False
        bare = MARKS.sub("", name)
        if systems.matches(line, self.survey.language, len(bare)) is not None:
            return True
        said = systems.understand(line, self.survey.language)
        if sum(map(bare.count, _QUOTES)) % 2 == 1 and len(bare) > 12:
            return said.kind != "other" or not self.survey.language
        return said.kind == "e2e_notice" or (self._ios and bare != name and said.kind != "other")

    def _system_about(self, name: str, line: str) -> SystemLine | None:
        said = systems.understand(line, self.survey.language)
        if said.kind != "other" and (fold(name) in (said.actor, *said.members)):
            return said
        return None

    def _senderless(self, stamp: int, text: str) -> Record:
        """Read a record without a label: a system line, or a label that no space follows."""
        line = text.partition("\n")[0]
        said = systems.understand(text, self.survey.language)
        if said.kind == "other" and not said.key and line.count('"') % 2 == 0:
            for at in (i for i, c in enumerate(line[:200]) if c == ":"):
                label = line[:at].encode("utf-8", "replace")
                if self.survey.labels.get(label) or (
                    line[at : at + 2] == ": " and self._ios is False and at > 0
                ):
                    if not self.survey.labels.get(label) and line.count(":") < 2:
                        break
                    rest = text[at + 1 :].removeprefix(" ")
                    return self._typed(stamp, sanitise_name(line[:at]), rest)
        return self._system(stamp, None, text, said)

    def _system(self, stamp: int, label: str | None, text: str, said: SystemLine | None = None) -> Record:
        said = said or systems.understand(text, self.survey.language)
        if stamp == self._first and said.kind == "other" and not said.key and len(text) >= _NOTICE:
            said = SystemLine("e2e_notice")
        sentence = text.replace("\u200e", "").replace("\u200f", "").strip("\n")
        return Record(stamp, label, text, Body("system", sentence), said)


def _shown(name: str, raw: str = "") -> str:
    """Make a label fit to be shown; what nothing is left of stays as it stands, or as ``raw``."""
    return sanitise_name(name) or MARKS.sub("", raw or name).strip() or "?"


def _heads(language: str) -> frozenset[bytes]:
    """Collect the first bytes of all that the app writes in place of words."""
    admin = [before for before, _, code in frames("deleted_by_admin") if code == language and len(before) > 8]
    named = [before for before, _, _ in frames("attached") if before]
    return frozenset(text.encode()[:_HEAD] for text in (*forms(), *admin, *named))

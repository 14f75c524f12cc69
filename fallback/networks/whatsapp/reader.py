"""Reads a chat's records: survey of the whole file first, then record after record."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from typing import Final

import msgspec

from fallback.errors import ParseError, UsageError
from fallback.networks.whatsapp import bodies, systems
from fallback.networks.whatsapp.archive import ChatText
from fallback.networks.whatsapp.bodies import Body
from fallback.networks.whatsapp.dialects import LANGUAGES, fold, frames, tokens
from fallback.networks.whatsapp.headers import MARKS
from fallback.networks.whatsapp.moments import ORDERS, to_day, to_seconds, fields
from fallback.networks.whatsapp.order import DateOrder, Dates, certain, decide
from fallback.networks.whatsapp.records import Batch, Layout, Preface, lay_out, split
from fallback.networks.whatsapp.systems import SystemLine
from fallback.text import sanitise_name

Talk = tuple[bytes | None, bytes]
_LARGE: Final = 8 << 20
_SMALL: Final = 8 << 20
_DAY: Final = 86400
_LONGEST_LABEL: Final = 400
_MARK_LRM: Final = b"\xe2\x80\x8e"
_MARK_RLM: Final = b"\xe2\x80\x8f"
_BRACKETED: Final = re.compile(rb"<[^<>:/\r\n]{3,80}>(?=\r?\n)")


class Problem(msgspec.Struct, frozen=True):
    """A line that was not understood and what became of it."""

    text: str
    what: str


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of the file, its body decoded when asked for.

    Args:
        stamp: local time, seconds since 1970 as if it were UTC.
        label: who the record names before the colon; ``None`` for a system line without one.
        raw: the body's bytes.
        special: the body understood, where the app may have written it.
        system: what a system line says.
    """

    stamp: int
    label: str | None
    raw: bytes
    special: Body | None = None
    system: SystemLine | None = None

    @property
    def body(self) -> Body:
        """Give the body; for what a person typed it is made here."""
        return self.special if self.special is not None else Body("text", self.text)

    @property
    def text(self) -> str:
        """Give the text: typed words, a caption, or a system line's sentence."""
        if self.special is not None:
            return self.special.text
        text = self.raw.decode("utf-8", "replace")
        return text.replace("\r\n", "\n") if "\r" in text else text

    @property
    def kind(self) -> str:
        """Name the kind in the words of the reports."""
        return self.special.kind if self.special is not None else "text"


class Survey(msgspec.Struct):
    """What one pass over the whole file found out."""

    layout: Layout
    order: DateOrder
    language: str = ""
    languages: Counter[str] = msgspec.field(default_factory=Counter)
    labels: Counter[bytes | None] = msgspec.field(default_factory=Counter)
    renamed: dict[bytes, str] = msgspec.field(default_factory=dict)
    markers: frozenset[str] = frozenset()
    records: int = 0
    first: bytes = b""
    problems: list[Problem] = msgspec.field(default_factory=list)
    group_label: str = ""


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
        self._year = this_year or date.today().year  # noqa: DTZ011 - a bound of plausibility only
        self._progress = progress
        self._days: dict[bytes, int] = {}
        self._seconds: dict[bytes, int] = {}
        self._words: dict[str, str] = {}
        self._kept: list[Batch] | None = [] if chat.size <= _SMALL else None
        with chat.open() as stream:
            layout = lay_out(stream, chat.name)
        self._words = layout.header.words
        self._language = ""
        self._ios = layout.header.shape.platform == "ios"
        self.survey = self._look(layout, date_order)
        self._language = self.survey.language
        self._days.clear()
        self._names: dict[bytes | None, str | None] = {}
        self._fixed: dict[bytes, Body] = {}
        self._starts = _starts(self._language)
        self._ends = tuple(after.encode() for before, after, _ in frames("attached") if after and "(" not in before + after)

    def _batches(self, layout: Layout) -> Iterator[Batch | Preface]:
        total = self.chat.size
        tell = self._progress
        with self.chat.open() as stream:
            yield from split(stream, layout, self._valid, (lambda done: tell(done, total)) if tell else None)

    def _valid(self, day: bytes, time: bytes) -> bool:
        seconds = self._seconds.get(time)
        if seconds is None:
            seconds = self._seconds[time] = to_seconds(time.decode("utf-8", "replace"), self._words)
        if seconds < 0:
            return False
        known = self._days.get(day)
        if known is None:
            numbers = fields(day.decode("utf-8", "replace"))[0]
            known = self._days[day] = max(to_day(numbers, order, self._year) for order in ORDERS)
        return known >= 0

    def _look(self, layout: Layout, date_order: str | None) -> Survey:
        """Pass over the file once: dates, labels, wordings, languages.

        A file far beyond what WhatsApp exports is read on only while its date order is open.
        """
        dates = Dates()
        survey = Survey(layout, DateOrder("DMY", ()))
        rests: Counter[tuple[bytes, bytes]] = Counter()
        brackets: Counter[bytes] = Counter()
        talk: list[Talk] = []
        read = 0
        for batch in self._batches(layout):
            if isinstance(batch, Preface):
                survey.problems.append(Problem(_short(batch.text), "stands before the first message"))
                continue
            if layout.pattern is not layout.loose and self._misses(batch, layout):
                if self._kept is not None:
                    self._kept.clear()
                return self._look(layout.loosened(), date_order)
            if self._kept is not None:
                self._kept.append(batch)
            read += len(batch.source)
            dates.feed(batch.dates)
            survey.labels.update(batch.labels)
            survey.records += len(batch.dates)
            if not survey.first:
                survey.first = b"|".join((batch.dates[0], batch.times[0], batch.bodies[0][:200]))
            if len(talk) < 4000:
                talk += list(zip(batch.labels[:4000], batch.bodies[:4000], strict=True))
            brackets.update(_BRACKETED.findall(batch.source))
            if len(rests) < 50_000:
                pairs = zip(batch.labels, batch.bodies, strict=True)
                found = ((label, body, body.find(b": ", 0, 64)) for label, body in pairs if label is not None)
                rests.update((label, body[:at]) for label, body, at in found if at > 0)
            if read > _LARGE and (date_order or certain(dates, layout.header.shape, self._year)):
                break
        del survey.labels[None]
        if not survey.records:
            raise ParseError(f"{self.chat.name} holds no message", "Give an exported chat.", line=1)
        self._languages(talk, survey)
        survey.markers = _markers(brackets)
        survey.renamed = self._renamed(survey, rests, talk)
        if date_order is None:
            survey.order = self._decide(dates, layout, survey)
        else:
            survey.order = DateOrder(date_order, ("asked for",))
        return survey

    def _misses(self, batch: Batch, layout: Layout) -> bool:
        """Say whether a body holds a header that only the loose pattern reads."""
        end = layout.terminator
        for body in batch.bodies:
            if end in body:
                match = layout.loose.search(body)
                if match is not None and self._valid(match["date"], match["time"]):
                    return True
        return False

    def _decide(self, dates: Dates, layout: Layout, survey: Survey) -> DateOrder:
        pairs = (pair for batch in self._again(layout) for pair in zip(batch.dates, batch.bodies, strict=True))
        capital = any(b"AM" in time or b"PM" in time for time in self._seconds)
        return decide(dates, layout.header.shape, survey.language, self._year, pairs, capital=capital)

    def _again(self, layout: Layout) -> Iterator[Batch]:
        if self._kept is not None:
            yield from self._kept
            return
        for batch in self._batches(layout):
            if not isinstance(batch, Preface):
                yield batch

    def _languages(self, talk: list[Talk], survey: Survey) -> None:
        """Find the app's language by its fixed wordings and system lines."""
        votes: Counter[str] = survey.languages
        lines = 0
        for label, body in talk:
            if len(body) < 300:
                text = body.decode("utf-8", "replace")
                token = tokens().get(fold(text.partition("\n")[0])) if len(text) < 160 else None
                if token is not None:
                    votes.update(dict.fromkeys(token.languages, 3))
                    continue
            marked = body[:3] in (_MARK_LRM, _MARK_RLM)
            if (label is None or (self._ios and marked)) and lines < 60:
                lines += 1
                line = body.decode("utf-8", "replace")
                found = systems.understand(line)
                if found.language:
                    votes[found.language] += 12 if found.kind == "e2e_notice" else 2
                if found.kind == "e2e_notice" and label is not None and self._ios and not survey.group_label:
                    survey.group_label = sanitise_name(label.decode("utf-8", "replace"))
        for _, body in talk[:600]:
            if b"(" in body or b"<" in body:
                _attached_votes(body, votes)
        survey.language = votes.most_common(1)[0][0] if votes else ""

    def _renamed(
        self, survey: Survey, rests: Counter[tuple[bytes, bytes]], talk: list[Talk]
    ) -> dict[bytes, str]:
        """Find labels that the first colon cut too early: names that hold a colon themselves."""
        found: dict[bytes, str] = {}
        named = set()
        for label, body in talk:
            if label is None or (label is not None and survey.labels[label] <= 2 and not self._ios):
                line = body if label is None else label + b": " + body
                if b": " in line and len(line) < 500:
                    text = line.decode("utf-8", "replace")
                    said = systems.matches(text, survey.language, len(text))
                    if said is not None:
                        named.update(n for n in (*said.members, said.actor) if ": " in n)
        for (label, rest), count in rests.items():
            if b"\n" in rest or (count < survey.labels[label] and not named):
                continue
            name = label.decode("utf-8", "replace")
            full = f"{name}: {rest.decode('utf-8', 'replace')}"
            certain = any(fold(full) == n for n in named)
            if certain or (count == survey.labels[label] >= 3 and len(survey.labels) > 1):
                found[label] = full
        return found

    def records(self) -> Iterator[Record]:
        """Give every record in the file's order."""
        days, seconds, names = self._days, self._seconds, self._names
        exact, starts, ends, marked = _exact(), self._starts, self._ends, self._ios
        for batch in self._again(self.survey.layout):
            for day in set(batch.dates):
                if day not in days:
                    numbers = fields(day.decode("utf-8", "replace"))[0]
                    days[day] = max(0, to_day(numbers, self.survey.order.order, self._year)) * _DAY
            stamps = [days[day] + seconds[time] for day, time in zip(batch.dates, batch.times, strict=True)]
            for stamp, label, body in zip(stamps, batch.labels, batch.bodies, strict=True):
                name = names.get(label)
                if (
                    name is None
                    or b")" in body
                    or b">" in body
                    or b"://" in body
                    or body in exact
                    or body.startswith(starts)
                    or (marked and (_MARK_LRM in body or _MARK_RLM in body))
                    or body.endswith(ends)
                ):
                    yield self._special(stamp, label, body)
                else:
                    yield Record(stamp, name, body)

    def _special(self, stamp: int, label: bytes | None, body: bytes) -> Record:
        """Understand a record that is not simply a known person's words."""
        name = self._names.get(label)
        fixed = self._fixed.get(body)
        if name is not None and fixed is not None:
            return Record(stamp, name, body, fixed)
        text = body.decode("utf-8", "replace").replace("\r\n", "\n")
        if label is None:
            return self._senderless(stamp, body, text)
        if name is None:
            if len(label) > _LONGEST_LABEL:
                return self._senderless(stamp, label + b": " + body, f"{label.decode('utf-8', 'replace')}: {text}")
            renamed = self.survey.renamed.get(label)
            raw_name = label.decode("utf-8", "replace")
            line = f"{raw_name}: {text}"
            if renamed is None and self._is_system(label, raw_name, line):
                return self._system(stamp, None, body, line)
            name = sanitise_name(renamed or raw_name)
            if not name:
                name = MARKS.sub("", raw_name).strip() or "?"
            if renamed is None:
                self._names[label] = name
            else:
                rest = renamed[len(raw_name) + 2 :]
                after = text.removeprefix(f"{rest}: ").removeprefix(f"{rest}:")
                if after == text:
                    said = self._system_about(renamed, line)
                    if said is not None:
                        return self._system(stamp, None, body, line)
                return self._typed(stamp, name, after.encode("utf-8", "replace"), after)
        return self._typed(stamp, name, body, text)

    def _typed(self, stamp: int, name: str, body: bytes, text: str) -> Record:
        if text.endswith(">"):
            known = bodies.known_edited(text)
            if known is not None:
                return self._edited(stamp, name, body, known)
        found = bodies.understand(text, self.survey.markers)
        if found is None:
            if self._ios and text[:1] in ("\u200e", "\u200f") and self._app_wrote(name, text):
                return self._system(stamp, name, body, text)
            kept, edited = bodies.take_edited(text, self.survey.markers)
            if not edited:
                return Record(stamp, name, body)
            return Record(stamp, name, body, Body("text", kept, edited=True))
        if len(body) < 160 and not found.text and not found.attachment and len(self._fixed) < 4096:
            self._fixed[body] = found
        return Record(stamp, name, body, found)

    def _edited(self, stamp: int, name: str, body: bytes, kept: str) -> Record:
        """Make a record of what was edited: text, or a file's caption."""
        found = bodies.understand(kept, self.survey.markers)
        if found is not None and found.kind in {"media", "contact", "poll"}:
            return Record(stamp, name, body, msgspec.structs.replace(found, edited=True))
        return Record(stamp, name, body, Body("text", kept, edited=True))

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

    def _is_system(self, label: bytes, name: str, line: str) -> bool:
        """Say whether what stands before the first colon is a sentence, not a name (3.5)."""
        if self._ios and not name.startswith(("\u200e", "\u200f")):
            return False
        bare = MARKS.sub("", name)
        if bare != name and self.survey.labels.get(bare.strip().encode()):
            return False
        quotes = sum(bare.count(q) for q in '"”“„«»「」')
        rare = self.survey.labels[label] <= 2
        if not rare:
            return False
        if systems.matches(line, self.survey.language, len(bare)) is not None:
            return True
        if quotes % 2 == 1 and len(bare) > 12:
            return systems.understand(line, self.survey.language).kind != "other" or not self.survey.language
        start = systems.understand(line, self.survey.language)
        return start.kind == "e2e_notice" or (self._ios and bare != name and start.kind != "other")

    def _system_about(self, name: str, line: str) -> SystemLine | None:
        said = systems.understand(line, self.survey.language)
        if said.kind != "other" and (fold(name) in (said.actor, *said.members)):
            return said
        return None

    def _senderless(self, stamp: int, body: bytes, text: str) -> Record:
        """Read a record without a label: a system line, or a label that no space follows."""
        line = text.partition("\n")[0]
        said = systems.understand(text, self.survey.language)
        if said.kind == "other":
            for at in (i for i, c in enumerate(line[:200]) if c == ":"):
                label = line[:at].encode("utf-8", "replace")
                if self.survey.labels.get(label) or (line[at : at + 2] == ": " and self._ios is False and at > 0):
                    if not self.survey.labels.get(label) and line.count(":") < 2:
                        break
                    rest = text[at + 1 :].removeprefix(" ")
                    return self._typed(stamp, sanitise_name(line[:at]), rest.encode("utf-8", "replace"), rest)
        return self._system(stamp, None, body, text, said)

    def _system(self, stamp: int, label: str | None, body: bytes, text: str, said: SystemLine | None = None) -> Record:
        said = said or systems.understand(text, self.survey.language)
        sentence = text.replace("\u200e", "").replace("\u200f", "").strip("\n")
        return Record(stamp, label, body, Body("system", sentence), said)


def _exact() -> frozenset[bytes]:
    return _EXACT or _fill_exact()


_EXACT: frozenset[bytes] = frozenset()


def _fill_exact() -> frozenset[bytes]:
    """Collect every fixed body as bytes, as it stands in files, with and without its final stop."""
    global _EXACT  # noqa: PLW0603 - filled once
    plain = ("deleted", "you_deleted", "missed_call", "waiting", "view_once", "live_location", "image", "video", "audio",
             "sticker", "gif", "document", "contact", "video_note", "deleted_by_admin", "omitted")  # fmt: skip
    found = set()
    for entry in LANGUAGES.values():
        for role in plain:
            for text in entry.get(role, ()):
                for form in (text, text.rstrip("."), text + "."):
                    found.add(form.encode())
    _EXACT = frozenset(found)
    return _EXACT


def _starts(language: str) -> tuple[bytes, ...]:
    """Collect the byte starts of bodies that are not typed but vary: tokens, marks, "deleted by admin"."""
    admin = [b.encode() for b, _, code in frames("deleted_by_admin") if code == language and len(b) > 8]
    before = [b.encode() for b, a, _ in frames("attached") if b]
    return (b"<", _MARK_LRM, _MARK_RLM, b"\xe2\x80\xaa", *admin, *before)


def _short(text: bytes) -> str:
    line = text.strip().split(b"\n", 1)[0][:200].decode("utf-8", "replace")
    return line.strip()


def _markers(brackets: Counter[bytes]) -> frozenset[str]:
    """Keep the bracketed wordings that the file repeats: the app's, in a language that no table has."""
    return frozenset(fold(text.decode("utf-8", "replace")) for text, n in brackets.most_common(20) if n >= 3)


def _attached_votes(body: bytes, votes: Counter[str]) -> None:
    text = body[:300].decode("utf-8", "replace")
    line = text.partition("\n")[0]
    for before, after, language in frames("attached"):
        if "(" in after and line.endswith(after.strip()):
            votes[language] += 2
    for before, after, language in frames("ios_attached"):
        if before.strip() and before.strip("< ") in line and "<" in line:
            votes[language] += 2
    if text.endswith(">"):
        for language, entry in LANGUAGES.items():
            if any(text.endswith(e) for e in entry.get("edited", ())):
                votes[language] += 2

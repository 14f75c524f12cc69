"""One pass over a whole chat: what its dates, labels and wordings tell about it."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

import msgspec

from fallback.errors import ParseError
from fallback.networks.whatsapp import systems
from fallback.networks.whatsapp.archive import ChatText
from fallback.networks.whatsapp.dates import read_date
from fallback.networks.whatsapp.dialects import fold, frames, tokens
from fallback.networks.whatsapp.dialects.languages import LANGUAGES
from fallback.networks.whatsapp.moments import Clock
from fallback.networks.whatsapp.order import DateOrder, Dates, certain, decide
from fallback.networks.whatsapp.records import Batch, Layout, Preface, lay_out, split
from fallback.text import sanitise_name

Talk = tuple[bytes | None, bytes]
_LARGE: Final = 8 << 20
_SMALL: Final = 8 << 20
_DECIDED: Final = 12
"""Votes that settle a language: those of its encryption notice."""
_MANY_RESTS: Final = 50_000
_NEWLINE: Final = ord("\n")
_MARKS: Final = (b"\xe2\x80\x8e", b"\xe2\x80\x8f")
_BRACKETED: Final = re.compile(rb"<[^<>:/\r\n]{3,80}>(?=\r?\n)")


class Problem(msgspec.Struct, frozen=True):
    """A line that was not understood and what became of it."""

    text: str
    what: str


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


class Source:
    """A chat's batches, to be read again and again; a small chat is kept in memory.

    Args:
        this_year: dates beyond the next year are misreadings.
        progress: told bytes done and bytes in all.
    """

    def __init__(self, chat: ChatText, this_year: int, progress: Callable[[int, int], None] | None) -> None:
        self.chat = chat
        self.year = this_year
        self._progress = progress
        self._days: set[bytes] = set()
        self._no_days: set[bytes] = set()
        self._kept: list[Batch] | None = [] if chat.size <= _SMALL else None
        with chat.open() as stream:
            self.layout = lay_out(stream, chat.name)
        header = self.layout.header
        self.clock = Clock(header.words, seconds=header.shape.seconds)

    @property
    def ios(self) -> bool:
        """Say whether an iPhone wrote it."""
        return self.layout.header.shape.platform == "ios"

    def loosen(self) -> None:
        """Read headers with any marks and spaces from now on."""
        self.layout = self.layout.loosened()
        if self._kept is not None:
            self._kept = []

    def keep(self, batch: Batch) -> None:
        """Keep a batch of the first pass, where the chat is small."""
        if self._kept is not None:
            self._kept.append(batch)

    def first_pass(self) -> Iterator[Batch | Preface]:
        """Read the chat, with what stands before its first record."""
        total, tell = self.chat.size, self._progress
        with self.chat.open() as stream:
            yield from split(
                stream,
                self.layout,
                self.valid,
                self.read,
                (lambda done: tell(done, total)) if tell else None,
            )

    def again(self) -> Iterator[Batch]:
        """Read the chat's records once more."""
        if self._kept is not None:
            yield from self._kept
            return
        for batch in self.first_pass():
            if not isinstance(batch, Preface):
                yield batch

    def read(self, days: list[bytes], times: list[bytes]) -> list[int] | None:
        """Give the seconds of times; nothing where a time, or a date in any order, does not exist."""
        for day in set(days).difference(self._days):
            self._days.add(day)
            if max(read_date(day, self.year).days) < 0:
                self._no_days.add(day)
        if self._no_days and not self._no_days.isdisjoint(days):
            return None
        seconds = self.clock.read(times)
        return seconds if min(seconds) >= 0 else None

    def valid(self, day: bytes, time: bytes) -> int | None:
        """Give the seconds of a time; nothing where it, or the date in any order, does not exist."""
        seconds = self.read([day], [time])
        return seconds[0] if seconds else None


def look(source: Source, date_order: str | None) -> Survey:
    """Pass over a chat once: dates, labels, wordings, languages.

    A file far beyond what WhatsApp exports is read on only while its date order is open.

    Raises:
        ParseError: it holds no message.
    """
    layout = source.layout
    dates = Dates(source.year)
    survey = Survey(layout, DateOrder("DMY", ()))
    rests: dict[bytes, bytes] = {}
    brackets: Counter[bytes] = Counter()
    talk: list[Talk] = []
    read = 0
    for batch in source.first_pass():
        if isinstance(batch, Preface):
            survey.problems.append(Problem(_short(batch.text), "stands before the first message"))
            continue
        if layout.pattern is not layout.loose and _misses(batch, source):
            source.loosen()
            return look(source, date_order)
        source.keep(batch)
        read += len(batch.source)
        dates.feed(batch.dates)
        survey.labels.update(batch.labels)
        survey.records += len(batch.dates)
        if not survey.first:
            survey.first = b"|".join((batch.dates[0], batch.times[0], batch.bodies[0][:200]))
        if len(talk) < 4000:
            talk += list(zip(batch.labels[:4000], batch.bodies[:4000], strict=True))
        brackets.update(_BRACKETED.findall(batch.source))
        _shared_rests(batch, rests)
        if read > _LARGE and (date_order or certain(dates, layout.header.shape, source.year)):
            break
    del survey.labels[None]
    if not survey.records:
        raise ParseError(f"{source.chat.name} holds no message", "Give an exported chat.", line=1)
    _languages(talk, survey, ios=source.ios)
    survey.markers = _markers(brackets)
    survey.renamed = _renamed(survey, rests, talk, source)
    if date_order is None:
        survey.order = _decide(dates, source, survey)
    else:
        survey.order = DateOrder(date_order, ("asked for",))
    return survey


def _misses(batch: Batch, source: Source) -> bool:
    """Say whether a body holds a header that only the loose pattern reads."""
    several = b"\0".join([body for body in batch.bodies if _NEWLINE in body])
    found = source.layout.loose.finditer(several)
    return any(source.valid(match["date"], match["time"]) is not None for match in found)


def _decide(dates: Dates, source: Source, survey: Survey) -> DateOrder:
    pairs = (pair for batch in source.again() for pair in zip(batch.dates, batch.bodies, strict=True))
    worded = "\0" in source.layout.header.shape.gap + source.layout.header.shape.tail
    capital = not worded or source.clock.capital
    return decide(dates, source.layout.header.shape, survey.language, source.year, pairs, capital=capital)


def _languages(talk: list[Talk], survey: Survey, *, ios: bool) -> None:
    """Find the app's language by its fixed wordings and system lines."""
    votes: Counter[str] = survey.languages
    said: list[Talk] = []
    for number, (label, body) in enumerate(talk):
        if number > 1000 and votes.total() > 100:
            break
        if len(body) < 160 or body[:1] == b"<":
            text = body[:400].decode("utf-8", "replace").partition("\n")[0]
            token = tokens().get(fold(text))
            if token is not None:
                votes.update(dict.fromkeys(token.languages, 3))
                continue
        if label is None or (ios and body[:3] in _MARKS):
            said.append((label, body))
    _system_votes(said[:30], survey, ios=ios)
    rare = ((n, b) for n, b in talk[:600] if n is not None and not ios and survey.labels[n] <= 2)
    for label, body in islice(rare, 0 if _settled(votes) else 30):
        line = (label + b": " + body[:400]).decode("utf-8", "replace")
        match = systems.matches(line, "", len(label.decode("utf-8", "replace")))
        if match is not None:
            votes[match.language] += 2
    for _, body in talk[:600]:
        if b"(" in body or b"<" in body:
            _attached_votes(body, votes)
    survey.language = votes.most_common(1)[0][0] if votes else ""


def _system_votes(said: list[Talk], survey: Survey, *, ios: bool) -> None:
    """Let system lines vote; where fixed wordings settled the language, only the encryption notice is looked for."""
    votes = survey.languages
    for label, body in said:
        line = body.decode("utf-8", "replace")
        # reading a line in every language costs their whole tables
        if _settled(votes) and not systems.is_notice(line):
            continue
        found = systems.understand(line)
        if found.language:
            votes[found.language] += 12 if found.kind == "e2e_notice" else 2
        if found.kind == "e2e_notice" and label is not None and ios and not survey.group_label:
            survey.group_label = sanitise_name(label.decode("utf-8", "replace"))


def _settled(votes: Counter[str]) -> bool:
    """Say whether one language is ahead of all others by as much as settles it."""
    (_, most), (_, second) = [*votes.most_common(2), ("", 0), ("", 0)][:2]
    return most - second >= _DECIDED


def _rest(body: bytes) -> bytes:
    """Give what would belong to the name, if the name held a colon."""
    return body[: max(0, body.find(b": ", 0, 64))]


def _shared_rests(batch: Batch, rests: dict[bytes, bytes]) -> None:
    """Keep for each label the rest that all its bodies so far share; empty where they differ."""
    unsettled = {label for label in set(batch.labels) if label is not None and rests.get(label, b":")}
    if not unsettled:
        return
    for label, body in zip(batch.labels, batch.bodies, strict=True):
        if label is not None and label in unsettled:
            rest = _rest(body)
            if rests.setdefault(label, rest) != rest or not rest:
                rests[label] = b""
                unsettled.discard(label)


def _all_rests(source: Source) -> set[tuple[bytes, bytes]]:
    """Collect every label with every rest, of as many records as memory should hold."""
    found: set[tuple[bytes, bytes]] = set()
    for batch in source.again():
        pairs = zip(batch.labels, map(_rest, batch.bodies), strict=True)
        found.update((label, rest) for label, rest in pairs if label is not None and rest)
        if len(found) >= _MANY_RESTS:
            break
    return found


def _renamed(survey: Survey, rests: dict[bytes, bytes], talk: list[Talk], source: Source) -> dict[bytes, str]:
    """Find labels that the first colon cut too early: names that hold a colon themselves."""
    found: dict[bytes, str] = {}
    named: set[str] = set()
    for label, body in talk:
        if label is None or (survey.labels[label] <= 2 and not source.ios):
            line = body if label is None else label + b": " + body
            if b": " in line and len(line) < 500:
                text = line.decode("utf-8", "replace")
                said = systems.matches(text, survey.language, len(text))
                if said is not None:
                    named.update(n for n in (*said.members, said.actor) if ": " in n)
    for label, rest in rests.items():
        if rest and b"\n" not in rest and survey.labels[label] >= 3 and len(survey.labels) > 1:
            found[label] = _whole_name(label, rest)
    for label, rest in _all_rests(source) if named else ():
        if b"\n" not in rest and fold(_whole_name(label, rest)) in named:
            found[label] = _whole_name(label, rest)
    return found


def _whole_name(label: bytes, rest: bytes) -> str:
    return f"{label.decode('utf-8', 'replace')}: {rest.decode('utf-8', 'replace')}"


def _short(text: bytes) -> str:
    line = text.strip().split(b"\n", 1)[0][:200].decode("utf-8", "replace")
    return line.strip()


def _markers(brackets: Counter[bytes]) -> frozenset[str]:
    """Keep the bracketed wordings that the file repeats: the app's, in a language that no table has."""
    return frozenset(fold(text.decode("utf-8", "replace")) for text, n in brackets.most_common(20) if n >= 3)


def _attached_votes(body: bytes, votes: Counter[str]) -> None:
    text = body[:300].decode("utf-8", "replace")
    line = text.partition("\n")[0]
    for _, after, language in frames("attached"):
        if "(" in after and line.endswith(after.strip()):
            votes[language] += 2
    for before, _, language in frames("ios_attached"):
        if before.strip() and before.strip("< ") in line and "<" in line:
            votes[language] += 2
    if text.endswith(">"):
        for language, entry in LANGUAGES.items():
            if any(text.endswith(e) for e in entry.get("edited", ())):
                votes[language] += 2

"""Writes exported chats of any size in any dialect, with the truth about them."""

import io
import random
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec

from fallback.errors import UsageError
from fallback.networks.whatsapp.dates import to_day
from fallback.networks.whatsapp.dialects.languages import LANGUAGES
from fallback.networks.whatsapp.dialects.styles import STYLES

Platform = Literal["android", "ios"]
_WORDS: Final = [
    "shift",
    "gate",
    "truck",
    "pallet",
    "bed",
    "ward",
    "press",
    "print",
    "page",
    "north",
    "south",
    "late",
    "early",
    "ok",
    "noted",
    "copy",
    "check",
    "keys",
    "radio",
    "line",
    "pump",
    "crew",
    "dock",
    "stop",
    "start",
    "ready",
    "hold",
    "moved",
    "done",
    "again",
    "later",
    "today",
    "night",
    "report",
    "list",
    "seal",
    "order",
    "driver",
    "nurse",
]
_RIGHT_TO_LEFT: Final = frozenset({"ar", "he", "fa", "ur"})


class Style(msgspec.Struct, frozen=True):
    """A dialect: how one app in one locale writes.

    Args:
        header: pattern of date and time with ``{d} {MM} {yyyy} {h} {mm} {ss} {a}`` and the like.
        language: whose wordings it uses; English where the table has none.
    """

    locale: str
    platform: Platform
    language: str
    header: str
    calendar: str = "gregorian"
    zero: int = 48
    am: str = "AM"
    pm: str = "PM"
    space: str = " "

    @property
    def seconds(self) -> bool:
        """Say whether it tells seconds."""
        return "{ss}" in self.header or "{s}" in self.header

    @property
    def mark(self) -> str:
        """Give the mark before the app's own words."""
        return "\u200f" if self.language in _RIGHT_TO_LEFT else "\u200e"


def style(
    locale: str, platform: Platform = "android", *, twelve: bool = False, narrow: bool = False
) -> Style:
    """Give a locale's dialect.

    Args:
        twelve: with AM and PM, where the locale writes 24 hours.
        narrow: U+202F before AM and PM, as since 2023.

    Raises:
        UsageError: no such locale.
    """
    for name, language, calendar, zero, ios, android, half, am, pm in STYLES:
        if name == locale:
            header = ios if platform == "ios" else half if twelve else android
            return Style(
                locale,
                platform,
                language or "en",
                header,
                calendar,
                zero,
                am,
                pm,
                "\u202f" if narrow else " ",
            )
    raise UsageError(f"There is no locale {locale}", "See docs/exports.md for all of them.")


def locales() -> list[str]:
    """Name every locale."""
    return [entry[0] for entry in STYLES]


class Line(msgspec.Struct, frozen=True):
    """One record to be written.

    Args:
        kind: ``text media attached deleted edited location contact poll created added left``.
        text: what was typed; the caption; the group's name; who was added.
    """

    at: datetime
    sender: str
    kind: str = "text"
    text: str = ""
    file: str = ""


def header(when: datetime, dialect: Style) -> str:
    """Write date and time as the dialect does, without brackets or dash."""
    year, month, day = when.year, when.month, when.day
    if dialect.calendar == "buddhist":
        year += 543
    elif dialect.calendar == "persian":
        year, month, day = _persian(when)
    hour = when.hour % 12 or 12
    values = {
        "d": f"{day}", "dd": f"{day:02}", "M": f"{month}", "MM": f"{month:02}", "yy": f"{year % 100:02}",
        "yyyy": f"{year:04}", "H": f"{when.hour:02}", "h": f"{hour}", "hh": f"{hour:02}", "m": f"{when.minute}",
        "mm": f"{when.minute:02}", "s": f"{when.second}", "ss": f"{when.second:02}", "a": "\1",
    }  # fmt: skip
    text = dialect.header.format_map(values)
    if dialect.zero != 48:
        text = text.translate({48 + i: dialect.zero + i for i in range(10)})
    return text.replace(" \1", f"{dialect.space}\1").replace(
        "\1", dialect.am if when.hour < 12 else dialect.pm
    )


def _persian(when: datetime) -> tuple[int, int, int]:
    days = (when.date() - datetime(1970, 1, 1).date()).days  # noqa: DTZ001 - a wall date
    year = when.year - 621
    while to_day((year, 1, 1), "YMD", 3000) > days:
        year -= 1
    rest = days - to_day((year, 1, 1), "YMD", 3000)
    month = 1
    while month < 12 and rest >= (31 if month <= 6 else 30):
        rest -= 31 if month <= 6 else 30
        month += 1
    return year, month, rest + 1


def write(lines: Iterable[Line], dialect: Style) -> Iterator[bytes]:
    """Write records as the app does; one chunk a record."""
    end = "\r\n" if dialect.platform == "ios" else "\n"
    for line in lines:
        yield (_record(line, dialect) + end).encode()


def _record(line: Line, dialect: Style) -> str:
    ios = dialect.platform == "ios"
    mark = dialect.mark
    body, own, system = _body(line, dialect)
    when = header(line.at, dialect)
    lead = mark if ios and own and not system else ""
    start = f"{lead}[{when}] " if ios else f"{when} - "
    if system:
        return start + (f"{line.sender}: {mark}{body}" if ios else body)
    return f"{start}{line.sender}: {mark if ios and own and not line.text else ''}{body}"


def _body(line: Line, dialect: Style) -> tuple[str, bool, bool]:
    """Give the body, whether it is the app's wording, and whether it is a system line."""
    words = LANGUAGES[dialect.language] if dialect.language in LANGUAGES else LANGUAGES["en"]
    ios, english = dialect.platform == "ios", LANGUAGES["en"]

    def word(role: str) -> str:
        return words.get(role, english[role])[0]

    match line.kind:
        case "text":
            return line.text, False, False
        case "media":
            token = word("image") if ios else word("omitted")
            caption = f"{line.text} {dialect.mark}{token}" if ios else f"{token}\n{line.text}"
            return (caption if line.text else token), True, False
        case "attached" | "contact":
            token = word("ios_attached" if ios else "attached").replace("X", line.file)
            if ios:
                return (f"{line.text} {dialect.mark}{token}" if line.text else token), True, False
            return token + (f"\n{line.text}" if line.text else ""), True, False
        case "deleted":
            return word("deleted"), True, False
        case "edited":
            marker = word("edited")
            return f"{line.text} {dialect.mark if ios else ''}{marker}", False, False
        case "location":
            return word("location").replace("X", f"https://maps.google.com/?q={line.file}"), True, False
        case "poll":
            inner = dialect.mark if ios else ""
            options = "\n".join(f"{inner}OPTION: {o} ({i} votes)" for i, o in enumerate(line.file.split("|")))
            return f"{inner}POLL:\n{line.text}\n{options}\n", False, False
        case "created":
            return word("created").replace("X", line.sender).replace("Y", line.text), True, True
        case "added":
            return (
                word("added").replace("X", "\1").replace("Y", line.text).replace("\1", line.sender),
                True,
                True,
            )
        case "left":
            return word("left").replace("X", line.sender), True, True
        case _:
            raise UsageError(f"There is no kind of line {line.kind}")


def history(count: int, *, seed: int = 1, people: int = 24, start: datetime | None = None) -> Iterator[Line]:
    """Make a group's history in the mix of real exports; the same seed gives the same history."""
    dice = random.Random(seed)
    names = [
        f"{name} {i}" if i else name for i in range(people) for name in ("Sara", "Omar", "+44 7700 900123")
    ][:people]
    sentences = [" ".join(dice.choices(_WORDS, k=dice.randint(1, 14))) for _ in range(2048)]
    moment = start or datetime(2015, 1, 5, 6, 0, 0)  # noqa: DTZ001 - a wall clock, as in an export
    step = timedelta(days=3650).total_seconds() / max(count, 1)
    for number in range(count):
        moment += timedelta(seconds=int(dice.random() * 2 * step))
        sender, text, chance = dice.choice(names), dice.choice(sentences), dice.random()
        if number == 0:
            yield Line(moment, names[0], "created", "Load test")
        elif chance < 0.70:
            yield Line(moment, sender, "text", text)
        elif chance < 0.82:
            yield Line(
                moment, sender, "text", "\n".join([text, *dice.choices(sentences, k=dice.randint(1, 5))])
            )
        elif chance < 0.87:
            yield Line(moment, sender, "media")
        elif chance < 0.92:
            yield Line(moment, sender, "attached", "", f"IMG-{moment:%Y%m%d}-WA{number % 10000:04}.jpg")
        elif chance < 0.95:
            kind = "added" if chance < 0.94 else "left"
            yield Line(moment, sender, kind, dice.choice(names))
        elif chance < 0.97:
            yield Line(moment, sender, "deleted")
        elif chance < 0.98:
            yield Line(moment, sender, "edited", text)
        elif chance < 0.99:
            yield Line(
                moment, sender, "location", "", f"{dice.uniform(-80, 80):.5f},{dice.uniform(-170, 170):.5f}"
            )
        else:
            yield Line(moment, sender, "poll", text, f"{text}|no")


def write_export(path: Path, count: int, dialect: Style, *, seed: int = 1, media: bool = False) -> int:
    """Write a whole export, a text or (by its suffix) a zip.

    Args:
        media: put a small file into the zip for every attachment.

    Returns:
        How many records were written.
    """
    lines = list(history(count, seed=seed)) if media else history(count, seed=seed)
    if path.suffix != ".zip":
        with path.open("wb") as stream:
            stream.writelines(write(lines, dialect))
        return count
    text = io.BytesIO()
    text.writelines(write(lines, dialect))
    name = "_chat.txt" if dialect.platform == "ios" else "WhatsApp Chat with Load test.txt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text.getvalue())
        if media:
            for file in sorted({line.file for line in lines if line.kind == "attached"}):
                archive.writestr(file, b"\xff\xd8\xff\xe0" + bytes(64))
    return count

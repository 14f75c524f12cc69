"""Build the two example exports from the scripts beside this file.

    python examples/exports/make_exports.py [FOLDER]

The same scripts give the same bytes: times come from the script, nothing from the clock.

A script line is ``HHMM who text``; ``# DATE`` starts a day, ``| `` goes on after a line feed, ``^ `` after the
CRLF that pasted text carries; ``*`` in place of a person is the app itself (on iOS followed by whom the line is
labelled with, ``label`` for the group).
"""

import hashlib
import re
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import drawings

HERE = Path(__file__).parent
SCRIPTS = ("newsroom", "clinic")

LRM, RLM, FSI, PDI = "\u200e", "\u200f", "\u2068", "\u2069"
_LINE = re.compile(r"(?P<hour>\d\d)(?P<minute>\d\d) (?P<who>\S+) (?P<text>.*)")
_ATTACHMENT = re.compile(r"\{(photo|sticker|pdf|contact|voice)(?::(\w+))?\}[ \n]?")
_PLACEHOLDER = re.compile(r"\{(@?)(\w+)(?::([^}]*))?\}")

Frame = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """One record of a script; ``who`` is a key of the frame's people, ``*`` for the app."""

    when: datetime
    who: str
    text: str


@dataclass(frozen=True)
class Attachment:
    """One media file of an export."""

    name: str
    content: bytes
    when: datetime


@dataclass(frozen=True)
class Export:
    """What goes into one zip."""

    chat: str
    attachments: tuple[Attachment, ...]
    until: datetime


def main(folder: Path) -> None:
    """Write every example export into the folder."""
    for name in SCRIPTS:
        frame = load_frame(name)
        target = folder / frame["archive"]
        write(build(name), frame["chat"], target)
        print(f"{target.name}: {target.stat().st_size} bytes")


def load_frame(name: str) -> Frame:
    """Read who is who and the app's words."""
    return tomllib.loads((HERE / f"{name}.toml").read_text("utf-8"))


def build(name: str) -> Export:
    """Put a script into its platform's export form."""
    frame = load_frame(name)
    records = tuple(read_script((HERE / f"{name}.txt").read_bytes().decode()))
    if frame["platform"] == "ios":
        records = tuple(_with_seconds(records))
    attachments: list[Attachment] = []
    lines = [_record(frame, said, number, attachments) for number, said in enumerate(records, 1)]
    return Export("".join(lines), tuple(attachments), records[-1].when)


def read_script(script: str) -> Iterator[Said]:
    """Give a script's records in order."""
    day, current = "", None
    for line in script.splitlines():
        if current is not None and line[:1] in ("|", "^"):
            joint = "\n" if line[0] == "|" else "\r\n"
            current = replace(current, text=current.text + joint + line[2:])
            continue
        if current is not None:
            yield current
            current = None
        if line.startswith("# "):
            day = line[2:]
        elif found := _LINE.fullmatch(line):
            when = datetime.fromisoformat(f"{day}T{found['hour']}:{found['minute']}")
            current = Said(when, found["who"], found["text"])
        elif line:
            raise ValueError(f"not a line of a script: {line!r}")
    if current is not None:
        yield current


def write(export: Export, chat_name: str, target: Path) -> None:
    """Zip the chat and its media; entry times are the messages' own."""
    with zipfile.ZipFile(target, "w") as archive:
        _add(archive, chat_name, export.chat.encode(), export.until, zipfile.ZIP_DEFLATED)
        for attachment in export.attachments:
            _add(archive, attachment.name, attachment.content, attachment.when, zipfile.ZIP_STORED)


def _add(archive: zipfile.ZipFile, name: str, content: bytes, when: datetime, method: int) -> None:
    entry = zipfile.ZipInfo(name, when.timetuple()[:6])
    entry.compress_type, entry.create_system, entry.external_attr = method, 3, 0o644 << 16
    archive.writestr(entry, content)


def _with_seconds(records: tuple[Said, ...]) -> Iterator[Said]:
    """Give every record a second of its minute, in order."""
    previous = datetime.min  # noqa: DTZ901
    for said in records:
        offset = int(hashlib.sha256(said.text.encode()).hexdigest(), 16)
        if said.when == previous.replace(second=0):
            when = previous + timedelta(seconds=3 + offset % 8)
        else:
            when = said.when + timedelta(seconds=offset % 24)
        yield replace(said, when=when)
        previous = when


def _record(frame: Frame, said: Said, number: int, attachments: list[Attachment]) -> str:
    body, attached = said.text, None
    if found := _ATTACHMENT.match(body):
        attached = _attachment(frame, found, said.when, number, attachments)
        attachments.append(attached)
        body = body[found.end() :]
    body = _PLACEHOLDER.sub(lambda match: _filled(frame, match), body)
    if frame["platform"] == "android":
        return _android(frame, said, body, attached)
    return _ios(frame, said, body, attached)


def _android(frame: Frame, said: Said, body: str, attached: Attachment | None) -> str:
    words, when = frame["words"], said.when
    if attached is not None:
        token = words["attached"].format(file=attached.name)
        body = f"{token}\n{body}" if body else token
    half = words["am"] if when.hour < 12 else words["pm"]
    date = (
        f"{when.day}{RLM}/{when.month}{RLM}/{when.year}، {(when.hour + 11) % 12 + 1}:{when.minute:02} {half}"
    )
    sender = "" if said.who == "*" else f"{_shown(frame, said.who)}: "
    return f"{date} - {sender}{body}\n"


def _ios(frame: Frame, said: Said, body: str, attached: Attachment | None) -> str:
    first, who = "", said.who
    if attached is not None:
        first = LRM
        token = frame["words"]["attached"].format(file=attached.name)
        if attached.name.endswith(".pdf"):
            body = f"{attached.name.partition('-')[2]} • {LRM}1 page"
        body = f"{body} {token}".lstrip()
    if who == "*":
        who, _, body = body.partition(" ")
        body = LRM + body
    elif body.startswith("POLL:"):
        body = re.sub(r"^(?=POLL:|OPTION:)", LRM, body, flags=re.MULTILINE)
    elif body == frame["words"]["omitted"]:
        first = LRM
    sender = frame["label"] if who == "label" else _shown(frame, who)
    return f"{first}[{said.when:%d/%m/%Y, %H:%M:%S}] {sender}: {body}\r\n"


def _filled(frame: Frame, match: re.Match[str]) -> str:
    mention, key, value = match.groups()
    if key == "number":
        return _isolated(value)
    if key in frame["people"]:
        return f"@{FSI}{frame['people'][key]}{PDI}" if mention else _shown(frame, key)
    return str(frame["words"][key]).format(place=value)


def _shown(frame: Frame, key: str) -> str:
    name = str(frame["people"][key])
    return _isolated(name) if name.startswith("+") else name


def _isolated(number: str) -> str:
    """Write a phone number the way the apps do: left to right, unbreakable."""
    return f"\u202a{number.replace(' ', chr(0xA0))}\u202c"


def _attachment(
    frame: Frame, found: re.Match[str], when: datetime, number: int, earlier: list[Attachment]
) -> Attachment:
    kind = found[1]
    content, own, extension = _content(frame, kind, found[2] or "")
    if frame["platform"] == "ios":
        label = {"photo": "PHOTO", "sticker": "STICKER", "voice": "AUDIO"}.get(kind)
        tail = own if label is None else f"{label}-{when:%Y-%m-%d-%H-%M-%S}.{extension}"
        return Attachment(f"{number:08}-{tail}", content, when)
    label = {"photo": "IMG", "sticker": "STK", "voice": "PTT"}.get(kind)
    count = sum(other.when.date() == when.date() for other in earlier)
    return Attachment(
        own if label is None else f"{label}-{when:%Y%m%d}-WA{count:04}.{extension}", content, when
    )


def _content(frame: Frame, kind: str, key: str) -> tuple[bytes, str, str]:
    """Give a medium's bytes, its own file name (documents and contacts) and its extension."""
    match kind:
        case "photo":
            return drawings.jpeg(key), "", "jpg"
        case "sticker":
            return drawings.webp(key), "", "webp"
        case "voice":
            return (HERE / frame["files"]["voice"]).read_bytes(), "", "opus"
        case "pdf":
            return drawings.pdf(frame["rota"]["title"], frame["rota"]["lines"]), frame["files"]["rota"], "pdf"
        case _:
            return _vcard(frame["contact"]), frame["files"]["contact"], "vcf"


def _vcard(contact: dict[str, str]) -> bytes:
    digits = re.sub(r"\D", "", contact["phone"])
    rows = (
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"N:;{contact['name']};;;",
        f"FN:{contact['name']}",
        f"ORG:{contact['organisation']}",
        f"TEL;type=WORK;waid={digits}:{contact['phone']}",
        "END:VCARD",
    )
    return "".join(f"{row}\r\n" for row in rows).encode()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

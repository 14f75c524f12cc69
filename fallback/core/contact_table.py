"""CSV to contacts and back; a spreadsheet never takes a cell for a formula."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Literal

from fallback.core.contact_files import (
    KINDS,
    Card,
    Problems,
    Reading,
    address,
    bounded,
    claimed,
    refusal,
)
from fallback.core.contacts import Contact
from fallback.core.roster import fold
from fallback.errors import ParseError

COLUMNS: Mapping[str, tuple[str, str]] = {
    "name": ("Name", "الاسم"),
    "given": ("Given name", "الاسم الأول"),
    "family": ("Family name", "اسم العائلة"),
    "aliases": ("Aliases", "أسماء أخرى"),
    "phones": ("Phones", "الهواتف"),
    "mxids": ("Matrix ids", "معرفات ماتركس"),
    "emails": ("E-mail", "البريد الإلكتروني"),
    "lids": ("LIDs", "معرفات واتساب"),
    "channels": ("Alert channels", "قنوات التنبيه"),
    "notes": ("Notes", "ملاحظات"),
}
"""Fields in the order they are written, with their headers in English and Arabic."""

_MORE = {
    "name": "full name, display name, contact, contact name, person, file as, الاسم الكامل, اسم, جهة الاتصال",
    "given": "first name, forename, given, الاسم الشخصي",
    "family": "last name, surname, family, العائلة, اللقب, الكنية, اسم الأسرة",
    "aliases": "alias, nickname, nicknames, push name, لقب, كنية, اسم الشهرة",
    "phones": "phone, phone number, number, mobile, mobile phone, mobile number, cell, cell phone, tel, telephone,"
    " home phone, home phone 2, business phone, business phone 2, primary phone, other phone, whatsapp,"
    " whatsapp number, هاتف, الهاتف, رقم الهاتف, رقم, الرقم, الجوال, جوال, رقم الجوال, موبايل, الموبايل, واتساب, تلفون",
    "mxids": "matrix, matrix id, mxid, ماتركس, معرف ماتركس",
    "emails": "email, emails, e-mails, mail, e-mail address, email address, e-mail 2 address, e-mail 3 address,"
    " البريد, ايميل, بريد الكتروني",
    "lids": "lid, معرف واتساب",
    "channels": "channel, channels, alert channel, alerts, قناة التنبيه, قنوات",
    "notes": "note, comment, comments, remarks, ملاحظة, الملاحظات",
}
_KNOWN = {
    fold(header): field
    for field, headers in COLUMNS.items()
    for header in (*headers, *_MORE[field].split(", "))
}
_NUMBERED = re.compile(r"(phone|e-?mail) \d+ ?(?:- ?)?(?:value)?")
_DELIMITERS = (",", ";", "\t")
_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_NUMBERS = re.compile(r"\+[0-9]+(?:\n\+[0-9]+)*")
_LISTS = ("aliases", *KINDS)
_SEPARATORS = re.compile(r"\s:::\s|[\n;|,،؛]")


def read(data: bytes, region: str = "") -> Reading:
    """Read a table whose first line names its columns; a bad cell is named by its line, and the rest goes on.

    Args:
        region: where numbers without a country code are from (ISO 3166); empty where nobody knows.

    Raises:
        ParseError: the file is too large, is not UTF-8, or its first line names no column that is known.
    """
    text = _decoded(data)
    delimiter, fields = _header(text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    cards: list[Card] = []
    problems = Problems()
    heading = True
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return Reading(tuple(cards), tuple(problems.told))
        except csv.Error as error:
            problems.tell(line, str(error))
            continue
        if heading or not any(cell.strip() for cell in row):
            heading = heading and not any(cell.strip() for cell in row)
            continue
        contact = _contact(zip(fields, row, strict=False), line, region, problems)
        if contact.shown:
            cards.append(Card(contact, line))
        else:
            problems.tell(line, "the row names nobody")


def write(contacts: Iterable[Contact], language: Literal["en", "ar"] = "en") -> bytes:
    """Write contacts as CSV with a byte order mark; photos and what only a vCard holds are left out.

    Several values of one cell stand on lines of their own.  A cell that a spreadsheet would take for a formula
    gets an apostrophe before it, which ``read`` takes away; a phone number needs none.
    """
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow([headers[language == "ar"] for headers in COLUMNS.values()])
    table.writerows([_cell(contact, field) for field in COLUMNS] for contact in contacts if contact.shown)
    return out.getvalue().encode("utf-8-sig")


def _cell(contact: Contact, field: str) -> str:
    value = getattr(contact, field)
    text: str = "\n".join(value) if field in _LISTS else value
    if _FORMULA.match(text) and not _NUMBERS.fullmatch(text):
        return "'" + text
    return text


def _plain(cell: str) -> str:
    cell = cell.strip(" \n\r\t\xa0")
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _decoded(data: bytes) -> str:
    bounded(data)
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ParseError(
            f"line {line} is not UTF-8", "Save the table as “CSV UTF-8” and try again.", line=line
        ) from error


def _header(text: str) -> tuple[str, list[str]]:
    """Choose the delimiter that makes the most of the first line, and name the columns."""
    first = next((line for line in io.StringIO(text, newline="") if line.strip()), "")[:65536]
    best = max(
        ((one, _fields(first, one)) for one in _DELIMITERS), key=lambda found: sum(map(bool, found[1]))
    )
    if not any(best[1]):
        known = ", ".join(headers[0] for headers in COLUMNS.values())
        raise ParseError(
            "the first line of the table names no column that is known", f"Name some of: {known}.", line=1
        )
    return best


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        headers = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [_field(fold(_plain(header))) for header in headers]


def _field(header: str) -> str:
    numbered = _NUMBERED.fullmatch(header)
    if numbered:
        return "phones" if numbered[1] == "phone" else "emails"
    return _KNOWN.get(header.replace("_", " "), "")


def _contact(cells: Iterable[tuple[str, str]], line: int, region: str, problems: Problems) -> Contact:
    values: dict[str, list[str]] = {field: [] for field in COLUMNS}
    for field, cell in cells:
        if field and (text := _plain(cell)):
            values[field].append(text)
    once = {field: " ".join(values[field]) for field in ("name", "given", "family")}
    lists = {field: _addresses(field, values[field], region, line, problems) for field in KINDS}
    aliases = tuple(part for cell in values["aliases"] for part in cell.split("\n"))
    return claimed({**once, **lists, "aliases": aliases, "notes": "\n".join(values["notes"])})


def _addresses(
    field: str, cells: Iterable[str], region: str, line: int, problems: Problems
) -> tuple[str, ...]:
    found = []
    for text in (text.strip() for cell in cells for text in cell.split("\n")):
        whole = field == "channels" or (field != "phones" and address(field, text))
        for part in (text,) if whole else _SEPARATORS.split(text):
            if good := address(field, part.strip(), region):
                found.append(good)
            elif part.strip():
                problems.tell(line, refusal(field, part.strip(), region))
    return tuple(found)

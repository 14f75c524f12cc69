"""A plan as a file that a person edits: written as TOML, read back with each wrong edit named by its line."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from fallback.core.contacts import is_mxid
from fallback.core.ids import UserId
from fallback.core.migration import Becomes, Plan, PlannedPerson
from fallback.core.roster import is_ghost
from fallback.errors import UsageError
from fallback.text import sanitise, sanitise_name

VERSIONS = ("11", "12")
"""Room versions that a plan may ask for."""

_HEAD = """\
# What `fallback migrate EXPORT --apply THIS_FILE` does.
# Of a person: name, what they become, and the account that is invited:
#   account    invited when the history is in      ghost      not invited
#   doubtful   not known who it is; not invited    skip       as one who has left; messages stay
"""
_HEADER = re.compile(r"\s*\[\[?\s*(\w+)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*[\"']?(\w+)[\"']?\s*=")
_AT = re.compile(r" \(at line (\d+), column \d+\)| \(at end of document\)")
_ROOM = ("name", "topic", "version", "encrypted")
_PERSON = ("ghost", "name", "becomes", "account")


def write(plan: Plan) -> str:
    """Write what of a plan may be edited."""
    room = plan.room
    lines = [
        _HEAD + f"export = {_string(plan.chat)}",
        "",
        "[room]",
        f"name = {_string(room.name)}",
        f"topic = {_string(room.topic)}",
        f"version = {_string(room.version)}",
        f"encrypted = {str(room.encrypted).lower()}",
    ]
    for one in plan.people:
        lines += ["", "[[person]]", f"ghost = {_string(one.ghost)}  # who it is; not to be changed"]
        lines += [f"# {_visible(sanitise_name(one.match, 300))}"] if one.match else []
        lines += [
            f"# may be {_visible(sanitise_name(f'{who.name} {who.account}', 300))}" for who in one.candidates
        ]
        lines += [
            f"name = {_string(one.person.name)}",
            f"becomes = {_string(one.becomes)}",
            f"account = {_string(one.account)}",
        ]
    return "\n".join(lines) + "\n"


def edited(plan: Plan, text: str, file: str = "plan.toml") -> Plan:
    """Change a plan as its edited file says; who is not in the file stays as planned.

    Args:
        file: how errors name it.

    Raises:
        UsageError: an edit is wrong; its line is named.
    """
    return _Edits(text, file).apply(plan)


class _Edits:
    """A plan's file, its values and where each of them stands."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines = dict(_places(text))
        try:
            self.values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            at = _AT.search(str(error))
            line = int(at[1] or 0) if at else 0
            raise self._wrong(line or text.count("\n") + 1, _AT.sub("", str(error))) from error

    def apply(self, plan: Plan) -> Plan:
        for key in self.values:
            if key not in ("export", "room", "person"):
                raise self._wrong(self._line(key, "", 0), f"{key!r} is no key of a plan")
        if self.values.get("export") != plan.chat:
            raise self._wrong(self._line("export", "", 0), "the plan is of another export")
        room = self._table(self.values.get("room", {}), _ROOM, "room", 0)
        people = self.values.get("person", [])
        if not isinstance(people, list):
            raise self._wrong(self._line("", "person", 1), "write a person as [[person]]")
        tables = [self._table(one, _PERSON, "person", n) for n, one in enumerate(people, 1)]
        known = {one.ghost: one for one in plan.people}
        seen: dict[UserId, PlannedPerson] = {}
        for number, table in enumerate(tables, 1):
            ghost = UserId(self._text(table, "ghost", "person", number))
            if ghost not in known or ghost in seen:
                why = "stands here twice" if ghost in seen else "is nobody of the export"
                raise self._wrong(self._line("ghost", "person", number), f"{ghost!r} {why}")
            seen[ghost] = self._person(known[ghost], table, number)
        return replace(
            plan, room=self._room(plan, room), people=tuple(seen.get(one.ghost, one) for one in plan.people)
        )

    def _room(self, plan: Plan, table: Mapping[str, Any]) -> Any:
        name = sanitise_name(self._text(table, "name", "room", 0, plan.room.name))
        if not name:
            raise self._wrong(self._line("name", "room", 0), "a room needs a name")
        version = self._text(table, "version", "room", 0, plan.room.version)
        if version not in VERSIONS:
            raise self._wrong(self._line("version", "room", 0), f"version is one of {', '.join(VERSIONS)}")
        encrypted = table.get("encrypted", plan.room.encrypted)
        if not isinstance(encrypted, bool):
            raise self._wrong(self._line("encrypted", "room", 0), "encrypted is true or false")
        topic = sanitise(self._text(table, "topic", "room", 0, plan.room.topic))
        return replace(plan.room, name=name, topic=topic, version=version, encrypted=encrypted)

    def _person(self, planned: PlannedPerson, table: Mapping[str, Any], number: int) -> PlannedPerson:
        name = sanitise_name(self._text(table, "name", "person", number, planned.person.name))
        if not name:
            raise self._wrong(self._line("name", "person", number), "a person needs a name")
        text = self._text(table, "becomes", "person", number, planned.becomes)
        if text not in list(Becomes):
            raise self._wrong(
                self._line("becomes", "person", number), f"becomes is one of {', '.join(Becomes)}"
            )
        becomes = Becomes(text)
        account = UserId(self._text(table, "account", "person", number, planned.account))
        at = self._line("account", "person", number)
        if account and (not is_mxid(account) or is_ghost(account)):
            raise self._wrong(at, f"{account!r} is no person's Matrix id")
        if becomes is Becomes.ACCOUNT and not account:
            raise self._wrong(at, "who becomes an account needs one")
        same = name == planned.person.name
        person = planned.person if same else replace(planned.person, called=name)
        member = planned.member and becomes is not Becomes.SKIP
        return replace(planned, person=person, becomes=becomes, account=account, member=member)

    def _table(self, table: Any, keys: tuple[str, ...], section: str, number: int) -> Mapping[str, Any]:
        if not isinstance(table, dict):
            raise self._wrong(self._line(section, "", 0), f"{section} is a table")
        for key in table:
            if key not in keys:
                raise self._wrong(self._line(key, section, number), f"{key!r} is no key of a {section}")
        return table

    def _text(
        self, table: Mapping[str, Any], key: str, section: str, number: int, otherwise: str = ""
    ) -> str:
        value = table.get(key, otherwise)
        if not isinstance(value, str):
            raise self._wrong(self._line(key, section, number), f"{key} is a text: write it in quotes")
        return value

    def _line(self, key: str, section: str, number: int) -> int:
        return self.lines.get((section, number, key)) or self.lines.get((section, number, ""), 1)

    def _wrong(self, line: int, why: str) -> UsageError:
        return UsageError(f"{self.file}, line {line}: {why}", "Correct it, or write it anew: --plan-out")


def _places(text: str) -> Iterator[tuple[tuple[str, int, str], int]]:
    """Give the line of each key, by section, the section's number (of people, from 1) and key; ``""`` for its header."""
    section, number, quoted = "", 0, False
    for line, content in enumerate(text.split("\n"), 1):
        inside = quoted
        quoted ^= (content.count('"""') + content.count("'''")) % 2 == 1
        if inside:
            continue
        if header := _HEADER.fullmatch(content):
            section = header[1]
            number = number + 1 if section == "person" else number
            yield (section, number if section == "person" else 0, ""), line
        elif key := _KEY.match(content):
            yield (section, number if section == "person" else 0, key[1]), line


def _string(text: str) -> str:
    """Write a TOML string of one line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_visible(escaped)}"'


def _visible(text: str) -> str:
    """Write what can't be seen as its code."""
    codes = (one if one.isprintable() else f"\\U{ord(one):08X}" for one in text)
    return "".join(codes)

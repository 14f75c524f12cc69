"""Understands system lines: who did what to whom, in any language."""

import functools
import re
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from fallback.networks.whatsapp.dialects import (
    KINDS,
    Template,
    encryption,
    encryption_starts,
    fold,
    templates_ending,
    templates_of,
)
from fallback.networks.whatsapp.dialects.languages import LANGUAGES

_LONGEST: Final = 1000
"""Characters beyond which a line is no system line that needs understanding."""
_STOPS: Final = re.compile(r"(?<=[^.])[.。۔।!] ?")
_TAP: Final = re.compile(r'(?:(?<=["!.]) |\. )(?:Tap (?:to|for) [a-z ]{2,40}|Learn more)$')
_QUOTED: Final = re.compile('"([^"]*)"')
_SECONDS: Final = re.compile(r"([0-9]+) ([^\W\d_]+)")
_UNITS: Final = {"h": 3600, "d": 86400, "w": 604800, "m": 2592000, "y": 31536000}


class SystemLine(msgspec.Struct, frozen=True, gc=False):
    """A system line understood.

    Args:
        kind: the report's word (``member_added``…); ``other`` where the wording is not known.
        key: the sentence of the table, empty where it was only recognised by its words.
        actor: who did it as the line names them; ``YOU`` for the exporter.
        members: to whom it was done.
        value: the new subject or timer; the new number.
        old: the subject before.
        language: whose wording it was, empty where unknown.
    """

    kind: str
    key: str = ""
    actor: str = ""
    members: tuple[str, ...] = ()
    value: str = ""
    old: str = ""
    language: str = ""


YOU: Final = "\0you"
OTHER: Final = SystemLine("other")


def understand(text: str, language: str = "", known: Collection[str] = ()) -> SystemLine:
    """Read a system line; never fails, ``other`` at the least.

    Args:
        language: the language to try first.
        known: names of senders, to part names that only a space divides.
    """
    return _understand(fold(text[:_LONGEST]), language, frozenset(known) if "را" in text else frozenset())


def is_notice(text: str) -> bool:
    """Say whether a system line is the encryption notice, of any language."""
    return fold(text[:_LONGEST]).startswith(encryption_starts())


@functools.lru_cache(4096)
def _understand(line: str, language: str, known: frozenset[str]) -> SystemLine:
    if line.startswith(encryption_starts()):
        code = next(code for start, code in encryption() if line.startswith(start))
        return SystemLine("e2e_notice", "encryption", language=code)
    for code in (language, "") if language else ("",):
        for part in _parts(line):
            for template in templates_ending(code, part[-1:]):
                found = template.match(part)
                if found is not None and _plausible(template, found):
                    return _fill(template, found, known)
    return _similar(line, language)


def matches(line: str, language: str, before: int) -> SystemLine | None:
    """Match a whole sentence whose fixed words start before character ``before``; else ``None``."""
    folded = fold(line[:_LONGEST])
    for template in templates_ending(language, folded[-1:]):
        found = template.match(folded)
        if found is None or not template.names:
            continue
        at = len(template.literals[0]) + len(found[template.names[0]]) if not template.literals[0] else 0
        if at < before and ": " not in found.get("X", ""):
            return _fill(template, found, frozenset())
    return None


def _parts(line: str) -> Iterator[str]:
    """Give the line, then the line without the sentences that follow ("Tap to change")."""
    line = _TAP.sub("", line)
    yield line
    for stop in reversed(list(_STOPS.finditer(line))[:6]):
        cut = line[: stop.start()].strip()
        if len(cut) > 3:
            yield cut


def _plausible(template: Template, found: dict[str, str]) -> bool:
    """Refuse a short sentence around what can't be a name."""
    if sum(map(len, template.literals)) < 3:
        return False
    return all(len(name) <= 200 and "\n" not in name for name in found.values())


def _fill(template: Template, found: dict[str, str], known: frozenset[str]) -> SystemLine:
    x, y, z = found.get("X", ""), found.get("Y", ""), found.get("Z", "")
    key, language = template.key, template.language
    if len(template.names) == 2 and template.literals[1] == " " and known:
        x, y = _part_names(f"{x} {y}", known)
    actor, value, old = x, "", ""
    members: tuple[str, ...] = ()
    match key:
        case "created":
            value = y
        case "you_created":
            actor, value = YOU, x
        case "added" | "removed" | "admin_by" | "admin_off_by":
            members = split_names(y, language)
        case "you_added":
            actor, members = YOU, split_names(x, language)
        case "added_you" | "removed_you":
            members = (YOU,)
        case "was_added" | "was_removed" | "made_admin" | "lost_admin":
            actor, members = "", split_names(x, language)
        case "you_were_added" | "admin_now" | "admin_no_more":
            actor, members = "", (YOU,)
        case "left" | "joined_link" | "joined_community" | "requested":
            members = split_names(x, language)
        case "you_left" | "you_joined_link":
            actor, members = YOU, (YOU,)
        case "subject_from":
            old, value = y, z
        case "you_subject":
            actor, old, value = YOU, x, y
        case "subject_to" | "number_to":
            value = y
        case "timer" | "disappearing_on":
            value = str(seconds(y)) if y else ""
        case "security_code" | "community" | "misc":
            actor = ""
    if is_you(actor, language):
        actor = YOU
    members = tuple(YOU if is_you(m, language) else m for m in members)
    return SystemLine(KINDS[key], key, actor, members, value, old, language)


def is_you(name: str, language: str) -> bool:
    """Say whether a name is the language's word for the exporter."""
    return name in LANGUAGES.get(language, {}).get("you", ()) or name in {"You", "you"}


def split_names(text: str, language: str) -> tuple[str, ...]:
    """Part a list of names ("A, B and C")."""
    for joiner in LANGUAGES.get(language, {}).get("joiner", (" and ",)):
        head, found, last = text.rpartition(joiner)
        if found and head and last:
            parts = head.replace("، ", ", ").replace("、", ", ").split(", ")
            return tuple(p.strip() for p in (*parts, last) if p.strip())
    return (text,)


def seconds(text: str) -> int:
    """Read a duration ("7 days") in English; 0 where it is another language's."""
    found = _SECONDS.search(text)
    return int(found[1]) * _UNITS.get(found[2][0].lower(), 0) if found else 0


def _part_names(text: str, known: frozenset[str]) -> tuple[str, str]:
    spaces = [i for i, c in enumerate(text) if c == " "]
    for at in spaces:
        if text[:at] in known:
            return text[:at], text[at + 1 :]
    return text.partition(" ")[0], text.partition(" ")[2]


@functools.cache
def _vocabulary(language: str) -> tuple[tuple[Template, frozenset[str], int], ...]:
    """Give each sentence's own words, for lines whose wording is new."""
    found = []
    for template in templates_of(language):
        parts = frozenset(w for literal in template.literals for w in _tokens(literal))
        weight = sum(map(len, parts))
        if weight >= 8:
            found.append((template, parts, weight))
    return tuple(found)


def _tokens(text: str) -> list[str]:
    if any("\u3040" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3" or "\u0e00" <= c <= "\u0e7f" for c in text):
        return [text[i : i + 2] for i in range(len(text) - 1) if text[i : i + 2].isalpha()]
    return re.findall(r"[\w'’-]{3,}", text.lower())


def _similar(line: str, language: str) -> SystemLine:
    """Recognise a sentence by the words it shares with a known one of the same language."""
    if not language:
        return OTHER
    bare = _QUOTED.sub(" ", line)
    have = set(_tokens(bare))
    best, score = OTHER, 0.67
    for template, parts, weight in _vocabulary(language):
        share = sum(len(w) for w in parts if w in have) / weight
        if share > score and len(parts & have) >= 2:
            quoted = _QUOTED.findall(line)
            value = quoted[-1] if quoted and template.key in {"subject_to", "subject_from", "created"} else ""
            best, score = SystemLine(KINDS[template.key], value=value, language=language), share
    return best

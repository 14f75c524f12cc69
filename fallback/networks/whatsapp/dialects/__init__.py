"""The words of every language, indexed for look-up."""

import functools
import re
import unicodedata
from typing import Final

import msgspec

from fallback.core.events import MediaKind
from fallback.networks.whatsapp.dialects.languages import LANGUAGES

_FOLD: Final = {
    **dict.fromkeys(map(ord, "\u200b\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"), ""),
    **dict.fromkeys(map(ord, "\u00a0\u202f\u2009"), " "),
    **dict.fromkeys(map(ord, "“”„«»「」『』″״"), '"'),
    **dict.fromkeys(map(ord, "‘’ʼ`´"), "'"),
    ord("："): ":",
    ord("\u2011"): "-",
}  # fmt: skip
_FOLDED: Final = re.compile("[" + "".join(map(re.escape, map(chr, _FOLD))) + "]")
_GAPS: Final = re.compile(r" {2,}")

KINDS: Final = {
    "encryption": "e2e_notice", "created": "group_created", "you_created": "group_created",
    "created_this": "group_created", "added": "member_added", "you_added": "member_added",
    "added_you": "member_added", "was_added": "member_added", "you_were_added": "member_added",
    "left": "member_left", "you_left": "member_left", "removed": "member_removed",
    "removed_you": "member_removed", "was_removed": "member_removed", "joined_link": "member_joined_link",
    "you_joined_link": "member_joined_link", "joined_community": "community", "requested": "other",
    "subject_from": "subject_changed", "you_subject": "subject_changed", "subject_to": "subject_changed",
    "icon": "icon_changed", "description": "description_changed", "only_admins_send": "settings_changed",
    "all_send": "settings_changed", "only_admins_edit": "settings_changed", "all_edit": "settings_changed",
    "settings": "settings_changed", "link_reset": "settings_changed", "timer": "disappearing_changed",
    "disappearing_on": "disappearing_changed", "disappearing_off": "disappearing_changed",
    "number": "number_changed", "number_to": "number_changed", "security_code": "security_code_changed",
    "admin_now": "admin_changed", "admin_no_more": "admin_changed", "made_admin": "admin_changed",
    "lost_admin": "admin_changed", "admin_by": "admin_changed", "admin_off_by": "admin_changed",
    "call_started": "call", "pinned": "pinned", "community": "community", "misc": "other", "closed": "other",
}  # fmt: skip
"""What a sentence of the table means, in the words of the reports."""

_MEDIA: Final = {
    "image": MediaKind.IMAGE, "video": MediaKind.VIDEO, "audio": MediaKind.AUDIO, "video_note": MediaKind.VIDEO,
    "sticker": MediaKind.STICKER, "gif": MediaKind.GIF, "document": MediaKind.DOCUMENT, "contact": MediaKind.CONTACT,
}  # fmt: skip


class Token(msgspec.Struct, frozen=True):
    """A fixed wording that stands for a body, as ``<Media omitted>`` does."""

    role: str
    languages: frozenset[str]
    media: MediaKind | None = None


class Template(msgspec.Struct, frozen=True):
    """A system sentence cut at its names.

    Args:
        literals: the fixed parts, one more than there are names.
        names: the letters X, Y and Z in the order in which they stand.
    """

    key: str
    language: str
    literals: tuple[str, ...]
    names: tuple[str, ...]

    def match(self, line: str) -> dict[str, str] | None:
        """Find the names in a folded line, in linear time; ``None`` where the sentence is another."""
        literals = self.literals
        if not line.startswith(literals[0]) or not line.endswith(literals[-1]):
            return None
        at, end = len(literals[0]), len(line) - len(literals[-1])
        found: dict[str, str] = {}
        for i, name in enumerate(self.names[:-1]):
            stop = line.find(literals[i + 1], at + 1, end)
            if stop < 0:
                return None
            found[name] = line[at:stop].strip()
            at = stop + len(literals[i + 1])
        if self.names:
            if at >= end:
                return None
            found[self.names[-1]] = line[at:end].strip()
        elif line != literals[0]:
            return None
        return found if all(found.values()) else None


def fold(text: str) -> str:
    """Make wordings comparable: marks gone, one kind of space, quote and apostrophe, no final stop."""
    text = text.replace("\u200e", "").replace("\u200f", "")
    if text.isascii():
        text = text.replace("`", "'")
    else:
        text = unicodedata.normalize("NFC", text)
        if _FOLDED.search(text):
            text = text.translate(_FOLD)
    if "  " in text:
        text = _GAPS.sub(" ", text)
    return text.strip().rstrip(".。۔।").rstrip()


@functools.cache
def tokens() -> dict[str, Token]:
    """Index every fixed body of every language by its folded text."""
    found: dict[str, Token] = {}
    plain = ("deleted", "you_deleted", "omitted", "missed_call", "waiting", "view_once", "live_location")
    for language, words in LANGUAGES.items():
        for role in (*plain, *_MEDIA):
            for text in words.get(role, ()):
                key = fold(text)
                old = found.get(key)
                if old is None:
                    kind = "omitted" if role in _MEDIA else role
                    found[key] = Token(kind, frozenset({language}), _MEDIA.get(role))
                elif old.role == role or (role in _MEDIA and old.role == "omitted"):
                    found[key] = msgspec.structs.replace(old, languages=old.languages | {language})
    return found


@functools.cache
def templates_of(language: str) -> tuple[Template, ...]:
    """Cut a language's system sentences at their names, longer fixed parts first; all languages for the empty name."""
    if not language:
        every = [template for code in LANGUAGES for template in templates_of(code)]
        return tuple(sorted(every, key=_weight))
    found: dict[tuple[str, tuple[str, ...]], Template] = {}
    entry = LANGUAGES.get(language, {})
    for key in KINDS:
        if key == "encryption":
            continue
        for text in entry.get(key, ()):
            parts = re.split("([XYZ])", fold(text))
            made = Template(key, language, tuple(parts[::2]), tuple(parts[1::2]))
            found.setdefault((key, made.literals), made)
    return tuple(sorted(found.values(), key=_weight))


def _weight(template: Template) -> int:
    return -sum(map(len, template.literals))


@functools.cache
def templates_ending(language: str, last: str) -> tuple[Template, ...]:
    """Give a language's sentences that may end with a character: those that end with a name, too."""
    return tuple(t for t in templates_of(language) if t.literals[-1][-1:] in ("", last))


@functools.cache
def encryption() -> tuple[tuple[str, str], ...]:
    """Give (start of the encryption notice, language), without what varies at its end."""
    starts = []
    for language, words in LANGUAGES.items():
        for text in words.get("encryption", ()):
            folded = fold(text)
            starts.append((folded[: max(16, len(folded) // 3)], language))
    return tuple(starts)


@functools.cache
def encryption_starts() -> tuple[str, ...]:
    """Give the starts of the encryption notice in every language."""
    return tuple(start for start, _ in encryption())


@functools.cache
def frames(role: str) -> tuple[tuple[str, str, str], ...]:
    """Give (before, after, language) of every wording of a role that holds one name or file."""
    found = []
    for language, words in LANGUAGES.items():
        for text in words.get(role, ()):
            before, _, after = text.translate(_FOLD).partition("X")
            found.append((before, after, language))
    return tuple(dict.fromkeys(sorted(found, key=lambda f: -len(f[0] + f[1]))))


@functools.cache
def words(role: str) -> frozenset[str]:
    """Give the folded wordings of a role in every language."""
    return frozenset(fold(text) for entry in LANGUAGES.values() for text in entry.get(role, ()))


def language_name(code: str) -> str:
    """Name a language in English; its code where unknown."""
    return LANGUAGES[code]["name"][0] if code in LANGUAGES else code


_FORMS: Final = (
    "deleted",
    "you_deleted",
    "missed_call",
    "waiting",
    "view_once",
    "live_location",
    "omitted",
    "deleted_by_admin",
)


@functools.cache
def forms() -> frozenset[str]:
    """Collect every fixed body as it stands in files, with and without its final stop."""
    found: set[str] = set()
    for entry in LANGUAGES.values():
        for role in (*_FORMS, *_MEDIA):
            for text in entry.get(role, ()):
                found.update((text, text.rstrip("."), f"{text}."))
    return frozenset(found)

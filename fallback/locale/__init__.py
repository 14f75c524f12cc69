"""Message catalogues: English is the source text, every other language is a ``.po`` file beside this module.

Templates are ``str.format`` strings; the tests hold each catalogue complete, plural forms included.
"""

import os
import re
from collections.abc import Callable, Mapping
from importlib import resources

Plural = Callable[[int], int]
"""Gives the number of the form to use for a count."""

LANGUAGES = {"en": "English", "ar": "العربية"}
"""Every language of the interface, by its own name."""

RIGHT_TO_LEFT = frozenset({"ar"})


def arabic_plural(count: int) -> int:
    """Choose among the six Arabic forms: zero, one, two, few, many, other."""
    if count < 3:
        return count
    if 3 <= count % 100 <= 10:
        return 3
    return 4 if count % 100 >= 11 else 5


PLURALS: Mapping[str, tuple[int, Plural]] = {
    "en": (2, lambda count: int(count != 1)),
    "ar": (6, arabic_plural),
}
"""How many plural forms a language has, and which one a count takes."""


class Catalogue:
    """The messages of one language.

    Args:
        forms: English text (the singular, where there is a plural) to its translations.
    """

    def __init__(self, language: str, forms: Mapping[str, tuple[str, ...]]) -> None:
        self.language = language
        self.forms = forms
        self.rtl = language in RIGHT_TO_LEFT

    def text(self, message: str, /, **values: object) -> str:
        """Translate a message and fill its template."""
        found = self.forms.get(message)
        template = found[0] if found else message
        return template.format(**_written(values)) if values else template

    def count(self, one: str, many: str, count: int, /, **values: object) -> str:
        """Translate a message that counts something; ``{count}`` is filled in."""
        _, plural = PLURALS[self.language]
        found = self.forms.get(one)
        template = found[plural(count)] if found else (one, many)[PLURALS["en"][1](count)]
        return template.format(**_written({"count": count, **values}))


_active = Catalogue("en", {})
_ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_arabic_digits = False


def use_digits(kind: str) -> None:
    """Choose how an Arabic interface writes numbers: ``latin`` or ``arabic``."""
    global _arabic_digits  # noqa: PLW0603 - as the language
    _arabic_digits = kind == "arabic"


def figures(text: str) -> str:
    """Write a number, time or date in the digits of the interface."""
    return text.translate(_ARABIC_DIGITS) if _arabic_digits and _active.rtl else text


def _written(values: Mapping[str, object]) -> dict[str, object]:
    return {name: figures(str(value)) if type(value) is int else value for name, value in values.items()}


def use(language: str) -> Catalogue:
    """Make a language the one that ``tr`` and ``ntr`` speak; an unknown one is English."""
    global _active  # noqa: PLW0603 - the interface has one language at a time, as gettext has
    if language != _active.language:
        _active = load(language)
    return _active


def active() -> Catalogue:
    """Give the catalogue in use."""
    return _active


def tr(message: str, /, **values: object) -> str:
    """Translate a message into the language in use."""
    return _active.text(message, **values)


def ntr(one: str, many: str, count: int, /, **values: object) -> str:
    """Translate a message that counts something into the language in use."""
    return _active.count(one, many, count, **values)


def detect(wanted: str, environment: Mapping[str, str] | None = None) -> str:
    """Turn a setting (``auto``, ``ar``, ``en``) into a language that exists."""
    if wanted in LANGUAGES:
        return wanted
    environment = os.environ if environment is None else environment
    value = next(
        (environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), ""
    )
    return value[:2] if value[:2] in LANGUAGES else "en"


def load(language: str) -> Catalogue:
    """Read a language's catalogue."""
    if language not in LANGUAGES or language == "en":
        return Catalogue("en", {})
    source = resources.files(__name__).joinpath(f"{language}.po").read_text("utf-8")
    return Catalogue(language, parse(source))


_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\n": "\n", "\\t": "\t", '\\"': '"', "\\\\": "\\"}


def parse(source: str) -> dict[str, tuple[str, ...]]:
    """Read the text of a ``.po`` file; the header and fuzzy marks are of no concern here."""
    forms: dict[str, tuple[str, ...]] = {}
    for block in re.split(r"\n\s*\n", source):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            keyword, _, _ = line.partition('"')
            name = keyword.strip() or name
            text = "".join(re.sub(r"\\.", _unescape, part) for part in _STRING.findall(line))
            fields[name] = fields.get(name, "") + text
        if fields.get("msgid"):
            forms[fields["msgid"]] = tuple(text for key, text in fields.items() if key.startswith("msgstr"))
    return forms


def _unescape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], match[0][1:])

"""Every sentence of the client exists in every language, with all plural forms and the same fields."""

import ast
import re
from pathlib import Path

import pytest
from babel.messages import pofile

import fallback
from fallback import locale

SOURCES = Path(fallback.__file__).parent
FIELD = re.compile(r"\{(\w+)\}")


def messages():
    """Every text that the sources hand to ``tr`` and ``ntr``: singular and plural."""
    found = {}
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("tr", "ntr")
            ):
                texts = [
                    part.value
                    for part in node.args[: 1 + (node.func.id == "ntr")]
                    if isinstance(part, ast.Constant)
                ]
                assert texts, f"{path}:{node.lineno}: a message must be written out"
                found[texts[0]] = texts[1] if len(texts) > 1 else None
    return found


@pytest.mark.parametrize("language", [name for name in locale.LANGUAGES if name != "en"])
def test_a_catalogue_is_complete_and_has_nothing_else(language):
    catalogue = locale.load(language)
    assert set(catalogue.forms) == set(messages())
    count, _ = locale.PLURALS[language]
    for message, many in messages().items():
        forms = catalogue.forms[message]
        assert len(forms) == (count if many else 1), message
        assert all(forms), message
        for form in forms:
            assert set(FIELD.findall(form)) <= set(FIELD.findall(many or message)), message


@pytest.mark.parametrize("language", [name for name in locale.LANGUAGES if name != "en"])
def test_our_reader_reads_what_babel_reads(language):
    path = SOURCES / "locale" / f"{language}.po"
    with path.open("rb") as file:
        theirs = pofile.read_po(file, locale=language)
    read = {}
    for message in theirs:
        if message.id:
            plural = isinstance(message.id, tuple)
            read[message.id[0] if plural else message.id] = (
                tuple(message.string) if plural else (message.string,)
            )
    assert locale.load(language).forms == read


@pytest.mark.parametrize(
    ("count", "form"),
    [(0, 0), (1, 1), (2, 2), (3, 3), (10, 3), (11, 4), (99, 4), (100, 5), (102, 5), (103, 3)],
)
def test_arabic_counts_in_six_forms(count, form):
    assert locale.arabic_plural(count) == form


def test_a_setting_beats_the_environment_and_an_unknown_language_is_english():
    assert locale.detect("ar", {"LANG": "en_US.UTF-8"}) == "ar"
    assert locale.detect("auto", {"LANG": "ar_JO.UTF-8"}) == "ar"
    assert locale.detect("auto", {"LANG": "de_DE.UTF-8"}) == "en"
    assert locale.use("xx").language == "en"

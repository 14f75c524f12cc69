"""Whatever a dialect can write is read back the same; its times are wall times, without a zone."""

# ruff: noqa: DTZ001

import string
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fallback.networks.whatsapp.dialects.languages import LANGUAGES
from fallback.networks.whatsapp.export import read_export
from fallback.networks.whatsapp.systems import understand
from fallback.simulator.exports import Line, history, locales, style, write

KINDS = {"edited": "text", "attached": "media", "created": "system", "added": "system", "left": "system"}
START = datetime(2014, 3, 5, 0, 30)
EPOCH = datetime(1970, 1, 1)


def _compare(lines, dialect, path):
    path.write_bytes(b"".join(write(lines, dialect)))
    export = read_export(path, timezone="UTC")
    records = list(export.records())
    assert len(records) == len(lines)
    for line, record in zip(lines, records, strict=True):
        at = line.at if dialect.seconds else line.at.replace(second=0)
        assert EPOCH + timedelta(seconds=record.stamp) == at
        assert record.kind == KINDS.get(line.kind, line.kind)
        if record.system is None:
            assert record.label == line.sender
        if line.kind in {"text", "edited"}:
            assert record.text == line.text
        if line.kind == "attached":
            assert record.body.attachment == line.file


@pytest.mark.parametrize("locale", locales())
@pytest.mark.parametrize(("platform", "twelve"), [("android", False), ("android", True), ("ios", False)])
def test_history_is_read_back_in_every_locale(locale, platform, twelve, tmp_path):
    lines = list(history(40, seed=3, people=6, start=START))
    for narrow in (False, True):
        _compare(lines, style(locale, platform, twelve=twelve, narrow=narrow), tmp_path / "chat.txt")


TEXT = (
    st.text(
        st.sampled_from(string.ascii_letters + string.digits + " .,!?'*_~\n" + "éßمرحباשלוםहाँ好的😀👩‍👧"),
        min_size=1,
        max_size=60,
    )
    .map(str.strip)
    .filter(lambda t: t and t != "null")
)
NAME = st.sampled_from(["Sara Mansour", "د. هدى", "Пётр П (И В)", "🤓", "+44 7700 900123", "Dr. J. - Ward 4"])
LINES = st.lists(
    st.builds(
        Line,
        st.datetimes(datetime(2016, 1, 1), datetime(2025, 12, 31)).map(lambda d: d.replace(microsecond=0)),
        NAME,
        st.sampled_from(["text", "text", "text", "media", "edited", "deleted"]),
        TEXT,
    ).map(lambda line: line if line.kind in {"text", "edited"} else Line(line.at, line.sender, line.kind)),
    min_size=1,
    max_size=12,
)


@given(
    lines=LINES,
    locale=st.sampled_from(["en-US", "de", "ar-EG", "fr", "zh-CN", "tr", "ko", "he", "hi", "nl"]),
    ios=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_history_is_read_back_the_same(lines, locale, ios, tmp_path):
    dialect = style(locale, "ios" if ios else "android")
    day = Line(datetime(2020, 12, 31, 23, 59), "Sara Mansour", "text", "the day that no month has")
    _compare([*lines, day, day, day], dialect, tmp_path / "chat.txt")


SIXTEEN = [
    "en",
    "ar",
    "de",
    "es",
    "pt-BR",
    "fr",
    "it",
    "hi",
    "id",
    "tr",
    "ru",
    "nl",
    "he",
    "fa",
    "ur",
    "zh-Hans",
    "zh-Hant",
]
NAMES = {"X": "Leila H.", "Y": "Omar Adly", "Z": "Night shift"}


@pytest.mark.parametrize("language", SIXTEEN)
def test_every_catalogued_sentence_is_understood(language):
    from fallback.networks.whatsapp.dialects import KINDS as MEANINGS

    wrong = []
    for key, kind in MEANINGS.items():
        for sentence in LANGUAGES[language].get(key, ()):
            line = sentence
            for letter, name in NAMES.items():
                line = line.replace(letter, name)
            found = understand(line, language)
            if found.kind != kind:
                wrong.append((key, line, found.kind))
    assert wrong == []


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_has_a_name_and_an_encryption_notice(language):
    assert LANGUAGES[language]["name"]
    assert all(understand(text).kind == "e2e_notice" for text in LANGUAGES[language].get("encryption", ()))

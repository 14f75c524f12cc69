"""Every export of the corpora is read exactly as expected."""

import json
from pathlib import Path

import pytest

from fallback.networks.whatsapp.export import read_export
from fallback.networks.whatsapp.report import as_object, lines

from .scoring import differences

DATA = Path(__file__).parents[2] / "data"
EXPECTED = sorted([*DATA.glob("exports/*.expected.json"), *DATA.glob("exports-third-party/*.expected.json")])


def _export(expected):
    stem = expected.name.removesuffix(".expected.json")
    return next(
        expected.with_name(stem + suffix)
        for suffix in (".txt", ".zip")
        if expected.with_name(stem + suffix).exists()
    )


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: path.name.removesuffix(".expected.json"))
def test_export_is_read_as_expected(expected):
    wanted = json.loads(expected.read_text(encoding="utf-8"))
    got = as_object(read_export(_export(expected), timezone="UTC"))
    assert differences(wanted, got) == []


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: path.name.removesuffix(".expected.json"))
def test_events_are_stable_and_unique_and_as_many_as_records(expected):
    first = read_export(_export(expected), timezone="Africa/Cairo")
    events = list(first.events)
    assert events == list(read_export(_export(expected), timezone="Africa/Cairo").events)
    assert len({event.id for event in events}) == len(events) == first.totals.records
    assert {event.chat for event in events} == {first.chat}


def test_report_names_what_a_person_needs():
    export = read_export(DATA / "exports" / "p12-android-it-zip-with-media.zip", timezone="UTC")
    text = "\n".join(lines(export))
    assert "Magazzino Notte" in text
    assert "Android, Italian" in text
    assert "3 found, 1 missing, 1 left out" in text
    assert "missing: VID-20240521-WA0003.mp4" in text

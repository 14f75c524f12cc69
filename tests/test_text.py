"""Hostile text from outside."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from fallback.text import sanitise, sanitise_name


@given(st.text())
def test_no_control_character_survives(text):
    assert not [c for c in sanitise(text) if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]


@given(st.text())
def test_sanitising_twice_changes_nothing_more(text):
    once = sanitise(text)
    assert sanitise(once) == once


def test_escape_sequences_lose_their_introducer():
    assert sanitise("\x1b]0;PWNED\x07red\x9b31m") == "]0;PWNEDred31m"


def test_bidi_overrides_go_and_joiners_stay():
    assert sanitise("abc\u202egnp.exe") == "abcgnp.exe"
    assert sanitise("می\u200cخواهم 👩\u200d👩\u200d👧") == "می\u200cخواهم 👩\u200d👩\u200d👧"


def test_unbalanced_isolates_go_and_balanced_ones_stay():
    assert sanitise("@\u2068علي\u2069 hi") == "@\u2068علي\u2069 hi"
    assert sanitise("\u2067spoof") == "spoof"


def test_a_tower_of_marks_is_cut():
    assert len(sanitise("a" + "\u0301" * 500)) == 9


def test_an_invisible_name_is_no_name():
    assert sanitise_name("\u200b\u200d\u2060") == ""
    assert sanitise_name("  Sara\n\x1b[31m ") == "Sara [31m"
    assert len(sanitise_name("x" * 500)) == 128

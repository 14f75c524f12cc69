"""Acknowledging links."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback.core.acknowledge import Acknowledgement, mark, sign, verify
from fallback.errors import AuthError

KEY = b"k" * 32
SAID = Acknowledgement("c1", outage=1000, expires=5000)


def test_our_own_link_tells_who_and_which_outage():
    assert verify(KEY, sign(KEY, SAID), now=5000) == SAID


def test_a_link_works_once_and_for_its_time():
    token = sign(KEY, SAID)
    with pytest.raises(AuthError, match="used already"):
        verify(KEY, token, now=1, used={mark(token)})
    with pytest.raises(AuthError, match="too old"):
        verify(KEY, token, now=5001)


def test_another_key_does_not_open_it():
    with pytest.raises(AuthError, match="not one of ours"):
        verify(b"x" * 32, sign(KEY, SAID), now=1)


@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_a_changed_token_says_the_same_or_nothing_and_counts_as_the_same_one(place, character):
    token = sign(KEY, SAID)
    place %= len(token)
    changed = token[:place] + character + token[place + 1 :]
    try:
        found = verify(KEY, changed, now=1)
    except AuthError:
        return
    assert found == SAID
    assert mark(changed) == mark(token)


@given(st.text(max_size=200))
def test_no_text_is_taken_for_a_token(text):
    with pytest.raises(AuthError):
        verify(KEY, text, now=1)

"""Back-off arithmetic."""

from hypothesis import given
from hypothesis import strategies as st

from fallback.core.outbox import LONGEST_DELAY, back_off


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_wait_is_never_longer_than_a_minute_and_its_jitter(attempts, jitter):
    assert 1.0 <= back_off(attempts, jitter=jitter) <= LONGEST_DELAY * 1.25


def test_what_the_server_asks_is_obeyed():
    assert back_off(1, asked=333.25) == 333.25
    assert back_off(9, asked=0.5) == LONGEST_DELAY

"""How many deliveries may go to the remote side."""

from hypothesis import given
from hypothesis import strategies as st

from fallback.core.health import State
from fallback.core.trial import ALL, APART, Trial, allowance


def test_while_nothing_is_held_all_lanes_go():
    assert allowance(State.UP, outage=False, last=None, now=0) == ALL
    assert allowance(State.DEGRADED, outage=False, last=None, now=0) == ALL


def test_while_it_is_down_or_an_outage_is_announced_nothing_goes():
    assert allowance(State.DOWN, outage=True, last=None, now=0) == 0
    assert allowance(State.UNKNOWN, outage=True, last=None, now=0) == 0
    assert allowance(State.DEGRADED, outage=True, last=None, now=0) == 0


def test_while_it_seems_to_come_back_one_goes_and_what_arrived_is_proof_enough():
    assert allowance(State.RECOVERING, outage=True, last=None, now=0) == 1
    assert allowance(State.RECOVERING, outage=True, last=Trial(0, arrived=True), now=10 * APART) == 0


@given(st.integers(0, 10 * APART))
def test_after_one_that_failed_the_next_waits(later):
    allowed = allowance(State.RECOVERING, outage=True, last=Trial(0, arrived=False), now=later)
    assert allowed == (later >= APART)

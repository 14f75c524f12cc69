"""Who serves which portal."""

from hypothesis import given
from hypothesis import strategies as st

from fallback.core.sharing import LEASE, RENEW, Share, moves


def test_a_relay_alone_takes_all():
    assert moves("a", ["p", "q"], [], {"a"}) == (("p", "q"), ())


def test_what_a_dead_relay_held_is_taken():
    shares = [Share("p", "dead", 3), Share("q", "a", 1)]
    assert moves("a", ["p", "q"], shares, {"a"}) == (("p",), ())


def test_what_a_living_relay_holds_is_left():
    shares = [Share("p", "b", 1), Share("q", "a", 1)]
    assert moves("a", ["p", "q"], shares, {"a", "b"}) == ((), ())


def test_a_newcomer_is_given_its_part():
    shares = [Share(portal, "a", 1) for portal in "pqrs"]
    assert moves("a", list("pqrs"), shares, {"a", "b"}) == ((), ("r", "s"))


def test_a_dead_relay_is_replaced_within_fifteen_seconds():
    assert LEASE + RENEW < 15


@given(st.integers(0, 40), st.lists(st.sampled_from("abcd"), min_size=1, max_size=40))
def test_relays_that_come_and_go_end_with_equal_parts_and_no_portal_without_owner(count, turns):
    """Each turn a relay renews; a relay that had no turn lately is dead."""
    portals, shares = [f"p{number}" for number in range(count)], {}
    for index, owner in enumerate([*turns, *sorted(set(turns[-4:])) * 3]):
        alive = set(turns[-4:]) if index >= len(turns) else {owner, *turns[max(0, index - 3) : index]}
        take, give = moves(owner, portals, shares.values(), alive)
        assert not set(take) & set(give)
        for portal in (*take, *give):
            before = shares.get(portal)
            assert before is None or before.owner not in alive or (portal in give and before.owner == owner)
            shares[portal] = Share(portal, owner if portal in take else "")
    parts = [sum(one.owner == owner for one in shares.values()) for owner in set(turns[-4:])]
    assert sum(parts) == count
    assert max(parts) <= -(-count // len(parts))

from fallback.clock import VirtualClock
from fallback.probes.members import Members

LINA, OMAR = "@lina:a.org", "@omar:a.org"


async def test_a_flood_of_one_member_is_one_vote():
    taken, clock = [], VirtualClock()
    members = Members(taken.append, clock)
    counted = [members.vote(LINA, "down") for _ in range(100)]
    assert counted == [True, *[False] * 99]
    assert [one.outcome for one in taken] == [f"down:{LINA}"]
    await clock.advance(1801)
    assert members.vote(LINA, "down")


async def test_a_mind_may_change_but_not_go_on_turning():
    taken = []
    members = Members(taken.append, VirtualClock())
    assert [members.vote(LINA, word) for word in ("down", "up", "down", "up", "down")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert members.vote(OMAR, "up")


async def test_other_words_and_nameless_people_are_not_heard():
    members = Members(lambda _: None, VirtualClock())
    assert not members.vote(LINA, "maybe")
    assert not members.vote("\x1b", "down")

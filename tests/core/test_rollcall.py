"""Who has been reached."""

from fallback.core.events import Identity, Membership, MembershipChange, Message, Reaction
from fallback.core.ids import ChatId, SourceId
from fallback.core.rollcall import call

SARA, OMAR, LINA = (Identity(mxid=f"@{name}:s") for name in ("sara", "omar", "lina"))


def test_a_word_or_a_reaction_since_the_outage_counts_and_a_join_does_not():
    base = {"id": SourceId("$1"), "chat": ChatId("!r")}
    events = [
        Message(**base, sender=SARA, at=100),
        Reaction(**base, sender=OMAR, at=101, target=SourceId("$0"), key="✅"),
        Message(**base, sender=LINA, at=99),
        Membership(**base, sender=LINA, at=102, change=MembershipChange.ADDED, members=(LINA,)),
    ]
    result = call([SARA, OMAR, LINA], events, since=100)
    assert result.reached == (SARA, OMAR)
    assert result.missing == (LINA,)

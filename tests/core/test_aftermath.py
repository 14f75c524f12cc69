"""What became of messages after they were said."""

from fallback.core.aftermath import as_it_became, fates, tally
from fallback.core.events import Edit, Identity, Message, Poll, PollOption, Reaction, Redaction, Vote
from fallback.core.ids import ChatId, SourceId

CHAT, A = ChatId("c"), SourceId("a")
SARA, OMAR = Identity(name="Sara"), Identity(name="Omar")


def became(message, *events):
    return as_it_became(message, fates(events).get(message.id))


def test_the_last_edit_counts():
    edits = (Edit(id=SourceId(f"x{n}"), chat=CHAT, target=A, text=f"text {n}") for n in range(2))
    now = became(Message(id=A, chat=CHAT, text="first"), *edits)
    assert (now.text, now.edited) == ("text 1", True)


def test_what_was_taken_back_is_deleted():
    assert became(
        Message(id=A, chat=CHAT, text="x"), Redaction(id=SourceId("r"), chat=CHAT, target=A)
    ).deleted


def test_a_person_has_one_reaction_and_may_take_it_back():
    def reaction(n, who, key):
        return Reaction(id=SourceId(f"r{n}"), chat=CHAT, sender=who, target=A, key=key)

    told = [reaction(0, SARA, "👍"), reaction(1, SARA, "❤️"), reaction(2, OMAR, "❤️")]
    assert tally(fates(told)[A]) == [("❤️", 2)]
    assert tally(fates([*told, reaction(3, OMAR, "")])[A]) == [("❤️", 1)]


def test_votes_are_counted_and_those_that_the_export_tells_stay():
    poll = Poll("Where?", (PollOption("Here", votes=3), PollOption("There", id="h2")))
    votes = [
        Vote(id=SourceId("v1"), chat=CHAT, sender=SARA, target=A, options=("Here",)),
        Vote(id=SourceId("v2"), chat=CHAT, sender=OMAR, target=A, options=("h2",)),
    ]
    now = became(Message(id=A, chat=CHAT, poll=poll), *votes).poll
    assert now is not None
    assert [one.votes for one in now.options] == [3, 1]

"""What members say of WhatsApp on their phones: ``/down`` and ``/up``, one vote each in half an hour."""

from collections.abc import Callable

from fallback.core.health import Sample
from fallback.core.ports import Clock
from fallback.core.tracks import VOTE_LASTS
from fallback.text import sanitise_name

WORDS = ("down", "up")


class Members:
    """Takes votes and passes on those that count.

    A changed mind counts, at most twice in half an hour; the same word again only when the first has lapsed.

    Args:
        feed: takes the samples (``bridge.watch.Watch.feed``).
    """

    def __init__(self, feed: Callable[[Sample], None], clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self._votes: dict[str, list[tuple[float, str]]] = {}

    def vote(self, who: str, word: str) -> bool:
        """Take a vote; tells whether it counts.

        Args:
            who: the member's Matrix id.
            word: ``down`` or ``up``.
        """
        now = self._clock.now() / 1000
        who = sanitise_name(who)
        recent = [one for one in self._votes.get(who, []) if 0 <= now - one[0] < VOTE_LASTS]
        if word not in WORDS or not who or len(recent) > 2 or (recent and recent[-1][1] == word):
            return False
        self._votes[who] = [*recent, (now, word)]
        self._feed(Sample(at=now, probe="member", outcome=f"{word}:{who}"))
        return True

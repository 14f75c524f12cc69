"""What the relay's own traffic shows: acknowledgements, delivery receipts and messages from outside."""

from collections import OrderedDict
from collections.abc import Callable

from fallback.core.health import Sample
from fallback.core.ports import Clock

DELIVERY_TAKES = 120.0
"""Seconds after which a message's receipts are counted."""
JUDGED_FOR = 600.0
"""Seconds for which a message says something."""
ENOUGH = 0.3
"""Share of members whose phones must confirm."""

Feed = Callable[[Sample], None]


class Sends:
    """Turns each send's end into a sample at once.

    Args:
        feed: takes the samples (``bridge.watch.Watch.feed``).
    """

    def __init__(self, feed: Feed, clock: Clock, *, name: str = "ld.send") -> None:
        self.name = name
        self._feed = feed
        self._clock = clock

    def acked(self, ms: float | None = None) -> None:
        """Note an acknowledgement and how long it took."""
        self._say("ack", ms)

    def failed(self, code: str = "") -> None:
        """Note a failure; ``code`` is the other side's own, empty for none."""
        self._say(f"err_{code}" if code else "error", None)

    def unanswered(self, ms: float | None = None) -> None:
        """Note that no acknowledgement came in time."""
        self._say("no_ack", ms)

    def _say(self, outcome: str, ms: float | None) -> None:
        self._feed(Sample(at=self._clock.now() / 1000, probe=self.name, outcome=outcome, latency_ms=ms))


class ReceiptsProbe:
    """Which share of a group's phones confirmed the last message that is old enough to tell.

    Args:
        confirms: the network is known to pass receipts on; else its first one tells, and silence before it nothing.
    """

    interval = 60.0

    def __init__(self, clock: Clock, *, name: str = "ld.receipts", confirms: bool = True) -> None:
        self.name = name
        self._confirms = confirms
        self._clock = clock
        self._sent: OrderedDict[str, tuple[float, int, set[str]]] = OrderedDict()

    def sent(self, message: str, members: int) -> None:
        """Note a message that went to a group of so many others."""
        self._sent[message] = (self._clock.now() / 1000, members, set())
        while len(self._sent) > 64:
            self._sent.popitem(last=False)

    def confirmed(self, message: str, who: str) -> None:
        """Note a delivery or read receipt."""
        if message in self._sent:
            self._confirms = True
            self._sent[message][2].add(who)

    async def sample(self) -> Sample:
        """Judge the newest message that is old enough."""
        now = self._clock.now() / 1000
        judged = [
            one for one in self._sent.values() if DELIVERY_TAKES <= now - one[0] <= JUDGED_FOR and one[1] > 0
        ]
        if not judged or not self._confirms:
            return Sample(at=now, probe=self.name, outcome="none")
        _, members, who = judged[-1]
        return Sample(at=now, probe=self.name, outcome="ok" if len(who) / members >= ENOUGH else "stalled")


class InboundProbe:
    """Whether webhooks or messages come in: stale only where one must have come."""

    interval = 60.0

    def __init__(self, clock: Clock, *, name: str = "cloud.webhook") -> None:
        self.name = name
        self._clock = clock
        self._received = False
        self._owed = 0.0

    def received(self) -> None:
        """Note that something came in."""
        self._received = True
        self._owed = 0.0

    def owed(self) -> None:
        """Note that something must come in: a send was acknowledged, so its status will be told."""
        self._owed = self._owed or self._clock.now() / 1000

    async def sample(self) -> Sample:
        """Tell whether anything came since the last look, or is overdue."""
        now = self._clock.now() / 1000
        came, self._received = self._received, False
        overdue = self._owed and now - self._owed > DELIVERY_TAKES
        return Sample(at=now, probe=self.name, outcome="fresh" if came else "stale" if overdue else "quiet")

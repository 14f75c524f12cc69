"""What one relay has done since it started: events taken in, outcomes, lag, the homeserver's latency."""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable

from fallback.core.ids import DeliveryId
from fallback.core.outbox import Delivery, Outcome, Sent
from fallback.core.ports import Clock
from fallback.relay.metrics import Histogram

REMEMBERED = 10_000
"""Deliveries whose intake is remembered; of others the lag is not known."""


class Tally:
    """Counts; nothing of it lasts longer than the process.

    Attributes:
        events: recorded, by the side that they came from.
        outcomes: of deliveries, by target and outcome.
        lag: seconds from intake to delivery, by target.
        latency: seconds that the homeserver took for one event.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.events: Counter[str] = Counter()
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.lag: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.latency = Histogram()
        self._taken: OrderedDict[DeliveryId, float] = OrderedDict()

    def routed(self, deliveries: Iterable[Delivery]) -> None:
        """Note what is to be delivered; a second time changes nothing."""
        for one in deliveries:
            self._taken.setdefault(one.id, self.clock.monotonic())
        while len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)

    async def settled(self, delivery: Delivery, outcome: Outcome) -> None:
        """Note what became of a delivery."""
        self.outcomes[delivery.target, type(outcome).__name__.lower()] += 1
        taken = self._taken.pop(delivery.id, None) if isinstance(outcome, Sent) else None
        if taken is not None:
            self.lag[delivery.target].observe(self.clock.monotonic() - taken)

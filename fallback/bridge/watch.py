"""Watch for an outage: every probe at its pace, the detector's clock, and a call on each change of verdict."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from fallback.core.detector import Detector
from fallback.core.health import Health, Sample, State
from fallback.core.override import Override
from fallback.core.ports import Clock, Probe

log = logging.getLogger(__name__)
TICK = 5.0
"""Seconds between two judgements."""
CLOSE = 15.0
"""Seconds between two looks while WhatsApp seems to come back."""
SPREAD = 0.1
"""Part of an interval by which looks are shifted at random."""


async def nobody() -> Override | None:
    """Say nothing."""
    return None


class Watch:
    """The loop of the outage detector.

    Times are the wall clock's, so that a suspended machine is noticed.

    Args:
        on_change: called with each new verdict.
        jitter: gives numbers from 0 to 1.
        said: gives the last override that a person left; a new one is obeyed at the next judgement.
    """

    def __init__(
        self,
        probes: Sequence[Probe],
        clock: Clock,
        on_change: Callable[[Health], Awaitable[None]],
        *,
        detector: Detector | None = None,
        jitter: Callable[[], float] = random.random,
        said: Callable[[], Awaitable[Override | None]] = nobody,
    ) -> None:
        self.probes = list(probes)
        self.clock = clock
        self.on_change = on_change
        self.detector = detector or Detector()
        self.latest: dict[str, Sample] = {}
        self._jitter = jitter
        self._said = said
        self._obeyed: Override | None = None
        self._changed, self._quiet = asyncio.Event(), asyncio.Event()
        self._quiet.set()

    @property
    def health(self) -> Health:
        """The present verdict."""
        return self.detector.health

    def feed(self, sample: Sample) -> None:
        """Take a sample that no probe of the list made: a send's end, a member's vote."""
        self.latest[sample.probe] = sample
        self.detector.feed(sample)

    async def override(self, state: State | None, who: str, why: str = "") -> Health:
        """Set the state by hand; ``None`` hands over to the detector again."""
        health = self.detector.override(state, who, why, self._now())
        await self.on_change(health)
        return health

    async def obey(self) -> None:
        """Follow an override that came since the last look."""
        said = await self._said()
        if said is not None and said != self._obeyed:
            self._obeyed = said
            await self.override(said.state, said.who, said.why)

    async def run(self) -> None:
        """Watch until cancelled; an override that is still in force is taken up, one that was given back is not."""
        said = await self._said()
        self._obeyed = said if said is not None and said.state is None else None
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._judge())
            loops.create_task(self._look_on())

    async def use(self, probes: Sequence[Probe]) -> None:
        """Look with other probes from now on; when this returns, the former ones look no more."""
        self.probes = list(probes)
        self._changed.set()
        await self._quiet.wait()

    async def judge(self) -> Health | None:
        """Judge once and tell of a change."""
        health = self.detector.tick(self._now())
        if health is not None:
            log.info(
                "verdict %s (%s)", health.state.value, health.cause.value if health.cause else "no cause"
            )
            await self.on_change(health)
        return health

    async def _judge(self) -> None:
        while True:
            await self.obey()
            await self.judge()
            await self.clock.sleep(TICK)

    async def _look_on(self) -> None:
        """Look with each probe at its pace, and begin anew with others when they are changed."""
        while True:
            self._changed.clear()
            try:
                async with asyncio.TaskGroup() as looks:
                    self._quiet.clear()
                    looking = [looks.create_task(self._look(probe)) for probe in self.probes]
                    await self._changed.wait()
                    for one in looking:
                        one.cancel()
            finally:
                self._quiet.set()

    async def _look(self, probe: Probe) -> None:
        await self.clock.sleep(probe.interval * self._jitter() / 2)
        while True:
            self.feed(await probe.sample())
            await self.clock.sleep(self._pause(probe.interval))

    def _pause(self, interval: float) -> float:
        """Give the seconds to the next look: fewer looks at what is down, more at what comes back."""
        match self.detector.health.state:
            case State.DOWN:
                interval *= 2
            case State.RECOVERING:
                interval = min(interval, CLOSE)
            case _:
                pass
        return interval * (1 + SPREAD * (2 * self._jitter() - 1))

    def _now(self) -> float:
        return self.clock.now() / 1000

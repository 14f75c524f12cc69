"""Samples of probes become verdicts: a state, a cause and a reason in words; on the caller's clock alone."""

from collections import deque
from collections.abc import Mapping
from typing import assert_never

import msgspec

from fallback.core import explain, suspicion
from fallback.core.events import Frozen
from fallback.core.evidence import Evidence, Memory, Peers
from fallback.core.health import Cause, Health, Sample, State
from fallback.core.surroundings import Network
from fallback.core.tracks import Level

CUT_OFF = (Network.FAILING, Network.CAPTIVE, Network.SILENT)
"""Our own network is such that nothing can be said."""
WIDE_LAG = 60.0
"""Seconds for which the phones' way has failed by the time that this is sure."""


class DetectorConfig(Frozen, frozen=True):
    """The detector's patience, in seconds.

    Args:
        roles: of probes whose names say nothing, as an outage trace declares them.
        cloud: the connector is the Cloud API; ``None`` finds out by its probes.
        soft_hold: a bad sign lasts that long before it is told.
        calm: no bad sign for so long before all is well again.
        life_hold, proof_hold: signs of life before RECOVERING, RECOVERING before UP; doubled by each relapse.
        unproven: RECOVERING without any traffic to prove it, before UP.
        forgive: a pause in the evidence that does not restart a hold.
        settle: after our own network's return, before its silence means anything.
        gap: a pause between two ticks that means that this machine slept.
    """

    roles: Mapping[str, str] = msgspec.field(default_factory=dict)
    cloud: bool | None = None
    soft_hold: float = 30.0
    calm: float = 180.0
    life_hold: float = 150.0
    proof_hold: float = 240.0
    unproven: float = 1800.0
    forgive: float = 60.0
    settle: float = 90.0
    gap: float = 120.0


class Timer:
    """How long something has been so; a short pause is forgiven."""

    __slots__ = ("forgive", "last", "since")

    def __init__(self, forgive: float) -> None:
        self.forgive = forgive
        self.since: float | None = None
        self.last = 0.0

    def update(self, so: bool, at: float, since: float = 0.0) -> float:
        """Note how it is; gives the seconds for which it has been so, 0 if it is not so now."""
        if so:
            begun = since or at
            self.since = begun if self.since is None else min(self.since, begun)
            self.last = at
            return at - self.since
        if self.since is not None and at - self.last > self.forgive:
            self.since = None
        return 0.0

    def reset(self) -> None:
        """Start again."""
        self.since = None


class Detector:
    """Samples in, verdicts out; the caller's clock is the only time."""

    def __init__(self, config: DetectorConfig | None = None) -> None:
        self.config = config or DetectorConfig()
        self.health = Health()
        self._memory = Memory(self.config.roles, cloud=self.config.cloud)
        self._forced = False
        self._ticked: float | None = None
        self._entered = self._fell = self._revived = self._well = 0.0
        self._by_people = self._contradicted = self._was_wide = False
        self._cuts: deque[float] = deque(maxlen=4)
        self._frozen = State.UP
        self._cause_before: Cause | None = None
        self._falls: deque[float] = deque(maxlen=8)
        self._reset()

    def feed(self, sample: Sample) -> None:
        """Take a sample."""
        if self._ticked is not None and sample.at < self._ticked - self.config.gap:
            return
        self._memory.add(sample.at, sample.probe, sample.outcome, sample.latency_ms)

    def override(self, state: State | None, who: str, why: str, at: float) -> Health:
        """Set the state by hand, or with ``None`` go on by the evidence from where it stands."""
        self._forced = state is not None
        reason = f": {why}" if why else ""
        if state is None:
            return self._become(self.health.state, None, f"{who} handed over to the detector{reason}.", at)
        self._timers_from(at)
        return self._become(state, None, f"Set by {who}{reason}.", at)

    def tick(self, at: float) -> Health | None:
        """Judge what is known now; gives the verdict if it has changed. Call it every 10 s or more often."""
        before, self._ticked = self._ticked, at
        if before is not None and not 0 <= at - before <= self.config.gap:
            return self._slept(at, abs(at - before))
        if self._forced or self._is_quiet(at):
            return None
        network = self._memory.network(at).network
        if network in CUT_OFF:
            return self._cut_off(network, at)
        e = self._look(at)
        match self.health.state:
            case State.UNKNOWN:
                return self._after_unknown(e, at)
            case State.DOWN:
                return self._while_down(e, at)
            case State.RECOVERING:
                return self._while_recovering(e, at)
            case State.UP | State.DEGRADED:
                return self._while_up(e, at)
            case never:
                assert_never(never)

    def explain(self, at: float) -> tuple[str, ...]:
        """List the bad and good signs of this moment, for a live view."""
        e = self._look(at)
        if e.network in CUT_OFF:
            return (explain.cut_off(e.network, e),)
        return (*explain.barriers(e), *explain.signs(e), *explain.comforts(e))

    def _look(self, at: float) -> Evidence:
        match self.health.state:
            case State.DOWN:
                ups = self._entered
                downs = 0.0 if self._by_people else self._life.since or at - 600.0
            case State.RECOVERING:
                ups, downs = self._fell, self._revived
            case _:
                begun = [since for since in (self._episode.since, self._soft.since) if since is not None]
                ups, downs = next(iter(begun), at), self._well
        return self._memory.look(at, ups_after=ups, downs_after=downs)

    def _while_up(self, e: Evidence, at: float) -> Health | None:
        if self._hard(e, at):
            return self._fall(e, at)
        if suspicion.soft(e):
            held = self._soft.update(True, at)
            self._calm.reset()
            held -= self.config.soft_hold * (e.network is Network.IMPAIRED)
            if self.health.state is State.DEGRADED:
                return self._recast(e, at)
            if held >= self.config.soft_hold:
                return self._become(State.DEGRADED, self._cause(e), explain.degraded(e), at)
            return None
        self._soft.update(False, at)
        if self.health.state is State.DEGRADED and self._calm.update(True, at) >= self.config.calm:
            return self._become(State.UP, None, explain.up(e), at)
        return None

    def _while_down(self, e: Evidence, at: float) -> Health | None:
        if suspicion.alive(e):
            if self._life.update(True, at) >= self.config.life_hold * self._patience(at):
                self._fell, self._revived = self._entered, self._life.since or at
                return self._become(State.RECOVERING, self.health.cause, explain.recovering(e), at)
            return None
        self._life.update(False, at)
        blocked = suspicion.is_barred(e) and self.health.cause is not Cause.BLOCKED
        if self._other.update(blocked, at) >= 300.0:
            return self._become(State.DOWN, Cause.BLOCKED, explain.down(e, blocked=True), at)
        return None

    def _while_recovering(self, e: Evidence, at: float) -> Health | None:
        people = suspicion.vetoed(e)
        if self._hard(e, at, at_least=60.0, at_most=120.0):
            return self._fall(e, at)
        age = at - self._entered
        fails = (
            e.link is Level.BAD
            or e.sends >= Level.PARTIAL
            or e.receipts is Level.BAD
            or e.wide
            or bool(e.downs)
        )
        relapsed = self._relapse.update(fails and not people, at) >= 120.0
        if relapsed and e.link is Level.BAD:
            return self._fall(e, at)
        if e.trouble and age >= self.config.soft_hold:
            return self._become(State.DEGRADED, Cause.ACCOUNT, explain.degraded(e), at)
        if age < self.config.proof_hold * self._patience(at):
            return None
        if people and e.link is Level.BAD:
            return self._become(State.DEGRADED, Cause.CONNECTOR, explain.degraded(e), at)
        good = people or self._proven(e, at) or (age >= self.config.unproven and self._steady(e))
        if good and not suspicion.soft(e):
            return self._become(State.UP, None, explain.up(e), at)
        if people or (e.link is not Level.BAD and age >= 2 * self.config.unproven):
            return self._become(State.DEGRADED, self._cause(e), explain.degraded(e), at)
        return None

    def _after_unknown(self, e: Evidence, at: float) -> Health | None:
        back = self._back.update(self._memory.network(at).steady, at)
        again = sum(at - cut <= 3600.0 for cut in self._cuts)
        if back < 30.0 * 2 ** max(0, again - 1):
            return None
        if self._frozen in (State.DOWN, State.RECOVERING):
            self._forget_service()
            return self._become(
                State.DOWN, self._cause_before, "Our own network is back; WhatsApp was down before.", at
            )
        if e.link is Level.GOOD or back >= self.config.settle:
            if back >= self.config.settle and e.link is not Level.GOOD:
                self._forget_service()
            return self._become(State.UP, None, "Our own network is back and WhatsApp shows no trouble.", at)
        return None

    def _cut_off(self, network: Network, at: float) -> Health | None:
        e = self._look(at)
        self._reset()
        if network is not Network.SILENT:
            self._memory.forget_service()
        if self.health.state is State.UNKNOWN:
            return None
        self._freeze()
        self._cuts.append(at)
        return self._become(State.UNKNOWN, Cause.LOCAL_NETWORK, explain.cut_off(network, e), at)

    def _slept(self, at: float, gap: float) -> Health | None:
        self._memory.forget()
        self._reset()
        if self._forced or self.health.state is State.UNKNOWN:
            return None
        self._freeze()
        why = f"This machine slept or its clock jumped ({round(gap / 60)} min), so everything is looked at afresh."
        return self._become(State.UNKNOWN, None, why, at)

    def _hard(self, e: Evidence, at: float, *, at_least: float = 0.0, at_most: float = 3600.0) -> bool:
        """Tell whether an outage has lasted as long as its evidence asks for."""
        need = suspicion.hold(e)
        if suspicion.vetoed(e):
            self._contradicted = True
        elif self._episode.since is None or e.downs >= 2 or (e.wide and not self._was_wide):
            self._contradicted = False
        if self._contradicted:
            self._was_wide = e.wide if suspicion.vetoed(e) else self._was_wide
            need = None
        bad = e.link is Level.BAD or e.wide or need is not None
        held = self._bad.update(bad, at, e.link_since)
        self._episode.update(bad, at, e.link_since)
        wide = self._wide.update(e.wide, at)
        if e.wide and e.downs < 2:
            held = min(held, wide + WIDE_LAG)
        return need is not None and held >= min(at_most, max(at_least, need))

    def _fall(self, e: Evidence, at: float) -> Health:
        self._falls.append(at)
        self._by_people = e.link is not Level.BAD and not e.wide
        blocked = suspicion.is_barred(e)
        cause = Cause.BLOCKED if blocked else Cause.META_OUTAGE
        return self._become(State.DOWN, cause, explain.down(e, blocked=blocked), at)

    def _recast(self, e: Evidence, at: float) -> Health | None:
        """Follow a change of cause that lasts."""
        cause = self._cause(e)
        if self._other.update(cause not in (None, self.health.cause), at) < 90.0:
            return None
        return self._become(State.DEGRADED, cause, explain.degraded(e), at)

    def _cause(self, e: Evidence) -> Cause | None:
        if e.trouble:
            return Cause.ACCOUNT
        if suspicion.is_barred(e):
            return Cause.BLOCKED
        if suspicion.ours(e):
            return Cause.CONNECTOR
        failing = e.link >= Level.PARTIAL or e.wide or e.receipts is Level.BAD or e.chat is Level.BAD
        return Cause.META_OUTAGE if failing else None

    def _proven(self, e: Evidence, at: float) -> bool:
        """Tell whether traffic has gone through since the recovery began, and nothing has failed for a while."""
        if not e.connector:
            return self._steady(e)
        since = self._revived - 30.0
        passes = (
            max(e.acks, e.deliveries, e.inbound) > since and e.acks >= e.fails and e.deliveries >= e.stalls
        )
        return passes and at - max(e.fails, e.drops) >= self.config.calm and not e.barred

    def _steady(self, e: Evidence) -> bool:
        way = e.graph if e.cloud else e.session
        ways = (way, e.chat, e.relay_edge, e.phone_edge)
        return (
            all(level in (Level.NONE, Level.GOOD) for level in ways)
            and e.peers is not Peers.BAD
            and not e.barred
        )

    def _patience(self, at: float) -> float:
        """Give the factor by which relapses of the last two hours lengthen all holds of a recovery."""
        falls = sum(at - fall <= 7200.0 for fall in self._falls)
        return float(min(8, 2 ** max(0, falls - 1)))

    def _is_quiet(self, at: float) -> bool:
        """Tell whether nothing bad was seen for so long that there is nothing to weigh."""
        return (
            self.health.state is State.UP
            and at - self._memory.last_bad > 900.0
            and not self._memory.is_stale(at)
        )

    def _become(self, state: State, cause: Cause | None, why: str, at: float) -> Health:
        if state is not self.health.state:
            self._entered = at
            for timer in (self._life, self._calm, self._relapse, self._back):
                timer.reset()
            if state is State.RECOVERING:
                self._bad.reset()
            if state is State.UP and self.health.state is State.RECOVERING:
                self._well = at
        self._other.reset()
        self.health = Health(at=at, state=state, cause=cause, why=why)
        return self.health

    def _freeze(self) -> None:
        self._frozen = self.health.state
        self._cause_before = self.health.cause

    def _forget_service(self) -> None:
        self._memory.forget_service()
        self._timers_from(0.0)

    def _timers_from(self, at: float) -> None:
        self._entered = at or self._entered
        for timer in (
            self._bad,
            self._wide,
            self._episode,
            self._soft,
            self._calm,
            self._life,
            self._relapse,
            self._other,
            self._back,
        ):
            timer.reset()

    def _reset(self) -> None:
        forgive = self.config.forgive
        self._bad, self._wide, self._soft = Timer(forgive), Timer(forgive), Timer(45.0)
        self._episode = Timer(5 * forgive)
        self._calm, self._life, self._back = Timer(0.0), Timer(20.0), Timer(20.0)
        self._relapse, self._other = Timer(forgive), Timer(30.0)

"""A small world for the detector: probes at their intervals, traffic, people, noise, and faults by name and time."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from fallback.core.detector import Detector, DetectorConfig
from fallback.core.health import Health, Sample, State

SERVICE = {
    "dns.sys": 30, "dns.cf": 30, "dns.gg": 30, "tls.web": 30, "tls.g": 30, "ws.web": 60, "http.graph": 60,
}  # fmt: skip
CONTROLS = {
    "ctl.dns.sys": 30, "ctl.dns.cf": 30, "ctl.dns.gg": 30, "ctl.http204": 30, "ctl.https": 60, "ctl.matrix": 30,
}  # fmt: skip
OTHERS = {"meta.status": 120, "peer": 60}
LINKED = {"ld.state": 15, "ld.receipts": 60}
CLOUD = {"cloud.webhook": 60, "cloud.receipts": 60}
GOOD = {"ld.state": "connected", "peer": "service_ok", "meta.status": "none", "cloud.webhook": "fresh"}
BAD = {"ld.state": "disconnected", "peer": "service_bad", "ld.receipts": "stalled", "cloud.receipts": "stalled",
       "cloud.webhook": "stale", "ws.web": "http_503", "http.graph": "http_500", "ctl.https": "timeout"}  # fmt: skip


@dataclass
class World:
    """One run; ``fail`` says what goes wrong and when."""

    seconds: float = 3600.0
    seed: int = 1
    cloud: bool = False
    noise: float = 0.0
    traffic: float = 60.0
    votes: list[tuple[float, str]] = field(default_factory=list)
    faults: list[tuple[str, float, float, str, float]] = field(default_factory=list)
    more: dict[str, float] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    def fail(self, probes: str, begin: float, end: float, outcome: str = "", share: float = 1.0) -> "World":
        """Let probes (names or heads, separated by spaces) fail from ``begin`` to ``end``."""
        self.faults += [(probe, begin, end, outcome, share) for probe in probes.split()]
        return self

    def say(self, *votes: tuple[float, str]) -> "World":
        self.votes += votes
        return self

    def probes(self) -> dict[str, float]:
        all_of_them = {**SERVICE, **CONTROLS, **OTHERS, **(CLOUD if self.cloud else LINKED), **self.more}
        return {
            name: every for name, every in all_of_them.items() if not name.startswith(self.without or ("\0",))
        }

    def samples(self) -> list[Sample]:
        draw = random.Random(self.seed)
        found = [Sample(at, "member", vote) for at, vote in self.votes]
        for name, every in self.probes().items():
            faults = self.faults_of(name)
            at = draw.uniform(0, every)
            while at < self.seconds:
                found.append(Sample(at, name, self.outcome(name, at, draw, faults), 50.0))
                at += every * draw.uniform(0.98, 1.02)
        at = draw.expovariate(1 / self.traffic) if self.traffic else self.seconds
        send = "cloud.send" if self.cloud else "ld.send"
        faults = self.faults_of(send)
        while at < self.seconds:
            found.append(Sample(at, send, self.outcome(send, at, draw, faults), 300.0))
            at += max(2.0, draw.expovariate(1 / self.traffic))
        return sorted(found, key=lambda one: one.at)

    def faults_of(self, name: str) -> dict[int, list[tuple[float, float, str, float]]]:
        """Give the faults of a probe by the thousand seconds in which they act."""
        found: dict[int, list[tuple[float, float, str, float]]] = {}
        for probe, begin, end, outcome, share in self.faults:
            if name.startswith(probe):
                for part in range(int(begin // 1000), int(end // 1000) + 1):
                    found.setdefault(part, []).append((begin, end, outcome, share))
        return found

    def outcome(self, name: str, at: float, draw: random.Random, faults: dict[int, list]) -> str:
        for begin, end, outcome, share in faults.get(int(at // 1000), ()):
            if begin <= at < end:
                if draw.random() < share:
                    return outcome or ("error" if name.endswith(".send") else BAD.get(name, "timeout"))
                break
        if draw.random() < self.noise:
            return "no_ack" if name.endswith(".send") else BAD.get(name, "timeout")
        return "ack" if name.endswith(".send") else GOOD.get(name, "ok")


def run(
    samples: list[Sample], seconds: float, *, config: DetectorConfig | None = None, step: float = 5.0,
    watch: Callable[[Health], None] = lambda _: None,
) -> list[Health]:  # fmt: skip
    """Feed samples in order and tick; gives all verdicts."""
    detector, log, now = Detector(config), [], 0.0
    queue = iter([*samples, None])
    sample = next(queue)
    while now <= seconds:
        while sample is not None and sample.at <= now:
            detector.feed(sample)
            sample = next(queue)
        if health := detector.tick(now):
            log.append(health)
            watch(health)
        now += step
    return log


def play(world: World) -> list[Health]:
    return run(world.samples(), world.seconds, config=DetectorConfig(cloud=world.cloud))


def states(log: list[Health]) -> list[str]:
    return [health.state.value for health in log]


def at(log: list[Health], moment: float) -> Health:
    return [Health(), *(one for one in log if one.at <= moment)][-1]


def first(log: list[Health], state: State) -> float | None:
    return next((one.at for one in log if one.state is state), None)

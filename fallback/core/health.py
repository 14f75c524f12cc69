"""What probes report and what it means: samples, states, causes and verdicts."""

from enum import StrEnum

from fallback.core.events import Frozen


class Sample(Frozen, frozen=True):
    """What one look of one probe showed.

    Args:
        at: seconds on the caller's clock, when the result is known.
        probe: the probe's name (``dns.sys``, ``ld.state``, ``member``…).
        outcome: a word of the outage-trace vocabulary (``ok``, ``timeout``, ``http_503``, ``down:WHO``…).
        latency_ms: how long it took, ``None`` where that means nothing.
    """

    at: float
    probe: str
    outcome: str
    latency_ms: float | None = None


class State(StrEnum):
    """How WhatsApp is, as far as we can tell."""

    UP = "UP"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    RECOVERING = "RECOVERING"
    UNKNOWN = "UNKNOWN"


class Cause(StrEnum):
    """Whose trouble it is."""

    META_OUTAGE = "meta_outage"
    LOCAL_NETWORK = "local_network"
    BLOCKED = "blocked"
    CONNECTOR = "connector"
    ACCOUNT = "account"


class Health(Frozen, frozen=True):
    """A verdict: since when, which state, why."""

    at: float = 0.0
    state: State = State.UP
    cause: Cause | None = None
    why: str = ""

"""Recorded outages (``outage-trace/1``): read one, and run it through the detector on a virtual clock."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from fallback.core.detector import Detector, DetectorConfig
from fallback.core.health import Health, Sample
from fallback.errors import ParseError
from fallback.text import sanitise_name

STEP = 5.0
"""Seconds between two ticks."""


class ProbeInfo(msgspec.Struct, frozen=True):
    """What a trace says of a probe."""

    role: str = ""
    interval_s: float | None = None
    what: str = ""


class Trace(msgspec.Struct, frozen=True, rename={"kind": "class"}):
    """A recorded outage; each sample is (t, probe, outcome, latency in ms)."""

    id: str
    duration_s: float
    samples: list[tuple[float, str, str, float | None]]
    probes: dict[str, ProbeInfo] = {}
    title: str = ""
    connector: str = ""
    kind: str = ""
    facts_modelled: list[str] = []
    expect: list[dict[str, Any]] = []


def load(path: Path) -> Trace:
    """Read a trace.

    Raises:
        ParseError: it can't be read or is no trace.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Trace)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        hint = "A trace is a JSON file in the format outage-trace/1; see docs/outages.md."
        raise ParseError(f"{path.name} is no outage trace: {error}", hint) from error


def replay(trace: Trace, detector: Detector | None = None) -> Iterator[Health]:
    """Give each change of verdict."""
    roles = {name: info.role for name, info in trace.probes.items()}
    cloud = {"cloud": True, "linked": False}.get(trace.connector)
    detector = detector or Detector(DetectorConfig(roles=roles, cloud=cloud))
    now = 0.0
    for at, probe, outcome, latency in sorted(trace.samples, key=lambda row: row[0]):
        while now <= at:
            if health := detector.tick(now):
                yield health
            now += STEP
        detector.feed(
            Sample(at=at, probe=sanitise_name(probe), outcome=sanitise_name(outcome), latency_ms=latency)
        )
    while now <= trace.duration_s:
        if health := detector.tick(now):
            yield health
        now += STEP

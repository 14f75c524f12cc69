"""Prometheus' text format, written by hand: families of counters, gauges and histograms."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 21_600.0)
"""Seconds; from a quick homeserver to an outage of hours."""

Labels = Mapping[str, str]


class Value(NamedTuple):
    """One line of a family; ``suffix`` is what a histogram's lines add to its name."""

    labels: Labels
    value: float
    suffix: str = ""


class Family(NamedTuple):
    """All lines of one name, without the prefix that every name has."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    values: Sequence[Value]


class Histogram:
    """Counts durations (s) by bounds."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._sum += seconds

    def values(self, labels: Labels) -> list[Value]:
        """Give its lines: cumulative counts, their sum and number."""
        total, lines = 0, []
        for bound, count in zip((*map(_number, BOUNDS), "+Inf"), self._counts, strict=True):
            total += count
            lines.append(Value({**labels, "le": bound}, total, "_bucket"))
        return [*lines, Value(labels, self._sum, "_sum"), Value(labels, total, "_count")]


def one(value: float, **labels: str) -> list[Value]:
    """Give the only line of a family."""
    return [Value(labels, value)]


def states(chosen: str, every: Iterable[str], **labels: str) -> list[Value]:
    """Give a line for each state: 1 for the one that it is, 0 for the others."""
    return [Value({**labels, "state": state}, float(state == chosen)) for state in every]


def render(families: Iterable[Family]) -> str:
    """Write all families."""
    return "".join(_family(family) for family in families)


def _family(family: Family) -> str:
    name = f"fallback_{family.name}"
    lines = [f"# HELP {name} {_escaped(family.help)}", f"# TYPE {name} {family.kind}"]
    lines += [
        f"{name}{value.suffix}{_labels(value.labels)} {_number(value.value)}" for value in family.values
    ]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    pairs = ",".join(f'{key}="{_escaped(value, quoted=True)}"' for key, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(text: str, *, quoted: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quoted else text


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
